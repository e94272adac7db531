"""Who owns which field of a live object, as the API server itself notes it in `metadata.managedFields`: pure.

What a manager owns that is neither ours nor a controller on the list below was changed behind our back, by whatever
program: nobody can tell a person's Terraform from a person's kubectl. Sources: "Server-Side Apply" in the Kubernetes
documentation; structured-merge-diff's fieldpath, for the form of `fieldsV1`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from resources.model.change import FieldChange, is_within, name_of

Fields = Mapping[str, Any]
Entry = dict[str, Any]
_OWN_SUBRESOURCES = ("status", "scale")


@dataclass(frozen=True)
class Controller:
    """Fields that a program writes by itself. `manager` and `path`: patterns of the field manager and of the dotted
    path; `{}` behind the path of a field says that nothing below it is meant."""

    manager: re.Pattern[str]
    path: re.Pattern[str]
    reason: str


def _controller(manager: str, path: str, reason: str) -> Controller:
    return Controller(re.compile(rf"(?:{manager})\Z"), re.compile(path), reason)


_ANYBODY = ".*"
# A person who takes a controller's name as field manager still changes what is not on its line.
CONTROLLERS = (
    _controller(
        _ANYBODY, r"^(?:status|metadata\.(?!labels\b|annotations\b|finalizers\b))", "not the author's to decide"
    ),
    _controller(
        _ANYBODY, r"kubectl\.kubernetes\.io/last-applied-configuration$", "what kubectl apply remembers for itself"
    ),
    _controller(
        _ANYBODY, r"template\.metadata\.annotations\.kubectl\.kubernetes\.io/restartedAt$", "kubectl rollout restart"
    ),
    _controller(
        _ANYBODY,
        r"^metadata\.annotations\.argocd\.argoproj\.io/(?:application-set-)?refresh$",
        "a request that Argo CD takes away once it has refreshed",
    ),
    _controller(
        r"argocd(?:-notifications-controller)?",
        r"^metadata\.annotations\.notified\.notifications\.argoproj\.io$",
        "what Argo CD has told of an Application",
    ),
    _controller(
        r"kube-controller-manager",
        r"^(?:metadata\.(?:annotations|finalizers)\b|spec\.(?:volumeName|claimRef|clusterIPs?)\b)",
        "revisions of deployments, bindings of volumes",
    ),
    _controller(
        r"kube-scheduler",
        r"^(?:metadata\.annotations\.(?:volume\.kubernetes\.io/selected-node|pv\.kubernetes\.io/bound-by-controller)$"
        r"|spec\.claimRef\b)",
        "the node of a claim that waits for its first pod, and volumes that it binds to one",
    ),
    _controller(r"clusterrole-aggregation-controller", r"^rules$", "the rules of an aggregated ClusterRole"),
    _controller(r"helm", r"^(?:metadata\.labels\.name|spec\{\})$", "what --create-namespace applies"),
    _controller(r"kube-apiserver", r"^metadata\.labels\.kubernetes\.io/metadata\.name$", "a namespace's own name"),
    _controller(r"argocd-?.*", r"^(?:spec\.generators|metadata\.finalizers)\b", "defaults that Argo CD writes out"),
    _controller(
        r"controller|karpenter|aws-load-balancer-controller|external-secrets|eks|cloud-controller-manager|manager",
        r"^metadata\.finalizers\b",
        "an operator clears up before its object goes",
    ),
    _controller(
        r"controller|karpenter",
        r"^metadata\.annotations\.karpenter\.(?:sh|k8s\.aws)/\w+-hash(?:-version)?$",
        "hashes by which Karpenter finds drifted nodes",
    ),
    _controller(
        r"(?!kubectl|k9s|lens|node-fetch|mozilla|headlamp|dashboard|openapi-generator).*",
        r"(?:\bclientConfig\.caBundle|^spec\.caBundle)$",
        "certificate authorities that injectors write",
    ),
)
# What the API server itself puts into an item that somebody wrote, where the whole list belongs to one owner.
_DEFAULTS = (("protocol", "TCP"), ("scope", "*"), ("expirationSeconds", 3600), ("apiVersion", "v1"), ("divisor", "0"))


def foreign_additions(live: Fields, wanted: Fields, own: str) -> Iterator[FieldChange]:
    """What others than the field manager `own` and the controllers added that `wanted` does not have: a variable, a
    label, a key of a ConfigMap, a key in a selector. Values of zero count; `after` is None."""
    entries = _entries(live)
    held = _own_fields(entries, own)
    reported: set[str] = set()
    for entry in entries:
        if not _is_foreign(entry, own, entries):
            continue
        taken, _ = _split(entry["fieldsV1"], entry.get("manager", ""), "")
        for change in _added(taken, held, live, wanted, ""):
            if change.path not in reported:
                reported.add(change.path)
                yield change


def with_foreign_fields_adopted(live: Fields, own: str) -> list[Entry] | None:
    """`managedFields` in which `own` has applied what others than controllers own, so that its next apply takes back
    what it does not want; None where others own nothing."""
    entries = _entries(live)
    fields = own_fields = _own_fields(entries, own)
    kept: list[Entry] = []
    for entry in entries:
        if _is_foreign(entry, own, entries):
            taken, rest = _split(entry["fieldsV1"], entry.get("manager", ""), "")
            fields = _union(fields, taken)
            kept += [{**entry, "fieldsV1": rest}] if rest else []
        elif not _is_own(entry, own, entries):
            kept.append(entry)
    if fields == own_fields:
        return None
    first = {"apiVersion": live["apiVersion"], "fieldsType": "FieldsV1"}
    mine = next((e for e in entries if _is_own(e, own, entries)), first)
    return [{**mine, "manager": own, "operation": "Apply", "fieldsV1": fields}, *kept]


@dataclass(frozen=True)
class Owner:
    """Who wrote a field last, by what the API server notes. `time`: ISO 8601, empty where there is none."""

    path: str
    manager: str
    operation: str
    time: str


def other_owners(live: Fields, wanted: Fields, own: str) -> list[Owner]:
    """The fields that others than `own` have written, in the paths of a comparison with `wanted`."""
    entries = [e for e in _entries(live) if e.get("subresource") != "status"]
    return [
        Owner(path, str(entry.get("manager")), str(entry.get("operation")), str(entry.get("time") or ""))
        for entry in entries
        if not _is_own(entry, own, entries)
        for path in _written(entry["fieldsV1"], live, wanted, "")
    ]


def foreign_owners(live: Fields, own: str) -> list[Owner]:
    """The fields of a live object, in its own paths, that neither `own` wrote nor a controller is known to write."""
    return [owner for owner in other_owners(live, live, own) if not is_controllers(owner.manager, owner.path)]


def owner_of(path: str, owners: Iterable[Owner]) -> Owner | None:
    """The last one who wrote the field, what it lies in, or a part of it; None where nobody is noted."""
    concerned = [o for o in owners if is_within(path, o.path) or is_within(o.path, path)]
    return max(concerned, key=lambda o: o.time, default=None)


def _written(fields: Fields, live: Any, wanted: Any, path: str) -> Iterator[str]:
    for key, below in fields.items():
        if key == "." or (there := _value_at(key, live)) is None:
            continue
        want = _value_at(key, wanted)
        where = _path_at(path, key, wanted, want)
        if set(below) - {"."}:
            yield from _written(below, there, want, where)
        else:
            yield where


def _entries(live: Fields) -> list[Entry]:
    return [e for e in (live.get("metadata") or {}).get("managedFields") or [] if e.get("fieldsV1")]


def _is_own(entry: Entry, own: str, entries: list[Entry]) -> bool:
    """Whether it is what we applied, or, where we have applied nothing, what we updated (as helm 3 did)."""
    if entry.get("manager") != own or entry.get("subresource"):
        return False
    applied = any(e.get("manager") == own and e.get("operation") == "Apply" for e in entries)
    return entry.get("operation") == "Apply" or not applied


def _is_foreign(entry: Entry, own: str, entries: list[Entry]) -> bool:
    return entry.get("subresource") not in _OWN_SUBRESOURCES and not _is_own(entry, own, entries)


def _own_fields(entries: list[Entry], own: str) -> Fields:
    fields: Fields = {}
    for entry in entries:
        if _is_own(entry, own, entries):
            fields = _union(fields, entry["fieldsV1"])
    return fields


def is_controllers(manager: str, path: str) -> bool:
    """Whether the manager is a controller that is known to write the field."""
    return any(c.manager.match(manager.lower()) and c.path.search(path) for c in CONTROLLERS)


def _split(fields: Fields, manager: str, path: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The fields that count as somebody's, and those that a controller may write."""
    taken: dict[str, Any] = {}
    kept: dict[str, Any] = {}
    for key, below in fields.items():
        if key == ".":
            continue
        where = _where(path, key)
        is_leaf = not set(below) - {"."}
        if is_controllers(manager, where) or (is_leaf and is_controllers(manager, f"{where}{{}}")):
            kept[key] = below
        elif is_leaf:
            taken[key] = below
        else:
            ours, theirs = _split(below, manager, where)
            taken |= {key: ours} if ours else {}
            kept |= {key: theirs} if theirs else {}
    if "." in fields:
        (taken or kept)["."] = fields["."]
    return taken, kept


