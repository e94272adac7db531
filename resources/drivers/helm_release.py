"""Helm releases, installed and upgraded by the real helm (version 4).

What exists is read from helm's own storage (a Secret a revision), not from helm: one LIST serves every release of a
plan. Facts about helm 4 that shape this file stand in `docs/adr/0004-helm.md`.
"""

from __future__ import annotations

import hashlib
import re
import tempfile
from pathlib import Path
from typing import Any

import rfc8785
import yaml

from resources.change import NOTHING_TO_DO, Change, FieldChange, Observed, diff
from resources.charts import chart_reference, check_digest, registry_flags
from resources.drivers.helm_storage import Release, newest_release
from resources.drivers.pod_watch import PodWatch
from resources.errors import CommandFailed, OperationFailed, Transient
from resources.outputs import NoOutputs, plain
from resources.programs import program, run
from resources.specs import HelmRelease
from resources.world import World

DIGEST_LABEL = "eks-assets/spec"
_TRANSIENT = re.compile(
    r"Too Many Requests|connection refused|connection reset|i/o timeout|TLS handshake timeout|unexpected EOF|: EOF$"
    r"|status(?: code)?:? (?:429|5\d\d)|\b50[0234] (?:Internal|Bad|Service|Gateway)|failed calling webhook",
    re.MULTILINE,
)


class HelmReleaseDriver:
    """Observes, plans and applies a `HelmRelease`."""

    def observe(self, spec: HelmRelease, world: World) -> Observed | None:
        """Chart, version, values and status of the newest revision; None where the release does not exist."""
        release = newest_release(world, spec.namespace, spec.name)
        if release is None:
            return None
        return Observed(
            status=release.status,
            desired={"chart": release.chart, "version": release.version, "values": release.values},
            outputs=NoOutputs(),
            detail={"revision": str(release.revision), "spec": release.labels.get(DIGEST_LABEL, "")},
        )

    def plan(self, spec: HelmRelease, observed: Observed | None) -> Change:
        """Create, update with the values that differ, or nothing."""
        wanted = wanted_fields(spec)
        if observed is None:
            return Change("create", diff({}, wanted), f"release {spec.name} does not exist")
        fields = diff(observed.desired, wanted)
        if observed.status != "deployed":
            fields = (*fields, FieldChange("status", observed.status, "deployed"))
        elif not fields and observed.detail["spec"] != spec_label(spec):
            fields = (FieldChange("chart", observed.detail["spec"], spec_label(spec)),)
        if fields:
            return Change("update", fields, f"release {spec.name}: {len(fields)} fields differ")
        return NOTHING_TO_DO

    def apply(self, spec: HelmRelease, world: World) -> None:
        """`helm upgrade --install --wait`, watching the pods, so that an image that can't be pulled or a container
        that keeps crashing ends it at once with the pod's own message.

        A release left in a pending state by a killed run is repaired first. Raises OperationFailed, Transient.
        """
        chart = self._chart(spec, world)
        before = newest_release(world, spec.namespace, spec.name)
        if before is not None and (before.status.startswith("pending-") or before.status == "uninstalling"):
            self._repair(before, spec, world)
        values = world.aws.folder / f"values-{spec.namespace}-{spec.name}.yaml"
        values.write_text(yaml.safe_dump(plain(spec.values)))
        values.chmod(0o600)
        argv = [
            "upgrade", spec.name, *chart, "--install", "--namespace", spec.namespace,
            "--create-namespace", "--reset-values", "--values", str(values), "--wait",
            "--timeout", f"{spec.timeout:.0f}s",
            "--qps", "500", "--burst-limit", "1000", "--history-max", "10",
            "--labels", f"{DIGEST_LABEL}={spec_label(spec)}",
        ]  # fmt: skip
        if spec.skip_crds:
            argv.append("--skip-crds")
        watch = PodWatch(world, spec.namespace, spec.name)
        world.progress(f"helm upgrade --install {spec.name} ({spec.chart} {spec.version})")
        try:
            self._helm(argv, world, spec.timeout + 30, watch.look)
        except CommandFailed as error:
            raise self._explain(error, spec, watch) from error
        finally:
            values.unlink(missing_ok=True)
            world.forget("helm releases")

    def _chart(self, spec: HelmRelease, world: World) -> list[str]:
        """helm's arguments that name the chart: where its digest is pinned, a package on disk that has been checked."""
        if spec.digest is None:
            return chart_reference(spec, world)
        folder = Path(tempfile.mkdtemp(dir=world.aws.folder))
        try:
            self._helm(["pull", *chart_reference(spec, world), "--destination", str(folder)], world, 120)
        except CommandFailed as error:
            raise self._explain(error, spec) from error
        (package,) = folder.glob("*.tgz")
        check_digest(package, spec)
        return [str(package)]

    def _repair(self, release: Release, spec: HelmRelease, world: World) -> None:
        """Bring a release out of a pending-* state, which helm itself refuses to upgrade."""
        never_came_up = release.status in ("pending-install", "uninstalling")
        verb = ["uninstall", spec.name] if never_came_up else ["rollback", spec.name]
        world.progress(f"release {spec.name} is {release.status} (a run was killed): helm {verb[0]}")
        self._helm([*verb, "--namespace", spec.namespace], world, 120)
        world.forget("helm releases")

    def _helm(self, argv: list[str], world: World, timeout: float, watch: Any = lambda: None) -> str:
        folder = world.aws.folder
        extra = {
            "KUBECONFIG": str(world.cluster.kubeconfig),
            "HELM_CACHE_HOME": str(folder / "helm-cache"),
            "HELM_CONFIG_HOME": str(folder / "helm-config"),
            "HELM_DATA_HOME": str(folder / "helm-data"),
        }
        flags = registry_flags(world.env) if argv[0] in ("upgrade", "pull") else []
        return run(
            [program("helm", world.env), *argv, *flags], extra_env=extra, cwd=folder, timeout=timeout, watch=watch
        )

    def _explain(
        self, error: CommandFailed, spec: HelmRelease, watch: PodWatch | None = None
    ) -> OperationFailed | Transient:
        words = error.stderr_tail
        where = f"release {spec.name} in {spec.namespace} (chart {spec.chart} {spec.version})"
        if watch is not None and (seen := watch.worst()):
            return OperationFailed(f"{where}: {seen}; helm says: {words}")
        if _TRANSIENT.search(words):
            return Transient(f"{where}: {words}")
        return OperationFailed(
            f"{where}: helm says: {words}",
            next_step="mend the chart's values under `addons` in the environment file, then deploy again",
        )


def wanted_fields(spec: HelmRelease) -> dict[str, Any]:
    """The spec in the terms in which a live release is observed."""
    return {"chart": spec.chart, "version": spec.version, "values": plain(spec.values)}


def spec_label(spec: HelmRelease) -> str:
    """A short hash of everything that shapes the release, kept as a label on it."""
    return hashlib.sha256(rfc8785.dumps({**wanted_fields(spec), "digest": spec.digest or ""})).hexdigest()[:16]
