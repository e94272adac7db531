"""Tags of runs: what sensors and the command line read back of a run, and people see.

Whoever may launch anything in Dagster writes whatever tags he likes. So a tag that decides something counts only where
the pipeline itself has recorded it: in the run's own event log, which only code that executes the run writes to.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # the command line reads these names without waiting for Dagster
    import dagster as dg

from resources.config.environment import Environment
from resources.records.launch import is_own_launch

LAUNCH_TAG = "eks-assets/holder"
OWNER_TAG = "eks-assets/owner"
OUTCOME_TAG = "eks-assets/outcome"
OUTCOME_OF = "eks-assets/outcome-of"
# Who sent the deploy request that a run was started for: AWS's id. Whoever may launch a run may write any tag.
SENDER_TAG = "eks-assets/sender"
# The drift run, by its key in the ledger, that a run repairs the findings of. It only ever forbids: whoever writes it
# can change less with it than without.
REPAIR_TAG = "eks-assets/repair"
PROCESS_TAG = "eks-assets/process"
WAITING = "waiting for approval"
# The outcome of a run that removes an environment: it has begun, and all of it is gone.
DESTROYING, DESTROYED = "being destroyed", "destroyed"


def launch_of(run: dg.DagsterRun) -> str | None:
    """The launch of the command line that holds the environment for the run, where this process belongs to it. Dagster
    copies the tags of a run to one that executes it again, which nobody holds it for."""
    name = run.tags.get(LAUNCH_TAG, "")
    return name if run.parent_run_id is None and is_own_launch(name) else None


def owner_tag(env: Environment) -> dict[str, str]:
    """The tag that names who is responsible for the environment; empty where its file names nobody."""
    return {OWNER_TAG: env.owner} if env.owner else {}


def record_tags(instance: dg.DagsterInstance, run: dg.DagsterRun, tags: Mapping[str, str]) -> None:
    """Record in the run's event log that its tags say so."""
    import dagster as dg
    from dagster._core.events import EngineEventData

    metadata = {key: dg.MetadataValue.text(value) for key, value in tags.items()}
    text = "Recorded: " + ", ".join(f"{key} {value}" for key, value in tags.items())
    instance.report_engine_event(text, run, EngineEventData(metadata=metadata))


def recorded_tag(instance: dg.DagsterInstance, run: dg.DagsterRun, tag: str) -> str | None:
    """The value of the run's tag, where the run's event log has it too."""
    import dagster as dg

    value = run.tags.get(tag)
    if value is None:
        return None
    # Newest first: whoever executes the run records what it becomes.
    page = instance.get_records_for_run(run.run_id, of_type=dg.DagsterEventType.ENGINE_EVENT, ascending=False)
    events = (record.event_log_entry.dagster_event for record in page.records)
    recorded = (event.event_specific_data.metadata.get(tag) for event in events if event)  # type: ignore[union-attr]
    return value if any(entry is not None and entry.value == value for entry in recorded) else None


def record_outcome(instance: dg.DagsterInstance, run: dg.DagsterRun, outcome: str) -> None:
    """Record how the run ended."""
    instance.add_run_tags(run.run_id, {OUTCOME_TAG: outcome, OUTCOME_OF: run.run_id})
    record_tags(instance, run, {OUTCOME_TAG: outcome})


def outcome_of(instance: dg.DagsterInstance, run: dg.DagsterRun) -> str | None:
    """What was recorded of how the run ended: of this run, not of one that it executes again."""
    return recorded_tag(instance, run, OUTCOME_TAG)
