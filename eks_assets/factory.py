"""Turns units into Dagster assets with their inline checks: the one module that knows both worlds."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import dagster as dg
import yaml

from eks_assets.check_history import since
from eks_assets.graph.registry import Registry
from eks_assets.graph.unit import WAVES, AnyUnit, Wave
from eks_assets.loop import Result, run_unit
from eks_assets.plan.masking import masked
from eks_assets.settled import as_seen
from resources.change import FieldChange
from resources.checks import Check
from resources.console_links import console_link
from resources.environment import Environment
from resources.environment_files import load_environment
from resources.errors import ApprovalMissing, PipelineError, Transient
from resources.outputs import display, plain
from resources.probes import Seen
from resources.specs import HelmRelease, Manifests, Spec, Stack
from resources.world import World

ENVIRONMENTS = dg.DynamicPartitionsDefinition(name="environments")
RELEASE_PLAN = "release_plan"
LAUNCH_TAG = "eks-assets/holder"
OUTCOME_TAG, OUTCOME_OF, WAITING = "eks-assets/outcome", "eks-assets/outcome-of", "waiting for approval"
_KINDS: tuple[tuple[type[Spec[Any]], set[str]], ...] = (
    (Stack, {"aws", "cloudformation"}),
    (HelmRelease, {"helm", "kubernetes"}),
    (Manifests, {"kubernetes"}),
    (Spec, {"aws"}),
)


def launch_of(run: dg.DagsterRun) -> str | None:
    """The launch of the command line that holds the environment for the run. Dagster copies the tags of a run to one
    that executes it again, which nobody holds it for."""
    return None if run.parent_run_id else run.tags.get(LAUNCH_TAG)


def outcome_of(run: dg.DagsterRun) -> str | None:
    """What was noted of how the run ended: of this run, not of the one that it executes again."""
    is_copied = run.parent_run_id and run.tags.get(OUTCOME_OF) != run.run_id
    return None if is_copied else run.tags.get(OUTCOME_TAG)


def outcome_tags(run: dg.DagsterRun, outcome: str) -> dict[str, str]:
    """What notes how the run ended."""
    return {OUTCOME_TAG: outcome, OUTCOME_OF: run.run_id}


class Platform(dg.ConfigurableResource):  # type: ignore[type-arg]
    """Opens an environment by its name: the validated file, and AWS and the cluster behind it."""

    def open(self, name: str, progress: Callable[[str], None], run: dg.DagsterRun) -> World:
        """Raises ConfigError for a file that is wrong; nothing is contacted yet."""
        world = World.of(load_environment(name), progress, run.run_id)
        world.launch = launch_of(run)
        return world


def group_name(wave: Wave) -> str:
    """The Dagster group of a wave; the number makes groups sort."""
    return f"{WAVES.index(wave) + 1}_{wave}"


def build_assets(registry: Registry) -> list[dg.AssetsDefinition]:
    """One asset a unit, in dependency order."""
    return [asset_for(unit, registry) for unit in registry.units]


def asset_for(unit: AnyUnit, registry: Registry) -> dg.AssetsDefinition:
    """The asset of one unit: partitioned by environment, its health checks inline and blocking."""

    @dg.asset(
        name=unit.name,
        group_name=group_name(unit.wave),
        deps=[*registry.needs[unit.name], *_gate(unit, registry)],
        # A unit that waits for approval has nothing to show, and is no failure either.
        output_required=False,
        partitions_def=ENVIRONMENTS,
        description=unit.fn.__doc__,
        kinds=next(kinds for kind, kinds in _KINDS if issubclass(unit.spec_type, kind)),
        owners=["team:platform"],
        tags={"wave": unit.wave, "reversibility": unit.reversibility},
        # Of the steps that can start, those that most depends on start first.
        op_tags={"dagster/priority": str(round(registry.minutes_left[unit.name] * 60))},
        metadata={"source": f"{unit.fn.__module__.replace('.', '/')}.py", "typical_minutes": unit.minutes},
        check_specs=check_specs(unit),
    )
    def body(context: dg.AssetExecutionContext, platform: Platform) -> Iterator[_Result]:
        try:
            with translated(context, platform, unit.name) as world:
                result = as_seen(context.run.run_id, unit)
                if result is None and unit.is_enabled(world.env):
                    result = run_unit(registry, unit, world)
        except ApprovalMissing as closed:
            context.log.warning(str(closed))
            context.instance.add_run_tags(context.run.run_id, outcome_tags(context.run, WAITING))
            yield from _waiting(unit, closed)
        else:
            yield _done(context, unit, result, world.env) if result else _disabled(unit, world.env)

    return body


_Result = dg.MaterializeResult[Any] | dg.AssetCheckResult


def _done(
    context: dg.AssetExecutionContext, unit: AnyUnit, result: Result, env: Environment
) -> dg.MaterializeResult[Any]:
    def checked(check: Check, seen: Seen) -> dg.AssetCheckResult:
        key = dg.AssetCheckKey(context.asset_key, check.name)
        began = seen.since or since(context.instance, key, context.partition_key, seen.passed)
        return dg.AssetCheckResult(
            check_name=check.name,
            passed=seen.passed,
            description=seen.detail,
            metadata={"expected": check.says, "since": began},
        )

    checks = [checked(check, seen) for check, seen in result.checks]
    return dg.MaterializeResult(metadata=metadata(unit, result, env), check_results=checks)


def _waiting(unit: AnyUnit, closed: ApprovalMissing) -> Iterator[dg.AssetCheckResult]:
    for check in unit.checks:
        yield dg.AssetCheckResult(
            check_name=check.name, passed=False, severity=dg.AssetCheckSeverity.WARN, description=str(closed)
        )


def _gate(unit: AnyUnit, registry: Registry) -> list[str]:
    """The roots of what lies behind the approval wave come after the release plan, in the picture and in a run."""

    def behind(one: AnyUnit) -> bool:
        return WAVES.index(one.wave) > WAVES.index("approval")

    is_root = behind(unit) and not any(behind(registry[name]) for name in registry.needs[unit.name])
    return [RELEASE_PLAN] if is_root else []


def check_specs(unit: AnyUnit) -> list[dg.AssetCheckSpec]:
    """The unit's health checks as Dagster knows them."""
    return [
        dg.AssetCheckSpec(c.name, asset=unit.name, blocking=True, partitions_def=ENVIRONMENTS, description=c.says)
        for c in unit.checks
    ]


