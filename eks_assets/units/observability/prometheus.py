"""Metrics (specification, "Observability Stack Installation")."""

from eks_assets.graph.unit import unit
from eks_assets.units.cluster.pod_addons import pod_addons
from eks_assets.units.configuration.storage_classes import storage_classes
from eks_assets.units.observability.grafana_credentials import NAMESPACE, SECRET, grafana_credentials
from resources.model.specs import HelmRelease


@unit(wave="observability", minutes=2, after=[grafana_credentials, storage_classes, pod_addons])
def prometheus() -> HelmRelease:
    """Prometheus, Alertmanager and Grafana, with Loki as a data source."""
    loki = {"name": "Loki", "type": "loki", "access": "proxy", "url": "http://loki-gateway.observability.svc"}
    return HelmRelease(
        name="prometheus",
        namespace=NAMESPACE,
        repository="https://prometheus-community.github.io/helm-charts",
        chart="kube-prometheus-stack",
        version="88.5.3",
        values={
            "grafana": {
                "admin": {"existingSecret": SECRET, "userKey": "username", "passwordKey": "password"},
                "additionalDataSources": [loki],
                "sidecar": {"dashboards": {"enabled": True, "label": "grafana_dashboard"}},
            }
        },
    )
