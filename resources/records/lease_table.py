"""The rows of the lease table that say who holds a platform.

Every write is conditional on what was read. Times are AWS's own, so that a machine whose clock is wrong neither loses a
lease nor steals one.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from resources.aws.errors import aws_call
from resources.config.environment import Environment
from resources.config.names import lease_table
from resources.context import Context
from resources.model.errors import LeaseHeld, NotFound, OperationFailed
from resources.records.clock import clock_of, server_time
from resources.records.launch import launch_proof
from resources.records.platform import platform_of

Item = dict[str, Any]
_ANY = "attribute_exists(#environment) OR attribute_not_exists(#environment)"


@dataclass(frozen=True)
class Holder:
    """Who holds a platform: the run and its own words (`who`), since when, and until when unless it renews.

    `token`: grows with each take-over. `members`: those of its processes that are at work (`lease_members.py`).
    `unsettled`: nobody has yet waited for the stacks that an earlier run may have left under way. `proof`: of the
    launch that holds it (`launch.py`), whose processes alone join; empty where an older version does, which nobody
    joins. `names`: those that the file of the platform has had."""

    run: str
    who: str
    since: dt.datetime
    until: dt.datetime
    token: int
    members: frozenset[str] = frozenset()
    unsettled: bool = False
    proof: str = ""
    names: frozenset[str] = frozenset()
    no_older_version: bool = False

    @classmethod
    def of(cls, item: Item) -> Holder:
        """From the row of the table."""
        return cls(
            run=item["run"]["S"],
            who=item["who"]["S"],
            since=dt.datetime.fromisoformat(item["since"]["S"]),
            until=dt.datetime.fromisoformat(item["until"]["S"]),
            token=int(item["token"]["N"]),
            members=frozenset(item.get("members", {}).get("SS", [])),
            unsettled="unsettled" in item,
            proof=item.get("proof", {}).get("S", ""),
            names=frozenset(item.get("names", {}).get("SS", [])),
            no_older_version="no_older_version" in item,
        )

    @property
    def older_rows(self) -> list[str]:
        """The rows that a run takes after the platform's, while versions may run that know them alone."""
        return [] if self.no_older_version else sorted(self.names)

    def __str__(self) -> str:
        since, until = (f"{time:%Y-%m-%d %H:%M:%S} UTC" for time in (self.since, self.until))
        return f"run {self.run} ({self.who}) since {since}, until {until} unless it renews"


def platform_row(env: Environment) -> str:
    """The key of the platform's row: what is written to, whichever file says so."""
    return f"platform:{platform_of(env)}"


def current_holder(context: Context, row: str | None = None) -> Holder | None:
    """Who holds the platform, or another row, now; None where nobody does. Raises as `read_row`."""
    holder = read_row(context, row)
    return holder if holder and holder.until > server_time(context) else None


def launch_hold(context: Context) -> Holder | None:
    """The hold of `context.launch`, where this process belongs to the launch that has it. Raises as `read_row`."""
    holder = current_holder(context) if context.launch else None
    is_own = holder is not None and (holder.run, holder.proof) == (context.launch, launch_proof())
    return holder if is_own else None


def read_row(context: Context, row: str | None = None) -> Holder | None:
    """Who holds the platform, or another row, or held it last; None where nobody ever did.

    Raises NotFound where the environment has not been bootstrapped, AccessDenied, Transient."""
    item = read_item(context, row or platform_row(context.env))
    return Holder.of(item) if "run" in item else None


def read_item(context: Context, row: str) -> Item:
    """A row of the table as it is; empty where there is none. Raises as `read_row`."""
    item: Item = _call(context, row, "get_item", ConsistentRead=True).get("Item", {})
    return item


def note_versions(context: Context, former: str | None, *, no_older_version: bool) -> None:
    """Note in the platform's row the `former` name of its file, and that no older version of this program runs, where
    the caller says so: runs then hold the platform's row alone.

    Raises LeaseHeld where a run of an older version holds the environment, and as `read_row`."""
    row, env = platform_row(context.env), context.env
    if former is not None:
        write_row(context, row, "ADD #names :former", _ANY, {"former": {"SS": [former]}})
    if no_older_version:
        newer = current_holder(context)
        for name in sorted({env.name, *([former] if former else []), *(newer.names if newer else [])}):
            older = current_holder(context, name)
            if older is not None and (newer is None or older.run != newer.run):
                raise LeaseHeld(
                    f"a run of an older version holds environment {name}: {older}",
                    next_step="wait for it to end, see that nobody starts another of that version, and run this again",
                )
        write_row(context, row, "SET #no_older_version = :yes", _ANY, {"yes": {"BOOL": True}})


def write_row(context: Context, row: str, update: str, condition: str, values: Mapping[str, Any]) -> tuple[bool, Item]:
    """Whether the condition held, and the row: as it is now, or (where it did not hold) as it was found.

    In the expressions `#name` is an attribute and `:name` one of `values`. Raises as `read_row`."""
    refusal = context.aws.client("dynamodb").exceptions.ConditionalCheckFailedException
    names = set(re.findall(r"#(\w+)", f"{update} {condition}"))
    try:
        answer = _call(
            context,
            row,
            "update_item",
            UpdateExpression=update,
            ConditionExpression=condition,
            ExpressionAttributeNames={f"#{name}": name for name in names},
            ExpressionAttributeValues={f":{name}": value for name, value in values.items()},
            ReturnValues="ALL_NEW",
            ReturnValuesOnConditionCheckFailure="ALL_OLD",
        )
    except OperationFailed as error:
        if not isinstance(error.__cause__, refusal):
            raise
        # The stubs know no Item, which the option above asks for.
        response: Mapping[str, Any] = error.__cause__.response
        return False, response.get("Item", {})
    return True, answer["Attributes"]


def _call(context: Context, row: str, operation: str, **arguments: Any) -> Item:
    table, env = lease_table(context.env), context.env
    try:
        with aws_call(f"{operation} of {row} in the lease table {table}"):
            call = getattr(context.aws.client("dynamodb"), operation)
            answer: Item = call(TableName=table, Key={"environment": {"S": row}}, **arguments)
    except NotFound as error:
        raise NotFound(
            f"the lease table {table} does not exist", next_step=f"eks-assets bootstrap {env.name} --apply"
        ) from error
    clock_of(context).hear(answer)
    return answer
