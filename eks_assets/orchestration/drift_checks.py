"""Drift as Dagster shows it: the asset `drift` of a whole environment, and a check `drift` on the asset of each unit.

A check has three results: passed, where the unit is as it was applied; failed, where it is not; a warning, where part
of it could not be compared, since that may have drifted as well.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import dagster as dg
from dagster._core.definitions.asset_checks.asset_check_evaluation import AssetCheckEvaluationTargetMaterializationData
from dagster._core.event_api import AssetRecordsFilter

from eks_assets.engine.drift.detection import detect_drift
from eks_assets.engine.drift.record import Kept, keep_report
from eks_assets.graph.registry import Registry
from eks_assets.orchestration.code_location import CodeLocation
from eks_assets.orchestration.environments import ENVIRONMENTS, Platform, open_step
from eks_assets.orchestration.metadata import value_cell
from eks_assets.plan.drift import DriftReport, FindingEntry, UncheckedEntry
from eks_assets.plan.drift_wording import finding_words, report_words, unchecked_words
from eks_assets.plan.wording import with_plural
from resources.config.environment import Environment
from resources.context import Context
from resources.drivers.helm.shown_secrets import NOT_SHOWN
from resources.model.display import code_span, escape_line, escape_markdown

DRIFT = "drift"
GROUP = "9_drift"
SHOWN = 20  # findings, and things that could not be compared, of one entry

_Event = dg.AssetCheckEvaluation | dg.MaterializeResult[Any]


def build_drift(registry: Registry, location: CodeLocation) -> dg.AssetsDefinition:
    """The drift of every layer, looked for once; its step evaluates the check of every unit, too."""

    # Its step cannot have the asset's name, which the job has.
    @dg.multi_asset(
        name="detect_drift",
        specs=[
            dg.AssetSpec(
                DRIFT,
                group_name=GROUP,
                description="What differs from what was applied last, field by field, and who did it. Changes nothing.",
                kinds={"drift"},
                owners=location.owners,
            )
        ],
        partitions_def=ENVIRONMENTS,
    )
    def detect(context: dg.AssetExecutionContext, platform: Platform) -> Iterator[_Event]:
        with open_step(context, platform, DRIFT, planning=True) as unit_context:
            env = unit_context.env
            report = detect_drift(registry, unit_context)
            # Whoever plans only reads; what is found is written, and told, as the deployer.
            kept = keep_report(Context.of(env, unit_context.progress, context.run.run_id), report)
        for fault in kept.faults:
            context.log.warning(escape_line(fault))
        for unit in registry.units:
            yield _evaluation(context, unit.name, report, env, is_on=unit.is_enabled(env))
        yield dg.MaterializeResult(asset_key=DRIFT, metadata=_metadata(report, kept))

    return detect


def build_drift_checks(registry: Registry) -> dg.AssetChecksDefinition:
    """The check of each unit. The job `drift` evaluates all of them; by itself, as after a materialization from the
    UI, it looks for drift of the selected units, and keeps nothing."""
    specs = [
        dg.AssetCheckSpec(
            DRIFT,
            asset=unit.name,
            partitions_def=ENVIRONMENTS,
            description="Whether it is as it was applied last. A warning: part of it could not be compared.",
        )
        for unit in registry.units
    ]

    @dg.multi_asset_check(name="unit_drift", specs=specs, can_subset=True)
    def unit_drift(context: dg.AssetCheckExecutionContext, platform: Platform) -> Iterator[dg.AssetCheckResult]:
        names = [key.asset_key.to_user_string() for key in context.selected_asset_check_keys]
        with open_step(context, platform, DRIFT, planning=True) as unit_context:
            report = detect_drift(registry, unit_context, only=names)
        for name in names:
            is_on = registry[name].is_enabled(unit_context.env)
            yield dg.AssetCheckResult(
                asset_key=name, check_name=DRIFT, **_result(name, report, unit_context.env, is_on=is_on)
            )

    return unit_drift


def _evaluation(
    context: dg.AssetExecutionContext, unit: str, report: DriftReport, env: Environment, *, is_on: bool
) -> dg.AssetCheckEvaluation:
    """The result of a unit's check, of the unit's newest materialization: without it, Dagster takes it for outdated."""
    key, partition = dg.AssetKey(unit), context.partition_key
    page = context.instance.fetch_materializations(AssetRecordsFilter(key, asset_partitions=[partition]), limit=1)
    target = next(
        (
            AssetCheckEvaluationTargetMaterializationData(
                storage_id=r.storage_id, run_id=r.event_log_entry.run_id, timestamp=r.timestamp
            )
            for r in page.records
        ),
        None,
    )
    return dg.AssetCheckEvaluation(
        asset_key=key,
        check_name=DRIFT,
        partition=partition,
        target_materialization_data=target,
        **_result(unit, report, env, is_on=is_on),
    )


def _result(unit: str, report: DriftReport, env: Environment, *, is_on: bool) -> dict[str, Any]:
    findings = [f for f in report.findings if f.unit == unit]
    unknown = [e for e in report.unknown if e.unit == unit]
    ignored = sum(f.unit == unit for f in report.ignored)
    words = [
        *([f"{with_plural(len(findings), 'finding')}: {finding_words(findings[0])}"] if findings else []),
        *([f"{len(unknown)} cannot be compared: {unchecked_words(unknown[0])}"] if unknown else []),
        *([f"{ignored} ignored"] if ignored else []),
    ]
    other = "switched off" if not is_on else "not applied yet" if unit in report.pending else "in sync"
    return {
        # What the planner may not see by design is said, and is no warning each time.
        "passed": not findings and all(entry.reason == NOT_SHOWN for entry in unknown),
        "severity": dg.AssetCheckSeverity.ERROR if findings else dg.AssetCheckSeverity.WARN,
        "description": escape_line("; ".join(words) or f"{other} in {env.name}"),
        "metadata": _entries(findings, unknown),
    }


def _metadata(report: DriftReport, kept: Kept) -> dict[str, Any]:
    return {
        "result": report_words(report),
        **_entries(report.findings, report.unknown),
        **({"not applied yet": ", ".join(report.pending)} if report.pending else {}),
        "notification": "sent" if kept.is_told else "nothing new",
        **({"not done": escape_line("; ".join(kept.faults))} if kept.faults else {}),
        "seconds": report.seconds,
    }


def _entries(findings: Sequence[FindingEntry], unknown: Sequence[UncheckedEntry]) -> dict[str, Any]:
    """What stands beside a result; the important first, since rows are cropped."""
    entries: dict[str, Any] = {}
    if findings:
        entries["findings"] = dg.MetadataValue.md(_table(findings))
    if unknown:
        lines = [f"- {escape_markdown(': '.join(filter(None, (e.unit, unchecked_words(e)))))}" for e in unknown[:SHOWN]]
        entries["cannot be compared"] = dg.MetadataValue.md("\n".join([*lines, *_more(len(unknown), "- {}")]))
    return entries


def _table(findings: Sequence[FindingEntry]) -> str:
    rows = [
        f"| {code_span(f'{f.object} {f.path}'.strip())} | {value_cell(f.expected)} | {value_cell(f.observed)} "
        f"| {escape_markdown(' '.join(filter(None, (f.culprit, f.since))))} | {f.id} |"
        for f in findings[:SHOWN]
    ]
    head = ["| what | applied | now | by whom | finding |", "|---|---|---|---|---|"]
    return "\n".join([*head, *rows, *_more(len(findings), "| {} | | | | |")])


def _more(count: int, row: str) -> list[str]:
    return [row.format(f"and {count - SHOWN} more")] if count > SHOWN else []
