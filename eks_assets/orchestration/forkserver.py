"""The process that steps are forked from, with everything they need already imported (docs/adr/0003-executor.md)."""

from __future__ import annotations

import multiprocessing
import sys
from multiprocessing import forkserver

from resources.support.processes import name_to_children

PRELOAD = (
    "dagster._cli",
    "dagster._core.executor.multiprocess",
    "dagster._core.instance.factory",
    "dagster._core.storage.event_log.sqlite.sqlite_event_log",
    "dagster._core.storage.root",
    "dagster._core.storage.runs.sqlite.sqlite_run_storage",
    "dagster._core.storage.schedules.sqlite.sqlite_schedule_storage",
    "dagster._core.storage.sqlite_storage",
    "dagster._core.system_config.composite_descent",
    "dagster._core.utility_ops",
    "dagster._core.workspace.autodiscovery",
    "dagster._utils.test.definitions",
    "sqlalchemy.dialects.sqlite",
    "alembic",
    "structlog",
    "boto3",
    "boto3.s3.inject",
    "dagster_aws.s3",
    "dagster_aws.secretsmanager",
    "dagster_aws.ssm",
    "upath.implementations.local",
    "encodings.utf_16_be",
    "kubernetes.client",
    "kubernetes.dynamic",
    "eks_assets.preload",
)


def start_forkserver() -> None:
    """Start it now, so that its imports run beside those of this process; Dagster's executor finds it running."""
    name_to_children()
    multiprocessing.get_context("forkserver").set_forkserver_preload(list(PRELOAD))
    forkserver.ensure_running()


def is_this_process() -> bool:
    """Whether this process is the forkserver, which multiprocessing starts as `python -c "from ... import main"`."""
    return any("multiprocessing.forkserver import main" in argument for argument in sys.orig_argv)
