"""Kubernetes and add-on versions that the embedded EKS knows, and the operations that list them."""

from dataclasses import dataclass
from datetime import UTC, datetime

from .records import EksRefusal, Record, Response, answer, minor


@dataclass(frozen=True)
class KubernetesVersion:
    """A Kubernetes version of EKS and its support dates (ISO dates)."""

    version: str
    patch: str
    released: str
    standard_ends: str
    extended_ends: str
    status: str


# 1.37 is the sandbox's own, so that three upgrades in a row can be tried: EKS does not offer it yet.
KUBERNETES_VERSIONS = (
    KubernetesVersion("1.37", "1.37.2", "2026-11-01", "2028-01-01", "2029-01-01", "STANDARD_SUPPORT"),
    KubernetesVersion("1.36", "1.36.2", "2026-06-24", "2027-08-24", "2028-08-24", "STANDARD_SUPPORT"),
    KubernetesVersion("1.35", "1.35.4", "2026-01-27", "2027-03-27", "2028-03-27", "STANDARD_SUPPORT"),
    KubernetesVersion("1.34", "1.34.6", "2025-10-02", "2026-12-02", "2027-12-02", "STANDARD_SUPPORT"),
    KubernetesVersion("1.33", "1.33.9", "2025-05-29", "2026-07-29", "2027-07-29", "EXTENDED_SUPPORT"),
)
DEFAULT_VERSION = "1.35"
SUPPORTED = tuple(known.version for known in KUBERNETES_VERSIONS)

# The default of each version, the newest first; EKS offers the older ones for a newer Kubernetes, too.
_COREDNS = {
    "1.37": "v1.14.0-eksbuild.1",
    "1.36": "v1.13.2-eksbuild.3",
    "1.35": "v1.13.1-eksbuild.1",
    "1.34": "v1.12.4-eksbuild.1",
    "1.33": "v1.12.2-eksbuild.4",
}
_ADDONS: dict[str, tuple[str, tuple[str, ...]]] = {
    "vpc-cni": ("networking", ("v1.21.1-eksbuild.1", "v1.20.4-eksbuild.2", "v1.19.6-eksbuild.1")),
    "kube-proxy": ("networking", ()),
    "coredns": ("networking", ()),
    "metrics-server": ("observability", ("v0.8.1-eksbuild.1", "v0.8.0-eksbuild.3")),
    "aws-ebs-csi-driver": ("storage", ("v1.55.0-eksbuild.1", "v1.53.0-eksbuild.1")),
    "aws-efs-csi-driver": ("storage", ("v2.3.0-eksbuild.1", "v2.1.15-eksbuild.1")),
    "aws-mountpoint-s3-csi-driver": ("storage", ("v2.2.1-eksbuild.1",)),
    "snapshot-controller": ("storage", ("v8.3.0-eksbuild.1",)),
    "eks-pod-identity-agent": ("security", ("v1.3.10-eksbuild.1", "v1.3.9-eksbuild.3")),
    "eks-node-monitoring-agent": ("observability", ("v1.4.2-eksbuild.1",)),
    "amazon-cloudwatch-observability": ("observability", ("v4.6.0-eksbuild.1",)),
    "adot": ("observability", ("v0.141.0-eksbuild.1",)),
    "cert-manager": ("security", ("v1.19.1-eksbuild.1",)),
    "external-dns": ("networking", ("v0.20.0-eksbuild.1",)),
    "kube-state-metrics": ("observability", ("v2.17.0-eksbuild.3",)),
    "prometheus-node-exporter": ("observability", ("v1.10.2-eksbuild.3",)),
}
_NEEDS_IAM = {"vpc-cni", "aws-ebs-csi-driver", "aws-efs-csi-driver", "aws-mountpoint-s3-csi-driver", "external-dns"}


def require_supported(version: str) -> None:
    """Raises EksRefusal unless EKS knows this Kubernetes version."""
    if version not in SUPPORTED:
        raise EksRefusal("InvalidParameterException", f"unsupported Kubernetes version {version}")


