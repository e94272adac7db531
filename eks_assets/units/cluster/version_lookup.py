"""The versions of EKS add-ons and node images that AWS offers for the cluster's Kubernetes version.

AWS never moves an add-on or a node group to a newer version by itself (EKS user guide, "Update an Amazon EKS add-on"
and "Update a managed node group"), and a template without a version never differs. So what AWS recommends is asked for
each time, and stands in the templates.
"""

from eks_assets.graph.unit import unit
from resources.config.environment import Environment
from resources.model.outputs import Outputs, value_of
from resources.model.specs import Lookup


class VersionOutputs(Outputs):
    """`addon_versions`: NAME=VERSION; `node_releases`: the release of the image by EKS's image type, TYPE=RELEASE."""

    addon_versions: tuple[str, ...]
    node_releases: tuple[str, ...]

    def of_addon(self, name: str) -> str:
        """The version to install of an add-on of the ClusterConfig."""
        return value_of(self.addon_versions, name)

    def of_nodes(self, ami_type: str) -> str:
        """The release of the image of that type."""
        return value_of(self.node_releases, ami_type)


@unit(wave="cluster", minutes=0.05)
def version_lookup(env: Environment) -> Lookup[VersionOutputs]:
    """Finds what AWS offers: an add-on's default version, its newest for `latest`, and the newest image of nodes whose
    group pins none. A version that AWS does not offer is an error that names those it does."""
    addons = {addon.name: addon.version or "default" for addon in (*env.cluster.daemon_addons, *env.cluster.pod_addons)}
    types = sorted({group.ami_type for group in env.cluster.node_groups if not group.release_version})
    return Lookup[VersionOutputs](
        kind="eks_versions",
        query={
            "kubernetes": env.kubernetes_version,
            "addons": ",".join(f"{name}={version}" for name, version in sorted(addons.items())),
            "images": ",".join(types),
        },
    )
