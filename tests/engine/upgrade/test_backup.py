"""The backup of the cluster before each minor version. On an embedded AWS."""

from __future__ import annotations

from typing import Any

import pytest

from resources.bootstrap.stack import apply_bootstrap
from resources.config.settings.upgrade import Upgrade as Settings
from resources.model.errors import PipelineError
from resources.upgrade import backup
from tests.engine.upgrade.conftest import Upgraded
from tests.helpers.embedded_gate import GateAccount

pytestmark = pytest.mark.sandbox
VAULT = "clusters"


def want_backup(platform: Upgraded, version: str) -> None:
    platform.want(version, upgrade=Settings(bake="1s", backup=VAULT))
    apply_bootstrap(platform.env)


def jobs_of(platform: Upgraded, client: Any) -> list[dict[str, Any]]:
    arn = f"arn:aws:eks:{platform.env.region}:{platform.env.account}:cluster/{platform.env.cluster_name}"
    return [job for job in client.list_backup_jobs()["BackupJobs"] if job["ResourceArn"] == arn]


def test_each_minor_begins_with_a_backup(platform: Upgraded, account: GateAccount) -> None:
    """With the deployer's own rights; a vault that is not there stops it before the control plane."""
    client = account.server.client("backup", "AKIAROOT", "root-secret")
    want_backup(platform, "1.36")
    done, outcome = platform.upgrade()
    assert isinstance(outcome, PipelineError)
    assert "the upgrade to 1.35 stopped at the step backup" in outcome.message
    assert VAULT in outcome.message
    assert (done, platform.version) == ([], "1.34")

    client.create_backup_vault(BackupVaultName=VAULT)
    assert platform.upgrade()[1] == "done"
    assert [job["State"] for job in jobs_of(platform, client)] == ["COMPLETED", "COMPLETED"]
    said = [line for line in platform.lines if line.startswith("the cluster is backed up: ")]
    assert len(said) == 2


def test_one_that_was_started_already_is_waited_for(platform: Upgraded, account: GateAccount) -> None:
    """The same step of the same upgrade has the same job."""
    client = account.server.client("backup", "AKIAROOT", "root-secret")
    want_backup(platform, "1.35")
    vaults = [vault["BackupVaultName"] for vault in client.list_backup_vaults()["BackupVaultList"]]
    if VAULT not in vaults:
        client.create_backup_vault(BackupVaultName=VAULT)
    first = backup.back_up_cluster(platform.context(), VAULT, "token-1")
    assert backup.back_up_cluster(platform.context(), VAULT, "token-1") == first
    assert len(jobs_of(platform, client)) == 1
