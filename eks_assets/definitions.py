"""The sole composition root: assets, jobs, sensors and resources in one Definitions."""

import dagster as dg

from eks_assets.factory import Platform, build_assets
from eks_assets.forkserver import PRELOAD
from eks_assets.units import registry
from sensors.environments import environments_sensor

DEPLOY = "deploy"
# Steps wait for AWS, not for a core, so the executor is as wide as the graph; a warm forkserver makes a step cheap.
EXECUTOR = dg.multiprocess_executor.configured(
    {"max_concurrent": 24, "start_method": {"forkserver": {"preload_modules": list(PRELOAD)}}}
)

assets = build_assets(registry())
deploy_definition = dg.define_asset_job(
    DEPLOY, selection=dg.AssetSelection.assets(*assets), description="Bring an environment to what its file says."
)
defs = dg.Definitions(
    assets=assets,
    jobs=[deploy_definition],
    sensors=[environments_sensor],
    resources={"platform": Platform()},
    executor=EXECUTOR,
)


def deploy_job() -> dg.JobDefinition:
    """The deploy job, for runs started outside of Dagster's own daemon (`dg.reconstructable`)."""
    return defs.resolve_job_def(DEPLOY)
