"""What the planner sees of the cluster's Secrets: those where our releases live, and of Argo CD's none but those in
which helm keeps its release.

Argo CD's Secrets open the application repository and other clusters, and Secrets of other namespaces are other
people's. RBAC cannot leave out by name or by label, so what may be read is named, here for the rights and for whoever
reads by them. Source: Kubernetes, "Using RBAC Authorization", "Referring to resources".
"""

from __future__ import annotations

from resources.config.environment import Environment

GROUP = "eks-assets-planner"  # to which the access entry maps the planner, and which the cluster's roles name
# By namespace, the releases of which the planner reads what helm keeps, and no other Secret there.
RELEASES_ALONE = {"argocd": ("argocd",)}
# Rights name Secrets one by one, and helm counts a release's revisions up for good.
READABLE_REVISIONS = 500


def shown_namespaces(env: Environment) -> tuple[str, ...]:
    """The namespaces of which the planner reads every Secret: those of our releases that are on."""
    own = {
        "external-dns": env.addon("external_dns").enabled,
        "external-secrets": env.addon("external_secrets").enabled,
        "kube-system": True,
        "nvidia-device-plugin": env.runs_gpus and env.addon("nvidia_device_plugin").enabled,
        "observability": "observability" in env.namespaces,
    }
    return tuple(namespace for namespace, is_on in own.items() if is_on)


def helm_namespaces(env: Environment) -> tuple[str, ...]:
    """Those where the planner reads what helm keeps of our releases, and nothing else."""
    return tuple(namespace for namespace in RELEASES_ALONE if env.git is not None and namespace in env.namespaces)


def is_shown(env: Environment, namespace: str | None) -> bool:
    """Whether the planner may read the Secrets of that namespace."""
    return namespace in shown_namespaces(env)


def revision_secret(release: str, revision: int) -> str:
    """The name of the Secret in which helm keeps a revision. Source: helm, pkg/storage/storage.go, `makeKey`."""
    return f"sh.helm.release.v1.{release}.v{revision}"
