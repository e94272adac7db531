"""The tiny environment: a network and a control plane alone, with nothing that waits for a pod or for DNS. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import yaml

from eks_assets.graph.unit import AnyUnit
from resources.prices import HOURS, PRICES

NAME = "smoke"
TENANT = "eksassets"
# What is not wanted, though nothing of it needs a node: it waits for DNS, or costs and shows nothing new.
_LEFT_OUT = ("certificate", "efs", "notifications", "deploy_requests")
# What costs by the hour: type in CloudFormation, how many, and what it is.
_BY_THE_HOUR = (
    ("AWS::EKS::Cluster", 1, "a control plane"),
    ("AWS::EC2::NatGateway", 1, "a NAT gateway"),
    ("AWS::EC2::EIP", 1, "its address"),
)
MINUTES = 45


def dollars_an_hour() -> dict[str, float]:
    """US dollars an hour by what costs them."""
    return {what: round(count * PRICES[kind].each / HOURS, 4) for kind, count, what in _BY_THE_HOUR}


def write_environment(
    folder: Path, account: str, region: str, units: Mapping[str, AnyUnit], *, sandbox: bool = False
) -> None:
    """The files of the environment, in a folder of its own. `sandbox`: its AWS is the sandbox's."""
    arn = f"arn:aws:iam::{account}:role/eks-assets-smoke"
    off = [name for name, unit in units.items() if unit.needs_nodes or _needs_charts(unit)]
    environment: dict[str, object] = {
        "tenant": TENANT,
        "target_env": NAME,
        "account": account,
        "region": region,
        "roles": {
            "deployer": {"arn": f"{arn}-deployer", "external_id": NAME},
            "planner": f"{arn}-planner",
            "destroyer": {"arn": f"{arn}-destroyer", "external_id": NAME},
            "cloudformation": f"{arn}-cloudformation",
        },
        # Of no registry: nobody asks for it, and it is gone before a month is paid for.
        "hosted_zone": {"name": "smoke.eks-assets.internal", "create": True},
        "kubernetes_version": "1.35",
        "karpenter_version": "1.14.1",
        "cluster": f"clusters/{NAME}.yaml",
        "network": {"create": {"cidr": "10.77.0.0/16", "zones": [f"{region}a", f"{region}b"], "flow_log_days": 1}},
        # As short as S3 takes it: until then nobody can remove the ledger.
        "ledger": {"retention_days": 1},
        "addons": dict.fromkeys((*sorted(off), *_LEFT_OUT), False),
    }
    if sandbox:
        environment["sandbox"] = True
    cluster = {
        "apiVersion": "eksctl.io/v1alpha5",
        "kind": "ClusterConfig",
        "metadata": {"name": "${CLUSTER_NAME}", "region": "${AWS_REGION}", "version": "${KUBERNETES_VERSION}"},
        "vpc": {"clusterEndpoints": {"publicAccess": True, "privateAccess": True}},
    }
    (folder / "clusters").mkdir(parents=True)
    (folder / f"{NAME}.yaml").write_text(yaml.safe_dump(environment, sort_keys=False))
    (folder / "clusters" / f"{NAME}.yaml").write_text(yaml.safe_dump(cluster, sort_keys=False))


def _needs_charts(unit: AnyUnit) -> bool:
    """What comes after a chart, or stands in the cluster for those that do."""
    return unit.wave in ("applications", "observability") or (
        unit.wave == "configuration" and unit.name not in ("namespaces", "planner_access")
    )
