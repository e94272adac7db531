"""`aws:ResourceTag/...` of resources whose tags MiniStack does not ask in decisions: of CloudFormation, EC2, EFS and
Elastic Load Balancing.

Source: service authorization references of these services.
"""

from collections.abc import Iterator

from ministack.core.responses import get_account_id, get_region
from ministack.services import alb, ec2, efs, tagging
from ministack.services.cloudformation import _stacks

Tags = list[dict[str, str]]
# By how EC2's ids begin, the word of the ARN where it is another one than in MiniStack's.
_KINDS = {
    "i": "instance",
    "vol": "volume",
    "snap": "snapshot",
    "eni": "network-interface",
    "sg": "security-group",
    "vpc": "vpc",
    "subnet": "subnet",
}


def stack_tags() -> Iterator[tuple[str, Tags]]:
    """The tags of every stack, by its ARN and by that of its name alone, which is what a request is decided on."""
    for stack in _stacks.values():
        named = f"arn:aws:cloudformation:{get_region()}:{get_account_id()}:stack/{stack['StackName']}/*"
        tags = [{"Key": tag["Key"], "Value": tag["Value"]} for tag in stack.get("Tags") or []]
        yield named, tags
        yield str(stack.get("StackId", "")), tags


def efs_tags() -> Iterator[tuple[str, Tags]]:
    """The tags of every file system and access point."""
    for kind, things in (("file-system", efs._file_systems), ("access-point", efs._access_points)):
        for identifier, thing in things.items():
            head = f"arn:aws:elasticfilesystem:{get_region()}:{get_account_id()}"
            yield f"{head}:{kind}/{identifier}", list(thing.get("Tags") or [])


def ec2_tags() -> Iterator[tuple[str, Tags]]:
    """The tags of instances and of what is beside them."""
    for identifier, tags in list(ec2._tags.items()):
        if kind := _KINDS.get(identifier.partition("-")[0]):
            yield f"arn:aws:ec2:{get_region()}:{get_account_id()}:{kind}/{identifier}", list(tags)


def balancer_tags() -> Iterator[tuple[str, Tags]]:
    """The tags of load balancers and of their target groups."""
    for arn, tags in list(alb._tags.items()):
        yield arn, list(tags)


def install() -> None:
    """Let MiniStack find the tags."""
    collectors = tagging._RESOURCE_TAG_COLLECTORS
    collectors["cloudformation"], collectors["elasticfilesystem"] = stack_tags, efs_tags
    collectors["ec2"], collectors["elasticloadbalancing"] = ec2_tags, balancer_tags
