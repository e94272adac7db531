"""Roles of service accounts through the cluster's OIDC provider (IRSA): `iam.serviceAccounts` of the ClusterConfig.

Source: EKS user guide, "IAM roles for service accounts"; eksctl, "IAM roles for service accounts".
"""

from troposphere import Template

from eks_assets.graph.unit import unit
from eks_assets.units.cluster._pod_roles import service_account_role, short_digest
from eks_assets.units.cluster.identity import IdentityOutputs
from resources.cloudformation import Document, build_arn, cluster_tags, trust_policy
from resources.config.eksctl.iam import ServiceAccount
from resources.config.environment import Environment
from resources.model.outputs import NoOutputs
from resources.model.specs import Stack

_LONGEST_ROLE_NAME = 64


def needs_role(env: Environment) -> bool:
    """Whether any service account of the ClusterConfig gets a role that does not exist yet."""
    return any(not account.attach_role_arn for account in env.cluster.iam.service_accounts)


@unit(wave="cluster", minutes=1, when=needs_role)
def irsa_roles(env: Environment, identity: IdentityOutputs) -> Stack[NoOutputs]:
    """One role for each of the ClusterConfig's service accounts, trusted through the OIDC provider."""
    template = Template(Description=f"Roles of service accounts in {env.cluster_name}")
    for account in env.cluster.iam.service_accounts:
        if not account.attach_role_arn:
            title = f"Role{short_digest(f'{account.metadata.namespace}/{account.metadata.name}')}"
            trusts = _trust(env, identity.oidc_provider, account)
            template.add_resource(service_account_role(env, title, role_name(env, account), trusts, account))
    return Stack[NoOutputs](template=template.to_dict(), tags=cluster_tags(env))


def role_name(env: Environment, account: ServiceAccount) -> str:
    """The role's name: the ClusterConfig's, else one that is known before the role exists."""
    if account.role_name:
        return account.role_name
    name = f"{env.cluster_name}-{account.metadata.namespace}-{account.metadata.name}"
    if len(name) <= _LONGEST_ROLE_NAME:
        return name
    tail = short_digest(name)
    return f"{name[: _LONGEST_ROLE_NAME - len(tail) - 1]}-{tail}"


def role_arn(env: Environment, account: ServiceAccount) -> str:
    """The ARN of the service account's role, created here or existing."""
    return account.attach_role_arn or build_arn(env, "iam", f"role/{role_name(env, account)}", region="")


def _trust(env: Environment, provider: str, account: ServiceAccount) -> Document:
    # The provider's name is in the keys of the condition, where CloudFormation allows no function: it is written out,
    # and known once the unit `identity` exists.
    subject = f"system:serviceaccount:{account.metadata.namespace}:{account.metadata.name}"
    return trust_policy(
        {"Federated": build_arn(env, "iam", f"oidc-provider/{provider}", region="")},
        "sts:AssumeRoleWithWebIdentity",
        StringEquals={f"{provider}:aud": "sts.amazonaws.com", f"{provider}:sub": subject},
    )
