"""Whether the platform serves (specification, `validate_deployment`): probes only, each a check that can fail."""

from eks_assets.graph.unit import unit
from eks_assets.units.applications.istio_application import istio_application
from eks_assets.units.applications.product_applications import product_applications
from eks_assets.units.cluster.access_entries import access_entries
from eks_assets.units.cluster.node_groups import node_groups
from eks_assets.units.configuration.aws_load_balancer_controller import aws_load_balancer_controller
from eks_assets.units.configuration.external_dns import external_dns
from eks_assets.units.configuration.node_pools import node_pools
from eks_assets.units.observability.dashboards import dashboards
from eks_assets.units.observability.loki import loki
from resources.model.checks import (
    ApplicationEndpoint,
    ApplicationsHealthy,
    EndpointAnswers,
    NodesReady,
    PodsReady,
    ReleasesReady,
)
from resources.model.specs import Probes

_DNS = PodsReady(
    name="coredns_ready", says="coredns is ready.", namespace="kube-system", label="k8s-app=kube-dns", auto_mode=False
)
_BALANCER = PodsReady(
    name="load_balancer_controller_ready",
    says="The AWS Load Balancer Controller is ready.",
    namespace="kube-system",
    label="app.kubernetes.io/name=aws-load-balancer-controller",
    auto_mode=False,
)


@unit(
    wave="observability",
    minutes=1,
    after=[
        access_entries,
        node_groups,
        aws_load_balancer_controller,
        external_dns,
        node_pools,
        istio_application,
        product_applications,
        loki,
        dashboards,
    ],
    checks=[
        EndpointAnswers(),
        NodesReady(),
        _DNS,
        _BALANCER,
        ReleasesReady(),
        ApplicationsHealthy(every=True),
        ApplicationEndpoint(),
    ],
)
def validation() -> Probes:
    """Cluster, nodes, coredns, load balancer controller, releases, applications and the application's own address."""
    return Probes()
