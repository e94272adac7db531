"""What the executor replaces in the pinned Dagster is there to be replaced."""

from dagster._core.executor import child_process_executor


def test_dagster_waits_for_a_step_as_long_as_its_tick_says() -> None:
    assert "TICK" in child_process_executor._poll_for_event.__code__.co_names
    assert isinstance(child_process_executor.TICK, float)
