"""Imported by the executor's forkserver before it forks steps: what every step would otherwise read or build again."""

import gc

from eks_assets.definitions import deploy_job
from eks_assets.engine.provenance import commits_at_start
from eks_assets.orchestration import dagster_patches, forkserver
from resources.aws.session import preload_service_models


def preload_process() -> None:
    """Build what steps need and keep it: a fork that collects garbage would go through all of it, and copy it."""
    preload_service_models()
    deploy_job()
    dagster_patches.install_patches()
    commits_at_start()
    gc.collect()
    gc.freeze()


if forkserver.is_this_process():
    preload_process()
