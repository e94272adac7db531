"""Real charts instead of the stand-ins: `make charts DIR=FOLDER`, where FOLDER holds them as `helm package` does.

Pushes them to the running sandbox's registry (which forgets them when it stops) and renders every unit on them.
"""

from __future__ import annotations

import argparse
import io
import os
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_origin

import yaml

from eks_assets.graph.registry import Registry
from eks_assets.graph.rendering import render_spec
from eks_assets.units import load_registry
from resources.config.environment import Environment, merge_mappings
from resources.config.loader import load_environment
from resources.config.sandbox_state import SandboxState, sandbox_state
from resources.model.errors import PipelineError
from resources.model.outputs import Outputs, plain_document
from resources.model.specs import HelmRelease
from sandbox.charts.__main__ import publish_all
from sandbox.charts.packaging import ChartArchive, ChartError, archive_of

RENDER_TIMEOUT_SECONDS = 120
# Istio's charts keep their defaults under this key and lift them one level while rendering.
LIFTED = "_internal_defaults_do_not_set"


@dataclass(frozen=True)
class Rendering:
    """How one unit renders. `objects`: how many; `error`: why it did not; `unknown`: values that the unit sets and no
    file of the chart names, so that the chart ignores them."""

    unit: str
    chart: str
    objects: int = 0
    error: str = ""
    unknown: tuple[str, ...] = ()

    def __str__(self) -> str:
        if self.error:
            return f"{self.unit}: {self.chart}: error: {self.error}"
        remark = f"; the chart knows no value {', '.join(self.unknown)}" if self.unknown else ""
        return f"{self.unit}: {self.chart}: rendered {self.objects} objects{remark}"


def releases(registry: Registry, env: Environment) -> Iterator[tuple[str, HelmRelease]]:
    """Every Helm release that the environment could have, as (unit, spec): its optional add-ons switched on, and
    examples in place of what other units put out."""
    units = [u for u in registry.units if issubclass(u.spec_type, HelmRelease)]
    switched_on = {u.name: env.addon(u.name).model_copy(update={"enabled": True}) for u in units}
    env = env.model_copy(update={"addons": env.addons | switched_on})
    known = {u.name: example(u.outputs) for u in registry.units}
    for u in units:
        spec = render_spec(registry, env, u, known)
        if u.is_enabled(env) and isinstance(spec, HelmRelease):
            yield u.name, spec


def example(outputs: type[Outputs]) -> Outputs:
    """Plausible outputs of a unit that was never applied."""

    def text(field: str) -> str:
        if field.endswith("arn"):
            return "arn:aws:iam::000000000000:role/example"
        return "https://example.com" if field in ("endpoint", "oidc_issuer") else f"example-{field.replace('_', '-')}"

    fields = outputs.model_fields.items()
    return outputs(**{name: (text(name),) if get_origin(f.annotation) is tuple else text(name) for name, f in fields})


def render(unit: str, spec: HelmRelease, chart: ChartArchive, env: Environment, state: SandboxState) -> Rendering:
    """Render the unit's release with the real helm, from the registry, as a deploy would."""
    title = f"{spec.chart} {spec.version}"
    if chart.version != spec.version:
        return Rendering(unit, title, error=f"the folder has version {chart.version}; package the one the unit pins")
    values = plain_document(spec.values)
    command = [
        str(Path(state.tools) / "helm"),
        "template",
        spec.name,
        f"oci://{state.registry}/charts/{spec.chart}",
        "--version",
        spec.version,
        "--plain-http",
        "--namespace",
        spec.namespace,
        "--values",
        "-",
        "--kube-version",
        env.kubernetes_version,
        "--skip-crds" if spec.skip_crds else "--include-crds",
    ]
    with tempfile.TemporaryDirectory(prefix="helm-") as home:
        homes = {f"HELM_{kind}_HOME": home for kind in ("CONFIG", "CACHE", "DATA")}
        try:
            done = subprocess.run(
                command,
                input=yaml.safe_dump(values),
                env=os.environ | homes,
                timeout=RENDER_TIMEOUT_SECONDS,
                check=True,
                capture_output=True,
                text=True,
            )
        except (OSError, subprocess.SubprocessError) as error:
            detail = (getattr(error, "stderr", None) or str(error)).strip()
            return Rendering(unit, title, error=" ".join(detail.split()))
    objects = sum(1 for line in done.stdout.splitlines() if line.startswith("kind:"))
    return Rendering(unit, title, objects, unknown=unknown_values(values, chart))


