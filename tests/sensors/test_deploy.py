"""A changed file or unit starts one deploy, whatever happens to cursors, runs and files meanwhile."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from functools import wraps
from importlib import import_module
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

import sensors.deploy
from eks_assets.graph.registry import Registry
from eks_assets.units import load_registry
from resources.config.environment import Environment
from resources.config.loader import load_environment
from resources.model.errors import ConfigError, Transient
from sandbox.paths import PROJECT
from sensors import polling
from sensors.deploy import deploy_sensor
from sensors.fingerprint import content_of, earlier_content_of
from tests.sensors.conftest import Daemon, Files

QUEUED, STARTED, SUCCESS, FAILURE, CANCELED = (
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.SUCCESS,
    dg.DagsterRunStatus.FAILURE,
    dg.DagsterRunStatus.CANCELED,
)


@pytest.fixture
def dev(daemon: Daemon, files: Files) -> Files:
    """One environment, which the sensor has seen."""
    files.keep("acme-dev")
    assert daemon.tick(deploy_sensor) == []
    assert "noted as it is" in daemon.said
    return files


def change(daemon: Daemon, files: Files, **fields: Any) -> list[dg.DagsterRun]:
    """Change the file; the runs of the two ticks that it takes."""
    files.write("acme-dev", **fields)
    return daemon.tick(deploy_sensor) + daemon.tick(deploy_sensor)


def test_deploy_sensor_starts_one_run_for_a_changed_file(daemon: Daemon, dev: Files) -> None:
    """A changed file starts one deploy of all units."""
    (run,) = change(daemon, dev, products_purchased=["storefront", "payments"])
    assert run.tags["dagster/partition"] == "acme-dev"
    assert run.tags["eks-assets/why"] == "its files changed"
    assert run.asset_selection is None
    assert daemon.tick(deploy_sensor) == []
    assert f"run {run.run_id[:8]} was launched for it (queued)" in daemon.said


def test_deploy_sensor_waits_until_content_is_stable(daemon: Daemon, dev: Files) -> None:
    """Content must be the same in two ticks before it is deployed."""
    for products in (["a"], ["a", "b"], ["a", "b", "c"]):
        dev.write("acme-dev", products_purchased=products)
        assert daemon.tick(deploy_sensor) == []
        assert "once the next tick reads the same" in daemon.said
    assert len(daemon.tick(deploy_sensor)) == 1


@pytest.mark.parametrize("file", ["clusters/acme-prod.yaml", "values/acme-prod-load-balancer-controller.yaml"])
def test_deploy_sensor_notices_cluster_and_values_files(daemon: Daemon, files: Files, file: str) -> None:
    """The ClusterConfig and values files belong to the environment's content."""
    files.keep("acme-prod")
    files.write("acme-prod", deploy="automatic")
    daemon.tick(deploy_sensor)
    path = files.folder / file
    changed = path.read_text().replace("maxSize: ", "maxSize: 1") + ("" if "clusters" in file else "\nnew: true\n")
    assert changed != path.read_text()
    path.write_text(changed)
    daemon.tick(deploy_sensor)
    (run,) = daemon.tick(deploy_sensor)
    assert run.tags["dagster/partition"] == "acme-prod"


