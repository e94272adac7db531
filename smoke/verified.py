"""Which units have been seen on a real account, and when: `python -m smoke.verified` prints the page
`docs/verified.md`, from the registry and the transcripts that `make smoke-aws` left."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from eks_assets.units import load_registry
from resources.config.names import karpenter_stack, resource_prefix, stack_name
from smoke.environment import NAME, TENANT
from smoke.transcript import Call, read_transcript

TRANSCRIPTS = Path(__file__).parent / "transcripts"
_HEAD = """# Verified on AWS

What `make smoke-aws` has made on a real account, by the transcripts in `smoke/transcripts/`
([how](smoke-aws.md)). A unit counts where CloudFormation executed a change set of its stack, and the stack was complete
afterwards. `make docs` writes this page.

| Wave | Unit | Verified on AWS |
|---|---|---|
"""


def verified_page(transcripts: Iterable[Path]) -> str:
    """The page, in Markdown."""
    made: dict[str, str] = {}
    for file in sorted(transcripts):
        for stack in stacks_made(read_transcript(file)):
            made.setdefault(stack, file.stem)
    prefix = resource_prefix(TENANT, NAME)
    stacks = {unit.name: stack_name(prefix, unit.name) for unit in load_registry().units}
    stacks["karpenter_stack"] = karpenter_stack(prefix)
    rows = [
        f"| {unit.wave} | `{unit.name}` | {made.get(stacks[unit.name], 'never')} |" for unit in load_registry().units
    ]
    return _HEAD + "\n".join(rows) + "\n"


def stacks_made(calls: Iterable[Call]) -> set[str]:
    """The names of the stacks of which a change set was executed, and that were complete afterwards."""
    executed, made = set[str](), set[str]()
    for call in calls:
        if call.operation == "ExecuteChangeSet" and not call.error:
            executed.add(str(call.request.get("StackName")))
        elif call.operation == "DescribeStacks" and call.response:
            stacks = [s for s in call.response["Stacks"] if s["StackStatus"] in ("CREATE_COMPLETE", "UPDATE_COMPLETE")]
            made |= {str(stack["StackName"]) for stack in stacks} & executed
    return made


if __name__ == "__main__":
    print(verified_page(TRANSCRIPTS.glob("*.jsonl")), end="")
