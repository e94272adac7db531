"""The real helm refuses a password, and quotes it: neither plan nor run nor ledger has it."""

from __future__ import annotations

import json
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from eks_assets.engine import gate, runner
from eks_assets.engine.planner import plan_environment
from eks_assets.graph.registry import Registry
from eks_assets.graph.unit import unit
from eks_assets.plan.document import Source, build_report
from resources.aws.session import Aws
from resources.config.environment import Environment
from resources.context import Context
from resources.drivers.helm import driver, failure, preview, rendering
from resources.drivers.helm.charts import Package, file_digest
from resources.model.errors import OperationFailed
from resources.model.specs import HelmRelease
from tests.helpers.packaged_chart import chart

pytestmark = pytest.mark.usefixtures("no_rollback")

SECRET = "hunter2-the-secret"
PLAIN = "hunter3-the-config"
SCHEMA = json.dumps(
    {
        "properties": {
            "adminPassword": {"pattern": "^[0-9]+$"},
            "config": {"pattern": "^[0-9]+$"},
            "mode": {"enum": ["small", "large"]},
        }
    }
)
TEMPLATE = """
apiVersion: v1
kind: Secret
metadata: {name: x}
stringData: {password: {{ .Values.adminPassword }}, config: {{ .Values.config }}}
"""


@unit(wave="configuration")
def refused() -> HelmRelease:
    """A release whose chart refuses its values."""
    values = {"adminPassword": SECRET, "config": PLAIN, "mode": "medium-sized"}
    return HelmRelease(name="x", namespace="y", repository="oci://r", chart="x", version="1.0.0", values=values)


REGISTRY = Registry.of([refused])


@dataclass
class Here:
    context: Context
    ledger: list[Any]


@pytest.fixture
def here(tmp_path: Path, tools: Path, sandbox_env: Environment, monkeypatch: pytest.MonkeyPatch) -> Here:
    """The release's chart packaged, no cluster, and a ledger that keeps what is written."""
    files = {"values.schema.json": SCHEMA, "templates/secret.yaml": TEMPLATE}
    archive = chart(tmp_path, tools, "x", "1.0.0", files)
    package = Package(archive, file_digest(archive))
    for module in (driver, preview, rendering):
        monkeypatch.setattr(module, "package_of", lambda *_: package)
    for module in (driver, preview):
        monkeypatch.setattr(module, "newest_release", lambda *_: None)
    monkeypatch.setattr(rendering, "release_exists", lambda *_: False)
    for module in (preview, rendering):
        monkeypatch.setattr(module, "cluster_exists", lambda _: False)
    monkeypatch.setattr(driver, "PodWatch", lambda *_: SimpleNamespace(worst=str, unready=str, check=str))
    monkeypatch.setattr(failure, "explain_webhook", lambda *_: "")
    monkeypatch.setattr("resources.drivers.helm.command.find_program", lambda name, _: str(tools / name))
    ledger: list[Any] = []
    monkeypatch.setattr(gate, "refuse_lesser_gate", lambda _: None)
    monkeypatch.setattr(runner, "hold_lease", _no_lease)
    monkeypatch.setattr(runner, "caller_arn", lambda _: "somebody")
    monkeypatch.setattr(runner, "refuse_outside_flow", lambda *_: None)
    monkeypatch.setattr(runner, "account_for_change", lambda *_: {})
    monkeypatch.setattr(runner, "record_change", lambda _, entry: ledger.append(entry))
    aws = cast(Aws, SimpleNamespace(check_account=lambda: None, folder=tmp_path, env=sandbox_env))
    return Here(Context(sandbox_env.model_copy(update={"approval": None}), aws), ledger)


@contextmanager
def _no_lease(*_: Any, **__: Any) -> Iterator[Any]:
    yield SimpleNamespace(run="", token=0)


def test_refused_password_is_not_in_plan(here: Here) -> None:
    """The plan says which value helm refuses, and what is wrong with others, without the secrets."""
    planned = plan_environment(REGISTRY, here.context, with_checks=False, with_preview=True)
    report = build_report(planned, REGISTRY, here.context.env, Source(None, None))
    (unknown,) = report.unknown
    assert "'/adminPassword': '(sensitive)' does not match pattern" in unknown.reason
    assert "small" in unknown.reason
    error = planned["refused"].error
    assert error is not None
    said = report.model_dump_json() + "".join(traceback.format_exception(error)) + repr(vars(error))
    assert SECRET not in said
    assert PLAIN not in said


def test_refused_password_is_not_in_run_or_ledger(here: Here) -> None:
    """The same of a run: not in its error, what that was raised from, or the ledger."""
    with pytest.raises(OperationFailed) as raised:
        runner.run_unit(REGISTRY, REGISTRY["refused"], here.context)
    assert "'(sensitive)' does not match pattern" in raised.value.message
    said = "".join(traceback.format_exception(raised.value)) + repr(vars(raised.value)) + json.dumps(here.ledger)
    assert here.ledger
    assert SECRET not in said
    assert PLAIN not in said
