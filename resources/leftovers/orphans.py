"""What a cluster that is gone has left in AWS: what its controllers made and nobody removes any more, by tag and owner.

Source: AWS Load Balancer Controller, "Tags"; Karpenter, "NodeClasses" (launch templates, instance profiles); EBS CSI
driver, "Tagging"; EKS user guide, "Control plane logs"; Container Insights, log groups.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from resources.aws.errors import aws_call
from resources.context import Context
from resources.leftovers.data import DATA, describe_kept, describe_removed, remove_data
from resources.leftovers.dns_records import KIND as RECORD
from resources.leftovers.dns_records import list_records, remove_records
from resources.leftovers.tags import CLUSTER_TAGS, OF_NODE_GROUPS, owning_tag, tag_map
from resources.leftovers.vpc import describe_interface, remove_interface, revoke_references
from resources.model.errors import NotFound, Refused
from resources.model.removal import Removal, Removed, merge_removals
from resources.support.polling import Poll, wait_until

_DEADLINE = 600.0  # seconds until instances and load balancers are gone
_STACK_TAG = "aws:cloudformation:stack-name"
_LOG_GROUPS = ("/aws/eks/{cluster}/", "/aws/containerinsights/{cluster}/")


@dataclass(frozen=True)
class Orphan:
    """Something of the cluster's that no stack has. `kind`: its type in CloudFormation; `owner`: by what we know whose
    it is."""

    kind: str
    identifier: str
    owner: str

    def __str__(self) -> str:
        return f"{self.kind} {self.identifier}"


Lister = Callable[[Context], Iterator[Orphan]]
Remover = Callable[[Collection[str], Context], None]


def cluster_exists(context: Context) -> bool:
    """Whether EKS has the environment's cluster, in whatever state. Raises AccessDenied, Transient."""
    name = context.env.cluster_name
    try:
        with aws_call(f"describing the cluster {name}"):
            context.aws.client("eks").describe_cluster(name=name)
    except NotFound:
        return False
    return True


def list_orphans(context: Context) -> tuple[Orphan, ...]:
    """What carries the cluster's tags or name and belongs to no stack; changes nothing. While the cluster exists, it is
    what its controllers have made. Raises AccessDenied, Transient."""
    found: list[Orphan] = []
    for what, read in _LISTS.items():
        with aws_call(f"listing {what}"):
            found += read(context)
    return tuple(dict.fromkeys(found))


def plan_orphans(orphans: Collection[Orphan], context: Context, *, delete_data: bool) -> Removal:
    """What `remove_orphans` does with these: data is kept but for `delete_data`."""
    removals = []
    for orphan in orphans:
        if orphan.kind not in DATA:
            why = f"its controller removes it, else we do: {orphan.owner}"
            removals.append(Removal(removes=(Removed(str(orphan), why, is_passing=True),)))
        elif delete_data:
            removals.append(Removal(removes=(describe_removed(orphan.kind, orphan.identifier),)))
        else:
            removals.append(Removal(keeps=(describe_kept(orphan.kind, orphan.identifier, context),)))
    return merge_removals(removals)


def remove_orphans(context: Context, *, delete_data: bool) -> Removal:
    """Remove what the cluster has left, and say what that was. Harmless where nothing is left; after an interruption it
    continues. Raises Refused while the cluster exists: its controllers would make it again. Raises WaitTimeout,
    AccessDenied, Transient."""
    orphans = list_orphans(context)
    if orphans and cluster_exists(context):
        raise Refused(
            f"cluster {context.env.cluster_name} exists, and its controllers look after what carries its tags",
            next_step=f"remove the cluster first: eks-assets destroy {context.env.name}",
        )
    for kind, remove in _REMOVERS.items():
        if identifiers := [orphan.identifier for orphan in orphans if orphan.kind == kind]:
            context.progress(f"left by cluster {context.env.cluster_name}: removing {kind} {', '.join(identifiers)}")
            remove(identifiers, context)
    if delete_data:
        for orphan in orphans:
            if orphan.kind in DATA:
                remove_data(orphan.kind, orphan.identifier, context)
    return plan_orphans(orphans, context, delete_data=delete_data)


def _client(context: Context, service: str) -> Any:
    client: Any = context.aws.client
    return client(service)


