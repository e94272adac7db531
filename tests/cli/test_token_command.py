"""How kubeconfigs get the command that prints tokens: passed down by the program, spelled in one place."""

from __future__ import annotations

import sys

import pytest
import yaml

from eks_assets.token_command import install_token_command
from resources.kubernetes import exec_credential
from resources.kubernetes.access import ClusterAddress, build_kubeconfig
from sandbox.paths import PROJECT

ADDRESS = ClusterAddress("acme-prod-cluster", "https://cluster.test", b"authority")
KUBECONFIG = """\
apiVersion: v1
clusters:
- cluster:
    certificate-authority-data: YXV0aG9yaXR5
    server: https://cluster.test
  name: acme-prod-cluster
contexts:
- context:
    cluster: acme-prod-cluster
    user: eks-assets
  name: acme-prod-cluster
current-context: acme-prod-cluster
kind: Config
users:
- name: eks-assets
  user:
    exec:
      apiVersion: client.authentication.k8s.io/v1
      args:
      - -m
      - eks_assets.cli
      - token
      - acme-prod
      command: PYTHON
      interactiveMode: Never
"""
BELOW = ["resources", "sensors", *(f"eks_assets/{layer}" for layer in ("graph", "units", "plan", "engine"))]


def test_kubeconfig_names_the_token_command() -> None:
    """The kubeconfig's exec entry is the command that the program set."""
    install_token_command()
    written = yaml.safe_dump(build_kubeconfig(ADDRESS, "acme-prod"))
    assert written == KUBECONFIG.replace("PYTHON", sys.executable)


def test_kubeconfig_without_token_command_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a command that was set there is no kubeconfig."""
    monkeypatch.setattr(exec_credential, "_command", [])
    with pytest.raises(RuntimeError, match="no command that prints tokens was set"):
        build_kubeconfig(ADDRESS, "acme-prod")


@pytest.mark.parametrize("layer", [*BELOW, "eks_assets/orchestration"])
def test_lower_layers_do_not_spell_the_token_command(layer: str) -> None:
    """No layer below the command line names `eks_assets.cli`."""
    sources = list((PROJECT / layer).rglob("*.py"))
    assert sources
    assert [str(file) for file in sources if "eks_assets.cli" in file.read_text()] == []
