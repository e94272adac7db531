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
from resources.config.loader import load_environment
from sandbox.paths import PROJECT
from sensors.deploy import deploy_sensor
from sensors.fingerprint import content_of
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


def test_a_changed_file_starts_one_deploy_of_everything(daemon: Daemon, dev: Files) -> None:
    (run,) = change(daemon, dev, products_purchased=["storefront", "payments"])
    assert run.tags["dagster/partition"] == "acme-dev"
    assert run.tags["eks-assets/why"] == "its files changed"
    assert run.asset_selection is None
    assert daemon.tick(deploy_sensor) == []
    assert f"run {run.run_id[:8]} was launched for it (queued)" in daemon.said


def test_content_that_is_still_being_written_starts_nothing(daemon: Daemon, dev: Files) -> None:
    for products in (["a"], ["a", "b"], ["a", "b", "c"]):
        dev.write("acme-dev", products_purchased=products)
        assert daemon.tick(deploy_sensor) == []
        assert "once the next tick reads the same" in daemon.said
    assert len(daemon.tick(deploy_sensor)) == 1


@pytest.mark.parametrize("file", ["clusters/acme-prod.yaml", "values/acme-prod-load-balancer-controller.yaml"])
def test_a_changed_file_beside_it_counts_as_well(daemon: Daemon, files: Files, file: str) -> None:
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


