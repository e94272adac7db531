"""Tags of runs: what sensors and the command line read back of a run, and people see."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:  # the command line reads these names without waiting for Dagster
    import dagster as dg

from resources.config.environment import Environment

LAUNCH_TAG = "eks-assets/holder"
OWNER_TAG = "eks-assets/owner"
OUTCOME_TAG = "eks-assets/outcome"
OUTCOME_OF = "eks-assets/outcome-of"
# Who sent the deploy request that a run was started for: AWS's id. Whoever may launch a run may write any tag.
SENDER_TAG = "eks-assets/sender"
WAITING = "waiting for approval"


def launch_of(run: dg.DagsterRun) -> str | None:
    """The launch of the command line that holds the environment for the run. Dagster copies the tags of a run to one
    that executes it again, which nobody holds it for."""
    return None if run.parent_run_id else run.tags.get(LAUNCH_TAG)


def outcome_of(run: dg.DagsterRun) -> str | None:
    """What was noted of how the run ended: of this run, not of the one that it executes again."""
    is_copied = run.parent_run_id and run.tags.get(OUTCOME_OF) != run.run_id
    return None if is_copied else run.tags.get(OUTCOME_TAG)


def owner_tag(env: Environment) -> dict[str, str]:
    """The tag that names who is responsible for the environment; empty where its file names nobody."""
    return {OWNER_TAG: env.owner} if env.owner else {}


def outcome_tags(run: dg.DagsterRun, outcome: str) -> dict[str, str]:
    """What notes how the run ended."""
    return {OUTCOME_TAG: outcome, OUTCOME_OF: run.run_id}
