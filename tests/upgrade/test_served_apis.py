"""What Kubernetes versions serve, as it was recorded, and how a record is read."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from resources.config.aws_catalog import SANDBOX_KUBERNETES_VERSIONS
from resources.upgrade.served_apis import RECORD, Record, ServedApis, build_record, load_record, read_served_apis
from tests.upgrade.plain_live import obj


def test_record_has_every_version_that_the_api_server_emulates_and_is_small() -> None:
    """It is shipped with the package, dated."""
    record = load_record()
    assert tuple(record.versions) == SANDBOX_KUBERNETES_VERSIONS
    assert dt.date.fromisoformat(record.recorded) >= dt.date(2026, 11, 30)
    assert RECORD.stat().st_size < 150_000


@pytest.mark.parametrize("version", SANDBOX_KUBERNETES_VERSIONS)
def test_each_version_serves_what_every_cluster_uses_and_nothing_that_is_gone(version: str) -> None:
    served = read_served_apis(version)
    assert served is not None
    assert served.serves("apps/v1", "Deployment")
    assert served.serves("v1", "Pod")
    assert not served.serves("policy/v1beta1", "PodDisruptionBudget")
    assert served.list_versions("HorizontalPodAutoscaler", "autoscaling") == ("autoscaling/v1", "autoscaling/v2")
    assert "discovery.k8s.io/v1 EndpointSlice" in served.deprecated["v1/Endpoints"]


def test_versions_differ_as_the_api_server_says() -> None:
    """MutatingAdmissionPolicy became v1 in 1.36, StorageVersionMigration in 1.37."""
    before, after = read_served_apis("1.35"), read_served_apis("1.37")
    assert before is not None
    assert after is not None
    assert not before.serves("admissionregistration.k8s.io/v1", "MutatingAdmissionPolicy")
    assert after.serves("admissionregistration.k8s.io/v1", "MutatingAdmissionPolicy")
    assert before.kinds.keys() < after.kinds.keys()


def test_unknown_fields_are_found_in_lists_and_maps_and_nowhere_else() -> None:
    """A label, a limit and an annotation are keys that anybody may choose."""
    served = read_served_apis("1.35")
    assert served is not None
    template = {
        "metadata": {"labels": {"app": "shop"}},
        "spec": {
            "containers": [{"name": "a", "resources": {"limits": {"cpu": 1}}, "portz": []}],
            "volumes": [{"name": "v", "configMap": {"name": "c"}}],
        },
    }
    workload = obj("apps/v1", "Deployment", "shop", spec={"template": template, "replicaz": 1})
    assert served.find_unknown_fields(workload) == {"spec.replicaz", "spec.template.spec.containers[].portz"}
    assert served.find_unknown_fields(obj("example.org/v1", "Shop", "a", spec={"b": 1})) == frozenset()


def record_of(*versions: ServedApis) -> Record:
    return build_record("2026-11-30", "v1.40.0", {one.version: one for one in versions})


def test_short_form_gives_back_what_was_recorded(tmp_path: Path) -> None:
    """Kinds, types and fields that came, changed and went."""
    first = ServedApis("1.9", {"a/v1/A": "A"}, {"a/v1/A": "old"}, {"A": {"spec": "B"}, "B": {"x": ""}})
    second = ServedApis("1.10", {"a/v2/A": "C"}, {}, {"B": {"y": ""}, "C": {"spec": "B"}})
    file = tmp_path / "record.json"
    file.write_text(record_of(first, second).model_dump_json())
    record = load_record(file)
    assert record.versions["1.10"].gone == ("A", "a/v1/A")
    for recorded in (first, second):
        assert read_served_apis(recorded.version, record) == recorded
    assert read_served_apis("1.11", record) is None
