"""Compares a Kubernetes object as it was applied with the live one, as the API server would: pure.

What the server adds, drops or spells in its own way is no difference (defaults, empty values, quantities), nor what a
controller is known to write (certificate authorities of webhooks). Sources: apimachinery's Quantity, and "Server-Side
Apply" in the Kubernetes documentation for `managedFields`.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from decimal import ROUND_UP
from typing import Any

from kubernetes.utils.quantity import parse_quantity

from resources.kubernetes.field_ownership import foreign_additions, is_controllers
from resources.model.change import FieldChange, is_within, subset_diff

Object = dict[str, Any]
HELM = "helm"
POD_TEMPLATES = ("Deployment", "StatefulSet", "DaemonSet")
_QUANTITY = re.compile(r"\b(?:resources|limits|requests|capacity|hard|sizeLimit|divisor|\w*[aA]verageValue)\b")
# In these the API server keeps an empty or false value, so its absence means something.
_KEPT_MAPS = re.compile(r"(?:^|\.)(?:data|binaryData|labels|annotations|matchLabels|nodeSelector)\.[^\[\]]+$")
_KEPT_FIELDS = ("allowPrivilegeEscalation", "automountServiceAccountToken", "enableServiceLinks", "runAsUser")
_AUTHORITY = re.compile(r"(?:\bclientConfig\.caBundle|^spec\.caBundle)$")


def object_title(obj: Mapping[str, Any], namespace: str | None) -> str:
    """`Kind/namespace/name`, as the fields of a plan name an object."""
    return "/".join(part for part in (str(obj.get("kind")), namespace, str(obj["metadata"]["name"])) if part)


def object_diff(live: Mapping[str, Any], wanted: Mapping[str, Any], manager: str = HELM) -> tuple[FieldChange, ...]:
    """The fields of `wanted` that `live` lacks or contradicts, and those that others added who are no controllers.
    `manager`: the field manager that applies `wanted`. The data of a Secret is masked."""
    expected = _compared(wanted)
    have, want = _differing(live, expected)
    differences = subset_diff(have, want) if want else ()
    fields = [c for c in differences if not _is_same(c) and not _is_a_controllers(c, live, expected)]
    paths = [c.path for c in fields]
    fields += [c for c in foreign_additions(live, as_stored(wanted), manager) if not _is_below(c.path, paths)]
    return tuple(_masked(c, wanted) for c in fields)


def _is_below(path: str, paths: Iterable[str]) -> bool:
    return any(is_within(path, known) for known in paths)


def removed_fields(old: Mapping[str, Any], new: Mapping[str, Any]) -> tuple[FieldChange, ...]:
    """The fields that `old` applied and `new` no longer does: apply takes them away."""
    gone = subset_diff(_compared(new), _compared(old))
    return tuple(
        _masked(replace(c, before=c.after, after=None), old) for c in gone if c.before is None and not is_empty(c.after)
    )


def is_empty(value: Any) -> bool:
    """Whether the API server may drop the value: nothing, zero, false, or made of nothing else."""
    return all(is_empty(v) for v in value.values()) if isinstance(value, dict) else not value


def _compared(obj: Mapping[str, Any]) -> Object:
    """The parts of an object that its author decides."""
    obj = as_stored(obj)
    kept = {k: v for k, v in obj.items() if k not in ("apiVersion", "kind", "metadata", "status", "stringData")}
    meta = obj.get("metadata") or {}
    kept["metadata"] = {k: meta[k] for k in ("labels", "annotations") if meta.get(k)}
    return kept


def as_stored(obj: Mapping[str, Any]) -> Object:
    """A Secret with its `stringData` as the `data` that the API server makes of it; any other object as it is."""
    if obj.get("kind") != "Secret" or not obj.get("stringData"):
        return dict(obj)
    encoded = {k: base64.b64encode(str(v).encode()).decode() for k, v in obj["stringData"].items()}
    return {
        **{k: v for k, v in obj.items() if k != "stringData"},
        "data": {**(obj.get("data") or {}), **encoded},
    }


def _differing(live: Mapping[str, Any], wanted: Mapping[str, Any]) -> tuple[Object, Object]:
    """Both without the keys in which they are equal: schemas of CRDs are large, and seldom changed."""
    have: Object = {}
    want: Object = {}
    for key, value in wanted.items():
        there = live.get(key)
        if key in live and there == value:
            continue
        both = isinstance(value, dict) and isinstance(there, dict)
        have[key], want[key] = _differing(there, value) if both else (there, value)  # type: ignore[arg-type]
    return {k: v for k, v in have.items() if k in live}, want


def _is_same(change: FieldChange) -> bool:
    """Whether the API server says with `before` what `after` asks for."""
    before, after = change.before, change.after
    if after is None:
        return True
    if before is None:
        is_kept = _KEPT_MAPS.search(change.path) or change.path.endswith(_KEPT_FIELDS)
        return is_empty(after) and not is_kept
    if any(isinstance(v, bool | dict | list) for v in (before, after)):
        return False
    if str(before) == str(after):
        return True
    return bool(_QUANTITY.search(change.path) and not _KEPT_MAPS.search(change.path)) and _is_quantity(before, after)


def _is_quantity(live: Any, wanted: Any) -> bool:
    """Whether both are one quantity. Of a resource the server keeps thousandths, and rounds up what is finer (source:
    kubernetes, pkg/apis/core/v1/defaults.go, SetDefaults_ResourceList)."""
    try:
        have, want = parse_quantity(str(live)), parse_quantity(str(wanted))
    except ValueError:
        return False
    return bool(have in (want, (want * 1000).to_integral_value(ROUND_UP) / 1000))


def _is_a_controllers(change: FieldChange, live: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    """Whether a controller is known to write this field: its value is not ours to restore."""
    if change.path == "rules" and wanted.get("aggregationRule"):
        return True
    return bool(_AUTHORITY.search(change.path) and change.before and _injectors_own(live, "f:caBundle"))


def _injectors_own(live: Mapping[str, Any], field: str) -> bool:
    def holds(fields: Any) -> bool:
        return isinstance(fields, dict) and (field in fields or any(holds(v) for v in fields.values()))

    entries = live.get("metadata", {}).get("managedFields") or []
    others = (e for e in entries if e.get("manager") != HELM and holds(e.get("fieldsV1")))
    return any(is_controllers(str(e.get("manager")), "spec.caBundle") for e in others)


def _masked(change: FieldChange, obj: Mapping[str, Any]) -> FieldChange:
    return change.masked() if obj.get("kind") == "Secret" and change.path.startswith("data") else change
