"""The kinds of value that input files are made of, each with its check and the words that explain it."""

from __future__ import annotations

import ipaddress
from collections.abc import Collection
from typing import Annotated, Any

import yaml
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from resources.config import aws_catalog
from resources.config.problems import suggest_choices
from resources.model.outputs import plain_document
from resources.support.yaml_limits import InputTooLarge, load_document, read_limits

Seconds = Annotated[float, Field(gt=0, description="seconds, more than 0")]
Duration = Annotated[str, Field(pattern=r"^[1-9]\d{0,3}[hm]$", description='hours ("24h") or minutes ("30m")')]
Arn = Annotated[
    str,
    Field(
        pattern=r"^arn:aws[a-z-]*:[a-z0-9-]+:[a-z0-9-]*:(\d{12}|aws)?:.+$",
        description="an ARN, such as arn:aws:iam::111122223333:role/deployer",
    ),
]
# These stand in policies, where `*` would be a pattern.
RoleArn = Annotated[
    str,
    Field(
        pattern=r"^arn:aws[a-z-]*:iam::\d{12}:role/[A-Za-z0-9_+=,.@/-]+$",
        description="the ARN of one role, such as arn:aws:iam::111122223333:role/deployer",
    ),
]
PolicyArn = Annotated[
    str,
    Field(
        pattern=r"^arn:aws[a-z-]*:iam::\d{12}:policy/[A-Za-z0-9_+=,.@/-]+$",
        description="the ARN of a policy of the account, such as arn:aws:iam::111122223333:policy/boundary (AWS's own "
        "deny nothing of the environment)",
    ),
]
KeyArn = Annotated[
    str,
    Field(
        pattern=r"^arn:aws[a-z-]*:kms:[a-z0-9-]+:\d{12}:key/[A-Za-z0-9-]+$",
        description="the ARN of one KMS key, such as arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab",
    ),
]
ParameterName = Annotated[
    str,
    Field(
        pattern=r"^/?[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)*$", description="a name in Parameter Store, such as /shared/efs"
    ),
]
AccountId = Annotated[str, Field(pattern=r"^\d{12}$", description='12 digits in quotes, such as "111122223333"')]
Owner = Annotated[
    str,
    Field(
        pattern=r"^(team:[A-Za-z0-9._-]+|[^@\s]+@[^@\s]+)$",
        max_length=100,
        description="a team, such as team:payments, or an e-mail address",
    ),
]
Label = Annotated[
    str,
    Field(
        pattern=r"^[a-z]([a-z0-9-]{0,18}[a-z0-9])?$",
        description="1 to 20 of a-z, 0-9 and hyphens, with a letter first and no hyphen last",
    ),
]

KubernetesName = Annotated[
    str,
    Field(
        pattern=r"^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$",
        description="a Kubernetes name: a-z, 0-9, hyphens and dots, with a letter or digit at both ends",
    ),
]
# Keys are text from here on, so that 8080 and "8080" are one key wherever values are merged.
HelmValues = Annotated[dict[str, Any], BeforeValidator(plain_document)]


