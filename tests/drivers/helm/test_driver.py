"""The HelmRelease driver on the sandbox's cluster, with the real helm: what it does when all goes well, and input
that helm or the registry refuses."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from resources.context import Context
from tests.helpers.materialization import Materialize, checks, failure, shown
from tests.helpers.releases import GOOD, deployment, release, resource_versions, revisions, statuses

pytestmark = [pytest.mark.sandbox, pytest.mark.usefixtures("release_namespace")]


def test_helm_installs_then_does_nothing_then_upgrades(materialize: Materialize, context: Context) -> None:
    """A release without changes gets no revision."""
    installed = materialize(release())
    assert shown(installed, "demo")["result"].startswith("created in")
    assert checks(installed)["workloads_ready"] == (True, "revision 1: 1 workloads ready")

    before = resource_versions(context)
    assert shown(materialize(release()), "demo")["result"].startswith("nothing to do")
    assert resource_versions(context) == before

    changed = materialize(release({**GOOD, "podLabels": {"colour": "blue"}}))
    assert shown(changed, "demo")["result"].startswith("updated in")
    assert "| `values.podLabels.colour` |  | `blue` |" in shown(changed, "demo")["changes"]
    assert statuses(context) == ["superseded", "deployed"]
    assert deployment(context)["spec"]["template"]["metadata"]["labels"]["colour"] == "blue"


def test_removed_values_are_removed_from_the_release(materialize: Materialize, context: Context) -> None:
    """A value that is no longer wanted is reset to the chart's default."""
    assert materialize(release({**GOOD, "podLabels": {"colour": "blue"}, "logLevel": "debug"})).success
    assert materialize(release()).success
    assert revisions(context)[-1].values == GOOD
    assert "colour" not in deployment(context)["spec"]["template"]["metadata"]["labels"]
    assert "--log-level=info" in deployment(context)["spec"]["template"]["spec"]["containers"][0]["args"]


def test_value_of_wrong_type_fails_with_helms_message(materialize: Materialize, context: Context) -> None:
    """Helm's message and the setting to change are in the error."""
    said = failure(materialize(release({**GOOD, "replicaCount": "two"})))
    assert "release driver-test in driver-test (chart external-dns 1.21.1)" in said
    assert re.search(r"replicaCount.*want (integer|number)", said, re.DOTALL), said
    assert "under `addons`" in said
    assert statuses(context) == []


def test_missing_chart_version_is_not_retried(
    materialize: Materialize, context: Context, capfd: pytest.CaptureFixture[str]
) -> None:
    """A version that does not exist fails at once."""
    said = failure(materialize(release(version="9.9.9")))
    assert "chart external-dns 9.9.9" in said
    assert "external-dns:9.9.9: not found" in said
    assert "attempt" not in capfd.readouterr().err
    assert statuses(context) == []


def test_chart_with_another_digest_is_refused(materialize: Materialize, context: Context) -> None:
    """A chart with another digest than the pinned one is not installed."""
    pinned = "sha256:" + "0" * 64
    said = failure(materialize(release(digest=pinned)))
    digest = re.search(r"package of chart external-dns 1\.21\.1 has the digest (sha256:[0-9a-f]{64})", said)
    assert digest, said
    assert pinned in said
    assert "charts.digests" in said
    assert statuses(context) == []

    assert materialize(release(digest=digest[1])).success
    assert statuses(context) == ["deployed"]


def test_unreachable_registry_is_retried_and_then_fails(
    materialize: Materialize,
    environments: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """The environment's number of attempts is used up."""
    file = environments / "sandbox.yaml"
    settings = yaml.safe_load(file.read_text())
    settings["charts"]["mirror"] = "oci://127.0.0.1:1/charts"
    settings["retry"] = {"attempts": 3, "seconds": 0.1}
    file.write_text(yaml.safe_dump(settings))
    monkeypatch.setenv("EKS_ASSETS_ENVIRONMENTS", str(environments))
    said = failure(materialize(release()))
    assert "connection refused" in said
    log = capfd.readouterr().err
    assert "attempt 1" in log
    assert "attempt 2" in log
    assert "attempt 3" not in log
