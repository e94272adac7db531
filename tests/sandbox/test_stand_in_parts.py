"""The pure parts of the stand-in controller."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from sandbox.stand_in.admission import review_response
from sandbox.stand_in.dns_records import Record, Settings, record_sets
from sandbox.stand_in.external_secrets import SyncError, admits_namespace, property_of, rendered, seconds
from sandbox.stand_in.volumes import gibibytes
from tests.sandbox.stand_in_cluster import SECRET_VALUE


def test_secret_template_errors_show_no_value() -> None:
    """Templates and properties of a secret are filled in; their errors show no value."""
    assert rendered("{{ .user }}@{{.host}}", {"user": "a", "host": "b"}) == "a@b"
    assert property_of('{"a": {"b": 1}, "c.d": "x"}', "k", "a.b") == "1"
    assert property_of('{"a": {"b": 1}, "c.d": "x"}', "k", "c.d") == "x"
    with pytest.raises(SyncError, match="the template names nope"):
        rendered("{{ .nope }}", {"user": SECRET_VALUE})
    with pytest.raises(SyncError) as caught:
        property_of(SECRET_VALUE, "demo/key", "user")
    assert SECRET_VALUE not in str(caught.value)


@pytest.mark.parametrize(("text", "expected"), [("1h0m0s", 3600), ("90s", 90), ("500ms", 0.5), ("0", 0)])
def test_seconds_reads_go_durations(text: str, expected: float) -> None:
    """Durations in Go's form become seconds."""
    assert seconds(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [("10Gi", 10), ("1500Mi", 2), ("1Ti", 1024), ("1", 1), ("2G", 2), ("3e9", 3), ("1024Ki", 1)],
)
def test_gibibytes_rounds_quantities_up(text: str, expected: int) -> None:
    """A volume's size becomes whole GiB, rounded up."""
    assert gibibytes(text) == expected


def test_dns_records_follow_arguments_of_external_dns() -> None:
    """DNS records follow the prefix, owner and domain filter of external-dns's arguments."""
    arguments = ["--policy=sync", "--txt-owner-id=me", "--txt-prefix=x-", "--domain-filter=example.com"]
    settings = Settings.of({"spec": {"template": {"spec": {"containers": [{"args": arguments}]}}}})
    alias, text = record_sets(Record("a.example.com", "lb.aws", "service/default/a"), settings)
    assert (alias["Type"], text["Name"]) == ("A", "x-cname-a.example.com.")
    assert "external-dns/owner=me,external-dns/resource=service/default/a" in text["ResourceRecords"][0]["Value"]
    assert settings.covers("example.com")
    assert not settings.covers("badexample.com")


def test_webhook_sets_class_of_load_balancers_without_one() -> None:
    """The webhook sets the class of a load balancer Service that has none, and of nothing else."""

    def answer(**spec: str) -> dict[str, Any]:
        review = {"kind": "AdmissionReview", "apiVersion": "v1", "request": {"uid": "1", "object": {"spec": spec}}}
        response: dict[str, Any] = review_response("/mutate-v1-service", review)["response"]
        return response

    patch = json.loads(base64.b64decode(answer(type="LoadBalancer")["patch"]))
    assert patch == [{"op": "add", "path": "/spec/loadBalancerClass", "value": "service.k8s.aws/nlb"}]
    assert "patch" not in answer(type="LoadBalancer", loadBalancerClass="other")
    assert answer(type="ClusterIP") == {"uid": "1", "allowed": True}


@pytest.mark.parametrize(
    ("conditions", "admits"),
    [
        (None, True),
        ([], True),
        ([{"namespaces": ["argocd", "keycloak"]}], True),
        ([{"namespaces": ["other"]}, {"namespaceRegexes": ["^argo.*$"]}], True),
        ([{"namespaces": ["argo"]}], False),
        ([{"namespaceRegexes": ["^other"]}], False),
        ([{}], False),
    ],
)
def test_store_admits_the_namespaces_of_its_conditions(conditions: Any, admits: bool) -> None:
    """As External Secrets does: one condition that fits is enough."""
    assert admits_namespace({"spec": {"conditions": conditions}}, "argocd") is admits
