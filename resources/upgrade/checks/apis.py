"""APIs that the next version serves no more: in storage, in what clients ask for, in what will be applied again.

What a version serves was recorded from the genuine API server (`served_apis.py`), and is no list that anybody keeps up.
Source: Kubernetes, "Deprecated API Migration Guide"; "Versions in CustomResourceDefinitions".
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping

from resources.model.errors import OperationFailed
from resources.upgrade.findings import Severity
from resources.upgrade.live import Finding, Live, Object, Rendered, Step
from resources.upgrade.registry import upgrade_check
from resources.upgrade.served_apis import ServedApis, group_of, load_record, read_served_apis

_CRDS = ("apiextensions.k8s.io/v1", "CustomResourceDefinition")
_AGGREGATED = ("apiregistration.k8s.io/v1", "APIService")
_MOST = 10  # objects that are named


def _recorded(version: str) -> ServedApis:
    served = read_served_apis(version)
    if served is None:
        known = ", ".join(load_record().versions)
        raise OperationFailed(
            f"nobody has recorded which APIs Kubernetes {version} serves; recorded are {known}",
            next_step="take a newer version of this program, or record them: make served-apis",
        )
    return served


@upgrade_check
def check_stored_objects(live: Live, step: Step) -> Iterator[Finding]:
    """Objects of kinds that Kubernetes itself serves now, and in the next version under no version at all."""
    before, after = _recorded(step.before), _recorded(step.after)
    for name in sorted(_own_kinds(live, before) - after.kinds.keys()):
        api_version, _, kind = name.rpartition("/")
        if not after.list_versions(kind, group_of(api_version)):
            yield from _stored(live.objects(api_version, kind), name, step)


def _stored(objects: Iterable[Object], name: str, step: Step) -> Iterator[Finding]:
    names = sorted(map(_title, objects))
    if names:
        message = (
            f"{len(names)} objects are stored as {name}, which Kubernetes {step.after} does not serve in any version"
        )
        yield Finding("blocker", name, message, f"delete them, or move what they do: kubectl get {name}", _some(names))


def _own_kinds(live: Live, before: ServedApis) -> frozenset[str]:
    """Those that the version serves, and what the cluster serves beside (a feature gate), of Kubernetes' own groups."""
    foreign = _foreign_groups(live)
    return frozenset(before.kinds) | {k for k in live.served_kinds() if _is_own(k.rpartition("/")[0], foreign)}


@upgrade_check
def check_stored_versions(live: Live, step: Step) -> Iterator[Finding]:
    """CRDs that a chart is about to bring without a version that objects are stored in: the API server refuses it."""
    wanted = {
        str(obj["metadata"]["name"]): (chart, {v["name"]: v for v in obj["spec"]["versions"]})
        for chart in live.charts(step.after)
        for obj in chart.objects
        if obj.get("kind") == _CRDS[1]
    }
    for crd in live.objects(*_CRDS):
        name, stored = str(crd["metadata"]["name"]), set((crd.get("status") or {}).get("storedVersions") or ())
        chart, versions = wanted.get(name, (None, {}))
        if chart is not None and (lost := sorted(stored - versions.keys())):
            message = f"objects may be stored in {', '.join(lost)}, which the CRD of {chart.chart} has no more"
            yield Finding("blocker", f"CustomResourceDefinition {name}", message, _migrate(name), _stored_words(crd))
        elif old := sorted(stored & {v["name"] for v in crd["spec"]["versions"] if v.get("deprecated")}):
            message = f"objects may be stored in {', '.join(old)}, which is deprecated"
            yield Finding("note", f"CustomResourceDefinition {name}", message, _migrate(name), _stored_words(crd))


def _stored_words(crd: Object) -> tuple[str, ...]:
    stored = ", ".join((crd.get("status") or {}).get("storedVersions") or ())
    versions = ", ".join(version["name"] for version in crd["spec"]["versions"])
    return (f"status.storedVersions: {stored}", f"versions of the live CRD: {versions}")


def _migrate(name: str) -> str:
    patch = """--subresource=status --type=merge -p '{"status":{"storedVersions":["NEW"]}}'"""
    rewrite = f"kubectl get {name} -A -o yaml | kubectl replace -f -"
    return f"write every object once more ({rewrite}), then kubectl patch crd {name} {patch}"


