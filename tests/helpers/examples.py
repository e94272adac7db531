"""How many examples the property tests try, and the seed that they begin with.

`make test` tries EXAMPLES, `make test-long` more (EKS_ASSETS_EXAMPLES). The seed is a new one each time and is printed
in pytest's header and with a failure; EKS_ASSETS_SEED repeats a run.
"""

from __future__ import annotations

import os
import random

from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import RuleBasedStateMachine, run_state_machine_as_test

EXAMPLES = int(os.environ.get("EKS_ASSETS_EXAMPLES") or 200)
SEED = int(os.environ.get("EKS_ASSETS_SEED") or random.SystemRandom().randrange(2**32))
REPEAT = f"EKS_ASSETS_SEED={SEED} EKS_ASSETS_EXAMPLES={EXAMPLES}"


def run_examples(machine: type[RuleBasedStateMachine], *, steps: int, shrink: bool = True) -> None:
    """Try the machine with random steps; raises what its first failing example raised, made as short as possible
    unless `shrink` is False."""
    print(f"to repeat: {REPEAT}")
    chosen = settings(
        max_examples=EXAMPLES,
        stateful_step_count=steps,
        deadline=None,
        print_blob=True,
        database=None,
        phases=tuple(Phase) if shrink else (Phase.generate,),
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(seed(SEED)(machine), settings=chosen)
