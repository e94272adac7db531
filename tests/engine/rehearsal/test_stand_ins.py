"""Values of Secrets in a copy: stand-ins of the same shape, and a scanner that would find a real one."""

from __future__ import annotations

import base64
import json
from typing import Any

from eks_assets.engine.rehearsal.stand_ins import find_values, make_up_secrets, stand_in, with_stand_ins


def secret(**values: str) -> dict[str, Any]:
    data = {key: base64.b64encode(value.encode()).decode() for key, value in values.items()}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "db", "namespace": "shop"}, "data": data}


def decoded(obj: dict[str, Any], key: str) -> str:
    return base64.b64decode(obj["data"][key]).decode()


def test_a_stand_in_has_the_shape_and_no_letter_of_the_value() -> None:
    value = "Str0ng-Pass_word/2026"
    other = stand_in(value)
    assert len(other) == len(value)
    assert [c.isdigit() for c in other] == [c.isdigit() for c in value]
    assert [c.isupper() for c in other] == [c.isupper() for c in value]
    assert not any(a == b for a, b in zip(other, value, strict=True) if a.isalnum())


def test_json_stays_json_with_its_keys() -> None:
    document = {"user": "admin", "port": 5432, "hosts": ["a.example", "b.example"]}
    other = json.loads(stand_in(json.dumps(document)))
    assert list(other) == list(document)
    assert other["user"] != "admin"
    assert [len(host) for host in other["hosts"]] == [9, 9]


def test_every_value_is_replaced_and_what_kubectl_noted_is_gone() -> None:
    original = secret(password="correct-horse", token="battery-staple")
    noted = "kubectl.kubernetes.io/last-applied-configuration"
    original["metadata"]["annotations"] = {noted: json.dumps(original["data"]), "team": "shop"}
    copy, values = with_stand_ins(original)
    assert sorted(values) == ["battery-staple", "correct-horse"]
    assert copy["metadata"]["annotations"] == {"team": "shop"}
    assert list(find_values([copy], values)) == []


def test_the_scanner_finds_a_real_value_as_text_and_in_base64() -> None:
    original = secret(password="correct-horse")
    plain = {"kind": "Secret", "metadata": {"name": "a", "namespace": "b", "labels": {"x": "my correct-horse"}}}
    assert list(find_values([original], ["correct-horse"])) == ["Secret shop/db"]
    assert list(find_values([plain], ["correct-horse"])) == ["Secret b/a"]


def test_bytes_that_are_no_text_are_replaced_too() -> None:
    original = secret()
    original["data"] = {"key": base64.b64encode(bytes(range(128, 160))).decode()}
    copy, values = with_stand_ins(original)
    assert copy["data"] != original["data"]
    assert list(find_values([copy], values)) == []


def test_secrets_that_nobody_may_read_are_made_up_from_what_refers_to_them() -> None:
    container = {
        "env": [{"name": "P", "valueFrom": {"secretKeyRef": {"name": "db", "key": "password"}}}],
        "envFrom": [{"secretRef": {"name": "all"}}],
    }
    volumes = [{"name": "v", "secret": {"secretName": "tls"}}]
    spec = {"containers": [container], "volumes": volumes, "imagePullSecrets": [{"name": "pull"}]}
    workload = {
        "kind": "Deployment",
        "metadata": {"name": "web", "namespace": "shop"},
        "spec": {"template": {"spec": spec}},
    }
    made = make_up_secrets([workload], [("shop", "tls")])
    assert [(s["metadata"]["name"], list(s["data"])) for s in made] == [("all", []), ("db", ["password"]), ("pull", [])]
