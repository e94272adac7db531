"""Checks of what AWS made."""

from __future__ import annotations

from datetime import UTC
from typing import Any

from resources.aws.errors import aws_call
from resources.context import Context
from resources.drivers.registry import driver_of
from resources.drivers.stack.status import describe_stack
from resources.kubernetes.errors import kubernetes_call
from resources.model.checks import Check
from resources.model.outputs import plain
from resources.model.specs import Spec, Stack
from resources.probes.result import Seen
from resources.probes.specs import output_of


def stack_complete(_: Check, spec: Stack[Any], context: Context) -> Seen:
    found = describe_stack(context, spec.name)
    if found is None:
        return Seen(False, f"stack {spec.name} does not exist")
    status = found["StackStatus"]
    if status == "UPDATE_ROLLBACK_COMPLETE":
        # An update failed and was undone; once the unit wants again what is there, all is well.
        change = driver_of(spec).plan(spec, driver_of(spec).observe(spec, context))
        return Seen(not change.is_needed, f"{status}, {change.reason}")
    good = status in ("CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", "IMPORT_COMPLETE")
    changed = found.get("LastUpdatedTime") or found["CreationTime"]
    return Seen(good, status, changed.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"))


def cluster_active(_: Check, _spec: Spec[Any], context: Context) -> Seen:
    name = context.env.cluster_name
    with aws_call(f"describing the EKS cluster {name}"):
        found = context.aws.client("eks").describe_cluster(name=name)["cluster"]
    return Seen(found["status"] == "ACTIVE", f"cluster {name} is {found['status']}, Kubernetes {found['version']}")


def endpoint_answers(_: Check, _spec: Spec[Any], context: Context) -> Seen:
    with kubernetes_call(f"asking {context.env.cluster_name} whether it is ready"):
        answer = context.cluster.api.request("GET", "/readyz", serialize=False)
    return Seen(answer.status == 200, f"{context.cluster.address.endpoint}/readyz answers {answer.status}")


def addons_active(_: Check, spec: Stack[Any], context: Context) -> Seen:
    names = [
        r["Properties"]["AddonName"]
        for r in plain(spec.template)["Resources"].values()
        if r["Type"] == "AWS::EKS::Addon"
    ]
    cluster = context.env.cluster_name
    for name in names:
        with aws_call(f"describing the EKS add-on {name}"):
            addon = context.aws.client("eks").describe_addon(clusterName=cluster, addonName=name)["addon"]
        if addon["status"] != "ACTIVE":
            issues = "; ".join(i.get("message", "") for i in addon.get("health", {}).get("issues", []))
            return Seen(False, f"add-on {name} is {addon['status']}" + (f": {issues}" if issues else ""))
    return Seen(True, f"{', '.join(names)} ACTIVE")


def certificate_issued(_: Check, spec: Stack[Any], context: Context) -> Seen:
    arn = output_of(spec, context, "certificate_arn")
    with aws_call(f"describing the certificate {arn}"):
        found = context.aws.client("acm").describe_certificate(CertificateArn=arn)["Certificate"]
    return Seen(found["Status"] == "ISSUED", f"certificate for {found['DomainName']} is {found['Status']}")


def zone_served(_: Check, spec: Stack[Any], context: Context) -> Seen:
    zone = output_of(spec, context, "zone_id")
    with aws_call(f"reading the hosted zone {zone}"):
        found = context.aws.client("route53").get_hosted_zone(Id=zone)
    servers = found.get("DelegationSet", {}).get("NameServers", [])
    return Seen(bool(servers), f"{found['HostedZone']['Name']} is served by {', '.join(servers) or 'nobody'}")
