"""Objects of the sandbox's cluster that a test clears away."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from resources.context import Context
from resources.kubernetes.objects import read_object


def remove(context: Context, obj: Mapping[str, Any]) -> None:
    """Delete an object and wait until it is gone; one that does not exist is gone."""
    kinds = context.cluster.api.resources.get(api_version=obj["apiVersion"], kind=obj["kind"])
    name, namespace = obj["metadata"]["name"], obj["metadata"].get("namespace")
    if read_object(context.cluster, obj) is not None:
        kinds.delete(name=name, namespace=namespace)
    deadline = time.monotonic() + 30
    while read_object(context.cluster, obj) is not None:
        assert time.monotonic() < deadline, f"{name} is still there"
        time.sleep(0.1)
