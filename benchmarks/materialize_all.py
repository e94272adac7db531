"""Materialize all units of `sandbox` in one run with an executor of choice, as the UI's button does.

`python -m benchmarks.materialize_all [ours | default | stages]`: our executor; Dagster's default one (spawn, as wide as
there are cores); ours, but stage by stage in the specification's order.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping

import dagster as dg

from eks_assets.dagster_home import open_instance
from eks_assets.definitions import deploy_job
from eks_assets.unit import WAVES
from eks_assets.units import registry

DEFAULT_EXECUTOR = {"execution": {"config": {"start_method": {"spawn": {}}, "max_concurrent": 2}}}


def materialize(instance: dg.DagsterInstance, names: list[str], execution: Mapping[str, object]) -> None:
    """One run over these units; SystemExit where it fails."""
    with dg.execute_job(
        dg.reconstructable(deploy_job),
        instance=instance,
        tags={"dagster/partition": "sandbox"},
        asset_selection=[dg.AssetKey(name) for name in names],
        run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}, **execution},
        raise_on_error=False,
    ) as result:
        if not result.success:
            raise SystemExit("the run failed")


def main(how: str) -> None:
    """Run the whole graph one of the three ways."""
    logging.getLogger("dagster").setLevel(logging.CRITICAL)
    units = registry().units
    everything = [u.name for u in units]
    with open_instance() as instance:
        instance.add_dynamic_partitions("environments", ["sandbox"])
        if how == "stages":
            for wave in WAVES:
                if names := [u.name for u in units if u.wave == wave]:
                    materialize(instance, names, {})
        else:
            materialize(instance, everything, DEFAULT_EXECUTOR if how == "default" else {})


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "ours")
