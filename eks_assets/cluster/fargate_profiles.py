"""Fargate profiles of the ClusterConfig (source: CloudFormation, AWS::EKS::FargateProfile)."""

from troposphere import GetAtt, Template, eks
from troposphere.iam import Role

from eks_assets.cluster.cluster import ClusterOutputs
from eks_assets.cluster.vpc_lookup import VpcOutputs
from eks_assets.templates import (
    aws_policy,
    boundary,
    list_parameter,
    stack_tags,
    text_parameter,
    trust,
)
from eks_assets.unit import unit
from resources.environment import Environment
from resources.outputs import NoOutputs
from resources.specs import Stack


@unit(wave="cluster", minutes=3, when=lambda env: bool(env.cluster.fargate_profiles))
def fargate_profiles(env: Environment, cluster: ClusterOutputs, vpc: VpcOutputs) -> Stack[NoOutputs]:
    """Pods that run on Fargate, without nodes of ours."""
    template = Template(Description=f"Fargate profiles of {env.cluster_name}")
    cluster_name = text_parameter(template, "ClusterName", "Name of the EKS cluster")
    subnets = list_parameter(template, "SubnetIds", "Subnets of the cluster")
    role = template.add_resource(
        Role(
            "PodExecutionRole",
            AssumeRolePolicyDocument=trust({"Service": "eks-fargate-pods.amazonaws.com"}),
            ManagedPolicyArns=[aws_policy(env, "AmazonEKSFargatePodExecutionRolePolicy")],
            **boundary(env),
        )
    )
    for profile in env.cluster.fargate_profiles:
        title = "".join(part.capitalize() for part in profile.name.replace("_", "-").split("-"))
        template.add_resource(
            eks.FargateProfile(
                f"Profile{title}",
                ClusterName=cluster_name,
                FargateProfileName=profile.name,
                PodExecutionRoleArn=profile.pod_execution_role_arn or GetAtt(role, "Arn"),
                Subnets=list(profile.subnets) or subnets,
                Selectors=[
                    eks.Selector(
                        Namespace=s.namespace, Labels=[eks.Label(Key=k, Value=v) for k, v in sorted(s.labels.items())]
                    )
                    for s in profile.selectors
                ],
            )
        )
    return Stack[NoOutputs](
        name=env.stack_name("fargate-profiles"),
        template=template.to_dict(),
        parameters={"ClusterName": cluster.name, "SubnetIds": ",".join(vpc.private_subnet_ids)},
        tags=stack_tags(env),
        may_replace=tuple(template.resources),
    )
