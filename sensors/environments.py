"""One partition an environment: follows the files in `environments/`, and keeps reporting those that are gone."""

from __future__ import annotations

import datetime as dt

import dagster as dg
from pydantic import Field, ValidationError

from eks_assets.orchestration.environments import ENVIRONMENTS
from eks_assets.units import load_registry
from resources.config.field_types import Model
from resources.config.loader import find_folder, is_environment_name, list_environments
from resources.model.errors import ConfigError
from sensors.launching import is_destroyed
from sensors.polling import first_line, read_bounded_environment


class Cursor(Model):
    """The cursor. `platforms`: what each file was last seen to describe, by its name; `removed`: when a file was found
    to be gone, until it is back or the environment was destroyed."""

    platforms: dict[str, str] = Field(default={})
    removed: dict[str, str] = Field(default={})


@dg.sensor(
    name="environments",
    minimum_interval_seconds=5,
    # Safe to run from the start: it adds and removes names, nothing else.
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Keeps one partition for each file in environments/. Removing a file never destroys anything.",
)
def environments_sensor(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
    """Adds a partition for a new file and removes that of a file that is gone. Its runs and materializations stay, and
    so does what it describes: each tick reports it until the file is back or the environment was destroyed."""
    try:
        names = list_environments(find_folder())
    except ConfigError as error:
        return dg.SkipReason(f"{first_line(error)}; partitions are left as they are")
    # Dagster refuses some texts as keys, and then all of the tick's.
    wanted = {name for name in names if is_environment_name(name)}
    have = set(context.instance.get_dynamic_partitions("environments"))
    added, gone = sorted(wanted - have), sorted(have - wanted)
    before = _read_cursor(context, wanted)
    unread = [name for name in wanted if not before.platforms.get(name)]
    platforms = {**before.platforms, **{name: _platform(name) for name in unread}}
    today = dt.datetime.now(dt.UTC).date().isoformat()
    removed = {**before.removed, **{name: today for name in gone if name not in before.removed}}
    lines, missing = _missing(context.instance, removed, platforms, wanted)
    lines += [f"{name!a}.yaml is left out: no name of an environment" for name in names if name not in wanted]
    requests: list[dg.AddDynamicPartitionsRequest | dg.DeleteDynamicPartitionsRequest] = []
    if added:
        requests.append(ENVIRONMENTS.build_add_request(added))
        lines.insert(0, f"added {', '.join(added)}")
    if gone:
        requests.append(ENVIRONMENTS.build_delete_request(gone))
    cursor = Cursor(platforms={n: p for n, p in platforms.items() if n in wanted or n in missing}, removed=missing)
    return dg.SensorResult(
        dynamic_partitions_requests=requests,
        skip_reason=dg.SkipReason("\n".join(lines) or f"{len(wanted)} environments, none added or removed"),
        cursor=cursor.model_dump_json(),
    )


def _missing(
    instance: dg.DagsterInstance, removed: dict[str, str], platforms: dict[str, str], wanted: set[str]
) -> tuple[list[str], dict[str, str]]:
    """Lines that report files that are gone, and those of them that the next tick has to report again."""
    lines, missing = [], {}
    for name, since in sorted(removed.items()):
        platform = platforms.get(name, "")
        renamed = [other for other in sorted(wanted) if platform and platforms.get(other) == platform]
        if name in wanted:
            lines.append(f"{name} is back")
        elif renamed:
            lines.append(f"{name} is now {', '.join(renamed)}: the same platform, {platform}, which stays as it is")
        elif is_destroyed(instance, name):
            lines.append(f"{name} was removed and has been destroyed")
        else:
            lines.append(
                f"{name} was removed on {since}, and nothing was destroyed: what it describes still exists and costs "
                f"money. Put the file back to continue with it, or remove that; to see what would go: eks-assets "
                f"destroy {name} --from-ledger --region {platform.rpartition(' ')[2] or 'REGION'} --plan"
            )
            missing[name] = since
    return lines, missing


def _platform(name: str) -> str:
    """What a file describes, the same under another name; nothing where the file cannot be read."""
    try:
        env = read_bounded_environment(name, find_folder(), {})
    # Whatever is wrong with one file, the others are followed.
    except Exception:
        return ""
    return f"{env.resource_prefix} in {env.account} {env.region}"


def _read_cursor(context: dg.SensorEvaluationContext, wanted: set[str]) -> Cursor:
    """The cursor; a lost one is rebuilt from what has ever been materialized."""
    try:
        return Cursor.model_validate_json(context.cursor or "")
    except ValidationError:
        keys = [dg.AssetKey(unit.name) for unit in load_registry().units]
        ever = {name for key in keys for name in context.instance.get_materialized_partitions(key)}
        return Cursor(removed={name: "an unknown day" for name in ever - wanted})
