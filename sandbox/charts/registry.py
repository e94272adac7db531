"""Charts into an OCI registry over plain HTTP, with the real helm."""

from __future__ import annotations

import json
import os
import subprocess
import urllib.error
import urllib.request
from pathlib import Path

from sandbox.charts.packaging import ChartArchive, ChartError

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
REQUEST_TIMEOUT_SECONDS = 10
PUSH_TIMEOUT_SECONDS = 120


def has(registry: str, chart: ChartArchive) -> bool:
    """Whether `registry` (host:port) holds exactly these bytes under the chart's name and version.

    Raises ChartError when the registry does not answer.
    """
    tag = chart.version.replace("+", "_")
    url = f"http://{registry}/v2/charts/{chart.name}/manifests/{tag}"
    request = urllib.request.Request(url, headers={"Accept": MANIFEST})
    try:
        with urllib.request.urlopen(request, timeout=REQUEST_TIMEOUT_SECONDS) as response:
            layers = json.load(response)["layers"]
    except urllib.error.HTTPError as error:
        if error.code == 404:
            return False
        raise ChartError(f"registry {registry} answered {error.code} when asked for chart {chart.name}") from error
    except OSError as error:
        raise ChartError(f"registry {registry} does not answer ({error}); is it running?") from error
    return any(layer["digest"] == f"sha256:{chart.sha256}" for layer in layers)


def push(registry: str, chart: ChartArchive, tools: Path) -> None:
    """Push the archive to oci://REGISTRY/charts with the helm in `tools`.

    Raises ChartError when helm is missing, fails or takes more than two minutes.
    """
    command = [str(tools / "helm"), "push", str(chart.path), f"oci://{registry}/charts", "--plain-http"]
    home = chart.path.parent / "helm"
    environment = os.environ | {f"HELM_{kind}_HOME": str(home) for kind in ("CONFIG", "CACHE", "DATA")}
    try:
        subprocess.run(
            command, env=environment, timeout=PUSH_TIMEOUT_SECONDS, check=True, capture_output=True, text=True
        )
    except (OSError, subprocess.SubprocessError) as error:
        detail = (getattr(error, "stderr", None) or str(error)).strip()
        raise ChartError(f"cannot push chart {chart.name} {chart.version} to {registry}: {detail}") from error
