"""Imported by the executor's forkserver before it forks steps: what every step would otherwise read again."""

import eks_assets.definitions  # noqa: F401
from resources.aws import warm

warm()
