"""Dashboards of the platform, as ConfigMaps that Grafana's sidecar picks up."""

import json

from eks_assets.graph.unit import unit
from eks_assets.units.observability.prometheus import prometheus
from resources.config.environment import Environment
from resources.model.specs import Manifests


@unit(wave="observability", minutes=0.1, after=[prometheus])
def dashboards(env: Environment) -> Manifests:
    """A dashboard of nodes, pods and Argo CD applications."""
    panels = [
        ("Nodes ready", 'sum(kube_node_status_condition{condition="Ready",status="true"})'),
        ("Pods not ready", 'sum(kube_pod_status_ready{condition="false"})'),
        ("Restarts in the last hour", "sum(increase(kube_pod_container_status_restarts_total[1h]))"),
        ("Applications out of sync", 'sum(argocd_app_info{sync_status!="Synced"})'),
    ]
    board = {
        "title": f"Platform {env.resource_prefix}",
        "uid": "eks-assets-platform",
        "schemaVersion": 39,
        "panels": [
            {
                "id": number,
                "title": title,
                "type": "timeseries",
                "gridPos": {"x": 12 * (number % 2), "y": 8 * (number // 2), "w": 12, "h": 8},
                "targets": [{"refId": "A", "expr": query}],
            }
            for number, (title, query) in enumerate(panels)
        ],
    }
    config_map = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {
            "name": "platform-dashboard",
            "namespace": "observability",
            "labels": {"grafana_dashboard": "1"},
        },
        "data": {"platform.json": json.dumps(board, sort_keys=True)},
    }
    return Manifests(objects=(config_map,))
