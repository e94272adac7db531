"""The job `approve`: a decision from Dagster's launchpad, in environments that say `approval: {ui: true}`."""

import dagster as dg
from pydantic import Field

from eks_assets.orchestration.environments import ENVIRONMENTS, Platform, open_step
from resources.approval.decisions import find_request, write_ui_decision


class Decision(dg.Config):
    """What you decide, and why."""

    digest: str = Field(description="The digest that release_plan shows; its first 12 characters are enough.")
    decision: str = Field(default="approve", description="approve or reject")
    reason: str = Field(description="Why. It is kept in the ledger.")


@dg.op(description="Write the decision. It counts as one approver: the pipeline itself, since Dagster knows no users.")
def decide(context: dg.OpExecutionContext, config: Decision, platform: Platform) -> None:
    """Fails where the environment takes no decisions from here."""
    with open_step(context, platform, "approve") as unit_context:
        request = find_request(unit_context, config.digest)
        write_ui_decision(unit_context, request, config.decision, config.reason)
        context.log.info(f"{config.decision} of {request.digest[:19]} is written")


@dg.job(
    config=dg.PartitionedConfig(
        partitions_def=ENVIRONMENTS,
        run_config_for_partition_key_fn=lambda _: {
            "ops": {"decide": {"config": {"digest": "", "decision": "approve", "reason": ""}}}
        },
    ),
    description="Approve or reject a release, where the environment says `approval: {ui: true}`.",
)
def approve() -> None:
    """One decision."""
    decide()
