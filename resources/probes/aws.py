"""Checks of what AWS made."""

from __future__ import annotations

import json
from datetime import UTC
from typing import Any

from resources.aws.errors import aws_call
from resources.context import Context
from resources.drivers.registry import driver_of
from resources.drivers.stack.status import describe_stack
from resources.kubernetes.errors import kubernetes_call
from resources.model.checks import Check
from resources.model.outputs import plain_document
from resources.model.specs import Spec, Stack
from resources.probes.result import CheckResult
from resources.probes.specs import output_of


def stack_complete(_: Check, spec: Stack[Any], context: Context) -> CheckResult:
    stack = describe_stack(context, spec.name)
    if stack is None:
        return CheckResult(False, f"stack {spec.name} does not exist")
    status = stack["StackStatus"]
    if status == "UPDATE_ROLLBACK_COMPLETE":
        # An update failed and was undone; once the unit wants again what is there, all is well.
        change = driver_of(spec).plan(spec, driver_of(spec).observe(spec, context))
        return CheckResult(not change.is_needed, f"{status}, {change.reason}")
    good = status in ("CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", "IMPORT_COMPLETE")
    changed = stack.get("LastUpdatedTime") or stack["CreationTime"]
    return CheckResult(good, status, changed.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"))


def cluster_active(_: Check, _spec: Spec[Any], context: Context) -> CheckResult:
    name = context.env.cluster_name
    with aws_call(f"describing the EKS cluster {name}"):
        cluster = context.aws.client("eks").describe_cluster(name=name)["cluster"]
    return CheckResult(
        cluster["status"] == "ACTIVE", f"cluster {name} is {cluster['status']}, Kubernetes {cluster['version']}"
    )


_REVIEWS = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
# Deployer and planner both may.
_MAY_READ = {
    "apiVersion": "authorization.k8s.io/v1",
    "kind": "SelfSubjectAccessReview",
    "spec": {"resourceAttributes": {"verb": "list", "resource": "pods"}},
}


def endpoint_answers(_: Check, _spec: Spec[Any], context: Context) -> CheckResult:
    return ask_api_server(context)


def ask_api_server(context: Context) -> CheckResult:
    """Whether the API server is ready and knows us. It learns of access entries and their policies seconds after EKS
    has them (EKS user guide, "Grant IAM users access to Kubernetes with EKS access entries"). Raises Unreachable."""
    cluster = context.env.cluster_name
    with kubernetes_call(f"asking {cluster} whether it is ready"):
        answer = context.cluster.api.request("GET", "/readyz", serialize=False)
        review = context.cluster.api.request("POST", _REVIEWS, body=_MAY_READ, serialize=False)
    if not json.loads(review.data)["status"].get("allowed"):
        return CheckResult(False, f"{cluster} gives whoever this is no rights yet: access entries take some seconds")
    return CheckResult(answer.status == 200, f"{context.cluster.address.endpoint}/readyz answers {answer.status}")


def addons_active(_: Check, spec: Stack[Any], context: Context) -> CheckResult:
    names = [
        r["Properties"]["AddonName"]
        for r in plain_document(spec.template)["Resources"].values()
        if r["Type"] == "AWS::EKS::Addon"
    ]
    cluster = context.env.cluster_name
    for name in names:
        with aws_call(f"describing the EKS add-on {name}"):
            addon = context.aws.client("eks").describe_addon(clusterName=cluster, addonName=name)["addon"]
        if addon["status"] != "ACTIVE":
            issues = "; ".join(i.get("message", "") for i in addon.get("health", {}).get("issues", []))
            return CheckResult(False, f"add-on {name} is {addon['status']}" + (f": {issues}" if issues else ""))
    return CheckResult(True, f"{', '.join(names)} ACTIVE")


def certificate_issued(_: Check, spec: Stack[Any], context: Context) -> CheckResult:
    arn = output_of(spec, context, "certificate_arn")
    with aws_call(f"describing the certificate {arn}"):
        certificate = context.aws.client("acm").describe_certificate(CertificateArn=arn)["Certificate"]
    status = certificate["Status"]
    return CheckResult(status == "ISSUED", f"certificate for {certificate['DomainName']} is {status}")


def zone_served(_: Check, spec: Stack[Any], context: Context) -> CheckResult:
    zone_id = output_of(spec, context, "zone_id")
    with aws_call(f"reading the hosted zone {zone_id}"):
        zone = context.aws.client("route53").get_hosted_zone(Id=zone_id)
    servers = zone.get("DelegationSet", {}).get("NameServers", [])
    return CheckResult(bool(servers), f"{zone['HostedZone']['Name']} is served by {', '.join(servers) or 'nobody'}")
