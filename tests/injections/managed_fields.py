"""What the API server notes of who owns which field, for objects that were never in one: pure.

Source: "Server-Side Apply" in the Kubernetes documentation; the list types of the API's OpenAPI document.
"""

from __future__ import annotations

import copy
import json
from typing import Any

from tests.injections.injection import Object

# Lists in which an item is known by some of its keys; any other list belongs to one owner as a whole.
_KEYS: dict[str, tuple[str, ...]] = {
    "containers": ("name",),
    "initContainers": ("name",),
    "env": ("name",),
    "volumes": ("name",),
    "volumeMounts": ("mountPath",),
    "imagePullSecrets": ("name",),
    "secrets": ("name",),
    "hostAliases": ("ip",),
    "topologySpreadConstraints": ("topologyKey", "whenUnsatisfiable"),
    "webhooks": ("name",),
}
_SETS = ("finalizers",)
_ONE_VALUE = (
    "selector",
    "labelSelector",
    "namespaceSelector",
    "objectSelector",
    "nodeSelector",
    "roleRef",
    "valueFrom",
)


def owned_by(own: str, manifest: Object, manager: str, live: Object, changed: Object, operation: str) -> Object:
    """The changed object with the API server's notes: `own` had applied the manifest, then `manager` changed it."""
    taken = _fields(live, changed)
    noted = copy.deepcopy(changed)
    entries = [
        {"manager": own, "operation": "Apply", "time": "1", "fieldsV1": _without(_fields({}, manifest), taken)},
        {"manager": manager, "operation": operation, "time": "2", "fieldsV1": taken},
    ]
    noted["metadata"]["managedFields"] = [entry for entry in entries if entry["fieldsV1"]]
    return noted


def changed_part(before: Any, after: Any, name: str = "") -> Any:
    """What of `after` differs, with the keys that say which items those are: what an apply of it alone sends."""
    if isinstance(before, dict) and isinstance(after, dict) and name not in _ONE_VALUE:
        return {k: changed_part(before.get(k), v, k) for k, v in after.items() if before.get(k) != v}
    if isinstance(before, list) and isinstance(after, list) and (keys := _keys_of(name, after)):
        had = {_key(item, keys): item for item in before}
        items = ((item, had.get(_key(item, keys))) for item in after)
        return [
            {**{key: item[key] for key in keys if key in item}, **changed_part(old or {}, item)}
            for item, old in items
            if item != old
        ]
    return after


def _fields(before: Object, after: Object) -> Object:
    noted = _noted({k: v for k, v in before.items() if k not in _IDENTITY}, after, "")
    return {key: below for key, below in noted.items() if key[2:] not in _IDENTITY}


_IDENTITY = ("apiVersion", "kind")


def _noted(before: Any, after: Any, name: str) -> Object:
    if isinstance(after, dict) and (name not in _ONE_VALUE or (name == "selector" and "matchLabels" in after)):
        had = before if isinstance(before, dict) else None
        below = {f"f:{k}": _noted(_got(had, k), v, k) for k, v in after.items() if _got(had, k) != v}
        return {**({} if had is not None else {".": {}}), **below}
    if isinstance(after, list) and (keys := _keys_of(name, after)):
        had = {_key(item, keys): item for item in before or ()}
        return {_key(i, keys): _noted(had.get(_key(i, keys)), i, "") for i in after if had.get(_key(i, keys)) != i}
    if isinstance(after, list) and name in _SETS:
        return {f"v:{json.dumps(item)}": {} for item in after if item not in (before or ())}
    return {}


def _got(mapping: Any, key: str) -> Any:
    return None if mapping is None else mapping.get(key)


def _keys_of(name: str, items: list[Any]) -> tuple[str, ...]:
    if name == "ports" and items:
        return ("containerPort", "protocol") if "containerPort" in items[0] else ("port", "protocol")
    return _KEYS.get(name, ())


def _key(item: Object, keys: tuple[str, ...]) -> str:
    return f"k:{json.dumps({key: item.get(key, 'TCP') for key in keys})}"


def _without(fields: Object, taken: Object) -> Object:
    kept: Object = {}
    for key, below in fields.items():
        if key not in taken:
            kept[key] = below
        elif taken[key] and (rest := _without(below, taken[key])):
            kept[key] = rest
    return kept
