"""The AWS Load Balancer Controller."""

from eks_assets.graph.unit import unit
from eks_assets.units.cluster.identity import identity
from eks_assets.units.cluster.pod_addons import pod_addons
from eks_assets.units.cluster.vpc_lookup import VpcOutputs
from resources.config.environment import Environment
from resources.model.products import LOAD_BALANCERS
from resources.model.specs import HelmRelease


@unit(
    wave="configuration",
    minutes=1,
    after=[pod_addons, identity],
    when=lambda env: not env.cluster.auto_mode,
    products=LOAD_BALANCERS,
)
def aws_load_balancer_controller(env: Environment, vpc: VpcOutputs) -> HelmRelease:
    """Makes AWS load balancers of Ingresses, and of Services with loadBalancerClass service.k8s.aws/nlb."""
    return HelmRelease(
        name="aws-load-balancer-controller",
        namespace="kube-system",
        repository="https://aws.github.io/eks-charts",
        chart="aws-load-balancer-controller",
        version="3.5.0",
        values={
            "clusterName": env.cluster_name,
            "region": env.region,
            "vpcId": vpc.vpc_id,
            "serviceAccount": {"create": True, "name": "aws-load-balancer-controller"},
            # With it, Services would need no loadBalancerClass; but every Service in the cluster would be refused until
            # this controller is ready, and add-ons that are installed at the same time would fail.
            "enableServiceMutatorWebhook": False,
            # Else the webhook's certificate changes with each upgrade.
            "keepTLSSecret": True,
        },
    )
