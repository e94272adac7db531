"""`eks-assets report` on an embedded AWS: what is written, and how it ends."""

from __future__ import annotations

import datetime as dt
import json
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from botocore.client import BaseClient
from typer.testing import CliRunner, Result

from eks_assets.cli.app import app
from eks_assets.report.fleet import read_fleet
from eks_assets.units import load_registry
from resources.aws.session import Aws
from resources.config.environment import Environment
from resources.config.loader import load_environment
from resources.config.names import ledger_bucket
from resources.context import Context
from resources.records.validations import record_validation
from sandbox.paths import PROJECT
from tests.helpers.embedded_aws_server import policy
from tests.helpers.embedded_gate import gate_account
from tests.helpers.ledgers import TestLedger, own_ledger

pytestmark = pytest.mark.sandbox
REGISTRY = load_registry()


@pytest.fixture(scope="module")
def account(sandbox_env: Environment, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """An embedded AWS with the role of the planner, which may read all."""
    with gate_account(sandbox_env.region, tmp_path_factory.mktemp("account")) as account:
        iam, name = account.server.client("iam"), str(sandbox_env.roles.planner).rpartition("/")[2]
        trust = policy("sts:*", Principal={"AWS": f"arn:aws:iam::{sandbox_env.account}:root"})
        iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(trust))
        rights = json.dumps(policy("*", Resource="*"))
        iam.put_role_policy(RoleName=name, PolicyName="all", PolicyDocument=rights)
        yield


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for environments, without any."""
    made = tmp_path / "environments"
    shutil.copytree(PROJECT / "environments/clusters", made / "clusters")
    monkeypatch.setenv("EKS_ASSETS_ENVIRONMENTS", str(made))
    monkeypatch.chdir(tmp_path)
    return made


def add_environment(folder: Path, name: str) -> Path:
    """A file that describes a platform of its own, as the sandbox's does."""
    document = yaml.safe_load((PROJECT / "environments/sandbox.yaml").read_text())
    file = folder / f"{name}.yaml"
    file.write_text(yaml.safe_dump({**document, "target_env": name, "kubernetes_version": "1.36"}))
    return file


def ledger_of(folder: Path, name: str, sandbox_env: Environment) -> TestLedger:
    """The environment's ledger, with a run that changed two units."""
    add_environment(folder, name)
    ledger = own_ledger(sandbox_env.model_copy(update={"name": name}), name)
    ledger.record("network", "cluster")
    return ledger


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["report", *arguments])


@pytest.mark.usefixtures("account")
def test_fleet_has_a_row_for_everything(folder: Path, sandbox_env: Environment, tmp_path: Path) -> None:
    """Also for a file with a mistake, for one that nobody lets us read, and for one without a ledger."""
    ledger_of(folder, "good", sandbox_env)
    record_validation(ledger_of(folder, "red", sandbox_env).context, "run-1", ("dns",))
    add_environment(folder, "fresh")
    (folder / "typo.yaml").write_text("tenantt: <script>alert(1)</script>\n")
    elsewhere = add_environment(folder, "elsewhere")
    elsewhere.write_text(elsewhere.read_text().replace("eks-assets-planner", "nobody"))
    page = read_fleet(REGISTRY, ["good", "red", "fresh", "typo", "elsewhere"], 60)
    rows = {row.environment: row for row in page.rows}
    assert {name: row.level for name, row in rows.items()} == {
        "good": "ok",
        "red": "failed",
        "fresh": "warning",
        "typo": "failed",
        "elsewhere": "failed",
    }
    assert [row.is_readable for row in page.rows[:3]] == [False, False, True]
    assert "cannot act as arn:aws:iam::000000000000:role/nobody" in rows["elsewhere"].attention[0].detail
    assert "tenantt" in rows["typo"].attention[0].detail
    assert rows["red"].attention[0].what == "Validation failed: dns"
    assert rows["good"].last_run.startswith("2 changes, ")
    assert "bootstrap" in rows["fresh"].attention[0].detail

    done = run("--all", "-o", "all.html")
    assert done.exit_code == 0, done.output
    assert "5 environments, 3 failed, 1 warning, 1 ok: all.html" in done.stdout
    assert "<script>" not in (tmp_path / "all.html").read_text()


