"""The tags that a stack gives to buckets and hosted zones, and what GetResources lists by tag.

MiniStack tags neither, and its tagging API knows nothing of secrets, log groups, volumes and snapshots. Sources:
CloudFormation user guide, "Resource tags"; Resource Groups Tagging API, "Services that support it".
"""

from collections.abc import Callable, Iterator
from typing import Any

from ministack.core.responses import get_account_id, get_region
from ministack.services import cloudwatch_logs, ec2, route53, s3, tagging
from ministack.services.cloudformation import provisioners

from .cloudformation.resource_handlers import Create, Created, Properties, tag_map, wrap_create

Tagged = tuple[str, list[dict[str, str]]]


def _create_bucket(create: Create, logical_id: str, props: Properties, stack: str) -> Created:
    bucket, attributes = create(logical_id, props, stack)
    s3._bucket_tags[bucket] = tag_map(props.get("Tags"))
    return bucket, attributes


def _create_zone(create: Create, logical_id: str, props: Properties, stack: str) -> Created:
    zone_id, attributes = create(logical_id, props, stack)
    route53._tags[("hostedzone", zone_id)] = tag_map(props.get("HostedZoneTags"))
    return zone_id, attributes


def _list_log_groups() -> Iterator[Tagged]:
    for name, group in cloudwatch_logs._log_groups.items():
        tags = group.get("tags") or {}
        arn = f"arn:aws:logs:{get_region()}:{get_account_id()}:log-group:{name}"
        yield arn, [{"Key": key, "Value": value} for key, value in tags.items()]


def _of_ec2(kind: str, records: Callable[[], dict[str, Any]]) -> Callable[[], Iterator[Tagged]]:
    def collect() -> Iterator[Tagged]:
        for identifier in records():
            arn = f"arn:aws:ec2:{get_region()}:{get_account_id()}:{kind}/{identifier}"
            yield arn, list(ec2._tags.get(identifier, []))

    return collect


def install() -> None:
    """Mend the types, and add to what GetResources lists."""
    provisioners._STACK_TAG_PROPERTY["AWS::S3::Bucket"] = ("Tags", "list")
    provisioners._STACK_TAG_PROPERTY["AWS::Route53::HostedZone"] = ("HostedZoneTags", "list")
    wrap_create("AWS::S3::Bucket", _create_bucket)
    wrap_create("AWS::Route53::HostedZone", _create_zone)
    tagging._COLLECTORS["secretsmanager"] = tagging._collect_secretsmanager
    tagging._COLLECTORS["logs"] = _list_log_groups
    tagging._COLLECTORS["ec2:volume"] = _of_ec2("volume", lambda: ec2._volumes)
    tagging._COLLECTORS["ec2:snapshot"] = _of_ec2("snapshot", lambda: ec2._snapshots)
