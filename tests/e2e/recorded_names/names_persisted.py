"""The names under which today's code persists its documents: `test_recorded_names.py` compares them with the
record. Imports from the project stand at the top alone, and no module's path is compared."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

from typer.testing import CliRunner

from eks_assets.cli.app import app
from eks_assets.graph.rendering import render_spec
from eks_assets.units import load_registry
from resources.approval.decisions import list_decisions, write_decision, write_ui_decision
from resources.approval.record import record_grant_used
from resources.approval.rules import ApprovalRequest
from resources.approval.store import (
    create_request,
    list_requests,
    list_uses,
    load_plan,
    load_rejection,
    publish_plan,
    record_rejection,
    record_use,
)
from resources.config.names import (
    approver_policy,
    cloudformation_role,
    deployer_role,
    lease_table,
    ledger_bucket,
    ledger_key_alias,
    permissions_boundary,
    pipeline_role,
    planner_role,
    queue_name,
)
from resources.context import Context
from resources.drivers.stack.change_sets import _uploaded as upload_template
from resources.model.digests import digest_of
from resources.model.outputs import plain_document
from resources.notifications.drift_messages import (
    drift_failed,
    drift_found,
    drift_repaired,
    drift_resolved,
    repair_failed,
)
from resources.notifications.messages import (
    approval_needed,
    deploy_succeeded,
    request_approved,
    request_expired,
    request_rejected,
    run_failed,
)
from resources.notifications.topic import send_notification
from resources.records.change_entry import change_entry, list_entries, record_change
from resources.records.lease import hold_lease
from resources.records.lease_table import platform_row, read_row
from sensors.deploy_requests import DeployRequest, Message, settle_messages
from tests.e2e.recorded_names.names_printed import (
    ANN,
    NO_HASH,
    digested_part,
    environment,
    example_plan,
    planned_example,
)
from tests.e2e.recorded_names.stand_in_aws import NOW, StandInAws


def context() -> Context:
    """A fresh one on the stand-in for AWS."""
    return Context.of(environment(), run_id="run-1")


# Requests, decisions and the ledger


def write_ledger(aws: StandInAws) -> dict[str, Any]:
    """Every kind of object that is written to the ledger, by key."""
    here, env = context(), environment()
    plan = digested_part(example_plan())
    request = create_request(here, publish_plan(here, plan), ANN, [])
    write_ui_decision(here, request, "approve", "in the UI")
    record_rejection(here, request, NOW, ANN, "not now")
    record_use(here, request, "example_application", "started")
    record_use(here, request, "example_application", "done")
    record_grant_used(here, request)
    change = planned_example().units[1].change
    record_change(
        here, {**change_entry(here, "example_application", change, "done", 1.5), "at": "2025-03-01T12:00:00.000+00:00"}
    )
    objects = {key: json.loads(body) for key, body in aws.objects.items()}
    network: Any = render_spec(load_registry(), env, load_registry()["network"], {})
    upload_template(network.model_copy(update={"template": {"Resources": {}}}), here)
    (template,) = aws.objects.keys() - objects.keys()
    buckets = {arguments["Bucket"] for operation, arguments in aws.calls if operation == "PutObject"}
    return {"buckets": sorted(buckets), "objects": objects, "template": template}


def read_ledger(aws: StandInAws, ledger: dict[str, Any]) -> dict[str, Any]:
    """What is read from a ledger, as recorded, and what `approvals --json` prints of it."""
    aws.objects.update({key: json.dumps(document).encode() for key, document in ledger["objects"].items()})
    here = context()
    (request,) = list_requests(here, 24.0)
    (ui_decision,) = list_decisions(here, request)
    printed = CliRunner().invoke(app, ["approvals", environment().name, "--json"])
    return {
        "request": {"id": request.id, **request.document()},
        "plan": digest_of(json.loads(load_plan(here, request.digest))),
        "vote": [ui_decision.verdict, ui_decision.request, ui_decision.digest, ui_decision.reason],
        "rejection": load_rejection(here, request),
        "uses": list_uses(here, request),
        "entries": len(list_entries(here)),
        "approvals --json": json.loads(printed.stdout),
    }


def written_request(document: dict[str, Any]) -> dict[str, Any]:
    """A request's id and document, read from its document."""
    request = ApprovalRequest.of(document)
    return {"id": request.id, "document": request.document()}


def written_decision(aws: StandInAws, document: dict[str, Any]) -> dict[str, Any]:
    """Where a decision on the request is written and read again, and what it says."""
    here, request = context(), ApprovalRequest.of(document)
    write_decision(here, request, "approve", "all is well")
    list_decisions(here, request)
    written = aws.arguments_of("PutParameter")
    read = aws.arguments_of("GetParameterHistory")["Name"]
    return {"parameter": written["Name"], "read from": read, "value": json.loads(written["Value"])}


def read_decision(aws: StandInAws, document: dict[str, Any], value: dict[str, Any]) -> list[str]:
    """What is read from a version of the parameter, as recorded."""
    aws.decisions = [{"LastModifiedUser": ANN, "LastModifiedDate": NOW, "Value": json.dumps(value)}]
    (read,) = list_decisions(context(), ApprovalRequest.of(document))
    return [read.writer, read.verdict, read.request, read.digest, read.reason]


# Rows of the lease table


def written_lease(aws: StandInAws) -> dict[str, Any]:
    """The rows of a run that has just taken the platform: the platform's, and the one that older versions hold. The
    member and the launch's proof are random."""
    with hold_lease(context(), who="ann, command line", keep=False):
        pass
    made_up = {"members": {"SS": ["MEMBER"]}, "proof": {"S": "PROOF"}}
    taken = {row["environment"]["S"]: {**row, **made_up} for row in reversed(aws.rows)}
    keys = {"row": environment().name, "platform's row": platform_row(environment())}
    return {"table": _tables(aws), **{what: taken[key] for what, key in keys.items()}}


