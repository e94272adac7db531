"""What the executor replaces in the pinned Dagster is there to be replaced."""

from dagster._core.executor import child_process_executor


def test_dagster_executor_polls_by_its_tick() -> None:
    """The pinned Dagster polls a step every TICK seconds, which the executor replaces."""
    assert "TICK" in child_process_executor._poll_for_event.__code__.co_names
    assert isinstance(child_process_executor.TICK, float)
