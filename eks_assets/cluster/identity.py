"""How pods get AWS roles: the OIDC provider, pod identity associations, and roles of service accounts (IRSA).

Source: EKS user guide, "EKS Pod Identities" and "IAM roles for service accounts".
"""

import hashlib
from typing import Any

from troposphere import GetAtt, Join, Ref, Select, Split, Template, eks
from troposphere.iam import OIDCProvider, Policy, Role

from eks_assets.cluster.cluster import ClusterOutputs
from eks_assets.cluster.karpenter_stack import karpenter_stack
from eks_assets.post_deploy.external_dns_role import ExternalDnsRoleOutputs
from eks_assets.post_deploy.service_account_roles import ServiceAccountRolesOutputs
from eks_assets.templates import (
    add_outputs,
    boundary,
    pod_identity_trust,
    stack_tags,
    text_parameter,
)
from eks_assets.unit import unit
from resources.cluster_config_iam import PodIdentityAssociation
from resources.environment import Environment
from resources.outputs import Outputs
from resources.specs import Stack


class IdentityOutputs(Outputs):
    oidc_id: str


# Namespace and service account of what we install, by the stack parameter that carries its role.
_ACCOUNTS = {
    "ExternalDnsRoleArn": ("external-dns", "external-dns"),
    "ExternalSecretsRoleArn": ("external-secrets", "external-secrets"),
    "LoadBalancerControllerRoleArn": ("kube-system", "aws-load-balancer-controller"),
    "LokiRoleArn": ("observability", "loki"),
}


@unit(wave="cluster", minutes=1, after=[karpenter_stack])
def identity(
    env: Environment,
    cluster: ClusterOutputs,
    external_dns: ExternalDnsRoleOutputs,
    roles: ServiceAccountRolesOutputs,
) -> Stack[IdentityOutputs]:
    """The OIDC provider, and which service account gets which role through pod identity."""
    template = Template(Description=f"AWS roles of pods in {env.cluster_name}")
    cluster_name = text_parameter(template, "ClusterName", "Name of the EKS cluster")
    issuer = text_parameter(template, "OidcIssuer", "OIDC issuer of the cluster")
    if env.cluster.iam.with_oidc:
        template.add_resource(OIDCProvider("OidcProvider", Url=issuer, ClientIdList=["sts.amazonaws.com"]))
    parameters = {
        "ExternalDnsRoleArn": external_dns.role_arn,
        "ExternalSecretsRoleArn": roles.external_secrets_role_arn,
        "LoadBalancerControllerRoleArn": roles.load_balancer_controller_role_arn,
        "LokiRoleArn": roles.loki_role_arn,
    }
    for parameter, (namespace, account) in _ACCOUNTS.items():
        _associate(
            template,
            cluster_name,
            namespace,
            account,
            text_parameter(template, parameter, f"Role of {namespace}/{account}"),
        )
    for found in env.cluster.iam.pod_identity_associations:
        _associate(template, cluster_name, found.namespace, found.service_account_name, _role_of(env, template, found))
    add_outputs(template, IdentityOutputs, oidc_id=Select(4, Split("/", Join("", [issuer, "/////"]))))
    return Stack[IdentityOutputs](
        name=env.stack_name("identity"),
        template=template.to_dict(),
        parameters={"ClusterName": cluster.name, "OidcIssuer": cluster.oidc_issuer, **parameters},
        tags=stack_tags(env),
        may_replace=tuple(t for t in template.resources if t.startswith("Association")),
    )


def _associate(template: Template, cluster_name: Ref, namespace: str, account: str, role: Any) -> None:
    title = "Association" + hashlib.sha256(f"{namespace}/{account}".encode()).hexdigest()[:12]
    if title not in template.resources:
        template.add_resource(
            eks.PodIdentityAssociation(
                title, ClusterName=cluster_name, Namespace=namespace, ServiceAccount=account, RoleArn=role
            )
        )


def _role_of(env: Environment, template: Template, found: PodIdentityAssociation) -> Any:
    if found.role_arn:
        return found.role_arn
    title = "Role" + hashlib.sha256(f"{found.namespace}/{found.service_account_name}".encode()).hexdigest()[:12]
    properties: dict[str, Any] = {"AssumeRolePolicyDocument": pod_identity_trust(env), **boundary(env)}
    if found.permissions_boundary_arn:
        properties["PermissionsBoundary"] = found.permissions_boundary_arn
    if found.role_name:
        properties["RoleName"] = found.role_name
    if found.permission_policy_arns:
        properties["ManagedPolicyArns"] = list(found.permission_policy_arns)
    if found.permission_policy:
        properties["Policies"] = [Policy(PolicyName="permissions", PolicyDocument=found.permission_policy)]
    return GetAtt(template.add_resource(Role(title, **properties)), "Arn")
