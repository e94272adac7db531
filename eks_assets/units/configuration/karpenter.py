"""Karpenter, which starts and stops nodes (specification, "Karpenter Installation")."""

from eks_assets.graph.unit import unit
from eks_assets.units.cluster.identity import identity
from eks_assets.units.cluster.karpenter_stack import KarpenterOutputs
from eks_assets.units.cluster.pod_addons import pod_addons
from eks_assets.units.configuration.karpenter_crds import karpenter_crds
from resources.config.environment import Environment
from resources.model.products import NODES
from resources.model.specs import HelmRelease


@unit(
    wave="configuration",
    minutes=1,
    after=[karpenter_crds, pod_addons, identity],
    when=lambda env: not env.cluster.auto_mode,
    products=NODES,
)
def karpenter(env: Environment, karpenter_stack: KarpenterOutputs) -> HelmRelease:
    """Starts nodes for pods that have no place, and stops those that nobody needs."""
    return HelmRelease(
        name="karpenter",
        namespace="kube-system",
        repository="oci://public.ecr.aws/karpenter",
        chart="karpenter",
        version=env.karpenter_version,
        skip_crds=True,
        values={
            "settings": {"clusterName": env.cluster_name, "interruptionQueue": karpenter_stack.queue_name},
            "serviceAccount": {"name": "karpenter"},
        },
    )
