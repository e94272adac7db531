"""Changes of the network, of logs, queues, topics, buckets and files."""

from __future__ import annotations

from typing import Any

from tests.injections.aws_identity import document
from tests.injections.aws_injection import Act, AwsInjection, Client, Held, declares

SSH = [{"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]


def _ec2(operation: str, key: str, **arguments: Any) -> Act:
    return lambda client, one: getattr(client("ec2"), operation)(**{key: one.physical_id}, **arguments)


def _rule_revoked(client: Client, group: Held) -> None:
    of_group = [{"Name": "group-id", "Values": [group.physical_id]}]
    rules = client("ec2").describe_security_group_rules(Filters=of_group)["SecurityGroupRules"]
    rule = next(one["SecurityGroupRuleId"] for one in rules if not one["IsEgress"])
    client("ec2").revoke_security_group_ingress(GroupId=group.physical_id, SecurityGroupRuleIds=[rule])


def _tag_changed(client: Client, one: Held) -> None:
    key = str(one.first_of("Tags")["Key"])
    client("ec2").create_tags(Resources=[one.physical_id], Tags=[{"Key": key, "Value": "theirs"}])


def _tag_removed(client: Client, one: Held) -> None:
    client("ec2").delete_tags(Resources=[one.physical_id], Tags=[{"Key": str(one.first_of("Tags")["Key"])}])


def _public_addresses(client: Client, subnet: Held) -> None:
    other = {"Value": not subnet.properties["MapPublicIpOnLaunch"]}
    client("ec2").modify_subnet_attribute(SubnetId=subnet.physical_id, MapPublicIpOnLaunch=other)


def _named(client: Client, one: Held, name: str) -> str:
    """The physical id of another resource of the same stack."""
    answer = client("cloudformation").describe_stack_resource(StackName=one.stack, LogicalResourceId=name)
    return str(answer["StackResourceDetail"]["PhysicalResourceId"])


def _table_of(client: Client, route: Held) -> str:
    return _named(client, route, route.properties["RouteTableId"]["Ref"])


def _route_deleted(client: Client, route: Held) -> None:
    client("ec2").delete_route(RouteTableId=_table_of(client, route), DestinationCidrBlock="0.0.0.0/0")


def _route_moved(client: Client, route: Held) -> None:
    table, gateway = _table_of(client, route), _named(client, route, "InternetGateway")
    client("ec2").replace_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0", GatewayId=gateway)


def _detached(client: Client, attachment: Held) -> None:
    gateway, vpc = (
        _named(client, attachment, attachment.properties[key]["Ref"]) for key in ("InternetGatewayId", "VpcId")
    )
    client("ec2").detach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)


def _template_version(client: Client, template: Held) -> None:
    disk = {"DeviceName": "/dev/xvda", "Ebs": {"VolumeSize": 8, "VolumeType": "gp3"}}
    client("ec2").create_launch_template_version(
        LaunchTemplateId=template.physical_id, LaunchTemplateData={"BlockDeviceMappings": [disk]}
    )


def _queue(**attributes: str) -> Act:
    return lambda client, queue: client("sqs").set_queue_attributes(QueueUrl=queue.physical_id, Attributes=attributes)


def _topic(name: str, value: str) -> Act:
    return lambda client, topic: client("sns").set_topic_attributes(
        TopicArn=topic.physical_id, AttributeName=name, AttributeValue=value
    )


def _mount_target_deleted(client: Client, target: Held) -> None:
    client("efs").delete_mount_target(MountTargetId=target.physical_id)


OF_ACCOUNT = {"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::000000000000:root"}}


def _queue_opened(client: Client, queue: Held) -> None:
    statement = {**OF_ACCOUNT, "Action": "sqs:SendMessage", "Resource": "*"}
    _queue(Policy=document(statement))(client, queue)


def _topic_opened(client: Client, topic: Held) -> None:
    statement = {"Effect": "Allow", "Principal": "*", "Action": "sns:Publish", "Resource": topic.physical_id}
    _topic("Policy", document(statement))(client, topic)


def _topic_closed(client: Client, topic: Held) -> None:
    given = {"Sid": "__default_statement_ID", **OF_ACCOUNT, "Action": "sns:Publish", "Resource": topic.physical_id}
    _topic("Policy", document(given))(client, topic)


def _bucket_opened(client: Client, bucket: Held) -> None:
    arn = f"arn:aws:s3:::{bucket.physical_id}/*"
    opened = document({**OF_ACCOUNT, "Action": "s3:GetObject", "Resource": arn})
    client("s3").put_bucket_policy(Bucket=bucket.physical_id, Policy=opened)


