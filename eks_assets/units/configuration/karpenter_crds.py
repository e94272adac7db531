"""Karpenter's CustomResourceDefinitions, as a release of their own so that upgrades reach them."""

from eks_assets.graph.unit import unit
from resources.config.environment import Environment
from resources.model.checks import CrdsEstablished
from resources.model.specs import HelmRelease


@unit(
    wave="configuration",
    minutes=0.2,
    when=lambda env: not env.cluster.auto_mode,
    checks=[CrdsEstablished()],
    reversibility="forward-only",
)
def karpenter_crds(env: Environment) -> HelmRelease:
    """The kinds NodePool, NodeClaim and EC2NodeClass."""
    return HelmRelease(
        name="karpenter-crd",
        namespace="kube-system",
        repository="oci://public.ecr.aws/karpenter",
        chart="karpenter-crd",
        version=env.karpenter_version,
    )
