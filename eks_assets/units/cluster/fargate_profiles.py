"""Fargate profiles of the ClusterConfig (source: CloudFormation, AWS::EKS::FargateProfile)."""

from typing import Any

from troposphere import GetAtt, Ref, Tags, Template, eks
from troposphere.iam import Role

from eks_assets.graph.unit import unit
from eks_assets.units.cluster.cluster import ClusterOutputs
from eks_assets.units.cluster.vpc_lookup import VpcOutputs
from resources.cloudformation import (
    aws_policy,
    boundary_properties,
    cluster_tags,
    list_parameter,
    text_parameter,
    trust_policy,
)
from resources.config.eksctl.nodes import FargateProfile
from resources.config.environment import Environment
from resources.model.outputs import NoOutputs
from resources.model.specs import Stack


@unit(wave="cluster", minutes=3, when=lambda env: bool(env.cluster.fargate_profiles))
def fargate_profiles(env: Environment, cluster: ClusterOutputs, vpc: VpcOutputs) -> Stack[NoOutputs]:
    """Pods that run on Fargate, without nodes of ours."""
    template = Template(Description=f"Fargate profiles of {env.cluster_name}")
    cluster_name = text_parameter(template, "ClusterName", "Name of the EKS cluster")
    subnets = list_parameter(template, "SubnetIds", "Subnets of the cluster")
    role = template.add_resource(
        Role(
            "PodExecutionRole",
            AssumeRolePolicyDocument=trust_policy({"Service": "eks-fargate-pods.amazonaws.com"}),
            ManagedPolicyArns=[aws_policy(env, "AmazonEKSFargatePodExecutionRolePolicy")],
            **boundary_properties(env),
        )
    )
    before: dict[str, Any] = {}
    for profile in env.cluster.fargate_profiles:
        added = template.add_resource(_profile(profile, cluster_name, GetAtt(role, "Arn"), subnets, before))
        # EKS creates one profile of a cluster at a time and refuses a second one meanwhile.
        before = {"DependsOn": added.title}
    return Stack[NoOutputs](
        template=template.to_dict(),
        parameters={
            "ClusterName": cluster.name,
            "SubnetIds": ",".join(env.cluster.vpc.subnets.private_ids or vpc.private_subnet_ids),
        },
        tags=cluster_tags(env),
        may_replace=tuple(title for title in template.resources if title.startswith("Profile")),
    )


def _profile(
    profile: FargateProfile, cluster_name: Ref, role_arn: GetAtt, subnets: Ref, more: dict[str, Any]
) -> eks.FargateProfile:
    title = "".join(part.capitalize() for part in profile.name.replace("_", "-").split("-"))
    tags = {"Tags": Tags(profile.tags)} if profile.tags else {}
    selectors = [
        eks.Selector(
            Namespace=selector.namespace,
            **(
                {"Labels": [eks.Label(Key=k, Value=v) for k, v in sorted(selector.labels.items())]}
                if selector.labels
                else {}
            ),
        )
        for selector in profile.selectors
    ]
    return eks.FargateProfile(
        f"Profile{title}",
        ClusterName=cluster_name,
        FargateProfileName=profile.name,
        PodExecutionRoleArn=profile.pod_execution_role_arn or role_arn,
        Subnets=list(profile.subnets) or subnets,
        Selectors=selectors,
        **tags,
        **more,
    )
