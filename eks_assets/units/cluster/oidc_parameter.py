"""The cluster's OIDC issuer in SSM, where the specification's users read it (OIDC_ID_PARAM)."""

from eks_assets.graph.unit import unit
from eks_assets.units.cluster.cluster import cluster
from eks_assets.units.cluster.identity import IdentityOutputs
from resources.config.environment import Environment
from resources.model.outputs import NoOutputs
from resources.model.specs import Parameter


@unit(wave="cluster", minutes=0.1, after=[cluster])
def oidc_parameter(env: Environment, identity: IdentityOutputs) -> Parameter[NoOutputs]:
    """Stores the OIDC id of the cluster in SSM (specification, "OIDC Configuration Storage")."""
    return Parameter[NoOutputs](
        name=env.oidc_parameter, value=identity.oidc_id, description=f"OIDC id of the cluster {env.cluster_name}"
    )