def read_lease(aws: StandInAws, row: dict[str, Any]) -> dict[str, Any]:
    """What is read from a row, as recorded."""
    key = row["environment"]["S"]
    aws.items[key] = row
    holder = read_row(context(), key)
    assert holder is not None
    times = {"since": holder.since.isoformat(), "until": holder.until.isoformat()}
    counts = {"members": len(holder.members), "token": holder.token, "unsettled": holder.unsettled}
    return {"run": holder.run, "who": holder.who, **times, **counts}


def written_notification(aws: StandInAws) -> dict[str, Any]:
    """The row of a notification that was sent, with its attributes' types, and what SNS is given beside the words."""
    send_notification(context(), deploy_succeeded(environment(), "run-1", 60.0, []))
    sent = aws.arguments_of("Publish")
    rows = [{**row, "owner": {"S": "OWNER"}} for row in aws.rows]
    return {
        "table": _tables(aws),
        "rows": rows,
        "topic": sent["TopicArn"],
        "attributes": sent["MessageAttributes"],
    }


def event_ids() -> dict[str, str]:
    """The id of each kind of notification: one that was sent is not sent again."""
    env, digest = environment(), NO_HASH
    events = (
        approval_needed(env, digest, "release-1", [], []),
        request_approved(env, digest, [], request_id="release-1"),
        request_rejected(env, digest, ANN, "no", request_id="release-1"),
        request_expired(env, digest, "2025-03-01 16:00 UTC", request_id="release-1"),
        run_failed(env, "run-1", "network", "why", ""),
        deploy_succeeded(env, "run-1", 60.0, []),
        drift_found(env, []),
        drift_resolved(env),
        drift_failed(env, "run-1", "why", "", "2025-03-01"),
        drift_repaired(env, "run-1", "what", []),
        repair_failed(env, "run-1", "network", "why", "", "what"),
    )
    return {event.kind: event.event_id for event in events}


def _tables(aws: StandInAws) -> list[str]:
    return sorted({arguments["TableName"] for _, arguments in aws.calls if "TableName" in arguments})


# What units and the bootstrap make


@cache
def rendered_units() -> dict[str, Any]:
    """The spec of each unit that is on, as JSON, with the names of its fields."""
    env = environment()
    units = [unit for unit in load_registry().units if unit.is_enabled(env)]
    return {
        unit.name: plain_document(render_spec(load_registry(), env, unit, {}).model_dump(mode="python"))
        for unit in units
    }


def made_by_units() -> dict[str, Any]:
    """What each unit makes, by its name: a stack, a release, a parameter, a branch, Kubernetes objects."""
    made: dict[str, Any] = {}
    for name, spec in rendered_units().items():
        objects = spec.get("objects", [])
        made[name] = {key: spec[key] for key in ("name", "namespace", "branch", "group", "kind") if key in spec}
        made[name] |= {"objects": sorted(_object(one) for one in objects)} if objects else {}
    return made


def _object(one: dict[str, Any]) -> str:
    about = one["metadata"]
    return " ".join(part for part in (one["apiVersion"], one["kind"], about.get("namespace"), about["name"]) if part)


def parameters_and_secrets() -> dict[str, list[str]]:
    """The names in SSM and Secrets Manager that units write, and those that the environment reads."""
    env = environment()
    names: dict[str, list[str]] = {"read": sorted([env.certificate_parameter, env.efs_parameter, env.oidc_parameter])}
    for unit_name, spec in rendered_units().items():
        resources = spec.get("template", {}).get("Resources", {}).values()
        named = [r["Properties"]["Name"] for r in resources if r["Type"] in _NAMED_BY_PATH]
        named += [spec["name"]] if str(spec.get("name", "")).startswith("/") else []
        names |= {unit_name: sorted(named)} if named else {}
    return names | {"Keycloak": [env.keycloak_secret]}


_NAMED_BY_PATH = ("AWS::SSM::Parameter", "AWS::SecretsManager::Secret")


def bootstrapped() -> dict[str, Any]:
    """What must exist before the first deploy."""
    env = environment().model_copy(update={"roles": type(environment().roles)()})
    roles = {"pipeline": pipeline_role, "deployer": deployer_role, "planner": planner_role}
    named = {what: _role(role(env)) for what, role in {**roles, "cloudformation": cloudformation_role}.items()}
    own = {"ledger": ledger_bucket(env), "lease": lease_table(env), "key": ledger_key_alias(env)}
    policies = {"approver policy": approver_policy(env), "boundary": permissions_boundary(env)}
    return {**own, **policies, "roles": named, "stack": env.stack_name("bootstrap")}


def _role(role: Any) -> str:
    return f"{role.path}{role.name}"


# The queue of deploy requests


def deploy_requests(aws: StandInAws) -> dict[str, Any]:
    """The queue, what a message may say, and what goes along with one that cannot be served."""
    settle_messages(environment(), [], [(Message("message-1", "{}", "https://queue.test", "receipt-1", "ann"), "why")])
    queues = [arguments["QueueName"] for operation, arguments in aws.calls if operation == "GetQueueUrl"]
    refused = aws.arguments_of("SendMessage")["MessageAttributes"]
    return {
        "queue": queue_name(environment()),
        "dead letters": queues,
        "message": sorted(DeployRequest.model_fields),
        "attributes of a dead letter": sorted(refused),
    }
