"""The waves of a deploy, in their order."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, TypeAlias, get_args

BeforeApproval: TypeAlias = Literal["network", "infrastructure", "post_deploy", "cluster", "configuration"]
AfterApproval: TypeAlias = Literal["applications", "observability"]
# The wave `approval` holds the release plan and no unit: nothing is deployed in it, and no gate stands before it.
UnitWave: TypeAlias = Literal[BeforeApproval, AfterApproval]
Wave: TypeAlias = Literal[BeforeApproval, "approval", AfterApproval]

WAVES: tuple[Wave, ...] = get_args(Wave)
# The specification's names of four waves, which the command line accepts too.
WAVE_ALIASES: Mapping[str, Wave] = {
    "deploy-eks-cluster-wave": "cluster",
    "config-eks-cluster-wave": "configuration",
    "eks-cluster-approval-wave": "approval",
    "deploy-apps-into-cluster-wave": "applications",
}
