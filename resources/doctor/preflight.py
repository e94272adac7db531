"""What `deploy` asks before anything changes: only what AWS would refuse for certain, and what is cheap to ask."""

from __future__ import annotations

from collections.abc import Collection
from concurrent.futures import wait
from contextlib import suppress
from functools import partial

from resources.context import Context
from resources.doctor.checks import AccountCheck, Line, list_checks
from resources.model.errors import ConfigError
from resources.support.background import in_background

SECONDS = 5.0  # what has not answered by then stops nothing


def refuse_certain_failures(context: Context, units: Collection[str]) -> None:
    """Ask the checks that guard one of the units, side by side. What cannot be asked stops nothing.

    Raises ConfigError with every error and its way out: nothing has been changed then."""
    checks = [check for check in list_checks()[1] if not set(check.guards).isdisjoint(units)]
    futures = [in_background(partial(_errors, check, context), check.name) for check in checks]
    wait(futures, timeout=SECONDS)
    errors = [line for future in futures if future.done() for line in future.result()]
    if errors:
        ways = dict.fromkeys(line.fix for line in errors)
        raise ConfigError(
            "\n".join(line.message for line in errors),
            next_step=f"{'; '.join(ways)}; all of it: eks-assets doctor {context.env.name}",
        )


def _errors(check: AccountCheck, context: Context) -> list[Line]:
    lines: list[Line] = []
    # What cannot be asked the units say themselves, where it matters to them.
    with suppress(Exception):
        for line in check.run(context):
            lines.append(line)
    return [line for line in lines if line.level == "error"]
