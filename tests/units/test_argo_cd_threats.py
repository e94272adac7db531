"""What docs/threat-model.md says of Argo CD: what our values set and leave alone, and the repository's projects."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from eks_assets.units.applications.argo_cd import argo_cd
from resources.config.environment import Environment
from sandbox.paths import PROJECT

REPOSITORY = PROJECT / "sandbox/git/argocd_app_config"
SETS = sorted(REPOSITORY.rglob("applicationset.yaml"))
PROJECTS = sorted(REPOSITORY.glob("projects/*.yaml"))


def names(files: list[Path]) -> list[str]:
    return [str(file.relative_to(REPOSITORY)) for file in files]


def load(file: Path) -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load(file.read_text())
    return document


def test_values_of_argo_cd_open_nothing(sandbox_env: Environment) -> None:
    """No plugin, sidecar, account, anonymous access, default role, ingress or namespace beyond the chart's defaults."""
    values = argo_cd(sandbox_env).values
    assert sorted(values) == ["configs", "controller", "global", "server"]
    assert values["controller"] == values["server"] == {"metrics": {"enabled": True}}
    assert sorted(values["configs"]) == ["params"]
    assert values["configs"]["params"] == {"controller.resource.health.persist": True}


@pytest.mark.parametrize("file", SETS, ids=names(SETS))
def test_application_set_stays_within_a_project(file: Path) -> None:
    """A list generator, no project `default`, its own cluster, the one repository, values in place of files."""
    spec = load(file)["spec"]
    template = spec["template"]["spec"]
    assert [sorted(generator) for generator in spec["generators"]] == [["list"]]
    assert template["project"] in {load(project)["metadata"]["name"] for project in PROJECTS} - {"default"}
    assert template["destination"]["server"] == "https://kubernetes.default.svc"
    assert template["source"]["repoURL"] == "${GIT_REPOSITORY}"
    assert {"plugin", "kustomize", "directory"}.isdisjoint(template["source"])
    assert set(template["source"].get("helm", {})) <= {"valuesObject"}


@pytest.mark.parametrize("file", PROJECTS, ids=names(PROJECTS))
def test_project_names_its_namespaces(file: Path) -> None:
    """No project reaches any namespace, another cluster, or kinds of the whole cluster beyond Namespace."""
    spec = load(file)["spec"]
    assert all(place["server"] == "https://kubernetes.default.svc" for place in spec["destinations"])
    assert all("*" not in place["namespace"] and place["namespace"] != "argocd" for place in spec["destinations"])
    assert [kind["kind"] for kind in spec["clusterResourceWhitelist"]] in ([], ["Namespace"])