def unknown_values(values: Mapping[str, Any], chart: ChartArchive) -> tuple[str, ...]:
    """Dotted names of values that neither the chart's defaults nor its templates and comments name."""
    with tarfile.open(fileobj=io.BytesIO(chart.path.read_bytes()), mode="r:gz") as archive:
        opened = {member.name.partition("/")[2]: archive.extractfile(member) for member in archive}
        files = {path: file.read().decode(errors="replace") for path, file in opened.items() if file}
    text = "\n".join(files.values())
    return tuple(name for name in unnamed(values, defaults_of(files)) if name.rpartition(".")[2] not in text)


def defaults_of(files: Mapping[str, str]) -> dict[str, Any]:
    """The values.yaml of a chart with these files, over those of the charts that it contains."""
    own: dict[str, Any] = yaml.safe_load(files.get("values.yaml", "")) or {}
    inner: dict[str, Any] = {}
    for path, text in files.items():
        match path.split("/"):
            case ["charts", name, "values.yaml"]:
                inner[name] = yaml.safe_load(text) or {}
    return merge_mappings(inner, own | own.get(LIFTED, {}))


def unnamed(values: Mapping[str, Any], defaults: Mapping[str, Any], above: str = "") -> Iterator[str]:
    """Dotted names of values that the defaults lack. A default that is empty, or no mapping, takes any."""
    for name, value in values.items():
        if name not in defaults:
            yield above + name
        elif isinstance(value, Mapping) and isinstance(defaults[name], Mapping) and defaults[name]:
            yield from unnamed(value, defaults[name], f"{above}{name}.")


def check(folder: Path, environment: str) -> int:
    """Push the folder's charts, render every unit on them, print a line each; 1 where one fails or none was rendered.

    Raises PipelineError where the sandbox is down or the environment is wrong, ChartError for a file that is no chart.
    """
    registry, state = load_registry(), sandbox_state()
    env = load_environment(environment, known_units=registry.by_name)
    if failures := publish_all(state.registry, Path(state.tools), folder):
        raise ChartError("\n".join(failures))
    charts = {chart.name: chart for chart in map(archive_of, sorted(folder.glob("*.tgz")))}
    done: list[Rendering] = []
    unused = set(charts)
    for unit, spec in releases(registry, env):
        unused.discard(spec.chart)
        if chart := charts.get(spec.chart):
            done.append(render(unit, spec, chart, env, state))
            print(done[-1], flush=True)
        else:
            print(f"{unit}: skipped: the folder has no chart {spec.chart} (the unit pins {spec.version})")
    for name in sorted(unused):
        print(f"{name} {charts[name].version}: no unit uses this chart")
    rendered = sum(not rendering.error for rendering in done)
    print(f"{rendered} of {len(done)} units render on these charts")
    return 0 if rendered == len(done) > 0 else 1


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m sandbox.real_charts", description=__doc__)
    parser.add_argument("folder", type=Path, help="folder with *.tgz charts")
    parser.add_argument("--environment", default="sandbox", help="whose values the units get (default: sandbox)")
    options = parser.parse_args(arguments)
    try:
        return check(options.folder, options.environment)
    except (PipelineError, ChartError) as error:
        print(f"error: {error}", file=sys.stderr)
        return getattr(error, "exit_code", 1)


if __name__ == "__main__":
    sys.exit(main())
