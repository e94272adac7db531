"""Drift of Argo CD's Applications: how each differs from the template that made it, and what it could not keep in sync.

What an ApplicationSet makes of `{{ ... }}` is taken as it is, unless somebody else than Argo CD wrote it. Sources: Argo
CD, "Controlling if/when the ApplicationSet controller modifies Application resources", "Automated Sync Policy".
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from typing import Any

from resources.context import Context
from resources.drivers.object_drift import object_findings
from resources.kubernetes.field_ownership import Owner, foreign_owners
from resources.kubernetes.objects import Object, describe_object, read_object
from resources.model.change import FieldChange, is_within
from resources.model.drift import EXISTS, Drift, Finding, Unchecked
from resources.model.errors import AccessDenied

LAYER = "argocd"
CONTROLLER = "argocd-applicationset-controller"
_ARGO = re.compile(r"argocd(?:-applicationset-controller|-application-controller|-controller)?\Z")
# Taken away once it has been carried out.
_REQUESTS = ("operation",)


def application_drift(sets: Collection[Object], applications: Collection[Object], context: Context) -> Drift:
    """The Applications of these ApplicationSets. Raises Transient."""
    by_name = {obj["metadata"]["name"]: obj for obj in sets if obj["kind"] == "ApplicationSet"}
    findings: list[Finding] = []
    unchecked: list[Unchecked] = []
    for application in applications:
        if (owner := by_name.get(_set_of(application))) is None:
            continue
        findings += template_findings(application, owner)
        sync = sync_drift(application, context)
        findings += sync.findings
        unchecked += sync.unchecked
    return Drift(tuple(findings), tuple(unchecked))


def _set_of(application: Object) -> str:
    owners = application["metadata"].get("ownerReferences") or []
    return next((str(owner["name"]) for owner in owners if owner["kind"] == "ApplicationSet"), "")


def template_findings(application: Object, application_set: Object) -> Iterator[Finding]:
    """Fields of an Application that are not as its ApplicationSet's template says: parameters overridden, automated
    sync switched off, and whatever others added."""
    template = application_set["spec"]["template"]
    foreign = _others(application)
    meta = template.get("metadata") or {}
    wanted = {
        "apiVersion": application["apiVersion"],
        "kind": application["kind"],
        "metadata": {key: meta[key] for key in ("labels", "annotations") if meta.get(key)},
        "spec": template.get("spec") or {},
    }
    filled = {**wanted, "metadata": _filled(wanted["metadata"], application["metadata"], "metadata", foreign)}
    filled["spec"] = _filled(wanted["spec"], application["spec"], "spec", foreign)
    title = _title(application)
    for finding in object_findings(application, filled, CONTROLLER, LAYER, title):
        path = finding.field.path
        is_argos = not finding.culprit or _ARGO.match(finding.culprit)
        if any(is_within(path, known) for known in (*_REQUESTS, *_ignored(application_set, application))):
            continue
        if is_argos and (finding.kind == "extra" or _is_patched(application_set)):
            continue
        yield replace(finding, culprit="", since="") if is_argos else finding


def _filled(wanted: Any, live: Any, path: str, foreign: Collection[Owner]) -> Any:
    """The template with the live value wherever it has an expression and nobody but Argo CD wrote that."""
    if isinstance(wanted, Mapping):
        there = live if isinstance(live, Mapping) else {}
        return {key: _filled(value, there.get(key), f"{path}.{key}", foreign) for key, value in wanted.items()}
    if isinstance(wanted, list):
        items = live if isinstance(live, list) and len(live) == len(wanted) else [None] * len(wanted)
        return [_filled(v, t, f"{path}[{i}]", foreign) for i, (v, t) in enumerate(zip(wanted, items, strict=True))]
    is_expression = isinstance(wanted, str) and "{{" in wanted
    if not is_expression or live is None or any(is_within(path, o.path) for o in foreign):
        return wanted
    return live


def _is_patched(application_set: Object) -> bool:
    """Whether Applications may differ from the template by what the ApplicationSet says elsewhere."""
    spec = application_set["spec"]
    return bool(spec.get("templatePatch")) or _has_template(spec.get("generators"))


def _has_template(value: Any) -> bool:
    if isinstance(value, Mapping):
        return bool((value.get("template") or {}).get("spec")) or any(map(_has_template, value.values()))
    return isinstance(value, list) and any(map(_has_template, value))


def _ignored(application_set: Object, application: Object) -> Iterator[str]:
    """The paths that the ApplicationSet leaves to others (`ignoreApplicationDifferences`)."""
    for entry in application_set["spec"].get("ignoreApplicationDifferences") or []:
        if entry.get("name") in (None, "", application["metadata"]["name"]):
            yield from (pointer.strip("/").replace("/", ".") for pointer in entry.get("jsonPointers") or [])
            yield from (path.strip(".") for path in entry.get("jqPathExpressions") or [])


def sync_drift(application: Object, context: Context) -> Drift:
    """What an Application has synced, and is no longer as it was then. What it still has to sync is pending."""
    status = application.get("status") or {}
    sync, title = status.get("sync") or {}, _title(application)
    if sync.get("status") == "Synced":
        return Drift()
    if sync.get("status") != "OutOfSync":
        conditions = "; ".join(str(c.get("message", "")) for c in status.get("conditions") or [])
        return Drift(unchecked=(Unchecked(title, conditions or "Argo CD has not compared it yet"),))
    done = ((status.get("operationState") or {}).get("syncResult")) or {}
    if (sync.get("revision"), sync.get("revisions")) != (done.get("revision"), done.get("revisions")):
        return Drift(unchecked=(Unchecked(title, "Argo CD has still to sync it to its newest revision"),))
    resources = [r for r in status.get("resources") or [] if r.get("status") == "OutOfSync"]
    # One that git no longer has is left because pruning is off; nobody made it.
    by_hand = [r for r in resources if not r.get("requiresPruning") and not r.get("hook")]
    return Drift(tuple(_resource_finding(resource, title, context) for resource in by_hand))


def _resource_finding(resource: Mapping[str, Any], title: str, context: Context) -> Finding:
    group, version = resource.get("group"), resource["version"]
    meta = {key: resource[key] for key in ("name", "namespace") if resource.get(key)}
    named = {"apiVersion": f"{group}/{version}" if group else version, "kind": resource["kind"], "metadata": meta}
    what = f"{describe_object(named)} of {title}"
    try:
        live = read_object(context.cluster, named)
    except AccessDenied:
        return Finding(LAYER, what, FieldChange("sync", "Synced", "OutOfSync"), "changed")
    if live is None:
        return Finding(LAYER, what, FieldChange("", EXISTS, None), "missing")
    last = max(_others(live), key=lambda owner: owner.time, default=Owner("", "", "", ""))
    return Finding(LAYER, what, FieldChange("sync", "Synced", "OutOfSync"), "changed", last.manager, last.time)


def _others(live: Object) -> list[Owner]:
    """The fields that neither Argo CD nor a controller is known to write."""
    return [owner for owner in foreign_owners(live, CONTROLLER) if not _ARGO.match(owner.manager)]


def _title(application: Object) -> str:
    return f"Application {application['metadata']['name']}"