def _bucket_closed(client: Client, bucket: Held) -> None:
    client("s3").delete_bucket_policy(Bucket=bucket.physical_id)


NETWORK = (
    AwsInjection(
        "port 22 open",
        "EC2::SecurityGroup",
        _ec2("authorize_security_group_ingress", "GroupId", IpPermissions=SSH),
        "SecurityGroupIngress",
    ),
    AwsInjection("rule revoked", "EC2::SecurityGroup", _rule_revoked, "SecurityGroupIngress"),
    AwsInjection("tag changed", "EC2::Subnet", _tag_changed, "Tags"),
    AwsInjection("tag removed", "EC2::Subnet", _tag_removed, "Tags"),
    AwsInjection("tag of a group", "EC2::SecurityGroup", _tag_changed, "Tags"),
    AwsInjection("tag of routes", "EC2::RouteTable", _tag_changed, "Tags"),
    AwsInjection("public addresses", "EC2::Subnet", _public_addresses, "MapPublicIpOnLaunch"),
    AwsInjection(
        "names of hosts off",
        "EC2::VPC",
        _ec2("modify_vpc_attribute", "VpcId", EnableDnsHostnames={"Value": False}),
        "EnableDnsHostnames",
    ),
    AwsInjection(
        "name server off",
        "EC2::VPC",
        _ec2("modify_vpc_attribute", "VpcId", EnableDnsSupport={"Value": False}),
        "EnableDnsSupport",
    ),
    AwsInjection("tag of the VPC", "EC2::VPC", _tag_changed, "Tags"),
    AwsInjection("route deleted", "EC2::Route", _route_deleted, ""),
    AwsInjection("route moved", "EC2::Route", _route_moved, "NatGatewayId", declares("NatGatewayId")),
    AwsInjection(
        "subnet without routes",
        "EC2::SubnetRouteTableAssociation",
        _ec2("disassociate_route_table", "AssociationId"),
        "",
    ),
    AwsInjection("gateway detached", "EC2::VPCGatewayAttachment", _detached, ""),
    AwsInjection(
        "flow log deleted",
        "EC2::FlowLog",
        lambda client, log: client("ec2").delete_flow_logs(FlowLogIds=[log.physical_id]),
        "",
    ),
    AwsInjection("launch template", "EC2::LaunchTemplate", _template_version, "LaunchTemplateData"),
    AwsInjection(
        "retention",
        "Logs::LogGroup",
        lambda client, log: client("logs").put_retention_policy(logGroupName=log.physical_id, retentionInDays=1),
        "RetentionInDays",
    ),
    AwsInjection(
        "no retention",
        "Logs::LogGroup",
        lambda client, log: client("logs").delete_retention_policy(logGroupName=log.physical_id),
        "RetentionInDays",
    ),
    AwsInjection(
        "log group deleted",
        "Logs::LogGroup",
        lambda client, log: client("logs").delete_log_group(logGroupName=log.physical_id),
        "",
    ),
    AwsInjection(
        "visibility of messages",
        "SQS::Queue",
        _queue(VisibilityTimeout="7"),
        "VisibilityTimeout",
        declares("VisibilityTimeout"),
    ),
    AwsInjection(
        "life of messages",
        "SQS::Queue",
        _queue(MessageRetentionPeriod="61"),
        "MessageRetentionPeriod",
        declares("VisibilityTimeout"),
    ),
    AwsInjection(
        "queue opened", "SQS::Queue", _queue_opened, "Policy", declares("VisibilityTimeout"), _queue(Policy="")
    ),
    AwsInjection("topic opened", "SNS::Topic", _topic_opened, "Policy", undo=_topic_closed),
    AwsInjection("bucket opened", "S3::Bucket", _bucket_opened, "Policy", undo=_bucket_closed),
    AwsInjection("name of a topic", "SNS::Topic", _topic("DisplayName", "theirs"), "DisplayName"),
    AwsInjection("rule deleted", "Events::Rule", lambda client, rule: _delete_rule(client, rule), ""),
    AwsInjection("mount target deleted", "EFS::MountTarget", _mount_target_deleted, ""),
    AwsInjection(
        "access point deleted",
        "EFS::AccessPoint",
        lambda client, point: client("efs").delete_access_point(AccessPointId=point.physical_id),
        "",
    ),
)


def _delete_rule(client: Client, rule: Held) -> None:
    events, name = client("events"), rule.physical_id.rpartition("/")[2]
    events.remove_targets(Rule=name, Ids=[target["Id"] for target in rule.properties["Targets"]])
    events.delete_rule(Name=name)
