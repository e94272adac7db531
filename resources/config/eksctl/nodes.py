"""The parts of a ClusterConfig that pods run on: managed node groups, Fargate profiles, Auto Mode."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo, field_validator, model_validator

from resources.config import aws_catalog
from resources.config.eksctl.base import ConfigModel, later_field
from resources.config.eksctl.bottlerocket import Bottlerocket
from resources.config.eksctl.labels import MOST_TAINTS, Labels, NodeLabels, Tags
from resources.config.eksctl.node_settings import (
    AdditionalVolume,
    CapacityReservation,
    NodeGroupIam,
    NodeRepairConfig,
    NodeSecurityGroups,
    Placement,
    Ssh,
    Taint,
    UpdateConfig,
    list_taints,
)
from resources.config.field_types import Arn, InstanceType, SubnetId, Zone

DEFAULT_INSTANCE_TYPE = "m5.large"
DEFAULT_NODES = 2
_BOTTLEROCKET = {"arm64": "ARM_64", "x86_64": "x86_64"}
Count = Annotated[int, Field(ge=0, description="a whole number from 0")]
NodeGroupName = Annotated[
    str,
    # EKS allows 63; a hash of what forces a replacement is appended.
    Field(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,53}$",
        description="at most 54 letters, digits, hyphens and underscores",
    ),
]


class ManagedNodeGroup(ConfigModel):
    """An EKS managed node group. `size`, `types`, `capacity_type` and `ami_type` are its settings with eksctl's
    defaults filled in, but for one: nodes are always in private subnets. Sizes are numbers of nodes,
    `volume_size` is GiB."""

    name: NodeGroupName
    ami_family: Literal["AmazonLinux2023", "Bottlerocket"] = "AmazonLinux2023"
    instance_type: InstanceType | None = None
    instance_types: tuple[InstanceType, ...] = ()
    desired_capacity: Count | None = None
    min_size: Count | None = None
    max_size: Annotated[int, Field(ge=1)] | None = None
    volume_size: int = Field(default=80, ge=20, le=16384, description="GiB, from 20 to 16384")
    volume_type: Literal["gp2", "gp3", "io1", "io2"] = "gp3"
    volume_iops: int | None = Field(default=None, ge=100, le=256000)
    volume_throughput: int | None = Field(default=None, ge=125, le=2000, description="MiB/s, from 125 to 2000")
    volume_encrypted: bool = True
    volume_kms_key_id: str | None = None
    labels: NodeLabels = Field(default={})
    taints: Annotated[tuple[Taint, ...], BeforeValidator(list_taints)] = Field(default=(), max_length=MOST_TAINTS)
    tags: Tags = Field(default={})
    private_networking: Literal[True] = True
    availability_zones: tuple[Zone, ...] = ()
    subnets: tuple[SubnetId, ...] = ()
    spot: bool = False
    capacity_reservation: CapacityReservation | None = None
    iam: NodeGroupIam = NodeGroupIam()
    update_config: UpdateConfig | None = None
    node_repair_config: NodeRepairConfig = NodeRepairConfig()
    release_version: str | None = Field(default=None, pattern=r"^1\.\d+\.\d+-([0-9a-f]{8}|\d{8})$")
    disable_imdsv1: Literal[True] = Field(default=True, alias="disableIMDSv1")
    ssh: Ssh = later_field(Ssh())
    instance_name: str | None = later_field(None, max_length=256)
    ebs_optimized: bool | None = later_field(None)
    max_pods_per_node: int | None = later_field(None, ge=1, le=737, description="pods, from 1 to 737")
    placement: Placement | None = later_field(None)
    additional_volumes: tuple[AdditionalVolume, ...] = later_field(())
    enable_detailed_monitoring: bool = later_field(False)
    security_groups: NodeSecurityGroups = later_field(NodeSecurityGroups())
    bottlerocket: Bottlerocket | None = later_field(None)
    # What every node has, and what none has: said in words, it changes nothing.
    disable_pod_imds: Literal[True] = later_field(True)
    efa_enabled: Literal[False] = later_field(False)
    propagate_asg_tags: Literal[False] = later_field(False, alias="propagateASGTags")

    @property
    def size(self) -> tuple[int, int, int]:
        """(minimum, desired, maximum) number of nodes."""
        desired = self.desired_capacity
        if desired is None:
            desired = DEFAULT_NODES if self.min_size is None else self.min_size
            desired = desired if self.max_size is None else min(desired, self.max_size)
        minimum = desired if self.min_size is None else self.min_size
        maximum = max(desired, minimum, 1) if self.max_size is None else self.max_size
        return minimum, desired, maximum

    @property
    def types(self) -> tuple[str, ...]:
        """The instance types, at least one."""
        return self.instance_types or (self.instance_type or DEFAULT_INSTANCE_TYPE,)

    @property
    def capacity_type(self) -> Literal["ON_DEMAND", "SPOT"]:
        return "SPOT" if self.spot else "ON_DEMAND"

    @property
    def ami_type(self) -> str:
        """EKS's name of the image that fits the instance types."""
        if self.ami_family == "Bottlerocket":
            architecture = _BOTTLEROCKET[aws_catalog.architecture_of(self.types[0])]
            return f"BOTTLEROCKET_{architecture}{'_NVIDIA' if self.gpu else ''}"
        if aws_catalog.architecture_of(self.types[0]) == "arm64":
            nvidia = aws_catalog.accelerator_of(self.types[0]) == "nvidia"
            return "AL2023_ARM_64_NVIDIA" if nvidia else "AL2023_ARM_64_STANDARD"
        kind = {"none": "STANDARD", "nvidia": "NVIDIA", "neuron": "NEURON"}[aws_catalog.accelerator_of(self.types[0])]
        return f"AL2023_x86_64_{kind}"

    @property
    def gpu(self) -> bool:
        """Whether the nodes have NVIDIA processors."""
        return aws_catalog.accelerator_of(self.types[0]) == "nvidia"

    @model_validator(mode="after")
    def _people_find_a_shell(self) -> Self:
        if self.ssh.allow and self.bottlerocket and self.bottlerocket.enable_admin_container is False:
            raise ValueError("allows SSH without the admin container, which answers it; allowed: one of them")
        return self

    @field_validator("bottlerocket")
    @classmethod
    def _of_its_image(cls, value: Bottlerocket | None, info: ValidationInfo) -> Bottlerocket | None:
        if value is not None and info.data.get("ami_family") == "AmazonLinux2023":
            raise ValueError("is for nodes of Bottlerocket; allowed: with amiFamily: Bottlerocket")
        return value

    @model_validator(mode="after")
    def _five_groups_at_most(self) -> Self:
        # EC2's limit: the cluster's, the environment's, that of SSH, and these.
        if self.ssh.allow and len(self.security_groups.attach_ids) > 2:
            raise ValueError("has three securityGroups.attachIDs and SSH; allowed: two of them, or no SSH")
        return self

    @field_validator("additional_volumes")
    @classmethod
    def _each_device_once(
        cls, value: tuple[AdditionalVolume, ...], info: ValidationInfo
    ) -> tuple[AdditionalVolume, ...]:
        own = ["/dev/xvdb"] if info.data.get("ami_family") == "Bottlerocket" else []
        devices = [*own, *(volume.volume_name for volume in value)]
        if twice := sorted({device for device in devices if devices.count(device) > 1}):
            raise ValueError(f"has {', '.join(twice)} twice, the nodes' own volume included; allowed: each device once")
        return value

    @field_validator("min_size", "max_size")
    @classmethod
    def _in_order(cls, value: int | None, info: ValidationInfo) -> int | None:
        """Field by field, so that it is seen beside other faults: minSize <= desiredCapacity <= maxSize."""
        desired, minimum = info.data.get("desired_capacity"), info.data.get("min_size")
        if value is None:
            return value
        if info.field_name == "min_size" and desired is not None and value > desired:
            raise ValueError(f"{value} is more than desiredCapacity {desired}; allowed: at most {desired}")
        needed = [(n, name) for n, name in ((minimum, "minSize"), (desired, "desiredCapacity")) if n is not None]
        if info.field_name == "max_size" and needed and value < max(needed)[0]:
            least, name = max(needed)
            raise ValueError(f"{value} is less than {name} {least}; allowed: at least {least}")
        return value

    @field_validator("update_config")
    @classmethod
    def _not_more_than_there_are(cls, value: UpdateConfig | None, info: ValidationInfo) -> UpdateConfig | None:
        largest = info.data.get("max_size")
        if value and value.max_unavailable and largest is not None and value.max_unavailable > largest:
            raise ValueError(
                f"maxUnavailable {value.max_unavailable} is more than maxSize {largest}; allowed: at most {largest}"
            )
        return value

    @field_validator("taints")
    @classmethod
    def _each_taint_once(cls, value: tuple[Taint, ...]) -> tuple[Taint, ...]:
        kinds = [f"{taint.key}:{taint.effect}" for taint in value]
        if twice := sorted({kind for kind in kinds if kinds.count(kind) > 1}):
            raise ValueError(f"has {', '.join(twice)} twice; allowed: each key once with an effect")
        return value

    @field_validator("instance_types")
    @classmethod
    def _one_image_fits_all(cls, value: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        if value and info.data.get("instance_type"):
            raise ValueError("stands beside instanceType; allowed: one of them")
        kinds = {(aws_catalog.architecture_of(name), aws_catalog.accelerator_of(name)) for name in value}
        if len(kinds) > 1:
            raise ValueError(
                f"{', '.join(value)} need different images; allowed: types with the same processor architecture "
                "and accelerator, or one node group for each"
            )
        return value

    @field_validator("subnets")
    @classmethod
    def _subnets_or_zones(cls, value: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        if value and info.data.get("availability_zones"):
            raise ValueError("stands beside availabilityZones; allowed: one of them")
        return value


def _not_of_eks(name: str) -> str:
    if name.startswith("eks-"):
        raise ValueError(f"{name} begins with eks-, which EKS keeps for itself; allowed: another name")
    return name


class FargateSelector(ConfigModel):
    """Which pods: those in the namespace that have all the labels."""

    namespace: Annotated[
        str,
        Field(
            pattern=r"^[a-z0-9*?]([a-z0-9*?-]{0,61}[a-z0-9*?])?$",
            description="a namespace, in which * and ? stand for any letters",
        ),
    ]
    labels: Labels = Field(default={})


class FargateProfile(ConfigModel):
    """Pods that run without nodes of ours."""

    name: Annotated[
        str,
        Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,99}$", description="letters, digits, - and _"),
        AfterValidator(_not_of_eks),
    ]
    selectors: tuple[FargateSelector, ...] = Field(min_length=1, max_length=5)
    pod_execution_role_arn: Arn | None = None
    subnets: tuple[SubnetId, ...] = ()
    tags: Tags = Field(default={})


class AutoModeConfig(ConfigModel):
    """EKS Auto Mode: AWS runs the nodes, the load balancer controller, the volumes driver, the network and DNS."""

    enabled: bool = False
    node_pools: tuple[Literal["general-purpose", "system"], ...] = ("general-purpose", "system")
    node_role_arn: Arn | None = None

    @model_validator(mode="after")
    def _role_has_pools(self) -> Self:
        if self.node_role_arn and not self.node_pools:
            raise ValueError("has nodeRoleARN and no nodePools; allowed: both, or neither")
        return self
