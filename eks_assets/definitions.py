"""The sole composition root: assets, jobs, sensors and resources in one Definitions."""

from functools import cache

import dagster as dg

from eks_assets.orchestration import dagster_patches
from eks_assets.orchestration.approval_job import approve
from eks_assets.orchestration.assets import RELEASE_PLAN, build_assets
from eks_assets.orchestration.code_location import CodeLocation, read_code_location
from eks_assets.orchestration.destroy_job import DESTROY, destroy
from eks_assets.orchestration.drift_checks import DRIFT, build_drift, build_drift_checks
from eks_assets.orchestration.environments import Platform
from eks_assets.orchestration.executor import look_first
from eks_assets.orchestration.plan_assets import PLAN, build_approved_check, build_plan, build_release_plan
from eks_assets.orchestration.rollback_job import rollback
from eks_assets.orchestration.upgrade_job import UPGRADE, upgrade
from eks_assets.token_command import install_token_command
from eks_assets.units import load_registry
from sensors.approval import approval_sensor
from sensors.deploy import deploy_sensor
from sensors.deploy_requests import deploy_requests_sensor
from sensors.drift import drift_schedule
from sensors.environments import environments_sensor
from sensors.launching import DEPLOY
from sensors.outcomes import outcomes_sensor
from sensors.repair import repair_sensor
from sensors.undo import undo_sensor
from sensors.upgrade import upgrade_sensor


def build_deployed_assets(location: CodeLocation) -> list[dg.AssetsDefinition]:
    """What the job `deploy` materializes: an asset a unit, and the plan that is submitted for approval."""
    return [*build_assets(load_registry(), location), build_release_plan(load_registry(), location)]


# Dagster would call it again for each of its own uses; made once, the forkserver hands it to the steps ready-made.
@dg.definitions
@cache
def defs() -> dg.Definitions:
    """Everything that Dagster shows and runs. Reads the code location's settings from the environment's variables."""
    dagster_patches.silence_previews()
    install_token_command()
    location = read_code_location()
    deployed = build_deployed_assets(location)
    drift, drift_checks = build_drift(load_registry(), location), build_drift_checks(load_registry())
    deploy_definition = dg.define_asset_job(
        DEPLOY,
        selection=dg.AssetSelection.assets(*deployed) - dg.AssetSelection.checks(drift_checks),
        description="Bring an environment to what its file says.",
    )
    drift_definition = dg.define_asset_job(
        DRIFT,
        selection=dg.AssetSelection.assets(drift),
        description="Show what differs from what was applied last, and tell people of what is new. Changes nothing.",
    )
    plan_definition = dg.define_asset_job(
        "plan_environment",
        selection=dg.AssetSelection.assets(PLAN),
        description="Show what a deploy would change. Changes nothing.",
    )
    release_definition = dg.define_asset_job(
        "request_approval",
        selection=dg.AssetSelection.assets(RELEASE_PLAN),
        description="Plan what lies behind the approval gate and submit it for approval. Changes nothing else.",
    )
    return dg.Definitions(
        assets=[*deployed, build_plan(load_registry(), location), drift],
        asset_checks=[build_approved_check(load_registry()), drift_checks],
        jobs=[
            deploy_definition,
            plan_definition,
            release_definition,
            drift_definition,
            approve,
            rollback,
            destroy,
            upgrade,
        ],
        schedules=[drift_schedule],
        sensors=[
            environments_sensor,
            deploy_sensor,
            deploy_requests_sensor,
            approval_sensor,
            repair_sensor,
            outcomes_sensor,
            upgrade_sensor,
            undo_sensor,
        ],
        resources={"platform": Platform()},
        executor=look_first,
    )


def deploy_job() -> dg.JobDefinition:
    """The deploy job, for runs started outside of Dagster's own daemon (`dg.reconstructable`)."""
    return defs().resolve_job_def(DEPLOY)


def destroy_job() -> dg.JobDefinition:
    """The job `destroy`, as `deploy_job`."""
    return defs().resolve_job_def(DESTROY)


def upgrade_job() -> dg.JobDefinition:
    """The job `upgrade`, as `deploy_job`."""
    return defs().resolve_job_def(UPGRADE)
