"""Parameters that AWS publishes: the newest release of the EKS image of each type, and Bottlerocket's.

MiniStack knows two, of EC2's images. Source: EKS user guide, "Retrieve recommended Amazon Linux AMI IDs".
"""

import re
from typing import Any

from ministack.core.responses import get_region
from ministack.services import ssm

from ..eks.nodegroups import BOTTLEROCKET_RELEASE, release_version
from ..eks.versions import SUPPORTED

_NAME = re.compile(
    r"/aws/service/eks/optimized-ami/(1\.\d+)/amazon-linux-2023/(?:x86_64/(?:standard|nvidia|neuron)|arm64/(?:standard|nvidia))"
    r"/recommended/release_version"
)
_BOTTLEROCKET = re.compile(
    r"/aws/service/bottlerocket/aws-k8s-(1\.\d+)(?:-nvidia)?/(?:x86_64|arm64)/latest/image_version"
)
_ministack_parameter = ssm._public_parameter


def public_parameter(name: str) -> dict[str, Any] | None:
    """A parameter as AWS serves it to every account; None where AWS publishes none of that name."""
    bottlerocket = _BOTTLEROCKET.fullmatch(str(name))
    if not (match := bottlerocket or _NAME.fullmatch(str(name))):
        known: dict[str, Any] | None = _ministack_parameter(name)
        return known
    if match[1] not in SUPPORTED:
        return None
    return {
        "Name": name,
        "Type": "String",
        "Value": BOTTLEROCKET_RELEASE if bottlerocket else release_version(match[1]),
        "Version": 1,
        "LastModifiedDate": 1728518400,
        "ARN": f"arn:aws:ssm:{get_region()}::parameter{name}",
    }


def install() -> None:
    """Answer in the place of MiniStack."""
    ssm._public_parameter = public_parameter
