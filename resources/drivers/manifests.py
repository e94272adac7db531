"""Plain Kubernetes objects: server-side apply under our own field manager."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from resources.context import Context
from resources.drivers.adoption import adopt_fields
from resources.drivers.base import Driver
from resources.drivers.object_drift import missing_object, object_findings
from resources.drivers.object_removal import OWNING, kept_because, remove_objects
from resources.kubernetes.dry_run import dry_run_objects
from resources.kubernetes.live_diff import object_diff
from resources.kubernetes.objects import (
    FIELD_MANAGER,
    Object,
    apply_object,
    describe_object,
    find_condition,
    read_object,
)
from resources.kubernetes.webhooks import explain_webhook
from resources.model.change import NOTHING_TO_DO, Change, FieldChange, Observed
from resources.model.drift import Drift, Finding
from resources.model.errors import Transient
from resources.model.outputs import NoOutputs, plain_document
from resources.model.reach import is_reach_of_object
from resources.model.removal import Kept, Removal, Removed
from resources.model.specs import Manifests
from resources.support.polling import Poll, wait_until

# What goes along with an object of a kind.
_ALONG = {
    "ApplicationSet": "its Applications go with it, by Argo CD",
    "CustomResourceDefinition": "with every object of its kind",
    "Namespace": "with everything in it",
    "NodePool": "its nodes go with it, by Karpenter",
}


class ManifestsDriver(Driver[Manifests]):
    """Observes, plans and applies `Manifests`."""

    def observe(self, spec: Manifests, context: Context) -> Observed | None:
        """The live objects by `Kind namespace/name`; None where none of them exists."""
        live = {describe_object(obj): read_object(context.cluster, plain_document(obj)) for obj in spec.objects}
        if not any(live.values()):
            return None
        missing = sorted(name for name, obj in live.items() if obj is None)
        return Observed("partial" if missing else "applied", live, NoOutputs(), {"missing": ", ".join(missing)})

    def plan(self, spec: Manifests, observed: Observed | None) -> Change:
        """The objects that are missing, the fields that differ from what we want, and what others added to them."""
        live = observed.desired if observed else {}
        fields: list[FieldChange] = []
        for obj in spec.objects:
            name, wanted = describe_object(obj), plain_document(obj)
            existing = live.get(name)
            if existing is None:
                fields.append(FieldChange(name, None, wanted))
            else:
                fields += [replace(c, path=f"{name} {c.path}") for c in object_diff(existing, wanted, FIELD_MANAGER)]
        if not fields:
            return NOTHING_TO_DO
        return Change(
            "update" if observed else "create",
            tuple(fields),
            f"{len(fields)} differences in {len(spec.objects)} objects",
        )

    def list_reach(
        self, spec: Manifests, observed: Observed | None, change: Change, context: Context
    ) -> tuple[str, ...]:
        """The objects with a field that touches identity or reach, as `Kind namespace/name`."""
        names: list[str] = []
        for field in change.fields:
            kind, _, rest = field.path.partition(" ")
            name, _, path = rest.partition(" ")
            if is_reach_of_object(kind, replace(field, path=path)):
                names.append(f"{kind} {name}")
        return tuple(dict.fromkeys(names))

    def apply(self, spec: Manifests, context: Context) -> None:
        """Apply each object in order, once the cluster has accepted all of them in a dry-run; wait for a
        CustomResourceDefinition until it is Established."""
        documents = [plain_document(obj) for obj in spec.objects]
        for document in documents:
            if live := read_object(context.cluster, document):
                adopt_fields(live, FIELD_MANAGER, context)
        dry_run_objects(documents, context.cluster)
        for document in documents:
            context.progress(f"applying {describe_object(document)}")
            context.before_change()
            try:
                apply_object(context.cluster, document)
            except Transient as error:
                raise Transient(f"{error.message}{explain_webhook(error.message, context.cluster)}") from error
            if document["kind"] == "CustomResourceDefinition":
                self._wait_established(document, spec, context)

    def drift(self, spec: Manifests, context: Context) -> Drift:
        """The live objects against the spec: what was applied last is kept by nobody but in who owns which field."""
        observed = self.observe(spec, context)
        return Drift(is_pending=True) if observed is None else Drift(tuple(_findings(spec, observed)))

    def plan_removal(self, spec: Manifests, context: Context, *, delete_data: bool) -> Removal:
        """The live objects in the order in which they go; of namespaces only those that we made."""
        return removal_of(_live_in_reverse(spec, context))

    def destroy(self, spec: Manifests, context: Context, *, delete_data: bool) -> None:
        """Delete the objects, the last one first, each once those after it are gone. Raises WaitTimeout, naming what
        holds one."""
        for obj in _live_in_reverse(spec, context):
            if not kept_because(obj):
                remove_objects([obj], context, deadline_of(obj, context, spec.timeout))

    def _wait_established(self, crd: dict[str, Any], spec: Manifests, context: Context) -> None:
        def poll() -> Poll[bool]:
            established = find_condition(read_object(context.cluster, crd) or {}, "Established")
            if established and established["status"] == "True":
                return Poll(True, "Established")
            return Poll(None, "not Established")

        wait_until(poll, what=describe_object(crd), deadline=spec.timeout, interval=1, progress=context.progress)


def removal_of(live: Sequence[Object]) -> Removal:
    """What the removal of these objects is, in their order."""
    return Removal(
        tuple(Removed(describe_object(obj), _ALONG.get(obj["kind"], "")) for obj in live if not kept_because(obj)),
        tuple(Kept(describe_object(obj), why, 0.0) for obj in live if (why := kept_because(obj))),
    )


def deadline_of(obj: Object, context: Context, seconds: float = 0.0) -> float:
    """How long the removal of an object may take: one that owns others (a NodePool its nodes) as long as a stack."""
    deadlines = context.env.deadlines
    return deadlines.stack if obj["kind"] in OWNING else max(seconds, deadlines.release)


def _live_in_reverse(spec: Manifests, context: Context) -> list[Object]:
    """The objects that exist, the last one first."""
    documents = [plain_document(obj) for obj in reversed(spec.objects)]
    pairs = [(obj, read_object(context.cluster, obj)) for obj in documents]
    return [{"apiVersion": obj["apiVersion"], "kind": obj["kind"], **live} for obj, live in pairs if live is not None]


def _findings(spec: Manifests, observed: Observed) -> Iterator[Finding]:
    for obj in spec.objects:
        title, document = describe_object(obj), plain_document(obj)
        if (live := observed.desired[title]) is None:
            yield missing_object("kubernetes", title)
        else:
            yield from object_findings(live, document, FIELD_MANAGER, "kubernetes", title)
