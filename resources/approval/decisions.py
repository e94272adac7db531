"""Decisions on approval requests, kept where AWS decides who may write and says who wrote.

Each request has an SSM parameter, `/<tenant>/<env>/approvals/<id>`; every version of it is one decision, and
`LastModifiedUser` of its history is its author. So a decision can be made with the AWS console or the AWS CLI alone.
Source: SSM API reference, GetParameterHistory.
"""

from __future__ import annotations

import datetime as dt
import json
import re
import shlex
from dataclasses import replace
from typing import TYPE_CHECKING, Any, get_args

from pydantic import AwareDatetime

from resources.approval.electorate import UI_WRITER
from resources.approval.rules import OPEN_LIVES, ApprovalRequest, Decision, Verdict, describe_history_fault
from resources.approval.store import CLOCKS_APART, SMALL, list_requests, name_ignored, parse_document
from resources.aws.errors import aws_call
from resources.config.environment import Environment
from resources.config.field_types import Model
from resources.context import Context
from resources.model.errors import AlreadyThere, ConfigError, NotFound
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
    if not write_once(context, f"ui-votes/{request.id}/{at}.json", written):
        raise AlreadyThere("another decision was written in this second", next_step="decide again")


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
    decisions = _read_history(context, request)
    if describe_history_fault(decisions):  # a version that is being written may be on no page of one look
        decisions = _read_history(context, request)
    if context.env.approval is not None and context.env.approval.ui:
        decisions += _list_ui_decisions(context, request)
    return decisions


def _read_history(context: Context, request: ApprovalRequest) -> list[Decision]:
    """Every version of the request's parameter that AWS still has."""
    versions: list[ParameterHistoryTypeDef] = []
    try:
        with aws_call(f"reading the decisions on {request.digest[:19]}"):
            pages = context.aws.client("ssm").get_paginator("get_parameter_history")
            for page in pages.paginate(Name=decision_parameter_name(context.env, request.id)):
                versions += page["Parameters"]
    except NotFound:
        return []
    return [
        replace(
            parse_decision(v["LastModifiedUser"], v["LastModifiedDate"], v["Value"]),
            version=v.get("Version"),
            is_to_expire=any(policy.get("PolicyType") == "Expiration" for policy in v.get("Policies", [])),
        )
        for v in versions
    ]


class UiDecision(Model):
    """A decision from Dagster's launchpad, as the ledger has it."""

    decision: str
    digest: str
    release: str
    reason: str
    at: AwareDatetime


def _list_ui_decisions(context: Context, request: ApprovalRequest) -> list[Decision]:
    decisions = []
    for key in list_keys(context, f"ui-votes/{request.id}/"):
        written = parse_document(UiDecision, read_key(context, key, limit=SMALL))
        if written is None or written.at > server_time(context) + CLOCKS_APART:
            name_ignored(context, key, "it is no decision of the Dagster UI")
        else:
            decisions.append(parse_decision(UI_WRITER, written.at, written.model_dump_json()))
    return decisions


def parse_decision(writer: str, at: dt.datetime, value: str) -> Decision:
    """The decision that somebody wrote at that time; one that is `unreadable` counts for nothing."""
    try:
        written = json.loads(value)
        verdict, seconds = str(written["decision"]), written.get("seconds")
        if verdict != "reject" and seconds is not None and not _is_duration(seconds):
            raise ValueError("seconds are a whole number, more than 0")
        return Decision(
            writer,
            at,
            verdict,
            str(written["release"]),
            str(written["digest"]),
            # Half a character, which JSON can escape, could be written nowhere.
            str(written.get("reason", ""))[:REASON_LIMIT].encode("utf-8", "replace").decode(),
            None if verdict == "reject" else seconds,
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return Decision(writer, at, "unreadable", "", "", "it is no JSON of a decision")


def _is_duration(seconds: Any) -> bool:
    return isinstance(seconds, int) and not isinstance(seconds, bool) and seconds > 0