def test_deploy_sensor_deploys_where_changed_code_matters(
    daemon: Daemon, files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Changed code of a unit deploys the environments that have it enabled."""
    files.keep("acme-dev", "acme-prod")
    files.write("acme-dev", addons={"external_dns": False})
    files.write("acme-prod", deploy="automatic")
    daemon.tick(deploy_sensor)
    old = load_registry()["external_dns"]

    @wraps(old.fn)
    def changed(*args: Any, **kwargs: Any) -> Any:
        return old.fn(*args, **kwargs).model_copy(update={"version": "9.9.9"})

    units = Registry.of([replace(old, fn=changed) if u is old else u for u in load_registry().units])
    monkeypatch.setattr(sensors.deploy, "load_registry", lambda: units)
    daemon.tick(deploy_sensor)
    (run,) = daemon.tick(deploy_sensor)
    assert run.tags["dagster/partition"] == "acme-prod"
    assert run.tags["eks-assets/why"] == "the units' code changed"


def test_deploy_sensor_runs_one_deploy_with_newest_content(daemon: Daemon, dev: Files) -> None:
    """A running deploy is waited for; a queued one of older content is canceled."""
    (first,) = change(daemon, dev, products_purchased=["a"])
    daemon.set(first, STARTED)
    assert change(daemon, dev, products_purchased=["b"]) == []
    assert f"deployed after run {first.run_id[:8]} (started)" in daemon.said
    assert change(daemon, dev, products_purchased=["c"]) == []
    daemon.set(first, SUCCESS)
    (second,) = daemon.tick(deploy_sensor)
    (third,) = change(daemon, dev, products_purchased=["d"])
    assert [daemon.status(run) for run in (second, third)] == [CANCELED, QUEUED]


def test_deploy_sensor_does_not_cancel_runs_of_people(daemon: Daemon, dev: Files) -> None:
    """A run that a person queued is waited for."""
    theirs = daemon.add("acme-dev")
    assert change(daemon, dev, products_purchased=["a"]) == []
    assert daemon.status(theirs) == QUEUED


def test_deploy_sensor_waits_for_no_drift_run(daemon: Daemon, dev: Files) -> None:
    """A run that only looks holds up nobody; the queue has one run of an environment at a time, deploys first."""
    drift = daemon.add("acme-dev", job_name="drift")
    daemon.set(drift, STARTED)
    (run,) = change(daemon, dev, products_purchased=["a"])
    assert run.job_name == "deploy"


def test_deploy_sensor_deploys_reverted_content_again(daemon: Daemon, dev: Files) -> None:
    """Content that was deployed before is deployed again after a change."""
    for products in (["a"], ["b"], ["a"], ["b"]):
        (run,) = change(daemon, dev, products_purchased=products)
        daemon.set(run, SUCCESS)


@pytest.mark.parametrize("noticed", [False, True])
def test_deploy_sensor_deploys_content_again_after_manual_phase(daemon: Daemon, dev: Files, noticed: bool) -> None:
    """Content is deployed again where people may have deployed other content meanwhile."""
    automatic = {"deploy": "automatic", "products_purchased": ["a"]}
    (first,) = change(daemon, dev, **automatic)
    daemon.set(first, SUCCESS)
    if noticed:  # a tick has seen that the run ended
        assert daemon.tick(deploy_sensor) == []
    for _ in range(2):
        assert change(daemon, dev, deploy="manual", products_purchased=["b"]) == []
        (again,) = change(daemon, dev, **automatic)
        daemon.set(again, SUCCESS)
        assert daemon.tick(deploy_sensor) == []


def test_deploy_sensor_does_not_retry_failed_run(daemon: Daemon, dev: Files) -> None:
    """A failed deploy is left to people."""
    (run,) = change(daemon, dev, products_purchased=["a"])
    daemon.set(run, FAILURE)
    assert daemon.tick(deploy_sensor) == []
    assert "(failure)" in daemon.said


@pytest.mark.parametrize("cursor", [None, "", "{", '{"other": 1}'])
def test_deploy_sensor_without_cursor_deploys_nothing_twice(daemon: Daemon, dev: Files, cursor: str | None) -> None:
    """The runs tell what was deployed; changes made meanwhile are deployed."""
    (run,) = change(daemon, dev, products_purchased=["a"])
    daemon.set(run, SUCCESS)
    daemon.cursors["deploy"] = cursor
    assert daemon.tick(deploy_sensor) + daemon.tick(deploy_sensor) == []
    # What changed while it was lost is deployed.
    daemon.cursors["deploy"] = cursor
    assert len(change(daemon, dev, products_purchased=["b"])) == 1


@pytest.mark.parametrize("products", [["b"], ["a"]])
def test_deploy_sensor_with_old_cursor_deploys_nothing_twice(daemon: Daemon, dev: Files, products: list[str]) -> None:
    """A tick whose cursor was lost after its launch does not launch again."""
    (first,) = change(daemon, dev, deploy="automatic", products_purchased=["a"])
    daemon.set(first, SUCCESS)
    change(daemon, dev, deploy="manual", products_purchased=["c"])
    dev.write("acme-dev", deploy="automatic", products_purchased=products)
    daemon.tick(deploy_sensor)
    before = daemon.cursors["deploy"]
    (run,) = daemon.tick(deploy_sensor)
    daemon.set(run, SUCCESS)
    daemon.cursors["deploy"] = before
    assert [run for _ in range(3) for run in daemon.tick(deploy_sensor)] == []


def test_deploy_sensor_ignores_deleted_runs(daemon: Daemon, dev: Files) -> None:
    """Deleting a run does not deploy its content again."""
    (run,) = change(daemon, dev, products_purchased=["a"])
    daemon.instance.delete_run(run.run_id)
    assert daemon.tick(deploy_sensor) + daemon.tick(deploy_sensor) == []
    daemon.cursors["deploy"] = None
    assert daemon.tick(deploy_sensor) + daemon.tick(deploy_sensor) == []


def test_deploy_sensor_in_two_daemons_starts_one_run(daemon: Daemon, dev: Files) -> None:
    """The run key keeps two daemons from launching twice."""
    other = Daemon(daemon.instance, dict(daemon.cursors))
    dev.write("acme-dev", products_purchased=["a"])
    started = [run for _ in range(3) for one in (daemon, other) for run in one.tick(deploy_sensor)]
    assert len(started) == 1


def test_deploy_sensor_deploys_new_files_alone(daemon: Daemon, dev: Files) -> None:
    """A file that appears is deployed; those that existed at the first tick are not."""
    dev.write("acme-test", "acme-dev", target_env="test")
    daemon.tick(deploy_sensor)
    (run,) = daemon.tick(deploy_sensor)
    assert run.tags["dagster/partition"] == "acme-test"
    assert run.tags["eks-assets/why"] == "it is new"
    assert "acme-test" in daemon.instance.get_dynamic_partitions("environments")


def test_deploy_sensor_leaves_manual_environments_alone(daemon: Daemon, dev: Files) -> None:
    """With `deploy: manual` the sensor names the command instead."""
    assert change(daemon, dev, deploy="manual", products_purchased=["a"]) == []
    assert "deploy: manual; eks-assets deploy acme-dev" in daemon.said


def test_deploy_sensor_skips_bad_file(daemon: Daemon, files: Files) -> None:
    """A file with faults is reported and does not hold up others."""
    files.keep("acme-dev", "acme-prod")
    daemon.tick(deploy_sensor)
    files.write("acme-prod", region="nowhere")
    (run,) = change(daemon, files, products_purchased=["a"])
    assert run.tags["dagster/partition"] == "acme-dev"
    assert daemon.tick(deploy_sensor) == []
    assert "acme-prod: left as it is: " in daemon.said
    assert "region" in daemon.said
    files.write("acme-prod", region="eu-west-1")
    assert daemon.tick(deploy_sensor) + daemon.tick(deploy_sensor) == []


@pytest.mark.parametrize("where", ["sensors.polling.load_environment", "sensors.deploy.content_of"])
def test_deploy_sensor_survives_unexpected_error(
    daemon: Daemon, files: Files, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    """An unexpected error is reported in one line and does not hold up other environments."""
    files.keep("acme-dev", "acme-prod")
    daemon.tick(deploy_sensor)
    module, _, name = where.rpartition(".")
    as_before = getattr(import_module(module), name)

    def fails(*args: Any) -> Any:
        if "acme-prod" in args or "acme-prod" in (getattr(arg, "name", "") for arg in args):
            raise TypeError("nobody expected it\nat all")
        return as_before(*args)

    monkeypatch.setattr(where, fails)
    (run,) = change(daemon, files, products_purchased=["a"])
    assert run.tags["dagster/partition"] == "acme-dev"
    assert daemon.tick(deploy_sensor) == []
    assert "acme-prod: left as it is: unexpected TypeError: nobody expected it\n" in daemon.said + "\n"


def test_two_files_for_one_platform_wait_while_nobody_knows_which(
    daemon: Daemon, dev: Files, incumbents: dict[str, str]
) -> None:
    """While no stack says which of them is meant, both are left as they are."""
    incumbents.update({"acme-dev": "", "copy": ""})
    dev.write("copy", "acme-dev", products_purchased=["a"])
    assert daemon.tick(deploy_sensor) + daemon.tick(deploy_sensor) == []
    platform = "111122223333/eu-west-1/acme-dev"
    assert f"acme-dev: left as it is: copy describes {platform} too: its stacks name nobody" in daemon.said
    assert f"copy: left as it is: acme-dev describes {platform} too: its stacks name nobody" in daemon.said


def test_second_file_holds_up_no_incumbent(daemon: Daemon, dev: Files, incumbents: dict[str, str]) -> None:
    """The file that the platform's stacks name is deployed; the second one waits, and says for which."""
    incumbents["copy"] = "acme-dev"
    dev.write("copy", "acme-dev", products_purchased=["b"])
    (run,) = change(daemon, dev, products_purchased=["a"])
    assert run.tags["dagster/partition"] == "acme-dev"
    assert daemon.tick(deploy_sensor) == []
    assert "copy: left as it is: acme-dev describes" in daemon.said
    assert "its stacks name acme-dev" in daemon.said


def test_file_is_asked_for_its_platform_once_a_minute(
    prod_env: Environment, incumbents: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was true at one tick is asked again a minute later: the file may have been renamed."""
    polling.context_of(prod_env)
    incumbents["acme-prod"] = "renamed"
    polling.context_of(prod_env)
    monkeypatch.setattr(polling, "RECHECKED", 0.0)
    with pytest.raises(ConfigError, match="its stacks name renamed"):
        polling.context_of(prod_env)


def test_deploy_sensor_waits_for_sandbox_that_is_down(
    daemon: Daemon, files: Files, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A change is deployed once the sandbox runs."""
    monkeypatch.setenv("EKS_ASSETS_SANDBOX_DIR", str(tmp_path / "none"))
    files.keep("sandbox")
    daemon.tick(deploy_sensor)
    files.write("sandbox", products_purchased=["a"])
    for _ in range(3):
        assert daemon.tick(deploy_sensor) == []
    assert "it is deployed later: the sandbox is not running" in daemon.said


def test_deploy_sensor_without_folder_does_nothing(
    daemon: Daemon, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A missing folder is reported."""
    monkeypatch.setenv("EKS_ASSETS_ENVIRONMENTS", str(tmp_path / "none"))
    assert daemon.tick(deploy_sensor) == []
    assert "which is not a folder" in daemon.said


def test_content_is_the_same_in_every_process(dev: Files) -> None:
    """The fingerprint does not depend on the hash seed."""
    program = (
        "from eks_assets.units import load_registry; from resources.config.loader import load_environment; "
        "from sensors.fingerprint import content_of; print(content_of(load_registry(), load_environment('acme-dev')))"
    )
    fingerprints = {
        subprocess.run(
            [sys.executable, "-c", program],
            cwd=PROJECT,
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
        for seed in ("1", "2")
    }
    assert fingerprints == {content_of(load_registry(), load_environment("acme-dev"))}


SECRET_VALUES = {"argo_cd": {"values": {"configs": {"secret": {"argocdServerAdminPassword": "hunter2"}}}}}


@pytest.fixture
def secretive(dev: Files, monkeypatch: pytest.MonkeyPatch) -> Files:
    """The environment with a secret in its files, and a key in its ledger."""
    monkeypatch.setattr(sensors.deploy, "context_of", lambda env: None)
    monkeypatch.setattr(sensors.deploy, "load_digest_key", lambda context: b"k" * 32)
    return dev


def test_tag_does_not_tell_the_secret(daemon: Daemon, secretive: Files) -> None:
    """Who sees the tag of a run, and the rest of the file, cannot try what the secret is; another one is deployed."""
    (run,) = change(daemon, secretive, addons=SECRET_VALUES)
    env, registry = load_environment("acme-dev"), load_registry()
    guesses = (content_of(registry, env), earlier_content_of(registry, env), content_of(registry, env, b"o" * 32))
    parts = {part for guess in guesses for part in guess.split("-")}
    assert not parts & set(run.tags["eks-assets/content"].split("-"))
    assert daemon.tick(deploy_sensor) == []
    values = {"argo_cd": {"values": {"configs": {"secret": {"argocdServerAdminPassword": "winter1"}}}}}
    assert len(change(daemon, secretive, addons=values)) == 1


def test_tag_of_earlier_form_starts_no_deploy(daemon: Daemon, secretive: Files) -> None:
    """What an earlier version deployed is not deployed again for the new form's sake; what changes then is."""
    secretive.write("acme-dev", addons=SECRET_VALUES)
    content = earlier_content_of(load_registry(), load_environment("acme-dev"))
    tags = {"eks-assets/from": "deploy sensor", "eks-assets/content": content, "dagster/run_key": "acme-dev/x"}
    daemon.note("deploy", daemon.add("acme-dev", status=SUCCESS, tags=tags))
    assert daemon.tick(deploy_sensor) + daemon.tick(deploy_sensor) == []
    assert "was launched for it" in daemon.said
    (run,) = change(daemon, secretive, products_purchased=["a"])
    assert run.tags["eks-assets/content"] != content


def test_environment_whose_key_cannot_be_read_waits(
    daemon: Daemon, secretive: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without an answer on the key nothing is launched, and the tick says why."""

    def fails(context: Any) -> bytes:
        raise Transient("AWS does not answer")

    monkeypatch.setattr(sensors.deploy, "load_digest_key", fails)
    assert change(daemon, secretive, addons=SECRET_VALUES) == []
    assert "acme-dev: left as it is: AWS does not answer" in daemon.said
