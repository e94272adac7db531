"""Policies decided by the evaluator of the embedded AWS, without starting it."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from resources.config.environment import Environment
from sandbox.install.python_environments import ensure_embedded_aws
from tests.bootstrap.bootstrap_documents import resources_of

_PROGRAM = """
import json, sys
from ministack.core.iam_evaluator import EvalContext, evaluate, parse_policy_document

def decide(ask, layers):
    keys = {key.lower(): value for key, value in ask["keys"].items()}
    keys.setdefault("aws:tagkeys", None)
    context = EvalContext(ask["caller"], "AssumedRole", ask["account"], ask["action"], ask["resource"], ask["region"],
                          secure_transport=True, service_context=keys)
    return evaluate(context, *layers).decision

request = json.load(sys.stdin)
answers = []
for layers in request["policies"]:
    parsed = [[parse_policy_document(document) for document in layer] for layer in layers]
    answers.append([decide(ask, parsed) for ask in request["asks"]])
print(json.dumps(answers))
"""


@dataclass(frozen=True)
class Ask:
    """A request: may the caller do this?"""

    action: str
    resource: str
    keys: Mapping[str, Any] = field(default_factory=dict)


def decide(env: Environment, asks: Sequence[Ask], *layers: Sequence[dict[str, Any]]) -> list[str]:
    """IAM's decisions: Allow, Deny or ImplicitDeny. `layers`: policy documents, those of the boundary in the second."""
    return decide_each(env, asks, [layers])[0]


def decide_each(
    env: Environment, asks: Sequence[Ask], policies: Sequence[Sequence[Sequence[dict[str, Any]]]]
) -> list[list[str]]:
    """The decisions under each of the policies, which have layers as `decide` has."""
    asked = [
        {
            "caller": f"arn:aws:iam::{env.account}:role/somebody",
            "account": env.account,
            "region": ask.keys.get("aws:requestedregion", env.region),
            "action": ask.action,
            "resource": ask.resource,
            "keys": dict(ask.keys),
        }
        for ask in asks
    ]
    request = {"asks": asked, "policies": policies}
    command = [str(ensure_embedded_aws(lambda _: None)), "-c", _PROGRAM]
    done = subprocess.run(command, input=json.dumps(request), capture_output=True, text=True, check=True)
    decisions: list[list[str]] = json.loads(done.stdout)
    return decisions


def allowed(env: Environment, asks: Iterable[Ask], *layers: Sequence[dict[str, Any]]) -> list[str]:
    """The requests that IAM allows, as texts."""
    asks = list(asks)
    decisions = decide(env, asks, *layers)
    return [f"{ask.action} on {ask.resource}" for ask, d in zip(asks, decisions, strict=True) if d == "Allow"]


def policies_of(env: Environment, title: str) -> list[dict[str, Any]]:
    """The documents of every policy of one of bootstrap's roles, its references filled in."""
    role = resources_of(env, "IAM::Role")[title]
    inline = [policy["PolicyDocument"] for policy in role.get("Policies", [])]
    managed = resources_of(env, "IAM::ManagedPolicy").values()
    attached = [p["PolicyDocument"] for p in managed if {"Ref": title} in p.get("Roles", [])]
    return [_filled(document, env) for document in (*inline, *attached)]


def boundary_of(env: Environment) -> dict[str, Any]:
    """The document of the boundary that bootstrap makes."""
    document: dict[str, Any] = resources_of(env, "IAM::ManagedPolicy")["PermissionsBoundary"]["PolicyDocument"]
    return {"Version": document["Version"], "Statement": _filled(document["Statement"], env)}


def ledger_key(env: Environment) -> str:
    return f"arn:{env.partition}:kms:{env.region}:{env.account}:key/of-the-ledger"


def _filled(document: Any, env: Environment) -> Any:
    """The document with the ARNs that bootstrap's stack would put in."""
    if isinstance(document, list):
        return [_filled(part, env) for part in document]
    if not isinstance(document, dict):
        return document
    if set(document) == {"Fn::GetAtt"}:
        title = document["Fn::GetAtt"][0]
        if title == "LedgerKey":
            return ledger_key(env)
        role = resources_of(env, "IAM::Role")[title]
        return f"arn:{env.partition}:iam::{env.account}:role{role['Path']}{role['RoleName']}"
    return {key: _filled(value, env) for key, value in document.items()}
