"""Metrics (specification, "Observability Stack Installation")."""

from typing import Any

from eks_assets.graph.unit import unit
from eks_assets.units.cluster.pod_addons import pod_addons
from eks_assets.units.configuration.storage_classes import storage_classes
from eks_assets.units.observability.grafana_credentials import NAMESPACE, SECRET, grafana_credentials
from resources.model.specs import HelmRelease


def _monitor(name: str, namespace: str, port: str) -> dict[str, Any]:
    """What scrapes the service of that name label. A chart's own monitor would need a kind that comes later."""
    return {
        "name": name,
        "selector": {"matchLabels": {"app.kubernetes.io/name": name}},
        "namespaceSelector": {"matchNames": [namespace]},
        "endpoints": [{"port": port}],
    }


def _volume(size: str) -> dict[str, Any]:
    """A claim on the default storage class."""
    spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": size}}}
    return {"volumeClaimTemplate": {"spec": spec}}


_ARGO_CD = [_monitor(f"argocd-{part}", "argocd", "http-metrics") for part in ("metrics", "server-metrics")]
_KARPENTER = _monitor("karpenter", "kube-system", "http-metrics")


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
            # EKS runs these and shows none of them, and kube-proxy answers on its node alone: alerts that always fire.
            "kubeControllerManager": {"enabled": False},
            "kubeScheduler": {"enabled": False},
            "kubeEtcd": {"enabled": False},
            "kubeProxy": {"enabled": False},
            "prometheus": {
                # Without a volume metrics end with their pod; without a size they end with their volume.
                "prometheusSpec": {"storageSpec": _volume("50Gi"), "retentionSize": "45GB"},
                "additionalServiceMonitors": [*_ARGO_CD, _KARPENTER],
            },
            "alertmanager": {"alertmanagerSpec": {"storage": _volume("5Gi")}},
            "grafana": {
                "admin": {"existingSecret": SECRET, "userKey": "username", "passwordKey": "password"},
                "additionalDataSources": [loki],
                "sidecar": {"dashboards": {"enabled": True, "label": "grafana_dashboard"}},
                "persistence": {"enabled": True, "size": "5Gi"},
                # Its volume is mounted by one pod at a time.
                "deploymentStrategy": {"type": "Recreate"},
            },
        },
    )
