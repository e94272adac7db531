"""The NVIDIA device plugin."""

from eks_assets.graph.unit import unit
from eks_assets.units.cluster.pod_addons import pod_addons
from resources.model.specs import HelmRelease


@unit(
    wave="configuration",
    minutes=0.5,
    after=[pod_addons],
    when=lambda env: env.runs_gpus,
)
def nvidia_device_plugin() -> HelmRelease:
    """Offers the GPUs of nodes to pods; on where a node group has any, or the environment asks for it. Auto Mode has
    its own."""
    return HelmRelease(
        name="nvidia-device-plugin",
        namespace="nvidia-device-plugin",
        repository="https://nvidia.github.io/k8s-device-plugin",
        chart="nvidia-device-plugin",
        version="0.20.0",
    )
