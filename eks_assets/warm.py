"""Imported by the executor's forkserver before it forks steps: what every step would otherwise read or build again."""

from eks_assets import sqlite_reuse
from eks_assets.definitions import deploy_job
from resources.aws import warm

warm()
deploy_job()
sqlite_reuse.install()
