"""The objects in the files of an application repository, whole or as templates show them."""

from __future__ import annotations

from resources.upgrade.branch import scan_objects

WHOLE = """\
# comes first
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  name: shop
---
apiVersion: v2
name: a-chart
"""
TEMPLATE = """\
{{- if .Values.on }}
apiVersion: "policy/v1beta1"
kind: PodDisruptionBudget # old
metadata:
  name: {{ .Release.Name }}
{{- end }}
---
spec:
  apiVersion: v1
  kind: Nested
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: {{ .Release.Name }}}
"""


def test_yaml_is_read_whole_and_what_is_no_object_is_left_out() -> None:
    """Chart.yaml has an apiVersion and no kind."""
    (budget,) = scan_objects("a.yaml", WHOLE)
    assert budget == {"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": {"name": "shop"}}


def test_template_gives_kind_and_line_and_nothing_that_is_nested() -> None:
    old, new = scan_objects("chart/templates/a.yaml", TEMPLATE)
    assert (old["apiVersion"], old["kind"]) == ("policy/v1beta1", "PodDisruptionBudget")
    assert old["metadata"] == {"name": "chart/templates/a.yaml:1"}
    assert (new["kind"], new["metadata"]) == ("Deployment", {"name": "chart/templates/a.yaml:11"})


def test_broken_yaml_is_read_like_a_template() -> None:
    (broken,) = scan_objects("a.yaml", "apiVersion: v1\nkind: Service\nmetadata: [name: {\n")
    assert broken["kind"] == "Service"
