"""Which tools the sandbox is made of, each with its package; their versions stand in `sandbox/tools/go.mod`."""

from __future__ import annotations

import re
from dataclasses import dataclass

from sandbox.errors import SandboxError
from sandbox.paths import SANDBOX

MODULE = SANDBOX / "tools"
KUBERNETES_VERSION = "v1.37.2"


@dataclass(frozen=True)
class GoTool:
    """One binary: the name it is kept under, the package it is built from, and its share of the time that building
    all of them takes, in percent (measured on two cores)."""

    name: str
    package: str
    share: int


TOOLS = (
    GoTool("kube-apiserver", "k8s.io/kubernetes/cmd/kube-apiserver", 40),
    GoTool("etcd", "go.etcd.io/etcd/server/v3", 4),
    GoTool("kube-controller-manager", "k8s.io/kubernetes/cmd/kube-controller-manager", 16),
    GoTool("kube-scheduler", "k8s.io/kubernetes/cmd/kube-scheduler", 4),
    GoTool("kubectl", "k8s.io/kubernetes/cmd/kubectl", 5),
    GoTool("helm", "helm.sh/helm/v4/cmd/helm", 5),
    GoTool("kwok", "sigs.k8s.io/kwok/cmd/kwok", 4),
    GoTool("registry", "github.com/google/go-containerregistry/cmd/registry", 1),
    GoTool("argocd", "github.com/argoproj/argo-cd/v3/cmd", 21),
)

CUSTOM_RESOURCE_DEFINITIONS = {
    "sigs.k8s.io/kwok": ("kustomize/crd/bases/kwok.x-k8s.io_stages.yaml",),
    "github.com/argoproj/argo-cd/v3": tuple(
        f"manifests/crds/{kind}-crd.yaml" for kind in ("application", "applicationset", "appproject")
    ),
}


def locked_version(module: str) -> str:
    """The version of a module in go.mod (`v1.37.2`). Raises SandboxError where it requires none."""
    found = re.search(rf"^\s*{re.escape(module)} (v\S+)", (MODULE / "go.mod").read_text(), re.MULTILINE)
    if not found:
        raise SandboxError(f"{MODULE / 'go.mod'} does not require {module}: restore the file from git.")
    return found.group(1)