def test_changed_code_of_a_unit_deploys_the_environments_that_it_matters_to(
    daemon: Daemon, files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
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


def test_the_newest_content_wins_and_never_two_deploy_at_once(daemon: Daemon, dev: Files) -> None:
    (first,) = change(daemon, dev, products_purchased=["a"])
    daemon.set(first, STARTED)
    assert change(daemon, dev, products_purchased=["b"]) == []
    assert f"deployed after run {first.run_id[:8]} (started)" in daemon.said
    assert change(daemon, dev, products_purchased=["c"]) == []
    daemon.set(first, SUCCESS)
    (second,) = daemon.tick(deploy_sensor)
    (third,) = change(daemon, dev, products_purchased=["d"])
    assert [daemon.status(run) for run in (second, third)] == [CANCELED, QUEUED]


def test_a_run_that_somebody_queued_by_hand_is_waited_for_not_canceled(daemon: Daemon, dev: Files) -> None:
    theirs = daemon.add("acme-dev")
    assert change(daemon, dev, products_purchased=["a"]) == []
    assert daemon.status(theirs) == QUEUED


def test_content_that_comes_back_is_deployed_again(daemon: Daemon, dev: Files) -> None:
    for products in (["a"], ["b"], ["a"], ["b"]):
        (run,) = change(daemon, dev, products_purchased=products)
        daemon.set(run, SUCCESS)


@pytest.mark.parametrize("since", ["before", "after"])
def test_content_that_comes_back_after_people_deployed_other_is_deployed_again(
    daemon: Daemon, dev: Files, since: str
) -> None:
    automatic = {"deploy": "automatic", "products_purchased": ["a"]}
    (first,) = change(daemon, dev, **automatic)
    daemon.set(first, SUCCESS)
    # As soon as it was launched, or once a tick has seen the run.
    assert since == "before" or daemon.tick(deploy_sensor) == []
    for _ in range(2):
        assert change(daemon, dev, deploy="manual", products_purchased=["b"]) == []
        (again,) = change(daemon, dev, **automatic)
        daemon.set(again, SUCCESS)
        assert daemon.tick(deploy_sensor) == []


def test_a_failed_deploy_is_not_tried_again_by_itself(daemon: Daemon, dev: Files) -> None:
    (run,) = change(daemon, dev, products_purchased=["a"])
    daemon.set(run, FAILURE)
    assert daemon.tick(deploy_sensor) == []
    assert "(failure)" in daemon.said


@pytest.mark.parametrize("cursor", [None, "", "{", '{"other": 1}'])
def test_a_lost_cursor_deploys_nothing_twice(daemon: Daemon, dev: Files, cursor: str | None) -> None:
    (run,) = change(daemon, dev, products_purchased=["a"])
    daemon.set(run, SUCCESS)
    daemon.cursors["deploy"] = cursor
    assert daemon.tick(deploy_sensor) + daemon.tick(deploy_sensor) == []
    # What changed while it was lost is deployed.
    daemon.cursors["deploy"] = cursor
    assert len(change(daemon, dev, products_purchased=["b"])) == 1


@pytest.mark.parametrize("products", [["b"], ["a"]])
def test_a_cursor_that_was_not_kept_deploys_nothing_twice(daemon: Daemon, dev: Files, products: list[str]) -> None:
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


def test_deleted_runs_deploy_nothing_again(daemon: Daemon, dev: Files) -> None:
    (run,) = change(daemon, dev, products_purchased=["a"])
    daemon.instance.delete_run(run.run_id)
    assert daemon.tick(deploy_sensor) + daemon.tick(deploy_sensor) == []
    daemon.cursors["deploy"] = None
    assert daemon.tick(deploy_sensor) + daemon.tick(deploy_sensor) == []


def test_two_daemons_start_one_run(daemon: Daemon, dev: Files) -> None:
    other = Daemon(daemon.instance, dict(daemon.cursors))
    dev.write("acme-dev", products_purchased=["a"])
    started = [run for _ in range(3) for one in (daemon, other) for run in one.tick(deploy_sensor)]
    assert len(started) == 1


def test_a_new_file_is_deployed_and_one_that_was_there_is_not(daemon: Daemon, dev: Files) -> None:
    dev.write("acme-test", "acme-dev", target_env="test")
    daemon.tick(deploy_sensor)
    (run,) = daemon.tick(deploy_sensor)
    assert run.tags["dagster/partition"] == "acme-test"
    assert run.tags["eks-assets/why"] == "it is new"
    assert "acme-test" in daemon.instance.get_dynamic_partitions("environments")


def test_manual_environments_are_left_alone(daemon: Daemon, dev: Files) -> None:
    assert change(daemon, dev, deploy="manual", products_purchased=["a"]) == []
    assert "deploy: manual; eks-assets deploy acme-dev" in daemon.said


def test_a_bad_file_holds_up_itself_alone(daemon: Daemon, files: Files) -> None:
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
def test_an_error_that_nobody_expected_holds_up_its_environment_alone(
    daemon: Daemon, files: Files, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
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


def test_two_files_for_one_platform_deploy_neither(daemon: Daemon, dev: Files) -> None:
    dev.write("copy", "acme-dev", products_purchased=["a"])
    assert daemon.tick(deploy_sensor) + daemon.tick(deploy_sensor) == []
    assert "are those of copy too" in daemon.said
    assert "are those of acme-dev too" in daemon.said


def test_a_sandbox_that_is_down_is_waited_for(
    daemon: Daemon, files: Files, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EKS_ASSETS_SANDBOX_DIR", str(tmp_path / "none"))
    files.keep("sandbox")
    daemon.tick(deploy_sensor)
    files.write("sandbox", products_purchased=["a"])
    for _ in range(3):
        assert daemon.tick(deploy_sensor) == []
    assert "it is deployed later: the sandbox is not running" in daemon.said


def test_without_a_folder_of_environments_nothing_happens(
    daemon: Daemon, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EKS_ASSETS_ENVIRONMENTS", str(tmp_path / "none"))
    assert daemon.tick(deploy_sensor) == []
    assert "which is not a folder" in daemon.said


def test_the_same_files_are_the_same_content_in_every_process(dev: Files) -> None:
    program = (
        "from eks_assets.units import load_registry; from resources.config.loader import load_environment; "
        "from sensors.fingerprint import content_of; print(content_of(load_registry(), load_environment('acme-dev')))"
    )
    found = {
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
    assert found == {content_of(load_registry(), load_environment("acme-dev"))}
