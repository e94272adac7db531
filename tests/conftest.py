"""Fixtures that several folders of tests share. The sandbox starts once per process of a run, and only when a test asks
for it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from eks_assets.token_command import install_token_command
from resources.approval import store
from resources.aws.session import Aws
from resources.bootstrap.gate import anchor_json
from resources.config.environment import Approval, Environment
from resources.config.gate_anchor import anchor_of
from resources.config.loader import load_environment
from resources.context import Context
from resources.drivers.helm.storage import newest_release
from resources.drivers.programs import find_program, run_program
from resources.model.outputs import plain_document
from sandbox.install.toolchain import ensure_tools
from sandbox.lifecycle import Options, silent, start_sandbox, stop_sandbox
from sandbox.paths import PROJECT, StateDirectory
from sandbox.processes.ports import PortBook
from sandbox.snapshots.commands import make_snapshot, restore_snapshot
from tests.helpers.command_line import run_eks_assets
from tests.helpers.environment_folder import EXAMPLES
from tests.helpers.examples import REPEAT, SEED
from tests.helpers.gate import PEOPLE, Gate
from tests.helpers.releases import NAMESPACE

if TYPE_CHECKING:
    from tests.helpers.materialization import Materialize

Cli = Callable[..., "subprocess.CompletedProcess[str]"]
Lint = Callable[[dict[str, Any]], list[str]]

# I4010 asks for prose in the template's metadata; W3010 for the account's own list of zones, where we name them.
ACCEPTED_RULES = {"I4010", "W3010"}
_SHARED_SANDBOX = pytest.StashKey[str]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """--long, as `make test-long` has it; docs/testing.md says what belongs there."""
    parser.addoption("--long", action="store_true", help="what `make test` leaves out, and the property tests alone")


def pytest_configure() -> None:
    """What one process of a run draws is what all of its processes use."""
    os.environ["EKS_ASSETS_SEED"] = str(SEED)


def pytest_report_header() -> str:
    """How to repeat the random examples of this run."""
    return f"property tests: {REPEAT}"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect, as a skipped test fails in CI: the long tests, or with --long all others."""

    def belongs(item: pytest.Item) -> bool:
        long = item.get_closest_marker("long") is not None
        return long or item.get_closest_marker("property") is not None if config.getoption("--long") else not long

    config.hook.pytest_deselected(items=[item for item in items if not belongs(item)])
    items[:] = [item for item in items if belongs(item)]


