"""Grants and rejections, kept where AWS decides who may write and says who wrote.

Each release has an SSM parameter, `/<tenant>/<env>/approvals/<release>`; every version of it is one decision, and
`LastModifiedUser` of its history is its author. So a decision can be made with the AWS console or the AWS CLI alone.
Source: SSM API reference, GetParameterHistory.
"""

from __future__ import annotations

import json
import shlex
from dataclasses import replace
from typing import Any, get_args

from resources.approval.electorate import UI_WRITER, Approvers
from resources.approval.rules import LOOK_BACK_LIVES, OPEN_LIVES, Decision, Request, Standing, Vote, evaluate
from resources.approval.store import mark, note_rejection, noted_rejection, requests, uses
from resources.aws.errors import aws_call
from resources.config.environment import Approval, Environment
from resources.context import Context
from resources.model.errors import ConfigError, NotFound
from resources.records.clock import server_time
from resources.records.ledger import keys, read, write_once

REASON_LIMIT = 500
SHORTEST = 12  # characters of a digest that name it
ALL_UNITS = "all"


def parameter_name(env: Environment, release: str) -> str:
    """The SSM parameter of a release."""
    return env.parameter_path(f"approvals/{release}")


def decision(request: Request, verdict: str, reason: str) -> str:
    """What is written to the parameter, as JSON."""
    words = {"decision": verdict, "digest": request.digest, "release": request.id, "reason": reason[:REASON_LIMIT]}
    return json.dumps(words)


def aws_command(env: Environment, request: Request, verdict: Decision, reason: str) -> str:
    """The plain AWS CLI command that does what `eks-assets approve` or `reject` does."""
    value = shlex.quote(decision(request, verdict, reason))
    name = parameter_name(env, request.id)
    return f"aws ssm put-parameter --region {env.region} --name {name} --type String --overwrite --value {value}"


def vote(context: Context, request: Request, verdict: Decision, reason: str) -> int:
    """Write a decision as whoever we are, and return the version of the parameter. Raises AccessDenied where AWS does
    not let us. `context` is not the deployer's: its roles may not write here."""
    with aws_call(f"writing your decision on {request.digest[:19]}"):
        written = context.aws.client("ssm").put_parameter(
            Name=parameter_name(context.env, request.id),
            Value=decision(request, verdict, reason),
            Type="String",
            Overwrite=True,
        )
    return int(written["Version"])


def find_request(context: Context, digest: str) -> Request:
    """The newest request for a digest, of which the first 12 characters are enough. Raises ConfigError, saying which
    there are."""
    wanted = digest.removeprefix("sha256:")
    asked = requests(context, OPEN_LIVES * context.env.expires_seconds / 3600)
    found = [r for r in asked if len(wanted) >= SHORTEST and r.digest.removeprefix("sha256:").startswith(wanted)]
    if len({r.digest for r in found}) != 1:
        known = ", ".join(dict.fromkeys(r.digest.removeprefix("sha256:")[:SHORTEST] for r in asked)) or "none"
        raise ConfigError(
            f"no plan of {context.env.name} that waits for approval has the digest {digest or '(empty)'}",
            next_step=f"there are: {known}; see: eks-assets approvals {context.env.name}",
        )
    return found[-1]


def vote_in_ui(context: Context, request: Request, verdict: str, reason: str) -> None:
    """A decision from Dagster's launchpad: the pipeline's own, one voice, only where the environment has `ui: true`.
    Raises ConfigError elsewhere, and for a verdict that is none."""
    if verdict not in get_args(Decision):
        raise ConfigError(f"{verdict!r} is no decision", next_step="write approve or reject")
    if context.env.approval is None or not context.env.approval.ui:
        raise ConfigError(
            f"environment {context.env.name} takes no decisions from the Dagster UI",
            next_step=f"eks-assets {verdict} {context.env.name} --digest {request.digest[:19]} --reason ...",
        )
    at = server_time(context).isoformat(timespec="seconds")
    words = {**json.loads(decision(request, verdict, reason)), "at": at}
    write_once(context, f"ui-votes/{request.id}/{at}.json", words)


def votes(context: Context, request: Request) -> list[Vote]:
    """Every decision on a release, oldest first, with AWS's word on who wrote it and when."""
    found: list[dict[str, Any]] = []
    try:
        with aws_call(f"reading the decisions on {request.digest[:19]}"):
            pages = context.aws.client("ssm").get_paginator("get_parameter_history")
            for page in pages.paginate(Name=parameter_name(context.env, request.id)):
                found += page["Parameters"]
    except NotFound:
        pass
    written = [_vote(p["LastModifiedUser"], p["LastModifiedDate"], p["Value"]) for p in found]
    if context.env.approval is not None and context.env.approval.ui:
        for key in keys(context, f"ui-votes/{request.id}/"):
            words = json.loads(read(context, key))
            written.append(_vote(UI_WRITER, Request.time(words["at"]), json.dumps(words)))
    return written


def _vote(writer: str, at: Any, value: str) -> Vote:
    try:
        words = json.loads(value)
        seconds = words.get("seconds")
        return Vote(
            writer,
            at,
            str(words["decision"]),
            str(words["release"]),
            str(words["digest"]),
            str(words.get("reason", ""))[:REASON_LIMIT],
            seconds if isinstance(seconds, int) else None,
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        return Vote(writer, at, "unreadable", "", "", "it is no JSON of a decision")


def standing(context: Context, request: Request, approval: Approval) -> Standing:
    """How a release stands now, by AWS's clock. A rejection is kept in the ledger once it has been seen."""
    found = evaluate(
        request,
        votes(context, request),
        approval,
        context.env.expires_seconds,
        Approvers(context, approval),
        server_time(context),
    )
    if found.status == "rejected":
        note_rejection(context, request, found.decided or found.until, found.by, found.reason)
    elif kept := noted_rejection(context, request):
        at = Request.time(kept["at"])
        return Standing(request, "rejected", (), approval.approvers, at, at, kept["by"], kept["reason"])
    elif ALL_UNITS in uses(context, request):
        return replace(found, status="used")
    return found


def standings(context: Context, approval: Approval) -> list[Standing]:
    """How each release stands that can still matter, oldest first: also those that are over, while what they ended
    could hold."""
    hours = LOOK_BACK_LIVES * context.env.expires_seconds / 3600
    return [standing(context, request, approval) for request in requests(context, hours)]


def use_up(context: Context, request: Request) -> None:
    """Nothing more may be done under the grant."""
    mark(context, request, ALL_UNITS, "done")
