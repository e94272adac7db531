"""An account of the embedded AWS that was bootstrapped for the environment `sandbox`, and nothing else."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from resources.bootstrap.stack import apply_bootstrap
from resources.config.environment import Environment
from resources.context import Context
from resources.doctor.examination import Diagnosis, DoctorReport, run_checks
from sandbox.account import ACCOUNT
from sandbox.paths import StateDirectory
from sandbox.people import ensure_people
from tests.helpers.embedded_aws_server import Aws as Server

ADDRESSES, VPCS, GPUS = "L-0263D0A3", "L-F678F1CE", "L-DB2E81BA"


@dataclass(frozen=True)
class DoctorsAccount:
    """The account, the environment, and the faults that a test plants."""

    server: Server
    env: Environment

    def examine(self, env: Environment | None = None) -> DoctorReport:
        return run_checks(env or self.env)

    def limit(self, **limits: Any) -> None:
        """Set quotas and what EC2 does not offer."""
        (self.server.folder / "limits.json").write_text(json.dumps(limits))

    def context(self, env: Environment | None = None) -> Context:
        """As a deploy has it."""
        return Context.of(env or self.env)

    def iam(self) -> Any:
        return self.server.client("iam")


def lines_of(report: DoctorReport, level: str) -> dict[str, list[Diagnosis]]:
    """The diagnoses of that level, by check."""
    checks: dict[str, list[Diagnosis]] = {}
    for diagnosis in report.diagnoses:
        if diagnosis.level == level:
            checks.setdefault(diagnosis.check, []).append(diagnosis)
    return checks


@contextmanager
def started_account(env: Environment, tools: Path, folder: Path) -> Iterator[DoctorsAccount]:
    """An empty account, for which the program takes the sandbox's until the block ends."""
    server = Server(folder).start()
    state, endpoint = StateDirectory(folder), f"http://127.0.0.1:{server.port}"
    try:
        ensure_people(state, endpoint)
        root = {"access_key_id": "AKIAROOT", "secret_access_key": "root-secret"}
        known = {"aws_endpoint": endpoint, "region": env.region, "account": ACCOUNT, "tools": str(tools)}
        nowhere = "127.0.0.1:1"
        variables = {"SANDBOX_REGISTRY": nowhere, "SANDBOX_GIT": f"http://{nowhere}/a.git", "SANDBOX_EDGE": nowhere}
        absent = {"supervisor_url": "", "registry": nowhere, "variables": variables}
        state.state.write_text(json.dumps({**known, **absent, "credentials": {"root": root}}))
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("EKS_ASSETS_SANDBOX_DIR", str(folder))
            yield DoctorsAccount(server, env)
    finally:
        server.stop()


@pytest.fixture(scope="module")
def account(
    sandbox_env: Environment, tools: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[DoctorsAccount]:
    with started_account(sandbox_env, tools, tmp_path_factory.mktemp("embedded-aws")) as started:
        apply_bootstrap(sandbox_env)
        yield started


@pytest.fixture
def bare_account(sandbox_env: Environment, tools: Path, tmp_path: Path) -> Iterator[DoctorsAccount]:
    """One that nobody has bootstrapped."""
    with started_account(sandbox_env, tools, tmp_path) as started:
        yield started


@pytest.fixture(autouse=True)
def _without_limits(request: pytest.FixtureRequest) -> Iterator[None]:
    yield
    if "account" in request.fixturenames:
        (request.getfixturevalue("account").server.folder / "limits.json").unlink(missing_ok=True)
