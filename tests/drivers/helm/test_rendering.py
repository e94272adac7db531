"""Two renderings of a chart: what they have in common, what is volatile, and scalars as Kubernetes reads them."""

from __future__ import annotations

import base64
from typing import Any

from resources.drivers.helm.comparison import Rendering, compare_renderings
from resources.drivers.helm.driver import HelmReleaseDriver
from resources.drivers.helm.preview import list_disruptions, masked_where_secret
from resources.drivers.helm.storage import manifest_objects
from resources.kubernetes.live_diff import removed_fields
from resources.model.change import MASK, FieldChange
from resources.model.specs import HelmRelease


def secret(password: str, args: list[str], name: str = "s") -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name},
        "data": {"password": password, "user": "YQ=="},
        "items": [{"args": args, "same": 1}],
    }


def test_rendering_leaves_out_and_names_volatile_fields() -> None:
    """What differs between two renderings is not compared."""
    rendering = compare_renderings([secret("a", ["x", "1"])], [secret("b", ["x", "2"])], "ns")
    (obj,) = rendering.objects
    assert obj["data"] == {"user": "YQ=="}
    assert obj["items"] == [{"same": 1}]
    assert rendering.volatile == ("Secret/ns/s: data.password", "Secret/ns/s: items[0].args")


def test_rendering_names_volatile_string_data_as_data() -> None:
    """`stringData` becomes `data` in the cluster."""
    one, two = ({**secret("a", []), "data": None, "stringData": {"p": text}} for text in ("x", "y"))
    rendering = compare_renderings([one], [two], "ns")
    assert rendering.volatile == ("Secret/ns/s: data.p",)
    assert [c.path for c in removed_fields(one, rendering.objects[0])] == ["data.p"]


def test_rendering_digest_ignores_volatile_fields_and_order() -> None:
    """Neither volatile fields nor the order of objects change the digest."""
    other = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}, "data": {"n": 2**63}}
    one = compare_renderings([secret("a", []), other], [secret("b", []), other], "ns")
    two = compare_renderings([other, secret("c", [])], [other, secret("d", [])], "ns")
    assert one.digest == two.digest
    changed = compare_renderings([secret("a", ["x"]), other], [secret("b", ["x"]), other], "ns")
    assert changed.digest != one.digest


def test_rendering_digest_has_types_of_volatile_fields() -> None:
    """A random value enters by its place and type: something of another type in its place is another rendering."""
    random = compare_renderings([secret("a", ["x", "1", "same"])], [secret("b", ["x", "2", "same"])], "ns")
    again = compare_renderings([secret("c", ["x", "3", "same"])], [secret("d", ["x", "4", "same"])], "ns")
    assert random.digest == again.digest
    for one, two in (
        ((["a"], ["x", "1", "same"]), (["b"], ["x", "2", "same"])),
        (("a", ["x", "1", "--privileged"]), ("b", ["x", "2", "--privileged"])),
        (("a", ["x", "1"]), ("b", ["x", "2"])),
        (("a", ["x", "1", "same"]), ("a", ["x", "2", "same"])),
    ):
        made: list[Any] = [secret(*one), secret(*two)]
        assert compare_renderings([made[0]], [made[1]], "ns").digest != random.digest


def test_rendering_digest_has_objects_of_one_title() -> None:
    """A hook, or an object of another API group, that has the kind and name of another is part of the digest."""
    plain = {"apiVersion": "v1", "kind": "Job", "metadata": {"name": "x"}, "spec": {"image": "good"}}
    meta = {"name": "x", "annotations": {"helm.sh/hook": "pre-install"}}
    hook = {**plain, "metadata": meta, "spec": {"image": "evil"}}
    group = {**plain, "apiVersion": "other/v1"}
    digests = {compare_renderings(made, made, "ns").digest for made in ([plain], [hook, plain], [plain, group], [hook])}
    assert len(digests) == 4


def test_rendering_digest_has_what_is_the_same_of_renamed_objects() -> None:
    """An object with a random name enters with what it always has."""
    one = compare_renderings([secret("a", ["x"], "x1")], [secret("a", ["x"], "x2")], "ns")
    two = compare_renderings([secret("a", ["x"], "x3")], [secret("a", ["x"], "x4")], "ns")
    other = compare_renderings([secret("a", ["y"], "x1")], [secret("a", ["y"], "x2")], "ns")
    assert one.digest == two.digest != other.digest