def addon_versions(addon: str, kubernetes_version: str) -> tuple[str, ...]:
    """The add-on's versions for a Kubernetes version, its default first.

    Raises EksRefusal when there is no such add-on.
    """
    if addon not in _ADDONS:
        raise EksRefusal("InvalidParameterException", f"Addon {addon} specified is not supported")
    if addon == "kube-proxy":
        # It may be older than the API server by three minors, never newer.
        newest = minor(kubernetes_version)
        return tuple(f"v1.{newest - older}.{patch}-eksbuild.2" for older in range(4) for patch in (3, 1, 0))
    if addon == "coredns":
        newest = minor(kubernetes_version)
        return (*(name for version, name in _COREDNS.items() if minor(version) <= newest), "v1.11.4-eksbuild.24")
    return _ADDONS[addon][1]


def require_addon_version(addon: str, version: str, kubernetes_version: str) -> str:
    """The version to install: the default when `version` is empty. Raises EksRefusal when it does not fit."""
    known = addon_versions(addon, kubernetes_version)
    if not version:
        return known[0]
    if version not in known:
        raise EksRefusal(
            "InvalidParameterException",
            f"Addon version specified is not supported: {addon} {version} on Kubernetes {kubernetes_version}",
        )
    return version


def _timestamp(date: str) -> float:
    return datetime.fromisoformat(date).replace(tzinfo=UTC).timestamp()


def describe_cluster_versions(query: Record, wanted: list[str]) -> Response:
    """DescribeClusterVersions, newest first; filters by `clusterVersions`, status and default."""
    status = str(query.get("versionStatus") or query.get("status") or "").upper()
    default_only = str(query.get("defaultOnly", "")).lower() == "true"
    chosen = [
        known
        for known in KUBERNETES_VERSIONS
        if (not wanted or known.version in wanted)
        and (not status or known.status == status)
        and (not default_only or known.version == DEFAULT_VERSION)
    ]
    return answer({"clusterVersions": [_version_information(known) for known in chosen]})


def _version_information(known: KubernetesVersion) -> Record:
    return {
        "clusterVersion": known.version,
        "clusterType": "eks",
        "defaultPlatformVersion": "eks.4",
        "defaultVersion": known.version == DEFAULT_VERSION,
        "releaseDate": _timestamp(known.released),
        "endOfStandardSupportDate": _timestamp(known.standard_ends),
        "endOfExtendedSupportDate": _timestamp(known.extended_ends),
        "status": known.status.lower().replace("_", "-"),
        "versionStatus": known.status,
        "kubernetesPatchVersion": known.patch,
    }


def describe_addon_versions(query: Record) -> Response:
    """DescribeAddonVersions for one add-on or all, for one Kubernetes version or all."""
    names = [query["addonName"]] if query.get("addonName") else list(_ADDONS)
    versions = [query["kubernetesVersion"]] if query.get("kubernetesVersion") else list(SUPPORTED)
    return answer({"addons": [_addon_information(name, versions) for name in names]})


def _addon_information(name: str, kubernetes_versions: list[str]) -> Record:
    compatible: dict[str, list[Record]] = {}
    for kubernetes_version in kubernetes_versions:
        for index, version in enumerate(addon_versions(name, kubernetes_version)):
            compatible.setdefault(version, []).append(
                {"clusterVersion": kubernetes_version, "platformVersions": ["*"], "defaultVersion": index == 0}
            )
    return {
        "addonName": name,
        "type": _ADDONS[name][0],
        "publisher": "eks",
        "owner": "aws",
        "defaultNamespace": "kube-system",
        "addonVersions": [
            {
                "addonVersion": version,
                "architecture": ["amd64", "arm64"],
                "computeTypes": ["ec2", "hybrid", "auto"],
                "compatibilities": compatibilities,
                "requiresConfiguration": False,
                "requiresIamPermissions": name in _NEEDS_IAM,
            }
            for version, compatibilities in compatible.items()
        ],
    }


def describe_addon_configuration(query: Record) -> Response:
    """DescribeAddonConfiguration: a schema that accepts any object."""
    name, version = str(query.get("addonName", "")), str(query.get("addonVersion", ""))
    addon_versions(name, DEFAULT_VERSION)
    return answer({"addonName": name, "addonVersion": version, "configurationSchema": '{"type": "object"}'})
