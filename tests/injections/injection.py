"""What a person or a program changes behind the pipeline's back, as data: kinds of change, each on the objects that
allow it."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal

Object = dict[str, Any]
Edit = Callable[[Object], None]
Verb = Literal["update", "apply", "delete"]
# Who changes things: whether it counts must not depend on it. None is on the list of controllers.
MANAGERS = (
    "kubectl-edit",
    "Terraform",
    "kubectl-patch",
    "pulumi-kubernetes",
    "Go-http-client",
    "k9s",
    "OpenLens",
    "HashiCorp",
    "rancher",
    "fabric8-kubernetes-client",
    "python-requests",
    "kustomize-controller",
    "agent",
)


@dataclass(frozen=True)
class Injection:
    """One kind of change of an object. `kinds`: of the objects that it is for, empty for any. `edit` changes an object
    in place, and raises LookupError for one that does not allow that; None: the object is deleted. `verb`: how it is
    sent, `apply` as `kubectl apply --server-side --force-conflicts`. `brings`: paths that the API server changes with
    it. `by_hand`: why a deploy cannot restore it."""

    name: str
    kinds: tuple[str, ...]
    edit: Edit | None
    verb: Verb = "update"
    brings: tuple[str, ...] = ()
    by_hand: str = ""

    def changed(self, obj: Object) -> Object:
        """A copy with the change in it. Raises LookupError where the object does not allow it."""
        edited = copy.deepcopy(obj)
        if self.edit is None:
            raise LookupError(self.name)
        self.edit(edited)
        return edited

    def allows(self, obj: Object) -> bool:
        """Whether the object is of such a kind, and has what is to be changed."""
        if self.kinds and obj["kind"] not in self.kinds:
            return False
        try:
            return self.edit is None or self.changed(obj) != obj
        except (LookupError, ValueError):
            return False


def set_to(pointer: str, value: Any) -> Edit:
    """Give another value to what is there (a JSON Pointer, RFC 6901)."""

    def edit(obj: Object) -> None:
        parent, key = _parent(obj, pointer)
        if parent[key] == value:
            raise LookupError(pointer)
        parent[key] = value

    return edit


def add(pointer: str, value: Any) -> Edit:
    """Add what is not there, and what it lies in; `-` at the end: one more item of a list."""

    def edit(obj: Object) -> None:
        parent, key = _parent(obj, pointer, makes=True)
        if isinstance(parent, list):
            parent.append(copy.deepcopy(value))
        elif key in parent:
            raise LookupError(pointer)
        else:
            parent[key] = copy.deepcopy(value)

    return edit


def drop(pointer: str) -> Edit:
    """Take away what is there."""

    def edit(obj: Object) -> None:
        parent, key = _parent(obj, pointer)
        del parent[key]

    return edit


def first(pointer: str, act: Callable[[Object, str], None]) -> Edit:
    """Do something with the first key of a mapping, in the order of their names."""

    def edit(obj: Object) -> None:
        parent, key = _parent(obj, pointer)
        held = parent[key]
        if not isinstance(held, dict) or not held:
            raise LookupError(pointer)
        act(held, min(held))

    return edit


def both(*edits: Edit) -> Edit:
    """One after the other, as one change."""

    def edit(obj: Object) -> None:
        for one in edits:
            one(obj)

    return edit


def only_where(test: Callable[[Object], bool], then: Edit) -> Edit:
    """The change, on objects that are so."""

    def edit(obj: Object) -> None:
        if not test(obj):
            raise LookupError(obj["kind"])
        then(obj)

    return edit


def _parent(obj: Object, pointer: str, *, makes: bool = False) -> tuple[Any, Any]:
    """What the last part of the pointer lies in, and its key there."""
    parts = [part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/")[1:]]
    here: Any = obj
    for part, following in pairwise(parts):
        if isinstance(here, list):
            here = here[int(part)]
        elif makes and part not in here:
            here[part] = [] if following == "-" else {}
            here = here[part]
        else:
            here = here[part]
    return here, int(parts[-1]) if isinstance(here, list) and parts[-1] != "-" else parts[-1]
