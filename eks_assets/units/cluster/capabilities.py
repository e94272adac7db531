"""Controllers that AWS runs for the cluster (source: CloudFormation, AWS::EKS::Capability)."""

from typing import Any

from troposphere import GetAtt, Ref, Tags, Template, eks
from troposphere.iam import Policy, Role

from eks_assets.graph.unit import unit
from eks_assets.units.cluster._access_policies import access_policies
from eks_assets.units.cluster._pod_roles import short_digest
from eks_assets.units.cluster.access_entries import access_entries
from eks_assets.units.cluster.cluster import ClusterOutputs
from resources.cloudformation import boundary_arn, cluster_tags, text_parameter, trust_policy
from resources.config.eksctl.capabilities import Capability
from resources.config.eksctl.iam import AccessPolicy
from resources.config.environment import Environment
from resources.model.outputs import NoOutputs
from resources.model.specs import Stack

_POLICIES = "arn:aws:eks::aws:cluster-access-policy/"


@unit(wave="cluster", minutes=3, after=[access_entries], when=lambda env: bool(env.cluster.capabilities))
def capabilities(env: Environment, cluster: ClusterOutputs) -> Stack[NoOutputs]:
    """AWS Controllers for Kubernetes and kro, with the roles that they act as."""
    template = Template(Description=f"Capabilities of {env.cluster_name}")
    cluster_name = text_parameter(template, "ClusterName", "Name of the EKS cluster")
    for capability in env.cluster.capabilities:
        _add(template, env, capability, cluster_name)
    return Stack[NoOutputs](
        template=template.to_dict(), parameters={"ClusterName": cluster.name}, tags=cluster_tags(env)
    )


def _add(template: Template, env: Environment, capability: Capability, cluster_name: Ref) -> None:
    key = short_digest(capability.name)
    role = capability.role_arn or GetAtt(template.add_resource(_role(env, f"Role{key}", capability)), "Arn")
    tags = {"Tags": Tags(capability.tags)} if capability.tags else {}
    made = eks.Capability(
        f"Capability{key}",
        ClusterName=cluster_name,
        CapabilityName=capability.name,
        Type=capability.type,
        RoleArn=role,
        DeletePropagationPolicy=capability.delete_propagation_policy,
        **tags,
    )
    if capability.access_policies:
        # EKS makes the role's entry unless it is there, as a role may serve several capabilities, and gives it what
        # the type needs; named here too, since an entry has exactly the policies of its template.
        everywhere = {"accessScope": {"type": "cluster"}}
        own = AccessPolicy.model_validate({"policyARN": f"{_POLICIES}AmazonEKS{capability.type}Policy", **everywhere})
        entry = eks.AccessEntry(
            f"Entry{key}",
            ClusterName=cluster_name,
            PrincipalArn=role,
            Type="STANDARD",
            AccessPolicies=access_policies(env, (own, *capability.access_policies)),
        )
        made.DependsOn = template.add_resource(entry).title
    template.add_resource(made)


def _role(env: Environment, title: str, capability: Capability) -> Role:
    optional: dict[str, Any] = {
        "ManagedPolicyArns": list(capability.attach_policy_arns),
        "Policies": [Policy(PolicyName="permissions", PolicyDocument=capability.attach_policy)]
        if capability.attach_policy
        else [],
        "Tags": Tags(capability.tags) if capability.tags else None,
        "PermissionsBoundary": capability.permissions_boundary or boundary_arn(env),
    }
    trusts = trust_policy({"Service": "capabilities.eks.amazonaws.com"}, "sts:AssumeRole", "sts:TagSession")
    return Role(title, AssumeRolePolicyDocument=trusts, **{name: value for name, value in optional.items() if value})
