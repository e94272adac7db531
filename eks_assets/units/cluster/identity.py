"""How pods get AWS roles: the OIDC provider, and pod identity associations.

Source: EKS user guide, "EKS Pod Identities" and "IAM roles for service accounts".
"""

from collections.abc import Mapping
from typing import Any

from troposphere import GetAtt, Ref, Select, Split, Sub, Tags, Template, eks
from troposphere.iam import OIDCProvider

from eks_assets.graph.unit import unit
from eks_assets.units.cluster._karpenter_policies import POLICY_NAMES, policy_name
from eks_assets.units.cluster._pod_roles import pod_role, short_digest
from eks_assets.units.cluster.cluster import ClusterOutputs
from eks_assets.units.cluster.karpenter_stack import karpenter_stack
from eks_assets.units.post_deploy.external_dns_role import ExternalDnsRoleOutputs
from eks_assets.units.post_deploy.service_account_roles import ServiceAccountRolesOutputs
from resources.cloudformation import add_outputs, build_arn, cluster_tags, text_parameter
from resources.config.eksctl.iam import PodIdentityAssociation
from resources.config.environment import Environment
from resources.config.pod_identities import POD_IDENTITIES
from resources.model.outputs import Outputs
from resources.model.specs import Stack


class IdentityOutputs(Outputs):
    """`oidc_id`: the last part of the cluster's issuer. `oidc_provider`: the issuer without its scheme, as IAM calls
    the provider and the keys in a trust policy begin."""

    oidc_id: str
    oidc_provider: str


# Namespace and service account of what we install, by the stack parameter that carries its role.
_ACCOUNTS = {
    "ExternalDnsRoleArn": POD_IDENTITIES["external_dns"],
    "ExternalSecretsRoleArn": POD_IDENTITIES["external_secrets"],
    "LoadBalancerControllerRoleArn": POD_IDENTITIES["aws_load_balancer_controller"],
    "LokiRoleArn": POD_IDENTITIES["loki"],
}


@unit(wave="cluster", minutes=1, after=[karpenter_stack])
def identity(
    env: Environment,
    cluster: ClusterOutputs,
    external_dns: ExternalDnsRoleOutputs,
    roles: ServiceAccountRolesOutputs,
) -> Stack[IdentityOutputs]:
    """The OIDC provider, and which service account gets which role through pod identity. What the ClusterConfig says
    of a service account takes precedence over what the pipeline would give it."""
    template = Template(Description=f"AWS roles of pods in {env.cluster_name}")
    cluster_name = text_parameter(template, "ClusterName", "Name of the EKS cluster")
    issuer = text_parameter(template, "OidcIssuer", "OIDC issuer of the cluster")
    if env.cluster.iam.with_oidc:
        template.add_resource(OIDCProvider("OidcProvider", Url=issuer, ClientIdList=["sts.amazonaws.com"]))
    for association in list_associations(env):
        title = f"Role{short_digest(f'{association.namespace}/{association.service_account_name}')}"
        role = association.role_arn or GetAtt(template.add_resource(pod_role(env, title, association)), "Arn")
        namespace, account = association.namespace, association.service_account_name
        _associate(template, cluster_name, namespace, account, role, _settings_of(association))
    role_arns = {
        "ExternalDnsRoleArn": external_dns.role_arn,
        "ExternalSecretsRoleArn": roles.external_secrets_role_arn,
        "LoadBalancerControllerRoleArn": roles.load_balancer_controller_role_arn,
        "LokiRoleArn": roles.loki_role_arn,
    }
    parameters = _associate_ours(template, cluster_name, role_arns, list_associations(env))
    # The slashes and the // make the parts exist while a change set is created and the issuer is not known.
    add_outputs(
        template,
        IdentityOutputs,
        oidc_id=Select(4, Split("/", Sub("${OidcIssuer}/////"))),
        oidc_provider=Select(1, Split("//", Sub("${OidcIssuer}//"))),
    )
    return Stack[IdentityOutputs](
        template=template.to_dict(),
        parameters={"ClusterName": cluster.name, "OidcIssuer": cluster.oidc_issuer, **parameters},
        tags=cluster_tags(env),
        may_replace=tuple(t for t in template.resources if t.startswith("Association")),
    )


def list_associations(env: Environment) -> tuple[PodIdentityAssociation, ...]:
    """Those of the ClusterConfig, and Karpenter's own where it does not have one.

    Source: Karpenter, "Getting started with Karpenter", whose ClusterConfig has the same role."""
    declared = env.cluster.pod_identity_associations
    account = POD_IDENTITIES["karpenter"]
    if not karpenter_stack.is_enabled(env) or account in {(a.namespace, a.service_account_name) for a in declared}:
        return declared
    names = [policy_name(short, env.cluster_name) for short in POLICY_NAMES]
    karpenter = {
        "namespace": account.namespace,
        "serviceAccountName": account.name,
        "roleName": f"{env.cluster_name}-karpenter",
        "permissionPolicyARNs": [build_arn(env, "iam", f"policy/{name}", region="") for name in names],
    }
    return (*declared, PodIdentityAssociation.model_validate(karpenter))


def _associate_ours(
    template: Template, cluster_name: Ref, roles: Mapping[str, str], declared: tuple[PodIdentityAssociation, ...]
) -> dict[str, str]:
    """Associate the service accounts of what we install; returns the parameters that carry their roles."""
    decided = {(association.namespace, association.service_account_name) for association in declared}
    used = {name: account for name, account in _ACCOUNTS.items() if account not in decided}
    for name, (namespace, account) in used.items():
        role = text_parameter(template, name, f"Role of {namespace}/{account}")
        _associate(template, cluster_name, namespace, account, role, {})
    return {name: roles[name] for name in used}


def _settings_of(association: PodIdentityAssociation) -> dict[str, Any]:
    settings = {
        "Tags": Tags(association.tags) if association.tags else None,
        "TargetRoleArn": association.target_role_arn,
        "DisableSessionTags": association.disable_session_tags,
    }
    return {name: value for name, value in settings.items() if value}


def _associate(
    template: Template, cluster_name: Ref, namespace: str, account: str, role: Any, settings: dict[str, Any]
) -> None:
    template.add_resource(
        eks.PodIdentityAssociation(
            f"Association{short_digest(f'{namespace}/{account}')}",
            ClusterName=cluster_name,
            Namespace=namespace,
            ServiceAccount=account,
            RoleArn=role,
            **settings,
        )
    )