def _where(path: str, key: str) -> str:
    if key.startswith("f:"):
        return f"{path}.{key[2:]}" if path else key[2:]
    return f"{path}[{key[2:]}]"


def _added(fields: Fields, held: Any, live: Any, wanted: Any, path: str) -> Iterator[FieldChange]:
    held = held if isinstance(held, Mapping) else {}
    for key, below in fields.items():
        if key == "." or (there := _value_at(key, live)) is None:
            continue
        want = _value_at(key, wanted)
        where = _path_at(path, key, wanted, want)
        is_leaf = not set(below) - {"."}
        if want is None and (is_leaf or "." in below):
            if there not in ({}, []):
                yield FieldChange(where, there, None, beside=name_of(live))
        elif not is_leaf:
            yield from _added(below, held.get(key), there, want, where)
        elif key not in held:
            # Whoever writes a list or map that has one owner writes all of it.
            yield from _beyond(there, want, where)


def _value_at(key: str, value: Any) -> Any:
    """What a key of `fieldsV1` names: a field (f:), the item of a list with some keys (k:), an item of a set (v:)."""
    if key.startswith("f:"):
        return value.get(key[2:]) if isinstance(value, Mapping) else None
    if not isinstance(value, list):
        return None
    named = json.loads(key[2:])
    if key.startswith("v:"):
        return named if named in value else None
    items = (i for i in value if isinstance(i, Mapping))
    # An item that leaves a key to its default matches too.
    return next((i for i in items if all(i.get(k, v) == v for k, v in named.items())), None)


def _path_at(path: str, key: str, wanted: Any, want: Any) -> str:
    if key.startswith("f:"):
        return _where(path, key)
    if want is not None:
        # What the manifest has is named by where it stands there, as its other fields are.
        return f"{path}[{wanted.index(want)}]"
    named = json.loads(key[2:])
    return f"{path}[{','.join(map(str, named.values())) if isinstance(named, dict) else named}]"


def _beyond(have: Any, want: Any, path: str) -> Iterator[FieldChange]:
    if isinstance(have, Mapping) and isinstance(want, Mapping):
        for key, value in have.items():
            if key in want:
                yield from _beyond(value, want[key], f"{path}.{key}")
            elif value not in ({}, [], None) and (key, value) not in _DEFAULTS:
                yield FieldChange(f"{path}.{key}", value, None, beside=name_of(have))
    elif isinstance(have, list) and isinstance(want, list) and len(have) == len(want):
        for i, (item, wanted_item) in enumerate(zip(have, want, strict=True)):
            yield from _beyond(item, wanted_item, f"{path}[{i}]")


def _union(below: Fields, above: Fields) -> dict[str, Any]:
    return {**below, **{k: _union(below[k], v) if k in below else v for k, v in above.items()}}
