"""Samples in what a server of Kubernetes serves as /metrics. Pure. Source: Prometheus, "Exposition formats"."""

from __future__ import annotations

import re
from collections.abc import Iterator

DEPRECATED_APIS = "apiserver_requested_deprecated_apis"
_LABEL = re.compile(r'(\w+)="([^"]*)"')


def list_samples(text: str, metric: str) -> Iterator[dict[str, str]]:
    """The labels of each sample of the metric whose value is not 0."""
    for match in re.finditer(rf"^{re.escape(metric)}\{{(?P<labels>[^}}]*)\}} (?P<value>\S+)", text, re.MULTILINE):
        if float(match["value"]):
            yield dict(_LABEL.findall(match["labels"]))
