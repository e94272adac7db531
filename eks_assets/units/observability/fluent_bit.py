"""Logs of pods and of the kubelet, from each node to Loki.

Source: Fluent Bit, "Kubernetes filter", "Loki output"; chart fluent/fluent-bit.
"""

from eks_assets.graph.unit import unit
from eks_assets.units.cluster.pod_addons import pod_addons
from eks_assets.units.configuration.namespaces import namespaces
from eks_assets.units.observability.loki import loki
from resources.model.specs import HelmRelease

# Few values each: every combination is a stream of its own. The pod's name, of which there are many, stays in the line.
_LABELS = ", ".join(
    (
        "job=fluent-bit",
        "namespace=$kubernetes['namespace_name']",
        "container=$kubernetes['container_name']",
        "node=$kubernetes['host']",
    )
)
# While Loki is away, nothing is thrown away: reading waits, and lines stay on the node until it rotates them.
_OUTPUT = f"""\
[OUTPUT]
    Name loki
    Match *
    Host loki-gateway.observability.svc
    Port 80
    Labels {_LABELS}
    Line_Format json
    Retry_Limit no_limits
"""
_PATHS = {"varlog": "/var/log", "etcmachineid": "/etc/machine-id"}


@unit(
    wave="observability",
    minutes=1,
    after=[namespaces, pod_addons, loki],
    when=lambda env: env.addon("loki").enabled,
)
def fluent_bit() -> HelmRelease:
    """Ships the logs of every pod, and of the kubelet, to Loki; on where Loki is. Pods on Fargate have no node, and
    ship none."""
    return HelmRelease(
        name="fluent-bit",
        namespace="observability",
        repository="https://fluent.github.io/helm-charts",
        chart="fluent-bit",
        version="0.58.1",
        values={
            "testFramework": {"enabled": False},
            # Every node has logs, whatever it repels.
            "tolerations": [{"operator": "Exists"}],
            "priorityClassName": "system-node-critical",
            # It ships what happens while the mesh is not there.
            "podLabels": {"sidecar.istio.io/inject": "false"},
            "resources": {"requests": {"cpu": "50m", "memory": "64Mi"}, "limits": {"memory": "256Mi"}},
            "config": {"outputs": _OUTPUT},
            # Without Docker's folder, which nodes of EKS have not.
            "daemonSetVolumes": [{"name": name, "hostPath": {"path": path}} for name, path in _PATHS.items()],
            "daemonSetVolumeMounts": [
                {"name": name, "mountPath": path, "readOnly": True} for name, path in _PATHS.items()
            ],
        },
    )