def _in_ec2(
    operation: str, key: str, kind: str, identifier: str, is_left: Callable[[Mapping[str, Any]], bool]
) -> Lister:
    """A lister of one kind in EC2: by each of the cluster's tags, as one filter cannot ask for several."""

    def read(context: Context) -> Iterator[Orphan]:
        cluster = context.env.cluster_name
        pages = _client(context, "ec2").get_paginator(operation)
        owned = {"OwnerIds": ["self"]} if kind.endswith("::Snapshot") else {}
        for tag, values in CLUSTER_TAGS.items():
            names = [value.format(cluster=cluster) for value in values]
            where = [{"Name": f"tag:{tag.format(cluster=cluster)}", "Values": names}]
            for page in pages.paginate(Filters=where, **owned):
                listed = page[key]
                if key == "Reservations":
                    listed = [instance for reservation in listed for instance in reservation["Instances"]]
                for one in listed:
                    tags = tag_map(one)
                    if _STACK_TAG not in tags and is_left(one):
                        yield Orphan(kind, one[identifier], owning_tag(tags, cluster))

    return read


def _is_instance(one: Mapping[str, Any]) -> bool:
    """One that still runs, and that no node group ends."""
    ends = one["State"]["Name"] in ("terminated", "shutting-down")
    return not ends and not any(tag in tag_map(one) for tag in OF_NODE_GROUPS)


def _is_volume(one: Mapping[str, Any]) -> bool:
    """One of a claim: an instance's own goes with the instance."""
    return "kubernetes.io/created-for/pvc/name" in tag_map(one) or one["State"] == "available"


def _balancers(context: Context) -> Iterator[Orphan]:
    client = _client(context, "elbv2")
    for kind, operation, key, name in (
        ("LoadBalancer", "describe_load_balancers", "LoadBalancers", "LoadBalancerArn"),
        ("TargetGroup", "describe_target_groups", "TargetGroups", "TargetGroupArn"),
    ):
        arns = [one[name] for page in client.get_paginator(operation).paginate() for one in page[key]]
        for start in range(0, len(arns), 20):  # as many as one call takes
            for one in client.describe_tags(ResourceArns=arns[start : start + 20])["TagDescriptions"]:
                if owner := owning_tag(tag_map(one), context.env.cluster_name):
                    yield Orphan(f"AWS::ElasticLoadBalancingV2::{kind}", one["ResourceArn"], owner)


def _profiles(context: Context) -> Iterator[Orphan]:
    """Karpenter's: by their path since its version 1.8, by the beginning of their name before."""
    client, cluster = _client(context, "iam"), context.env.cluster_name
    path = f"/karpenter/{context.env.region}/{cluster}/"
    for page in client.get_paginator("list_instance_profiles").paginate():
        for one in page["InstanceProfiles"]:
            name = one["InstanceProfileName"]
            if not (one["Path"].startswith(path) or name.startswith(f"{cluster}_")):
                continue
            tags = tag_map(client.list_instance_profile_tags(InstanceProfileName=name))
            if owner := owning_tag(tags, cluster):
                yield Orphan("AWS::IAM::InstanceProfile", name, owner)


def _providers(context: Context) -> Iterator[Orphan]:
    """OIDC providers of the cluster that eksctl or a person made with its tags; ours goes with its stack."""
    client = _client(context, "iam")
    for one in client.list_open_id_connect_providers()["OpenIDConnectProviderList"]:
        if f"/oidc.eks.{context.env.region}." not in one["Arn"]:
            continue
        tags = tag_map(client.get_open_id_connect_provider(OpenIDConnectProviderArn=one["Arn"]))
        if _STACK_TAG not in tags and (owner := owning_tag(tags, context.env.cluster_name)):
            yield Orphan("AWS::IAM::OIDCProvider", one["Arn"], owner)


def _log_groups(context: Context) -> Iterator[Orphan]:
    for pattern in _LOG_GROUPS:
        prefix = pattern.format(cluster=context.env.cluster_name)
        pages = _client(context, "logs").get_paginator("describe_log_groups").paginate(logGroupNamePrefix=prefix)
        for one in (group for page in pages for group in page["logGroups"]):
            yield Orphan("AWS::Logs::LogGroup", one["logGroupName"], f"log groups {prefix}*")


_LISTS: Mapping[str, Lister] = {
    "instances": _in_ec2("describe_instances", "Reservations", "AWS::EC2::Instance", "InstanceId", _is_instance),
    "load balancers and target groups": _balancers,
    "network interfaces": _in_ec2(
        "describe_network_interfaces",
        "NetworkInterfaces",
        "AWS::EC2::NetworkInterface",
        "NetworkInterfaceId",
        lambda one: one["Status"] == "available",
    ),
    "security groups": _in_ec2(
        "describe_security_groups", "SecurityGroups", "AWS::EC2::SecurityGroup", "GroupId", lambda _: True
    ),
    "launch templates": _in_ec2(
        "describe_launch_templates", "LaunchTemplates", "AWS::EC2::LaunchTemplate", "LaunchTemplateId", lambda _: True
    ),
    "volumes": _in_ec2("describe_volumes", "Volumes", "AWS::EC2::Volume", "VolumeId", _is_volume),
    "snapshots": _in_ec2("describe_snapshots", "Snapshots", "AWS::EC2::Snapshot", "SnapshotId", lambda _: True),
    "instance profiles": _profiles,
    "OIDC providers": _providers,
    "log groups": _log_groups,
    "DNS records": lambda context: (Orphan(RECORD, name, "ExternalDNS's note") for name in list_records(context)),
}


