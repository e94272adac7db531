"""Who asks for deprecated APIs: by the API server's metrics, and by its audit log."""

from __future__ import annotations

import json
from typing import Any

import pytest

from resources.audit.deprecated_calls import DeprecatedCall, parse_deprecated_call
from resources.kubernetes.metrics import DEPRECATED_APIS, list_samples

# As kube-apiserver 1.37.2 prints it.
METRICS = """\
# HELP apiserver_requested_deprecated_apis [STABLE] Gauge of deprecated APIs that have been requested.
# TYPE apiserver_requested_deprecated_apis gauge
apiserver_requested_deprecated_apis{group="",removed_release="",resource="endpoints",subresource="",version="v1"} 1
apiserver_requested_deprecated_apis{group="a.k8s.io",removed_release="1.36",resource="b",subresource="",version="v1"} 0
apiserver_request_total{code="200",resource="endpoints"} 7
"""


def test_samples_of_one_metric_are_its_labels_where_it_is_not_zero() -> None:
    (labels,) = list_samples(METRICS, DEPRECATED_APIS)
    assert labels == {"group": "", "removed_release": "", "resource": "endpoints", "subresource": "", "version": "v1"}


def event(**more: Any) -> str:
    target = {"resource": "flowschemas", "apiGroup": "flowcontrol.apiserver.k8s.io", "apiVersion": "v1beta3"}
    notes = {"k8s.io/deprecated": "true", "k8s.io/removed-release": "1.32"}
    caller = {"user": {"username": "system:serviceaccount:a:b"}, "userAgent": "old-operator/v1"}
    at = {"requestReceivedTimestamp": "2026-11-30T12:00:00Z"}
    return json.dumps({"objectRef": target, "annotations": notes, **caller, **at, **more})


def test_event_names_api_and_caller() -> None:
    assert parse_deprecated_call(event()) == DeprecatedCall(
        "flowschemas.v1beta3.flowcontrol.apiserver.k8s.io",
        "1.32",
        by="system:serviceaccount:a:b (old-operator/v1)",
        time="2026-11-30T12:00:00Z",
    )


@pytest.mark.parametrize(
    "message", [event(annotations={}), event(annotations=None), "[]", "no JSON", event(annotations=3)]
)
def test_other_events_are_none(message: str) -> None:
    assert parse_deprecated_call(message) is None
