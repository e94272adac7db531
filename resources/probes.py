"""Looks at what a health check (`resources/model/checks.py`) asks for: what was expected, what was seen.

`observe` looks once; `wait` looks until it is true or the check's deadline is over.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC
from typing import Any

from resources.application_probes import endpoint, unhealthy_application
from resources.aws.errors import aws_call
from resources.drivers.git.manifests import objects
from resources.drivers.git.merge import reread
from resources.drivers.helm.storage import newest_release, newest_releases
from resources.drivers.registry import driver_of
from resources.drivers.stack.status import describe_stack
from resources.kubernetes.errors import kubernetes_call
from resources.kubernetes.objects import condition, describe, list_objects, read
from resources.kubernetes.workloads import WORKLOADS, explain, hopeless, readiness
from resources.model import checks
from resources.model.checks import Check
from resources.model.errors import NotFound, PipelineError, WaitTimeout
from resources.model.outputs import plain
from resources.model.specs import AnyGitTree, GitManifests, HelmRelease, Manifests, Spec, Stack
from resources.support.waiting import Look, wait_until
from resources.world import World


@dataclass(frozen=True)
class Seen:
    """One look at a check. `detail` says what was seen, in one line; `since` (UTC, RFC 3339) since when it has been so,
    empty where nobody keeps that."""

    passed: bool
    detail: str
    since: str = ""


Probe = Callable[[Any, Any, World], Seen]


def observe(check: Check, spec: Spec[Any], world: World) -> Seen:
    """One look. What cannot be read counts as not passed, with the reason."""
    try:
        return _PROBES[type(check)](check, spec, world)
    except PipelineError as error:
        return Seen(False, error.message)


def wait(check: Check, spec: Spec[Any], world: World) -> Seen:
    """Look until the check passes or its deadline (its own, else the environment's) is over."""
    deadline = check.deadline or world.env.deadlines.probe

    def look() -> Look[Seen]:
        for shared in ("helm releases", *_SHARED_KINDS):
            world.forget(shared)
        seen = observe(check, spec, world)
        return Look(seen if seen.passed else None, seen.detail)

    try:
        return wait_until(look, what=check.name, deadline=deadline, interval=check.interval, progress=world.progress)
    except WaitTimeout as error:
        return Seen(False, error.message)


_SHARED_KINDS = ("Deployment", "DaemonSet", "StatefulSet")


def _live(world: World, kind: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = world.once(kind, lambda: list_objects(world.cluster, "apps/v1", kind))
    return found


def since(objects: Iterable[Mapping[str, Any]], kind: str) -> str:
    """When the last of the objects came to its condition of that type; empty where none has one."""
    times = [(condition(obj, kind) or {}).get("lastTransitionTime") for obj in objects]
    return max((str(time) for time in times if time), default="")


def _stack_complete(_: Check, spec: Stack[Any], world: World) -> Seen:
    found = describe_stack(world, spec.name)
    if found is None:
        return Seen(False, f"stack {spec.name} does not exist")
    status = found["StackStatus"]
    if status == "UPDATE_ROLLBACK_COMPLETE":
        # An update failed and was undone; once the unit wants again what is there, all is well.
        change = driver_of(spec).plan(spec, driver_of(spec).observe(spec, world))
        return Seen(not change.is_needed, f"{status}, {change.reason}")
    good = status in ("CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", "IMPORT_COMPLETE")
    changed = found.get("LastUpdatedTime") or found["CreationTime"]
    return Seen(good, status, changed.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"))


def _cluster_active(_: Check, _spec: Spec[Any], world: World) -> Seen:
    name = world.env.cluster_name
    with aws_call(f"describing the EKS cluster {name}"):
        found = world.aws.client("eks").describe_cluster(name=name)["cluster"]
    return Seen(found["status"] == "ACTIVE", f"cluster {name} is {found['status']}, Kubernetes {found['version']}")


def _endpoint_answers(_: Check, _spec: Spec[Any], world: World) -> Seen:
    with kubernetes_call(f"asking {world.env.cluster_name} whether it is ready"):
        answer = world.cluster.api.request("GET", "/readyz", serialize=False)
    return Seen(answer.status == 200, f"{world.cluster.address.endpoint}/readyz answers {answer.status}")


def _nodes_ready(_: Check, _spec: Spec[Any], world: World) -> Seen:
    nodes = list_objects(world.cluster, "v1", "Node")
    bad = [n for n in nodes if (condition(n, "Ready") or {}).get("status") != "True"]
    if bad:
        why = condition(bad[0], "Ready") or {}
        words = why.get("message") or why.get("reason") or "no Ready condition"
        said = f"{len(bad)} of {len(nodes)} nodes are not Ready; {bad[0]['metadata']['name']}: {words}"
        return Seen(False, said, since(bad[:1], "Ready"))
    return Seen(bool(nodes), f"{len(nodes)} nodes Ready", since(nodes, "Ready"))


def _addons_active(_: Check, spec: Stack[Any], world: World) -> Seen:
    names = [
        r["Properties"]["AddonName"]
        for r in plain(spec.template)["Resources"].values()
        if r["Type"] == "AWS::EKS::Addon"
    ]
    cluster = world.env.cluster_name
    for name in names:
        with aws_call(f"describing the EKS add-on {name}"):
            addon = world.aws.client("eks").describe_addon(clusterName=cluster, addonName=name)["addon"]
        if addon["status"] != "ACTIVE":
            issues = "; ".join(i.get("message", "") for i in addon.get("health", {}).get("issues", []))
            return Seen(False, f"add-on {name} is {addon['status']}" + (f": {issues}" if issues else ""))
    return Seen(True, f"{', '.join(names)} ACTIVE")


def _workloads_ready(_: Check, spec: HelmRelease, world: World) -> Seen:
    release = newest_release(world, spec.namespace, spec.name)
    if release is None:
        return Seen(False, f"release {spec.name} does not exist in {spec.namespace}")
    if release.status != "deployed":
        return Seen(False, f"release {spec.name} is {release.status}")
    rendered = [obj for obj in release.objects if obj.get("kind") in WORKLOADS]
    wanted = [(o["kind"], o["metadata"].get("namespace", spec.namespace), o["metadata"]["name"]) for o in rendered]
    live = {
        (w["kind"], w["metadata"]["namespace"], w["metadata"]["name"]): w
        for kind in {kind for kind, *_ in wanted}
        for w in _live(world, kind)
    }
    missing = [f"{kind} {namespace}/{name}" for kind, namespace, name in wanted if (kind, namespace, name) not in live]
    if missing:
        return Seen(False, f"{', '.join(missing)} of release {spec.name} is gone")
    mine = [live[key] for key in wanted]
    if explain(mine, []):
        words = explain(mine, list_objects(world.cluster, "v1", "Pod", namespace=spec.namespace))
        return Seen(False, words, since([w for w in mine if readiness(w)], "Available"))
    shown = f"revision {release.revision}" + (f": {len(mine)} workloads ready" if mine else "")
    return Seen(True, shown, since(mine, "Available"))


def _objects_exist(_: Check, spec: Manifests, world: World) -> Seen:
    live = {describe(obj): read(world.cluster, plain(obj)) for obj in spec.objects}
    missing = [name for name, obj in live.items() if obj is None]
    if missing:
        return Seen(False, f"{', '.join(missing)} is not in the cluster")
    closing = [n for n, o in live.items() if o and o["metadata"].get("deletionTimestamp")]
    return Seen(not closing, f"{', '.join(closing)} is being deleted" if closing else f"{len(live)} objects")


def _objects_ready(_: Check, spec: Manifests, world: World) -> Seen:
    live = [read(world.cluster, plain(obj)) or {} for obj in spec.objects]
    for obj, now in zip(spec.objects, live, strict=True):
        found = condition(now, "Ready") or {}
        if found.get("status") != "True":
            words = found.get("message") or found.get("reason") or "no Ready condition"
            return Seen(False, f"{describe(obj)} is not Ready: {words}", since([now], "Ready"))
    return Seen(True, f"{len(spec.objects)} objects Ready", since(live, "Ready"))


def _crds_established(_: Check, spec: Spec[Any], world: World) -> Seen:
    if isinstance(spec, HelmRelease):
        release = newest_release(world, spec.namespace, spec.name)
        objects = release.objects if release else []
    else:
        objects = [plain(obj) for obj in spec.objects] if isinstance(spec, Manifests) else []
    crds = [obj for obj in objects if obj.get("kind") == "CustomResourceDefinition"]
    bad = [
        c["metadata"]["name"]
        for c in crds
        if (condition(read(world.cluster, c) or {}, "Established") or {}).get("status") != "True"
    ]
    return Seen(
        not bad and bool(crds), f"not Established: {', '.join(bad)}" if bad else f"{len(crds)} CRDs Established"
    )


def _certificate_issued(_: Check, spec: Stack[Any], world: World) -> Seen:
    arn = _output(spec, world, "certificate_arn")
    with aws_call(f"describing the certificate {arn}"):
        found = world.aws.client("acm").describe_certificate(CertificateArn=arn)["Certificate"]
    return Seen(found["Status"] == "ISSUED", f"certificate for {found['DomainName']} is {found['Status']}")


def _zone_served(_: Check, spec: Stack[Any], world: World) -> Seen:
    zone = _output(spec, world, "zone_id")
    with aws_call(f"reading the hosted zone {zone}"):
        found = world.aws.client("route53").get_hosted_zone(Id=zone)
    servers = found.get("DelegationSet", {}).get("NameServers", [])
    return Seen(bool(servers), f"{found['HostedZone']['Name']} is served by {', '.join(servers) or 'nobody'}")


def _output(spec: Stack[Any], world: World, field: str) -> str:
    observed = driver_of(spec).observe(spec, world)
    if observed is None or observed.outputs is None:
        raise NotFound(f"stack {spec.name} has no output {field} yet")
    return str(getattr(observed.outputs, field))


def _in_sync(_: Check, spec: Spec[Any], world: World) -> Seen:
    driver = driver_of(spec)
    observed = driver.observe(spec, world)
    if observed is None:
        return Seen(False, "it does not exist")
    change = driver.plan(spec, observed)
    shown = ", ".join([observed.status, *(f"{k} {v}" for k, v in observed.detail.items() if v)])
    return Seen(not change.is_needed, change.reason if change.is_needed else shown)


def _branch_head(_: Check, spec: AnyGitTree, world: World) -> Seen:
    found = reread(spec, world)
    where = f"{found.heads.branch} of {found.repository}"
    if found.heads.branch_commit is None:
        return Seen(False, f"there is no branch {where}")
    if found.differences:
        paths = ", ".join(difference.path for difference in found.differences[:3])
        return Seen(False, f"{where} is not as its templates make it: {len(found.differences)} files differ: {paths}")
    return Seen(True, f"{where} is at {found.heads.branch_commit[:12]}")


def _pods_ready(check: checks.PodsReady, _spec: Spec[Any], world: World) -> Seen:
    if world.env.cluster.auto_mode and not check.auto_mode:
        return Seen(True, "EKS Auto Mode runs this outside of the cluster")
    pods = list_objects(world.cluster, "v1", "Pod", namespace=check.namespace, labels=check.label)
    bad = [p for p in pods if (condition(p, "Ready") or {}).get("status") != "True"]
    if bad:
        words = hopeless(bad[0]) or f"pod {bad[0]['metadata']['name']} is {(bad[0].get('status') or {}).get('phase')}"
        said = f"{len(bad)} of {len(pods)} pods with {check.label} are not Ready; {words}"
        return Seen(False, said, since(bad[:1], "Ready"))
    return Seen(bool(pods), f"{len(pods)} pods with {check.label} in {check.namespace} Ready", since(pods, "Ready"))


def _releases_ready(check: Check, _spec: Spec[Any], world: World) -> Seen:
    releases = newest_releases(world)
    for release in releases:
        spec = HelmRelease(
            name=release.name, namespace=release.namespace, repository="", chart=release.chart, version=release.version
        )
        if not (seen := _workloads_ready(check, spec, world)).passed:
            return replace(seen, detail=f"release {release.name}: {seen.detail}")
    return Seen(bool(releases), f"{len(releases)} releases ready")


def _applications_healthy(check: checks.ApplicationsHealthy, spec: Spec[Any], world: World) -> Seen:
    names: set[str] = set()
    if isinstance(spec, GitManifests):
        names = {o["metadata"]["name"] for o in objects(spec, world).objects if o["kind"] == "ApplicationSet"}
    return Seen(*unhealthy_application(check, spec, names, world))


def _application_endpoint(_: Check, _spec: Spec[Any], world: World) -> Seen:
    return Seen(*endpoint(world))


_PROBES: dict[type[Check], Probe] = {
    checks.StackComplete: _stack_complete,
    checks.ClusterActive: _cluster_active,
    checks.EndpointAnswers: _endpoint_answers,
    checks.NodesReady: _nodes_ready,
    checks.AddonsActive: _addons_active,
    checks.WorkloadsReady: _workloads_ready,
    checks.ObjectsExist: _objects_exist,
    checks.ObjectsReady: _objects_ready,
    checks.CrdsEstablished: _crds_established,
    checks.CertificateIssued: _certificate_issued,
    checks.ZoneServed: _zone_served,
    checks.ParameterStored: _in_sync,
    checks.LookupFound: _in_sync,
    checks.BranchHead: _branch_head,
    checks.InSync: _in_sync,
    checks.PodsReady: _pods_ready,
    checks.ReleasesReady: _releases_ready,
    checks.ApplicationsHealthy: _applications_healthy,
    checks.ApplicationEndpoint: _application_endpoint,
}