def _terminate(identifiers: Collection[str], context: Context) -> None:
    client = _client(context, "ec2")

    def poll() -> Poll[bool]:
        with aws_call("describing instances"):
            answer = client.describe_instances(Filters=[{"Name": "instance-id", "Values": list(identifiers)}])
        listed = [one for reservation in answer["Reservations"] for one in reservation["Instances"]]
        ours = [one for one in listed if one["InstanceId"] in identifiers]
        left = [one["InstanceId"] for one in ours if one["State"]["Name"] != "terminated"]
        return Poll(None if left else True, f"not terminated yet: {', '.join(left)}")

    context.before_change()
    with suppress(NotFound), aws_call(f"terminating the instances {', '.join(identifiers)}"):
        client.terminate_instances(InstanceIds=list(identifiers))
    wait_until(poll, what="instances", deadline=_DEADLINE, interval=10, progress=context.progress)


def _each(service: str, what: str, delete: Callable[[Any, str], Any]) -> Remover:
    """A remover that deletes one after the other; what is gone is gone."""

    def remove(identifiers: Collection[str], context: Context) -> None:
        for identifier in identifiers:
            context.before_change()
            with suppress(NotFound), aws_call(f"deleting the {what} {identifier}"):
                delete(_client(context, service), identifier)

    return remove


def _delete_profile(client: Any, name: str) -> None:
    for role in client.get_instance_profile(InstanceProfileName=name)["InstanceProfile"]["Roles"]:
        client.remove_role_from_instance_profile(InstanceProfileName=name, RoleName=role["RoleName"])
    client.delete_instance_profile(InstanceProfileName=name)


def _delete_interfaces(identifiers: Collection[str], context: Context) -> None:
    for identifier in identifiers:
        remove_interface(identifier, "left by the cluster", context)


def _delete_groups(identifiers: Collection[str], context: Context) -> None:
    """Groups that no interface uses; the others are let go of by then, or are named when the VPC goes."""
    client = _client(context, "ec2")
    with aws_call("listing security groups"):
        groups = [
            one
            for page in client.get_paginator("describe_security_groups").paginate()
            for one in page["SecurityGroups"]
        ]
        interfaces = [
            one
            for page in client.get_paginator("describe_network_interfaces").paginate()
            for one in page["NetworkInterfaces"]
        ]
    users = {group["GroupId"]: one for one in interfaces for group in one.get("Groups", ())}
    free = [identifier for identifier in identifiers if identifier not in users]
    for identifier in set(identifiers) - set(free):
        context.progress(f"security group {identifier} stays, used by {describe_interface(users[identifier])}")
    revoke_references(groups, free, context)
    _each("ec2", "security group", lambda ec2, name: ec2.delete_security_group(GroupId=name))(free, context)


# In this order: what uses something goes before it.
_REMOVERS: Mapping[str, Remover] = {
    RECORD: remove_records,
    "AWS::EC2::Instance": _terminate,
    "AWS::ElasticLoadBalancingV2::LoadBalancer": _each(
        "elbv2", "load balancer", lambda client, arn: client.delete_load_balancer(LoadBalancerArn=arn)
    ),
    "AWS::ElasticLoadBalancingV2::TargetGroup": _each(
        "elbv2", "target group", lambda client, arn: client.delete_target_group(TargetGroupArn=arn)
    ),
    "AWS::EC2::NetworkInterface": _delete_interfaces,
    "AWS::EC2::SecurityGroup": _delete_groups,
    "AWS::EC2::LaunchTemplate": _each(
        "ec2", "launch template", lambda client, name: client.delete_launch_template(LaunchTemplateId=name)
    ),
    "AWS::IAM::InstanceProfile": _each("iam", "instance profile", _delete_profile),
    "AWS::IAM::OIDCProvider": _each(
        "iam", "OIDC provider", lambda client, arn: client.delete_open_id_connect_provider(OpenIDConnectProviderArn=arn)
    ),
}
