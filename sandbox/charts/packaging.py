"""Chart folders to `.tgz` archives. The same content always gives the same bytes, so digests in plans are stable."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import subprocess
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from sandbox.charts.values_schema import values_schema

CHARTS = Path(__file__).parent
GO_MODULE = CHARTS.parent / "tools"
# helm writes the archive's modification time into the manifest it pushes; a fixed one keeps the manifest's digest.
ARCHIVE_TIME = 1_767_225_600
ARGO_CD_CRDS = ("application-crd.yaml", "applicationset-crd.yaml", "appproject-crd.yaml")
GO_TIMEOUT_SECONDS = 300


class ChartError(Exception):
    """A chart that cannot be packaged or pushed; the message says which and why."""


@dataclass(frozen=True)
class ChartArchive:
    """A packaged chart: where it is, what it is called and the SHA-256 of its bytes (hexadecimal)."""

    name: str
    version: str
    path: Path
    sha256: str


def chart_names() -> list[str]:
    """Names of the stand-in charts, sorted."""
    return sorted(path.parent.name for path in CHARTS.glob("*/Chart.yaml"))


def archive_of(path: Path) -> ChartArchive:
    """The archive with name and version of a ready `.tgz` chart. Raises ChartError when the file is no Helm chart."""
    content = path.read_bytes()
    try:
        with tarfile.open(fileobj=io.BytesIO(content), mode="r:gz") as archive:
            depths = ((member.name.partition("/")[2], member) for member in archive)
            chart_file = archive.extractfile(next(member for path, member in depths if path == "Chart.yaml"))
            meta: Any = yaml.safe_load(chart_file.read() if chart_file else b"")
            return ChartArchive(meta["name"], str(meta["version"]), path, hashlib.sha256(content).hexdigest())
    except (tarfile.TarError, StopIteration, KeyError, TypeError, yaml.YAMLError) as error:
        raise ChartError(f"{path.name} is not a Helm chart archive ({error!r}); make it with `helm package`") from error


def package(name: str, tools: Path, target: Path) -> ChartArchive:
    """Write chart `name` into `target` as NAME-VERSION.tgz.

    Needs for argo-cd its CRDs, in `<tools>/crds` or in the Go module of `sandbox/tools`. Raises ChartError when there
    is no such chart and when its CRDs cannot be found.
    """
    if name not in chart_names():
        raise ChartError(f"there is no stand-in chart {name!r}; there are {', '.join(chart_names())}")
    files = chart_files(name, tools)
    version = str(yaml.safe_load(files["Chart.yaml"])["version"])
    path = target / f"{name}-{version}.tgz"
    path.write_bytes(_tgz(name, files))
    os.utime(path, (ARCHIVE_TIME, ARCHIVE_TIME))
    return archive_of(path)


def chart_files(name: str, tools: Path) -> dict[str, bytes]:
    """Files of the finished chart by path: its folder, the shared helpers, the whole schema and CRDs from elsewhere."""
    folder = CHARTS / name
    files = {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    for helper in (CHARTS / "_shared").glob("*.tpl"):
        files[f"templates/{helper.name}"] = helper.read_bytes()
    handwritten = json.loads(files.get("values.schema.json", b"{}"))
    schema = values_schema(yaml.safe_load(files["values.yaml"]) or {}, handwritten)
    files["values.schema.json"] = json.dumps(schema, indent=1, sort_keys=True).encode()
    if name == "argo-cd":
        files |= {f"templates/crds/{path.name}": _kept_crd(path) for path in argo_cd_crds(tools)}
    if name == "karpenter":
        # The real chart carries the CRD chart's files too: that is why it is installed with --skip-crds.
        definitions = (CHARTS / "karpenter-crd" / "templates").glob("*.yaml")
        files |= {f"crds/{path.name}": path.read_bytes() for path in definitions}
    return files


def argo_cd_crds(tools: Path) -> list[Path]:
    """Argo CD's own CRD files: from `<tools>/crds` when they are there, else from the Go module cache.

    Raises ChartError when neither place has them.
    """
    for folder in (tools / "crds", tools.parent / "crds"):
        if all((folder / name).is_file() for name in ARGO_CD_CRDS):
            return [folder / name for name in ARGO_CD_CRDS]
    command = ["go", "list", "-m", "-f", "{{.Dir}}", "github.com/argoproj/argo-cd/v3"]
    try:
        listed = subprocess.run(
            command,
            cwd=GO_MODULE,
            env={**os.environ, "GOTOOLCHAIN": "auto"},
            timeout=GO_TIMEOUT_SECONDS,
            check=True,
            capture_output=True,
            text=True,
        )
    except (OSError, subprocess.SubprocessError) as error:
        detail = (getattr(error, "stderr", None) or str(error)).strip()
        where = tools / "crds"
        raise ChartError(f"chart argo-cd needs Argo CD's CRDs: none in {where}, and go failed: {detail}") from error
    crds = Path(listed.stdout.strip()) / "manifests" / "crds"
    if not all((crds / name).is_file() for name in ARGO_CD_CRDS):
        raise ChartError(f"chart argo-cd needs Argo CD's CRDs, and {crds} lacks some of {', '.join(ARGO_CD_CRDS)}")
    return [crds / name for name in ARGO_CD_CRDS]


def _kept_crd(path: Path) -> bytes:
    """The CRD as the chart has it: a template (so it is upgraded) that an uninstall keeps."""
    crd = yaml.load(path.read_text(), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    crd["metadata"].setdefault("annotations", {})["helm.sh/resource-policy"] = "keep"
    escaped = json.dumps(crd, separators=(",\n", ":"), sort_keys=True).replace("{{", '{{ "{{" }}')
    return f"{{{{- if .Values.crds.install }}}}\n{escaped}\n{{{{- end }}}}\n".encode()


def _tgz(name: str, files: dict[str, bytes]) -> bytes:
    """Chart.yaml first, as Helm writes it; no times, owners or file modes that differ between machines."""
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for path in sorted(files, key=lambda path: (path != "Chart.yaml", path)):
            member = tarfile.TarInfo(f"{name}/{path}")
            member.size, member.mode, member.mtime = len(files[path]), 0o644, ARCHIVE_TIME
            archive.addfile(member, io.BytesIO(files[path]))
    return gzip.compress(plain.getvalue(), mtime=0)
