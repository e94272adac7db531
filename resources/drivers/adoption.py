"""Takes fields of live objects back from whoever changed them behind our back.

Server-side apply leaves alone what others own, and removes what the applying manager owned and no longer names. So the
manager that applies first becomes the owner of what has to go.
"""

from __future__ import annotations

from resources.context import Context
from resources.kubernetes.errors import kubernetes_call
from resources.kubernetes.field_ownership import with_foreign_fields_adopted
from resources.kubernetes.objects import Object, describe_object


def adopt_fields(live: Object, manager: str, context: Context) -> None:
    """Make `manager` the owner of what others than controllers own of a live object; its content stays as it is.

    Raises AccessDenied, Transient (where the object has changed since it was read)."""
    adopted = with_foreign_fields_adopted(live, manager)
    if adopted is None:
        return
    meta = live["metadata"]
    patch = {"metadata": {"resourceVersion": meta["resourceVersion"], "managedFields": adopted}}
    context.progress(f"taking back what others changed: {describe_object(live)}")
    context.before_change()
    with kubernetes_call(f"taking over the fields of {describe_object(live)}"):
        context.cluster.kind(live["apiVersion"], live["kind"]).patch(
            body=patch,
            name=meta["name"],
            namespace=meta.get("namespace"),
            content_type="application/merge-patch+json",
        )
