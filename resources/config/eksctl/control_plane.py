"""The parts of a ClusterConfig that say how large the control plane is, how its components run, and what
protects it.

Source: eksctl 0.230, `controlPlaneScalingConfig`, `kubeAPIServerConfig`, `kubeSchedulerConfig`,
`kubeControllerManagerConfig`; CloudFormation, AWS::EKS::Cluster.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from resources.config.eksctl.base import ConfigModel
from resources.config.field_types import KeyArn

Duration = Annotated[str, Field(pattern=r"^([0-9]+(ms|s|m|h))+$", description="a duration, such as 15s or 1h30m")]
Tier = Literal["standard", "tier-xl", "tier-2xl", "tier-4xl", "tier-8xl", "tier-ultra"]


class ControlPlaneScaling(ConfigModel):
    """How large the control plane is, whatever its load; larger ones cost more."""

    tier: Tier


class PortRange(ConfigModel):
    """The ports of Services of type NodePort."""

    min_port: int = Field(ge=1, le=65535)
    max_port: int = Field(ge=1, le=65535)


class ApiServerConfig(ConfigModel):
    """How long events are kept, and which ports NodePorts get."""

    event_ttl: Duration | None = Field(default=None, alias="eventTTL")
    service_node_port_range: PortRange | None = None


class ResourceWeight(ConfigModel):
    """How much a resource counts when nodes are compared."""

    name: str
    weight: int = Field(ge=1, le=100)


class ScoringStrategy(ConfigModel):
    """Which node a pod gets: the emptiest or the fullest."""

    type: Literal["LeastAllocated", "MostAllocated"]
    resources: tuple[ResourceWeight, ...] = ()


class NodeResourcesFit(ConfigModel):
    """The scheduler's plugin of that name."""

    scoring_strategy: ScoringStrategy


class SchedulerConfig(ConfigModel):
    """How pods are placed."""

    node_resources_fit: NodeResourcesFit


class AutoscalerController(ConfigModel):
    """How often horizontal pod autoscalers are looked at."""

    horizontal_pod_autoscaler_sync_period: Duration


class ControllerManagerConfig(ConfigModel):
    """How controllers of Kubernetes run."""

    horizontal_pod_autoscaler_controller_config: AutoscalerController


class SecretsEncryption(ConfigModel):
    """Envelope encryption of Secrets. Without `key_arn` (which eksctl demands) the cluster's stack makes a key."""

    key_arn: KeyArn | None = None


class ZonalShiftConfig(ConfigModel):
    """Whether AWS may move traffic away from an impaired zone."""

    enabled: bool = False


class UpgradePolicy(ConfigModel):
    """What happens when standard support ends: STANDARD upgrades, EXTENDED costs six times as much."""

    support_type: Literal["STANDARD", "EXTENDED"] = "STANDARD"
