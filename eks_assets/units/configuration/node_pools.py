"""Which nodes Karpenter may start (source: Karpenter, "Concepts > NodePools" and "NodeClasses")."""

from eks_assets.graph.unit import unit
from eks_assets.units.cluster.cluster import ClusterOutputs
from eks_assets.units.cluster.karpenter_stack import KarpenterOutputs
from eks_assets.units.cluster.vpc_lookup import VpcOutputs
from eks_assets.units.configuration.karpenter import karpenter
from eks_assets.units.configuration.karpenter_crds import karpenter_crds
from resources.config.environment import Environment
from resources.model.checks import ObjectsReady
from resources.model.specs import Manifests


@unit(
    wave="configuration",
    minutes=0.2,
    after=[karpenter_crds, karpenter],
    when=lambda env: not env.cluster.auto_mode,
    checks=[ObjectsReady()],
)
def node_pools(
    env: Environment, cluster: ClusterOutputs, vpc: VpcOutputs, karpenter_stack: KarpenterOutputs
) -> Manifests:
    """A general-purpose NodePool and the EC2NodeClass behind it."""
    discovery = [{"tags": {"karpenter.sh/discovery": env.cluster_name}}]
    # A VPC that somebody else created need not have our tags.
    subnets = [{"id": subnet} for subnet in env.cluster.vpc.subnets.private_ids or vpc.private_subnet_ids]
    node_class = {
        "apiVersion": "karpenter.k8s.aws/v1",
        "kind": "EC2NodeClass",
        "metadata": {"name": "default"},
        "spec": {
            "role": karpenter_stack.node_role_name,
            "amiSelectorTerms": [{"alias": "al2023@latest"}],
            "subnetSelectorTerms": discovery if env.network.create else subnets,
            # Without the cluster's own group a node reaches neither the API server nor other nodes.
            "securityGroupSelectorTerms": [{"id": cluster.security_group_id}, *discovery],
            "metadataOptions": {"httpTokens": "required", "httpPutResponseHopLimit": 1},
        },
    }
    requirements = [
        {"key": "kubernetes.io/arch", "operator": "In", "values": ["amd64"]},
        {"key": "karpenter.sh/capacity-type", "operator": "In", "values": ["on-demand", "spot"]},
        {"key": "karpenter.k8s.aws/instance-category", "operator": "In", "values": ["c", "m", "r"]},
        {"key": "karpenter.k8s.aws/instance-generation", "operator": "Gt", "values": ["4"]},
    ]
    pool = {
        "apiVersion": "karpenter.sh/v1",
        "kind": "NodePool",
        "metadata": {"name": "default"},
        "spec": {
            "template": {
                "spec": {
                    "nodeClassRef": {"group": "karpenter.k8s.aws", "kind": "EC2NodeClass", "name": "default"},
                    "requirements": requirements,
                    "expireAfter": "720h",
                }
            },
            "limits": {"cpu": "1000"},
            "disruption": {"consolidationPolicy": "WhenEmptyOrUnderutilized", "consolidateAfter": "1m"},
        },
    }
    return Manifests(objects=(node_class, pool))
