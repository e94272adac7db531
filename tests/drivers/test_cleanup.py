"""What a failed or interrupted step leaves behind: nothing, or something that the next run repairs."""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path

import pytest

from resources.context import Context
from resources.drivers.git.branch import GitTreeDriver
from resources.drivers.helm.driver import HelmReleaseDriver
from resources.model.errors import OperationFailed
from resources.model.specs import HelmRelease
from tests.helpers.git_repository import BRANCH, Deployer, Repository
from tests.helpers.materialization import Materialize, checks, failure
from tests.helpers.releases import GOOD, NAMESPACE, release, statuses

pytestmark = pytest.mark.sandbox
NO_IMAGE = {**GOOD, "image": {"repository": "registry.test/does-not-exist"}}
REFUSED_VALUE = {"policy": "no-such-policy"}


def clients() -> list[int]:
    """This process's own children that push and still run; the test's git server has children, too."""
    processes = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            _, _, rest = (folder / "stat").read_text().rpartition(")")
            words = (folder / "cmdline").read_bytes().split(b"\0")
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(rest.split()[1]) == os.getpid() and b"push" in words:
            processes.append(int(folder.name))
    return processes


class TestGitTree:
    def test_refused_push_leaves_neither_clone_nor_branch(self, deploy: Deployer, repository: Repository) -> None:
        """Nothing is left on this machine and in the repository."""
        repository.hook("pre-receive", "echo 'Protected branch update failed' >&2; exit 1")
        context = deploy.context()
        with pytest.raises(OperationFailed, match="does not take a push"):
            GitTreeDriver().apply(deploy.spec(), context)
        assert list(context.aws.folder.glob("git-*")) == []
        assert not repository.git("branch", "--list", BRANCH)

    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
    def test_interrupted_push_leaves_no_clone_process_or_branch(
        self, deploy: Deployer, repository: Repository, tmp_path: Path, number: signal.Signals
    ) -> None:
        """A signal ends git and removes the clone."""
        reached, context = tmp_path / "reached", deploy.context()
        repository.hook("pre-receive", f": > '{reached}'; /bin/sleep 20; exit 1")

        over = threading.Event()

        def interrupt() -> None:
            while not over.wait(0.05):
                if reached.exists():
                    os.kill(os.getpid(), number)
                    return

        # As in a step of Dagster, where either signal is an exception in the main thread.
        before = signal.signal(number, signal.default_int_handler)
        thread = threading.Thread(target=interrupt)
        thread.start()
        try:
            with pytest.raises(KeyboardInterrupt):
                GitTreeDriver().apply(deploy.spec(), context)
        finally:
            over.set()
            thread.join()
            signal.signal(number, before)
        assert reached.exists()
        assert list(context.aws.folder.glob("git-*")) == []
        assert clients() == []
        assert not repository.git("branch", "--list", BRANCH)


@pytest.mark.usefixtures("release_namespace")
class TestHelmRelease:
    @pytest.mark.parametrize("values", [NO_IMAGE, REFUSED_VALUE], ids=["no image", "values that the schema refuses"])
    def test_failed_release_leaves_no_values_file(self, context: Context, values: dict[str, object]) -> None:
        """The values file, which may hold secrets, is removed."""
        spec = release(values).fn(context.env)
        assert isinstance(spec, HelmRelease)
        with pytest.raises(OperationFailed):
            HelmReleaseDriver().apply(spec.model_copy(update={"timeout": 30.0}), context)
        assert list(context.aws.folder.glob("values-*")) == []

    def test_failed_first_install_is_repaired_by_next_deploy(self, materialize: Materialize, context: Context) -> None:
        """A failed first install is upgraded."""
        said = failure(materialize(release(NO_IMAGE)))
        assert f"pod {NAMESPACE}/" in said
        assert statuses(context) == ["failed"]
        mended = materialize(release())
        assert checks(mended)["workloads_ready"][0]
        assert statuses(context)[-1] == "deployed"
