"""What machines outside of AWS need to be nodes of the cluster: a role, and to be let in.

Source: EKS user guide, "Prepare credentials for hybrid nodes"; eksctl, `remoteNetworkConfig`.
"""

from __future__ import annotations

from troposphere import GetAtt, Ref, Template, eks
from troposphere.iam import Policy, Role

from resources.cloudformation import allow, aws_policy, boundary_properties, policy_document, trust_policy
from resources.config.environment import Environment

_POLICIES = ("AmazonSSMManagedInstanceCore", "AmazonEC2ContainerRegistryPullOnly")


def add_hybrid_nodes(template: Template, env: Environment, control_plane: eks.Cluster) -> None:
    """The nodes' role, unless the ClusterConfig names one, and its access entry."""
    remote = env.cluster.remote_network_config
    if remote is None:
        return
    role = remote.iam.role_arn or GetAtt(template.add_resource(_role(env)), "Arn")
    template.add_resource(
        eks.AccessEntry("HybridNodes", ClusterName=Ref(control_plane), PrincipalArn=role, Type="HYBRID_LINUX")
    )


def _role(env: Environment) -> Role:
    actions = ["eks:DescribeCluster", "ssm:DeregisterManagedInstance", "ssm:DescribeInstanceInformation"]
    document = policy_document(allow(actions))
    return Role(
        "HybridNodesRole",
        # Systems Manager hands its credentials to a machine that is activated with it.
        AssumeRolePolicyDocument=trust_policy({"Service": "ssm.amazonaws.com"}),
        ManagedPolicyArns=[aws_policy(env, name) for name in _POLICIES],
        Policies=[Policy(PolicyName="hybrid-nodes", PolicyDocument=document)],
        **boundary_properties(env),
    )
