"""Probes of what users of the platform see: Argo CD's applications and the application's own address."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import urllib3
from urllib3.exceptions import HTTPError

from resources.aws.errors import aws_call
from resources.config.sandbox_state import sandbox_state, with_addresses
from resources.context import Context
from resources.drivers.git.applied_objects import list_argo_objects, live_applications
from resources.drivers.git.manifests import load_objects
from resources.drivers.git.pinning import Pin, kept_revisions
from resources.drivers.git.repository import address_of
from resources.kubernetes.objects import Object
from resources.model import checks
from resources.model.checks import Check
from resources.model.errors import NotFound
from resources.model.outputs import plain_document
from resources.model.specs import GitManifests, Spec
from resources.probes.argo_status import (
    application_fault,
    application_set_fault,
    is_being_deleted,
    is_suspended_for_good,
)
from resources.probes.result import CheckResult


def applications_healthy(check: checks.ApplicationsHealthy, spec: Spec[Any], context: Context) -> CheckResult:
    """Whether the applications are Healthy and Synced; else what the first one that is not says."""
    sets = _application_sets(spec, context)
    names = {obj["metadata"]["name"] for obj in sets}
    for live in list_argo_objects("ApplicationSet", context):
        name = live["metadata"]["name"]
        if (check.every or name in names) and not is_being_deleted(live) and (reason := application_set_fault(live)):
            return CheckResult(False, f"ApplicationSet {name}: {reason}")
    applications = [application for application in live_applications(context) if not is_being_deleted(application)]
    if not check.every:
        applications = [a for a in applications if names & _owners(a)]
        missing = names - {owner for a in applications for owner in _owners(a)}
        if missing:
            return CheckResult(False, f"ApplicationSet {', '.join(sorted(missing))} has made no application yet")
    commit = plain_document(spec.commit) if isinstance(spec, GitManifests) else None
    followed = (address_of(spec.tree, context), spec.tree.branch) if isinstance(spec, GitManifests) else None
    kept = _kept(sets, spec, followed)
    for application in applications:
        if reason := application_fault(application, followed, commit, kept):
            name = application["metadata"]["name"]
            final = is_suspended_for_good(application)
            return CheckResult(False, f"application {name}: {reason}", _last_health_change(application), final)
    detail = f"{len(applications)} applications Healthy and Synced" + (f" at {commit[:12]}" if commit else "")
    return CheckResult(True, detail, max(map(_last_health_change, applications), default=""))


def _application_sets(spec: Spec[Any], context: Context) -> list[Object]:
    """The unit's ApplicationSets, as they should be."""
    if not isinstance(spec, GitManifests):
        return []
    return [dict(obj) for obj in load_objects(spec, context).objects if obj["kind"] == "ApplicationSet"]


def _kept(sets: Collection[Object], spec: Spec[Any], followed: tuple[str, str] | None) -> set[str] | None:
    """The revisions that ApplicationSets name themselves; None where what they name is the branch."""
    if followed is None or not isinstance(spec, GitManifests) or not spec.tree.pinned:
        return None
    commit = plain_document(spec.commit)
    return {revision for obj in sets for revision in kept_revisions(obj, Pin(*followed))} - {commit}


def _last_health_change(application: Object) -> str:
    """When the application's health last changed; empty where Argo CD does not say."""
    return str(((application.get("status") or {}).get("health") or {}).get("lastTransitionTime") or "")


def _owners(application: Object) -> set[str]:
    return {o["name"] for o in application["metadata"].get("ownerReferences", []) if o["kind"] == "ApplicationSet"}


def application_endpoint(_check: Check, _spec: Spec[Any], context: Context) -> CheckResult:
    """Whether `https://<APP_DOMAIN>/health` answers 200. The name is resolved to the environment's `edge` where it has
    one; the certificate must verify for the domain in any case."""
    env = context.env
    url = f"https://{env.app_domain}/health"
    host, port = env.app_domain, 443
    if env.edge:
        host, _, text = with_addresses(env.edge, sandbox=env.sandbox, where="edge").rpartition(":")
        port = int(text)
    elif missing := unpublished_reason(context):
        return CheckResult(False, missing)
    pool = urllib3.HTTPSConnectionPool(
        host,
        port,
        timeout=5,
        retries=False,
        ca_certs=sandbox_state().variables.get("SANDBOX_CA") if env.sandbox else None,
        server_hostname=env.app_domain,
        assert_hostname=env.app_domain,
    )
    try:
        with pool:
            answer = pool.request("GET", "/health", headers={"Host": env.app_domain})
    except HTTPError as error:
        raise NotFound(f"{url} does not answer: {error}") from error
    if answer.status == 200:
        return CheckResult(True, f"{url} answers 200")
    return CheckResult(False, f"{url} answers {answer.status}: {answer.data[:200].decode(errors='replace').strip()}")


_ADDRESSES = {"A", "AAAA", "CNAME"}


def unpublished_reason(context: Context) -> str:
    """Why the applications' name cannot resolve yet: their zone has no record of it. Empty where it has one, or where
    the zone is not ours to read.

    Asked first, since a resolver remembers for up to 15 minutes that a name was not there (Route 53 developer guide,
    "The start of authority (SOA) record"). Raises AccessDenied, NotFound, Transient."""
    env, zone = context.env, context.env.hosted_zone
    if zone.role:
        return ""
    route53 = context.aws.client("route53")
    with aws_call(f"looking for {env.app_domain} in the hosted zone {zone.name}"):
        if not (zone_id := zone.id):
            zones = route53.list_hosted_zones_by_name(DNSName=zone.name, MaxItems="1")["HostedZones"]
            zone_id = next((each["Id"] for each in zones if each["Name"].rstrip(".") == zone.name), "")
        if not zone_id:
            return f"there is no hosted zone {zone.name} yet"
        records = route53.list_resource_record_sets(
            HostedZoneId=zone_id, StartRecordName=env.app_domain, StartRecordType="A", MaxItems="5"
        )["ResourceRecordSets"]
    names = {record["Name"].rstrip(".") for record in records if record["Type"] in _ADDRESSES}
    if env.app_domain in names:
        return ""
    return (
        f"the hosted zone {zone.name} has no record of {env.app_domain} yet; ExternalDNS writes it once the "
        "load balancer has an address"
    )
