"""The edit that makes what is observed what is wanted, found by rendering again."""

from __future__ import annotations

from pathlib import Path

import pytest

from eks_assets.engine.drift.acceptance import Edit, find_edit
from eks_assets.graph.rendering import render_spec
from eks_assets.plan.drift import build_finding
from eks_assets.units import load_registry
from resources.config.loader import load_environment
from resources.model.change import FieldChange
from resources.model.drift import Finding
from resources.model.errors import ConfigError

GROUP = "AWS::EKS::Nodegroup {} (demo-sandbox-cluster/system)"


def edit(folder: Path, unit: str | None, obj: str, field: FieldChange, layer: str = "cloudformation") -> Edit:
    finding = build_finding(unit, Finding(layer, obj, field, "changed"))
    return find_edit(load_registry(), folder / "sandbox.yaml", finding)


def logical_id(folder: Path, unit: str, kind: str) -> str:
    """Of the one resource of that type in the unit's template."""

    registry = load_registry()
    spec = render_spec(registry, load_environment("sandbox", folder), registry.by_name[unit], {})
    resources = spec.model_dump()["template"]["Resources"]
    return next(str(name) for name, resource in resources.items() if resource["Type"] == kind)


def test_node_group_scaled_by_hand(folder: Path) -> None:
    """Its desired size, not the least one of the same value, with everything else of the file as it is."""
    group = GROUP.format(logical_id(folder, "node_groups", "AWS::EKS::Nodegroup"))
    found = edit(folder, "node_groups", group, FieldChange("ScalingConfig.DesiredSize", "2", "3"))
    assert (found.file.name, found.location) == ("sandbox.yaml", "managedNodeGroups[0].desiredCapacity")
    assert found.file.parent.name == "clusters"
    before = found.file.read_text().splitlines()
    changed = [(old, new) for old, new in zip(before, found.text.splitlines(), strict=True) if old != new]
    assert changed == [("    desiredCapacity: 2", "    desiredCapacity: 3")]


def test_endpoint_closed_by_hand(folder: Path) -> None:
    """One boolean among many."""
    cluster = f"AWS::EKS::Cluster {logical_id(folder, 'cluster', 'AWS::EKS::Cluster')} (demo-sandbox-cluster)"
    path = "ResourcesVpcConfig.EndpointPublicAccess"
    found = edit(folder, "cluster", cluster, FieldChange(path, "true", "false"))
    assert found.location == "vpc.clusterEndpoints.publicAccess"
    assert "publicAccess: false" in found.text
    assert [path.rpartition(".")[2] for path in found.also] == ["PublicAccessCidrs[0]"], "what goes with it is said"


@pytest.mark.parametrize(
    ("unit", "obj", "field", "words"),
    [
        (None, "ClusterRoleBinding/mine", FieldChange("", None, "exists"), "no unit declares it"),
        ("node_groups", "AWS::EKS::Nodegroup x (y)", FieldChange("AmiType", "a", "b"), "no value in"),
        ("node_groups", "AWS::EKS::Nodegroup x (y)", FieldChange("", "exists", None), "only a value that was changed"),
        ("external_dns", "Deployment/a/b", FieldChange("spec.replicas", 1, 2), "values of a chart"),
    ],
)
def test_what_no_field_says(folder: Path, unit: str | None, obj: str, field: FieldChange, words: str) -> None:
    """It is said so, with what else can be done."""
    with pytest.raises(ConfigError, match=words) as refused:
        edit(folder, unit, obj, field)
    assert "--ignore" in refused.value.next_step