def test_rendering_treats_object_with_changing_name_as_volatile() -> None:
    """An object whose name differs each time is left out as a whole."""
    rendering = compare_renderings([secret("a", [], "x1")], [secret("a", [], "x2")], "ns")
    assert rendering == Rendering((), ("Secret/ns/*",))


def test_values_that_are_in_secrets_alone_are_masked() -> None:
    """A value that also is in a public object is shown."""
    config = {"kind": "Secret", "stringData": {"app.yaml": "url: https://hooks.test/T1\nport: 8080\nname: app"}}
    old = {"kind": "Secret", "data": {"t": "b2xkLXRva2Vu"}}
    public = {"kind": "ConfigMap", "data": {"app": "port: 8080"}}
    fields = [
        FieldChange("values.url", None, "https://hooks.test/T1"),
        FieldChange("values.port", None, "8080"),
        FieldChange("values.token", "old-token", None),
        FieldChange("values.replicas", 1, 2),
        FieldChange("values.name", None, ""),
    ]
    masked = masked_where_secret(fields, [config, old, public])
    assert [(f.before, f.after) for f in masked] == [(None, MASK), (None, "8080"), (MASK, None), (1, 2), (None, "")]


def test_plain_scalars_are_read_as_by_kubernetes() -> None:
    """YAML scalars have the types that Kubernetes gives them."""
    text = "{kind: X, date: 2024-01-01, time: 12:30, is: =, mode: 0644, big: 1e3, yes: on, none: ~, text: '1'}"
    assert manifest_objects(text) == [
        {
            "kind": "X",
            "date": "2024-01-01",
            "time": "12:30",
            "is": "=",
            "mode": 420,
            "big": 1000.0,
            True: True,
            "none": None,
            "text": "1",
        }
    ]
    assert manifest_objects("kind: ConfigMapList\nitems: [{kind: ConfigMap}]\n---\n# nothing\n") == [
        {"kind": "ConfigMap"}
    ]


def test_disruptions_name_each_workload_once() -> None:
    """Pods restart or are removed; OnDelete and scaling restart none."""
    fields = [
        FieldChange("Deployment/ns/a: spec.template.spec.containers[0].image", "1", "2"),
        FieldChange("Deployment/ns/a: spec.template.metadata.labels.x", "1", "2"),
        FieldChange("Deployment/ns/b: spec.replicas", 1, 2),
        FieldChange("StatefulSet/ns/c", "applied", None),
        FieldChange("DaemonSet/ns/d: spec.template.spec.hostNetwork", None, True),
    ]
    manual = {"kind": "DaemonSet", "metadata": {"name": "d"}, "spec": {"updateStrategy": {"type": "OnDelete"}}}
    assert list(list_disruptions(fields, [manual], "ns")) == [
        "pods of Deployment ns/a restart",
        "pods of StatefulSet ns/c are removed",
    ]


def test_values_with_secret_names_are_masked() -> None:
    """A name such as adminPassword masks its value."""
    values = {"grafana": {"adminPassword": "hunter2", "admin": {"existingSecret": "reference"}}}
    release = HelmRelease(
        name="r", namespace="n", repository="https://charts.example", chart="c", version="1", values=values
    )
    planned = {f.path: f.after for f in HelmReleaseDriver().plan(release, None).fields}
    assert planned["values.grafana.adminPassword"] == MASK
    assert planned["values.grafana.admin.existingSecret"] == "reference"


def test_text_with_a_secret_part_is_masked_whole() -> None:
    """A text that becomes a Secret is masked as a whole."""
    config = "password: hunter2\nhook: https://hooks.example/T0/B0/x"
    release = HelmRelease(
        name="r", namespace="n", repository="https://charts.example", chart="c", version="1", values={"config": config}
    )
    made = {"kind": "Secret", "metadata": {"name": "s"}, "data": {"c": base64.b64encode(config.encode()).decode()}}
    planned = HelmReleaseDriver().plan(release, None).fields
    shown = {f.path: f.after for f in masked_where_secret(planned, [made])}
    assert shown["values.config"] == MASK
