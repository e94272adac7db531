"""Materialize units of `sandbox` in one run with an executor of choice, as the UI's button does.

`python -m benchmarks.materialize_all [ours | default | stages] [UNIT ...]` (all without any): our executor; Dagster's
default one (spawn, as wide as there are cores); warm processes as ours, but stage by stage in the specification's order
and without a look first.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Sequence

import dagster as dg

from eks_assets.definitions import build_deployed_assets, deploy_job
from eks_assets.engine.planner import WIDTH
from eks_assets.orchestration.code_location import CodeLocation
from eks_assets.orchestration.environments import Platform
from eks_assets.orchestration.forkserver import PRELOAD
from eks_assets.orchestration.home import open_instance
from eks_assets.token_command import install_token_command
from eks_assets.units import load_registry
from resources.config.waves import WAVES


def _job(executor: dg.ExecutorDefinition) -> dg.JobDefinition:
    install_token_command()
    assets = build_deployed_assets(CodeLocation())
    job = dg.define_asset_job("everything", selection=dg.AssetSelection.assets(*assets))
    whole = dg.Definitions(assets=assets, jobs=[job], resources={"platform": Platform()}, executor=executor)
    return whole.resolve_job_def("everything")


def default_job() -> dg.JobDefinition:
    """The units as Dagster executes them unless told otherwise."""
    return _job(dg.multiprocess_executor)


def warm_job() -> dg.JobDefinition:
    """The units in processes like ours."""
    start = {"forkserver": {"preload_modules": list(PRELOAD)}}
    return _job(dg.multiprocess_executor.configured({"max_concurrent": WIDTH, "start_method": start}, name="warm"))


def materialize(instance: dg.DagsterInstance, job: Callable[[], dg.JobDefinition], names: list[str]) -> None:
    """One run over these units; SystemExit where it fails."""
    with dg.execute_job(
        dg.reconstructable(job),
        instance=instance,
        tags={"dagster/partition": "sandbox"},
        asset_selection=[dg.AssetKey(name) for name in names],
        run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
        raise_on_error=False,
    ) as result:
        if not result.success:
            raise SystemExit("the run failed")


def main(how: str, chosen: Sequence[str] = ()) -> None:
    """Run the chosen units, without any the whole graph, one of the three ways."""
    logging.getLogger("dagster").setLevel(logging.CRITICAL)
    units = [u for u in load_registry().units if not chosen or u.name in chosen]
    with open_instance() as instance:
        instance.add_dynamic_partitions("environments", ["sandbox"])
        if how == "stages":
            for wave in WAVES:
                if names := [u.name for u in units if u.wave == wave]:
                    materialize(instance, warm_job, names)
        else:
            materialize(instance, default_job if how == "default" else deploy_job, [u.name for u in units])


if __name__ == "__main__":
    main(sys.argv[1] if sys.argv[1:] else "ours", sys.argv[2:])