@upgrade_check
def check_requested_apis(live: Live, step: Step) -> Iterator[Finding]:
    """Deprecated APIs that somebody still asks for."""
    by_api: dict[tuple[str, str], list[str]] = defaultdict(list)
    for asked in live.requested_apis():
        by_api[asked.resource, asked.removed_in].append(f"{asked.seen}{f': {asked.by}' if asked.by else ''}")
    for (resource, removed), seen in sorted(by_api.items()):
        minor = int(removed.partition(".")[2]) if removed.count(".") == 1 else None
        if minor is not None and minor <= step.minor:
            message = f"{resource} is asked for, and Kubernetes {removed} does not serve it"
            yield Finding("blocker", resource, message, "bring the clients to the version after it", _some(seen))
        elif step.is_first:
            when = f"goes with Kubernetes {removed}" if removed else "has no version in which it goes"
            severity: Severity = "warning" if minor == step.minor + 1 else "note"
            message = f"{resource} is deprecated and asked for; it {when}"
            way_out = "bring the clients to the version after it" if severity == "warning" else ""
            yield Finding(severity, resource, message, way_out, _some(seen))


@upgrade_check
def check_rendered_charts(live: Live, step: Step) -> Iterator[Finding]:
    """What our charts render to for the next version."""
    charts = live.charts(step.after)
    brought = [obj for chart in charts for obj in chart.objects if obj.get("kind") == _CRDS[1]]
    for chart in charts:
        way_out = f"another version of the chart, or other values: addons.{chart.unit} in the file of {live.env.name}"
        yield from _judge(Rendered(f"{chart.unit} ({chart.chart})", chart.objects, way_out), live, step, brought)


@upgrade_check
def check_stored_manifests(live: Live, step: Step) -> Iterator[Finding]:
    """What helm keeps of each release: it cannot upgrade from a manifest whose APIs are gone."""
    for rendered in live.releases():
        yield from _judge(rendered, live, step)


@upgrade_check
def check_application_branch(live: Live, step: Step) -> Iterator[Finding]:
    """What Argo CD will apply from the environment's branch."""
    for rendered in live.branch():
        yield from _judge(rendered, live, step)


def _judge(rendered: Rendered, live: Live, step: Step, brought: list[Object] | None = None) -> Iterator[Finding]:
    before, after = _recorded(step.before), _recorded(step.after)
    foreign = _foreign_groups(live) | {str(crd["spec"]["group"]) for crd in brought or ()}
    gone: dict[str, list[str]] = defaultdict(list)
    for obj in rendered.objects:
        api_version, kind = str(obj.get("apiVersion")), str(obj.get("kind"))
        if after.serves(api_version, kind):
            lost = sorted(after.find_unknown_fields(obj) - before.find_unknown_fields(obj))
            if lost:
                message = f"Kubernetes {step.after} does not know {', '.join(lost)} of {_title(obj)}"
                yield Finding("blocker", rendered.source, message, rendered.way_out)
        elif _is_own(api_version, foreign) and not _is_virtual(kind):
            gone[f"{api_version}/{kind}"].append(_title(obj))
    for name, titles in sorted(gone.items()):
        api_version, _, kind = name.rpartition("/")
        others = after.list_versions(kind, group_of(api_version)) or _elsewhere(kind, after)
        instead = f"; it serves {', '.join(others)}" if others else ""
        message = f"{name} is not served by Kubernetes {step.after}{instead}"
        yield Finding("blocker", rendered.source, message, rendered.way_out, _some(sorted(titles)))


def _elsewhere(kind: str, after: ServedApis) -> tuple[str, ...]:
    return tuple(sorted(name.rpartition("/")[0] for name in after.kinds if name.endswith(f"/{kind}")))


def _is_own(api_version: str, foreign: frozenset[str] | set[str]) -> bool:
    """Whether the group is one of Kubernetes' own: without a dot, or `*.k8s.io`, and of no CRD or aggregated API."""
    group = group_of(api_version)
    return ("." not in group or group.endswith(".k8s.io")) and group not in foreign


def _is_virtual(kind: str) -> bool:
    """What is asked with, and never stored: such as SubjectAccessReview."""
    return kind.endswith(("Review", "List")) or kind in ("Binding", "Eviction", "Scale", "TokenRequest", "Status")


def _foreign_groups(live: Live) -> frozenset[str]:
    crds = {str(crd["spec"]["group"]) for crd in live.objects(*_CRDS)}
    services = (s["spec"] for s in live.objects(*_AGGREGATED))
    return frozenset(crds | {str(s.get("group")) for s in services if s.get("service")})


def _title(obj: Mapping[str, object]) -> str:
    meta = obj.get("metadata")
    named = meta if isinstance(meta, Mapping) else {}
    return "/".join(str(part) for part in (obj.get("kind"), named.get("namespace"), named.get("name")) if part)


def _some(names: list[str]) -> tuple[str, ...]:
    more = len(names) - _MOST
    return (*names[:_MOST], *([f"and {more} more"] if more > 0 else []))
