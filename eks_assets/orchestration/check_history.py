"""Since when a check has been as it is, where neither AWS nor the cluster keeps that: Dagster's record of its runs."""

from __future__ import annotations

from datetime import UTC, datetime

import dagster as dg
from dagster._core.event_api import PartitionKeyFilter
from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecordStatus

# What is planned has no outcome; the run that asks is among those.
_ENDED = {AssetCheckExecutionRecordStatus.SUCCEEDED, AssetCheckExecutionRecordStatus.FAILED}


def result_since(instance: dg.DagsterInstance, check: dg.AssetCheckKey, partition: str, passed: bool) -> str:
    """When the check first came out so, of its latest runs without a break; now, where the latest came out otherwise
    or there is none. UTC, RFC 3339."""
    now = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    records = instance.event_log_storage.get_asset_check_execution_history(
        check, limit=1, status=_ENDED, partition_filter=PartitionKeyFilter(key=partition)
    )
    event = records[0].event.dagster_event if records and records[0].event else None
    before = event.asset_check_evaluation_data if event else None
    if before is None or before.passed is not passed or "since" not in before.metadata:
        return now
    return str(before.metadata["since"].value)
