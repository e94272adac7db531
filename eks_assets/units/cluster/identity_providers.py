"""The OpenID Connect provider whose users Kubernetes knows.

Source: CloudFormation, AWS::EKS::IdentityProviderConfig; EKS user guide, "Grant users access to Kubernetes with an
external OIDC provider".
"""

from troposphere import Tags, Template, eks

from eks_assets.graph.unit import unit
from eks_assets.units.cluster.access_entries import access_entries
from eks_assets.units.cluster.cluster import ClusterOutputs
from resources.cloudformation import cluster_tags, text_parameter
from resources.config.eksctl.identity_providers import IdentityProvider
from resources.config.environment import Environment
from resources.model.outputs import NoOutputs
from resources.model.specs import Stack


@unit(wave="cluster", minutes=15, after=[access_entries], when=lambda env: bool(env.cluster.identity_providers))
def identity_providers(env: Environment, cluster: ClusterOutputs) -> Stack[NoOutputs]:
    """Users of an OpenID Connect provider in Kubernetes. What they may do say roles and bindings of one's own."""
    template = Template(Description=f"Identity providers of {env.cluster_name}")
    cluster_name = text_parameter(template, "ClusterName", "Name of the EKS cluster")
    for provider in env.cluster.identity_providers:
        template.add_resource(
            eks.IdentityProviderConfig(
                # Nothing of it can be changed, and a cluster has one at a time: there is no new one before the old.
                "Provider",
                ClusterName=cluster_name,
                Type=provider.type,
                IdentityProviderConfigName=provider.name,
                Oidc=_oidc(provider),
                **({"Tags": Tags(provider.tags)} if provider.tags else {}),
            )
        )
    return Stack[NoOutputs](
        template=template.to_dict(), parameters={"ClusterName": cluster.name}, tags=cluster_tags(env)
    )


def _oidc(provider: IdentityProvider) -> eks.OidcIdentityProviderConfig:
    claims = [eks.RequiredClaim(Key=key, Value=value) for key, value in sorted(provider.required_claims.items())]
    optional = {
        "UsernameClaim": provider.username_claim,
        "UsernamePrefix": provider.username_prefix,
        "GroupsClaim": provider.groups_claim,
        "GroupsPrefix": provider.groups_prefix,
        "RequiredClaims": claims,
    }
    given = {name: value for name, value in optional.items() if value}
    return eks.OidcIdentityProviderConfig(IssuerUrl=provider.issuer_url, ClientId=provider.client_id, **given)
