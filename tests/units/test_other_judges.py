"""What others' tools say of what we render: checkov of every template, kubernetes-validate of every built-in object."""

from __future__ import annotations

import json
import subprocess
from collections import defaultdict
from pathlib import Path

import pytest

from eks_assets.units import load_registry
from resources.bootstrap.stack import build_bootstrap_stack
from resources.model.outputs import plain_document
from resources.model.specs import Manifests
from sandbox.install.python_environments import ensure_judges
from tests.units.accepted_findings import ACCEPTED
from tests.units.test_every_unit import ENVIRONMENTS, UNITS, published, rendered, stacks_by_unit

# Kinds of the API server itself; of others their CRDs are the judge, in the sandbox.
BUILT_IN = ("v1", "apps/v1", "batch/v1", "policy/v1")
BUILT_IN_SUFFIX = ".k8s.io/v1"


@pytest.fixture(scope="module")
def judges() -> Path:
    """The Python of the judges' own virtual environment."""
    return ensure_judges(lambda _: None)


def run(judge: Path, *arguments: str, folder: Path) -> str:
    """What a judge says; it ends with 1 where it finds something."""
    command = [str(judge), *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode in (0, 1), done.stderr[-2000:]
    return done.stdout


def test_checkov_finds_nothing_that_is_not_accepted_with_a_reason(judges: Path, tmp_path: Path) -> None:
    """Of every stack of the published environments, and of their bootstraps. It asks nobody for anything."""
    templates = tmp_path / "templates"
    templates.mkdir()
    for name in ENVIRONMENTS:
        stacks = stacks_by_unit(published(name)) | {"bootstrap": build_bootstrap_stack(published(name))}
        for unit, spec in stacks.items():
            (templates / f"{name}.{unit}.json").write_text(json.dumps(plain_document(spec.template), default=str))
    options = ["--framework", "cloudformation", "--output", "json", "--compact", "--quiet", "--skip-download"]
    report = json.loads(run(judges, "-m", "checkov.main", "-d", str(templates), *options, folder=tmp_path))
    assert report["summary"]["parsing_errors"] == 0
    assert report["summary"]["passed"] > 800
    found: dict[str, set[str]] = defaultdict(set)
    for finding in report["results"]["failed_checks"]:
        found[finding["check_id"]].add(finding["resource"].rpartition(".")[2])
    assert found == {check: set(accepted.resources) for check, accepted in ACCEPTED.items()}


def test_kubernetes_validate_accepts_every_object_of_a_built_in_kind(judges: Path, tmp_path: Path) -> None:
    """Strictly: a field that Kubernetes does not know is refused; the judge is shown to refuse one."""
    kinds: dict[str, set[str]] = defaultdict(set)
    for name in ENVIRONMENTS:
        env = published(name)
        for unit in (u for u in UNITS if load_registry()[u].is_enabled(env)):
            spec = rendered(env, unit)
            if not isinstance(spec, Manifests):
                continue
            for number, obj in enumerate(plain_document(one) for one in spec.objects):
                if obj["apiVersion"] in BUILT_IN or obj["apiVersion"].endswith(BUILT_IN_SUFFIX):
                    file = tmp_path / f"{name}.{unit}.{number}.json"
                    file.write_text(json.dumps(obj, default=str))
                    kinds[env.kubernetes_version].add(file.name)
    planted = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "dta": {}}
    (tmp_path / "planted.json").write_text(json.dumps(planted))
    assert sum(map(len, kinds.values())) > 20
    for version, files in kinds.items():
        options = ["--strict", "--quiet", "-k", version]
        said = run(judges, "-m", "kubernetes_validate", *options, *sorted(files), "planted.json", folder=tmp_path)
        (refused,) = said.splitlines()
        assert refused.startswith("ERROR planted.json did not validate")