class Model(BaseModel):
    """Frozen, and a field that we do not know is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def duration_seconds(duration: str) -> int:
    """The seconds of a Duration."""
    return int(duration[:-1]) * (3600 if duration.endswith("h") else 60)


def _cidr(value: str) -> str:
    try:
        ipaddress.IPv4Network(value)
    except ValueError as error:
        raise ValueError(f"{value} is not a CIDR block ({error}); allowed: a block such as 10.0.0.0/16") from None
    return value


def _kubernetes_version(value: str) -> str:
    if value not in aws_catalog.KUBERNETES_VERSIONS and not aws_catalog.may_be_new_version(value):
        versions = ", ".join(aws_catalog.KUBERNETES_VERSIONS)
        raise ValueError(
            f"EKS does not offer Kubernetes {value}; allowed (as of {aws_catalog.CATALOG_DATE}): {versions}"
        )
    return value


def _region(value: str) -> str:
    if value not in aws_catalog.REGIONS:
        raise ValueError(f"{value} is not a region; {suggest_choices(value, aws_catalog.REGIONS)}")
    partition = aws_catalog.partition_of(value)
    if partition not in aws_catalog.SUPPORTED_PARTITIONS:
        raise ValueError(
            f"{value} lies in the partition {partition}, whose service principals, endpoints and image registries are "
            f"others; allowed: regions of {' and '.join(aws_catalog.SUPPORTED_PARTITIONS)}"
        )
    return value


def _instance_type(value: str) -> str:
    family, dot, size = value.partition(".")
    if not dot:
        raise ValueError(f"{value} is not an instance type; allowed: family.size, such as m7i.large")
    sizes = aws_catalog.INSTANCE_SIZES.get(family)
    if sizes is None:
        raise ValueError(f"{family} is not an instance family; {suggest_choices(family, aws_catalog.INSTANCE_SIZES)}")
    if size not in sizes:
        raise ValueError(f"{size} is not a size of {family}; {suggest_choices(size, sizes)}")
    return value


def _refuse_typo(value: str, known: Collection[str], what: str) -> None:
    if value not in known and not aws_catalog.may_be_new_name(value, known):
        raise ValueError(f"{value} is not {what}; {suggest_choices(value, known)}")


def _addon_name(value: str) -> str:
    _refuse_typo(value, aws_catalog.EKS_ADDONS, "an EKS add-on")
    return value


def _access_policy(value: str) -> str:
    name = aws_catalog.access_policy_name(value)
    if name is None:
        raise ValueError(
            f"{value} is not an EKS access policy; allowed: arn:aws:eks::aws:cluster-access-policy/NAME "
            "(an IAM policy belongs on the role itself)"
        )
    _refuse_typo(name, aws_catalog.ACCESS_POLICIES, "an EKS access policy")
    return value


def _yaml_mapping(value: str) -> str:
    try:
        content: Any = load_document(value, read_limits())
    except InputTooLarge as error:
        raise ValueError(str(error.problem)) from None
    except yaml.YAMLError as error:
        raise ValueError(f"is neither JSON nor YAML: {' '.join(str(error).split())}") from None
    if isinstance(content, dict):
        return value
    raise ValueError("must hold a mapping as JSON or YAML text")


def _services_once(value: tuple[str, ...]) -> tuple[str, ...]:
    # A stack's logical ids have neither . nor -, so names that differ in those alone would be one resource.
    as_ids = [name.replace(".", "-") for name in value]
    for index, name in enumerate(value):
        if as_ids[index] in as_ids[:index]:
            raise ValueError(f"{name} is written twice; allowed: each service once")
    return value


Cidr = Annotated[str, AfterValidator(_cidr)]
ServiceName = Annotated[
    str,
    Field(pattern=r"^[a-z0-9]+([.-][a-z0-9]+)*$", description="the name of an AWS service, such as s3 or ecr.api"),
]
ServiceNames = Annotated[tuple[ServiceName, ...], AfterValidator(_services_once)]
KubernetesVersionName = Annotated[
    str,
    Field(pattern=r"^1\.\d+$", description='a minor version in quotes, such as "1.34"'),
    AfterValidator(_kubernetes_version),
]
Region = Annotated[
    str, Field(pattern=r"^[a-z]{2,4}(-[a-z]+)+-\d$", description="a region, such as us-west-2"), AfterValidator(_region)
]
Zone = Annotated[
    str, Field(pattern=r"^[a-z]{2,4}(-[a-z]+)+-\d[a-z]$", description="an availability zone, such as us-west-2a")
]
InstanceType = Annotated[str, AfterValidator(_instance_type)]
AddonName = Annotated[str, AfterValidator(_addon_name)]
AccessPolicyArn = Annotated[str, AfterValidator(_access_policy)]
YamlText = Annotated[str, AfterValidator(_yaml_mapping)]
SecurityGroupId = Annotated[
    str, Field(pattern=r"^sg-[0-9a-f]+$", description="the id of a security group, such as sg-0a1b2c3d")
]
SubnetId = Annotated[str, Field(pattern=r"^subnet-[0-9a-f]+$", description="a subnet id, such as subnet-0a1b2c3d")]