def pytest_sessionfinish(session: pytest.Session) -> None:
    """With EKS_ASSETS_FORBID_SKIPS (as in CI) a skipped test fails the run: what it needs must have been installed."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if os.environ.get("EKS_ASSETS_FORBID_SKIPS") and reporter is not None and reporter.stats.get("skipped"):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.fixture(scope="session", autouse=True)
def _token_command() -> None:
    """Tests reach clusters through kubeconfigs, as the program does."""
    install_token_command()


@pytest.fixture(scope="session")
def sandbox_env() -> Environment:
    """The published environment `sandbox`, as data; nothing runs."""
    return load_environment("sandbox", PROJECT / "environments")


@pytest.fixture(scope="session")
def prod_env() -> Environment:
    """`environments/acme-prod.yaml`: three zones, endpoints, every role named, a zone in another account."""
    return load_environment("acme-prod", PROJECT / "environments")


@pytest.fixture
def environments(tmp_path: Path) -> Path:
    """A copy of `environments/` that a test may change; EKS_ASSETS_ENVIRONMENTS points a process at it."""
    return Path(shutil.copytree(PROJECT / "environments", tmp_path / "environments"))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the published sandbox environment, with the current folder beside it."""
    (tmp_path / "environments/clusters").mkdir(parents=True)
    for name in ("sandbox.yaml", "clusters/sandbox.yaml"):
        (tmp_path / "environments" / name).write_text((EXAMPLES / name).read_text())
    monkeypatch.delenv("EKS_ASSETS_ENVIRONMENTS", raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path / "environments"


@pytest.fixture(scope="session")
def lint() -> Lint:
    """What cfn-lint finds in a template, one line a finding."""
    from cfnlint.api import lint_all

    def find(template: dict[str, Any]) -> list[str]:
        matches = lint_all(json.dumps(plain_document(template)))
        return [f"{m.rule.id} {m.message} {list(m.path)}" for m in matches if m.rule.id not in ACCEPTED_RULES]

    return find


@pytest.fixture(scope="session")
def tools() -> Path:
    """The folder of the Go tools, built where they are missing."""
    return ensure_tools(silent)


@pytest.fixture
def registry(tools: Path, tmp_path: Path) -> Iterator[str]:
    """host:port of an empty registry that nothing else uses."""
    port = PortBook(tmp_path / "ports.json").claim(["registry"])["registry"]
    process = subprocess.Popen([tools / "registry", "-port", str(port)], stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 10
    while True:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/v2/", timeout=1).close()
            break
        except (urllib.error.URLError, ConnectionError):
            assert time.monotonic() < deadline, "the registry did not start within 10 s"
            time.sleep(0.05)
    yield f"127.0.0.1:{port}"
    process.terminate()
    process.wait(10)


@pytest.fixture(scope="module", autouse=True)
def _sandbox_of_others(request: pytest.FixtureRequest) -> Iterator[None]:
    """A file of tests that points the program at an account of its own ends that before the next file."""
    before = os.environ.get("EKS_ASSETS_SANDBOX_DIR")
    yield
    after = os.environ.get("EKS_ASSETS_SANDBOX_DIR")
    shared = request.session.stash.get(_SHARED_SANDBOX, None)
    assert after == (before if shared is None else shared), "a fixture of this file leaves its account to other files"


@pytest.fixture(scope="session")
def sandbox(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[StateDirectory]:
    """A running sandbox of this test run alone, in a folder of its own, with an empty AWS account."""
    folder = tmp_path_factory.mktemp("run")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EKS_ASSETS_SANDBOX_DIR", str(folder / "sandbox"))
        patch.setenv("DAGSTER_HOME", str(folder / "dagster"))
        state = StateDirectory.default()
        start_sandbox(Options(pod_seconds=0, state=state))
        request.session.stash[_SHARED_SANDBOX] = str(state.root)
        yield state
        stop_sandbox(state)


@pytest.fixture(scope="session")
def eks_assets(sandbox: StateDirectory) -> Cli:
    """Runs the command line as a user does, in a process of its own; returns code, stdout and stderr."""
    return run_eks_assets


@pytest.fixture(scope="session")
def account(eks_assets: Cli) -> Environment:
    """The environment `sandbox` in an account that has been bootstrapped and holds nothing else."""
    done = eks_assets("bootstrap", "sandbox", "--apply")
    assert done.returncode == 0, done.stderr
    return load_environment("sandbox", PROJECT / "environments")


@pytest.fixture(scope="session")
def platform(account: Environment, eks_assets: Cli) -> Environment:
    """The environment `sandbox`, deployed. Tests that break something put it right again."""
    done = eks_assets("deploy", "sandbox")
    assert done.returncode == 0, done.stdout + done.stderr
    return account


@pytest.fixture(scope="session")
def deployed_snapshot(platform: Environment, sandbox: StateDirectory) -> str:
    """The name of a snapshot of the deployed sandbox, made at the first use (about a second)."""
    return make_snapshot("deployed", sandbox).name


@pytest.fixture
def restored(platform: Environment, deployed_snapshot: str, sandbox: StateDirectory) -> Iterator[Environment]:
    """The environment `sandbox`, deployed, for a test that breaks things: it goes back to the snapshot afterwards.

    That takes 5 to 10 s and undoes everything since the snapshot in AWS, the cluster, git and the registry, also what
    other fixtures of a longer life made; DAGSTER_HOME stays. AWS sessions that were opened since are not known any
    more, so the test makes its Context and clients itself or takes those of this folder's fixtures. The namespace that
    tests of releases share, which nobody has declared, is gone before it begins.
    """
    context = Context.of(platform)
    argv = [find_program("kubectl", platform), "delete", "namespace", NAMESPACE, "--ignore-not-found", "--timeout=60s"]
    extra = {"KUBECONFIG": str(context.cluster.kubeconfig)}
    run_program(argv, extra_env=extra, inherit=os.environ, cwd=context.aws.folder, timeout=90)
    yield platform
    restore_snapshot(deployed_snapshot, sandbox)


@pytest.fixture
def context(account: Environment) -> Context:
    """AWS and, where it exists, the cluster of the environment `sandbox`."""
    return Context.of(account)


@pytest.fixture
def admin(account: Environment) -> Aws:
    """The account's administrator, whom no policy of the pipeline binds and who did things before it came."""
    return Aws(account, as_deployer=False)


@pytest.fixture
def materialize() -> Materialize:
    """Materializes one unit for the environment `sandbox`; failures come back as the result, not as exceptions."""
    # Only the tests that materialize wait a second for Dagster.
    from tests.helpers.materialization import materialize_unit

    return materialize_unit


@pytest.fixture
def kubectl(context: Context) -> Any:
    """Runs kubectl on the environment's cluster, as a person does."""

    def call(*arguments: str) -> str:
        extra = {"KUBECONFIG": str(context.cluster.kubeconfig)}
        argv = [find_program("kubectl", context.env), *arguments]
        return run_program(argv, extra_env=extra, inherit=os.environ, cwd=context.aws.folder, timeout=60)

    return call


@pytest.fixture
def release_namespace(platform: Environment, context: Context) -> Iterator[str]:
    """A namespace of the deployed cluster that holds no release before and after a test."""
    yield NAMESPACE
    if newest_release(context, NAMESPACE, NAMESPACE) is not None:
        extra = {"KUBECONFIG": str(context.cluster.kubeconfig)}
        argv = [find_program("helm", context.env), "uninstall", NAMESPACE, "--namespace", NAMESPACE, "--wait"]
        run_program(argv, extra_env=extra, inherit=os.environ, cwd=context.aws.folder, timeout=60)


@pytest.fixture
def gate(account: Environment, request: pytest.FixtureRequest) -> Iterator[Gate]:
    """A gate of the test's own: what other tests asked for or granted in the account does not count in it."""
    approval = Approval(before="applications", approvers=2, allow=PEOPLE)
    name = request.node.name.split("[")[0].removeprefix("test_").replace("_", "-")[:60]
    own_gate = Gate(account.model_copy(update={"approval": approval}), name)
    own_gate.anchor()
    yield own_gate
    own_gate.write_anchor(anchor_json(anchor_of(account)))
    for asked in store.list_requests(own_gate.context(), 48):
        store.record_use(own_gate.context(), asked, store.ALL_UNITS, "done")
