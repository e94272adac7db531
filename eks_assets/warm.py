"""Imported by the executor's forkserver before it forks steps: what every step would otherwise read or build again."""

import gc

from eks_assets import sqlite_reuse
from eks_assets.definitions import deploy_job
from resources.aws import warm

warm()
deploy_job()
sqlite_reuse.install()
# What was read until here stays: a fork that collects garbage would go through all of it, and copy it.
gc.collect()
gc.freeze()
