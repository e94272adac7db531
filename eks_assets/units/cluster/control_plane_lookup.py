"""Where the control plane is, once it exists: EKS fixes the zones of a cluster when it creates it.

Source: EKS user guide, "Amazon EKS networking requirements": later subnets lie in the very same zones.
"""

from eks_assets.graph.unit import unit
from resources.config.environment import Environment
from resources.model.outputs import Outputs, known_values
from resources.model.specs import Lookup


class ControlPlaneOutputs(Outputs):
    """The subnets of the control plane and their zones; none while there is no cluster."""

    subnet_ids: tuple[str, ...]
    zones: tuple[str, ...]

    def zones_besides(self, zones: tuple[str, ...]) -> tuple[str, ...]:
        """Those of the VPC's zones that it got after the cluster, in order."""
        own = known_values(self.zones)
        return tuple(zone for zone in known_values(zones) if zone not in own) if own else ()


@unit(wave="cluster", minutes=0.05)
def control_plane_lookup(env: Environment) -> Lookup[ControlPlaneOutputs]:
    """Finds the subnets of the cluster, so that a zone which the VPC gets later is for nodes alone."""
    return Lookup[ControlPlaneOutputs](kind="control_plane", query={"cluster": env.cluster_name})
