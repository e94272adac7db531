"""Decisions on approval requests, kept where AWS decides who may write and says who wrote.

Each request has an SSM parameter, `/<tenant>/<env>/approvals/<id>`; every version of it is one decision, and
`LastModifiedUser` of its history is its author. So a decision can be made with the AWS console or the AWS CLI alone.
Source: SSM API reference, GetParameterHistory.
"""

from __future__ import annotations

import json
import re
import shlex
from typing import TYPE_CHECKING, Any, get_args

from resources.approval.electorate import UI_WRITER
from resources.approval.rules import OPEN_LIVES, ApprovalRequest, Decision, Verdict
from resources.approval.store import list_requests
from resources.aws.errors import aws_call
from resources.config.environment import Environment
from resources.context import Context
from resources.model.errors import ConfigError, NotFound
from resources.records.clock import server_time
from resources.records.ledger import list_keys, read_key, write_once

if TYPE_CHECKING:
    from mypy_boto3_ssm.type_defs import ParameterHistoryTypeDef

REASON_LIMIT = 500
SHORTEST_DIGEST = 12  # characters that name a plan


def decision_parameter_name(env: Environment, request_id: str) -> str:
    """The SSM parameter of a request."""
    return env.parameter_path(f"approvals/{request_id}")


def decision_json(request: ApprovalRequest, verdict: str, reason: str) -> str:
    """What is written to the parameter."""
    written = {"decision": verdict, "digest": request.digest, "release": request.id, "reason": reason[:REASON_LIMIT]}
    return json.dumps(written)


def decision_command(env: Environment, request: ApprovalRequest, verdict: Verdict, reason: str) -> str:
    """The plain AWS CLI command that does what `eks-assets approve` or `reject` does."""
    value = shlex.quote(decision_json(request, verdict, reason))
    name = decision_parameter_name(env, request.id)
    return f"aws ssm put-parameter --region {env.region} --name {name} --type String --overwrite --value {value}"


def write_decision(context: Context, request: ApprovalRequest, verdict: Verdict, reason: str) -> int:
    """Write a decision as whoever we are, and return the version of the parameter. Raises AccessDenied where AWS does
    not let us. `context` is not the deployer's: its roles may not write here."""
    with aws_call(f"writing your decision on {request.digest[:19]}"):
        response = context.aws.client("ssm").put_parameter(
            Name=decision_parameter_name(context.env, request.id),
            Value=decision_json(request, verdict, reason),
            Type="String",
            Overwrite=True,
        )
    return int(response["Version"])


def write_ui_decision(context: Context, request: ApprovalRequest, verdict: str, reason: str) -> None:
    """A decision from Dagster's launchpad: the pipeline's own, one voice, only where the environment has `ui: true`.
    Raises ConfigError elsewhere, and for a verdict that is none."""
    if verdict not in get_args(Verdict):
        raise ConfigError(f"{verdict!r} is no decision", next_step="write approve or reject")
    if context.env.approval is None or not context.env.approval.ui:
        raise ConfigError(
            f"environment {context.env.name} takes no decisions from the Dagster UI",
            next_step=f"eks-assets {verdict} {context.env.name} --digest {request.digest[:19]} --reason ...",
        )
    at = server_time(context).isoformat(timespec="seconds")
    written = {**json.loads(decision_json(request, verdict, reason)), "at": at}
    write_once(context, f"ui-votes/{request.id}/{at}.json", written)


def find_request(context: Context, digest: str) -> ApprovalRequest:
    """The newest request for a digest, of which the first 12 hexadecimal digits are enough where no other plan's begins
    with them. Raises ConfigError, saying which there are."""
    wanted = digest.removeprefix("sha256:")
    if not re.fullmatch(f"[0-9a-f]{{{SHORTEST_DIGEST},64}}", wanted):
        raise ConfigError(
            f"{digest[:100]!a} is no digest of a plan; allowed: its first {SHORTEST_DIGEST} or more of 64 "
            "hexadecimal digits",
            next_step=f"see: eks-assets approvals {context.env.name}",
        )
    requests = list_requests(context, OPEN_LIVES * context.env.expires_seconds / 3600)
    matching = [r for r in requests if r.digest.removeprefix("sha256:").startswith(wanted)]
    if len(plans := {r.digest for r in matching}) > 1:
        raise ConfigError(
            f"the digests of {len(plans)} plans begin with {wanted}",
            next_step=f"write more of the digest: {', '.join(sorted(plans))}",
        )
    if not plans:
        digests = dict.fromkeys(r.digest.removeprefix("sha256:")[:SHORTEST_DIGEST] for r in requests)
        raise ConfigError(
            f"no plan of {context.env.name} that waits for approval has the digest {digest}",
            next_step=f"there are: {', '.join(digests) or 'none'}; see: eks-assets approvals {context.env.name}",
        )
    return matching[-1]


def list_decisions(context: Context, request: ApprovalRequest) -> list[Decision]:
    """Every decision on a request, oldest first, with AWS's word on who wrote it and when."""
    versions: list[ParameterHistoryTypeDef] = []
    try:
        with aws_call(f"reading the decisions on {request.digest[:19]}"):
            pages = context.aws.client("ssm").get_paginator("get_parameter_history")
            for page in pages.paginate(Name=decision_parameter_name(context.env, request.id)):
                versions += page["Parameters"]
    except NotFound:
        pass
    decisions = [_read_decision(v["LastModifiedUser"], v["LastModifiedDate"], v["Value"]) for v in versions]
    if context.env.approval is not None and context.env.approval.ui:
        for key in list_keys(context, f"ui-votes/{request.id}/"):
            written = json.loads(read_key(context, key))
            decisions.append(_read_decision(UI_WRITER, ApprovalRequest.time(written["at"]), json.dumps(written)))
    return decisions


def _read_decision(writer: str, at: Any, value: str) -> Decision:
    try:
        written = json.loads(value)
        seconds = written.get("seconds")
        return Decision(
            writer,
            at,
            str(written["decision"]),
            str(written["release"]),
            str(written["digest"]),
            str(written.get("reason", ""))[:REASON_LIMIT],
            seconds if isinstance(seconds, int) else None,
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        return Decision(writer, at, "unreadable", "", "", "it is no JSON of a decision")