@pytest.mark.usefixtures("account")
def test_slow_environment_is_a_row_and_holds_up_none(
    folder: Path, sandbox_env: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An account that does not answer: the others are there when the time is up."""
    ledger_of(folder, "quick", sandbox_env)
    add_environment(folder, "slow")
    of = Context.of

    def delayed(env: Environment, **how: Any) -> Context:
        time.sleep(20 if env.name == "slow" else 0)
        return of(env, **how)

    monkeypatch.setattr(Context, "of", delayed)
    began = time.monotonic()
    rows = read_fleet(REGISTRY, ["quick", "slow"], 4).rows
    assert time.monotonic() - began < 8
    assert [(row.environment, row.is_readable) for row in rows] == [("slow", False), ("quick", True)]
    assert rows[0].attention[0].detail == "no answer within 4 s"


@pytest.mark.usefixtures("account")
def test_environment_that_cannot_be_read_is_written_and_exits_1(folder: Path, tmp_path: Path) -> None:
    """The page says why; a fleet of which nothing could be read exits 1, too."""
    file = add_environment(folder, "elsewhere")
    file.write_text(file.read_text().replace("eks-assets-planner", "nobody"))
    for arguments in (("elsewhere",), ("--all",)):
        done = run(*arguments, "-o", "page.html")
        assert done.exit_code == 1, done.output
        assert "cannot act as arn:aws:iam::000000000000:role/nobody" in (tmp_path / "page.html").read_text()


@pytest.mark.usefixtures("account")
def test_environment_is_written_and_exits_0(folder: Path, sandbox_env: Environment, tmp_path: Path) -> None:
    """Everything is read as the planner: an account with nothing but a ledger, whose run is there."""
    ledger_of(folder, "bare", sandbox_env)
    done = run("bare", "-o", "page.html")
    assert done.exit_code == 0, done.output
    assert "pending" in done.stdout
    html = (tmp_path / "page.html").read_text()
    assert "Critical path: network &gt; cluster" in html
    assert "A deploy would change" in html


@pytest.mark.parametrize(
    ("arguments", "words"),
    [((), "or --all"), (("good", "--all"), "or --all"), (("nowhere",), "there is no environment nowhere")],
)
def test_bad_input_exits_2(folder: Path, arguments: tuple[str, ...], words: str) -> None:
    """Neither one environment nor all, both, and one that is not there; nothing is written."""
    add_environment(folder, "good")
    done = run(*arguments)
    assert getattr(done.exception, "exit_code", None) == 2
    assert words in str(done.exception)
    assert not (folder.parent / "report.html").exists()


@pytest.mark.usefixtures("account")
def test_file_that_cannot_be_written_exits_2(folder: Path, sandbox_env: Environment) -> None:
    """The message names it."""
    ledger_of(folder, "unwritten", sandbox_env)
    done = run("--all", "-o", "no/such/folder.html")
    assert getattr(done.exception, "exit_code", None) == 2
    assert "no/such/folder.html cannot be written" in str(done.exception)


@pytest.mark.usefixtures("account")
def test_row_of_the_fleet_takes_few_calls(
    folder: Path, sandbox_env: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A hundred environments are to take ten seconds."""
    ledger_of(folder, "cheap", sandbox_env)
    calls: list[str] = []
    make: Any = BaseClient._make_api_call  # type: ignore[attr-defined]

    def counting(client: Any, operation: str, arguments: Any) -> Any:
        calls.append(operation)
        return make(client, operation, arguments)

    monkeypatch.setattr(BaseClient, "_make_api_call", counting)
    (row,) = read_fleet(REGISTRY, ["cheap"], 60).rows
    assert row.level == "ok"
    assert len(calls) <= 9, calls


@pytest.mark.long
@pytest.mark.usefixtures("account")
def test_hundred_environments_take_at_most_ten_seconds(folder: Path, sandbox_env: Environment) -> None:
    """All of them could be read."""
    names = [f"many-{number}" for number in range(100)]
    s3: Any = Context(sandbox_env, Aws(sandbox_env, as_deployer=False)).aws.client("s3")
    at = dt.datetime.now(dt.UTC).isoformat(timespec="milliseconds")
    entry = {"at": at, "unit": "network", "action": "create", "outcome": "done", "by": "run-1", "seconds": 9.0}
    for name in names:
        add_environment(folder, name)
        bucket = ledger_bucket(load_environment(name))
        s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": sandbox_env.region})
        for unit in ("network", "cluster"):
            body = json.dumps({**entry, "unit": unit}).encode()
            s3.put_object(Bucket=bucket, Key=f"changes/{at}-{unit}.json", Body=body)
    began = time.monotonic()
    page = read_fleet(REGISTRY, names, 60)
    seconds = time.monotonic() - began
    assert all(row.is_readable for row in page.rows), page.rows[0]
    assert {row.last_run.partition(",")[0] for row in page.rows} == {"2 changes"}
    assert seconds < 10