Context = dg.AssetExecutionContext | dg.AssetCheckExecutionContext | dg.OpExecutionContext


class translated:
    """Opens the environment of a step and turns the project's errors into Dagster's: transient ones into retries by
    the environment's settings, others into a failure that is not tried again. A closed gate passes through."""

    def __init__(self, context: Context, platform: Platform, step: str) -> None:
        self._context, self._platform, self._step = context, platform, step
        self._env: Environment | None = None

    def __enter__(self) -> World:
        try:
            world = self._platform.open(self._context.partition_key, self._context.log.info, self._context.run)
        except PipelineError as error:
            raise failure(error) from None
        self._env = world.env
        return world

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, Transient) and self._env is not None:
            retry = self._env.retry
            if self._context.retry_number < retry.attempts - 1:
                self._context.log.warning(f"{self._step}: attempt {self._context.retry_number + 1}: {error}")
                raise dg.RetryRequested(
                    retry.attempts - 1, seconds_to_wait=error.retry_after or retry.seconds
                ) from error
        if isinstance(error, PipelineError) and not isinstance(error, ApprovalMissing):
            raise failure(error) from error


def failure(error: PipelineError) -> dg.Failure:
    """The failure that ends a step, with the next step as metadata."""
    extra = {"next_step": error.next_step} if error.next_step else {}
    return dg.Failure(str(error), metadata=extra, allow_retries=False)


def _disabled(unit: AnyUnit, env: Environment) -> dg.MaterializeResult[Any]:
    seen = f"{unit.name} is switched off in {env.name}"
    return dg.MaterializeResult(
        metadata={"result": seen},
        check_results=[dg.AssetCheckResult(check_name=c.name, passed=True, description=seen) for c in unit.checks],
    )


_DONE = {"create": "created", "update": "updated", "replace": "replaced", "delete": "deleted", "none": "nothing to do,"}


def metadata(unit: AnyUnit, result: Result, env: Environment) -> dict[str, Any]:
    """What the UI shows of a materialization; the important first, since rows are cropped after about five."""
    outputs = result.observed.outputs.model_dump() if result.observed and result.observed.outputs else {}
    shown: dict[str, Any] = {"result": f"{_DONE[result.change.action]} in {result.seconds:.1f} s"}
    if result.change.fields:
        shown["changes"] = dg.MetadataValue.md(change_table(result.change.fields))
    if outputs:
        rows = "\n".join(f"| `{k}` | `{', '.join(v) if isinstance(v, tuple) else v}` |" for k, v in outputs.items())
        shown["outputs"] = dg.MetadataValue.md(f"| output | value |\n|---|---|\n{rows}")
    if link := console_link(env, result.spec):
        shown["console"] = dg.MetadataValue.url(link)
    shown["seconds"] = round(result.seconds, 2)
    return shown


def change_table(fields: Sequence[FieldChange], limit: int = 20) -> str:
    """The fields of a change as a Markdown table, the first `limit` of them."""
    rows = [f"| `{f.path}` | {_cell(f.before)} | {_cell(f.after)} |" for f in masked(fields)[:limit]]
    more = [f"| and {len(fields) - limit} more | | |"] if len(fields) > limit else []
    return "\n".join(["| field | before | after |", "|---|---|---|", *rows, *more])


def _cell(value: Any) -> str:
    if value is None:
        return ""
    text = (
        value
        if isinstance(value, str)
        else yaml.safe_dump(plain(value), default_flow_style=True).removesuffix("...\n").strip()
    )
    return "`" + display(text).replace("|", "\\|").replace("\n", " ")[:80] + "`"
