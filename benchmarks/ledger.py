"""Entries of the ledger that 24 steps append in the same moment, beside as many one after the other."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

from benchmarks.stage import fresh_sandbox
from resources.config.environment import Environment
from resources.config.loader import load_environment
from resources.context import Context
from resources.model.change import Change
from resources.records.chain_head import read_head
from resources.records.change_entry import change_entry, record_change

AT_ONCE, ROUNDS = 24, 5


def run() -> dict[str, float | int]:
    """Seconds an entry: of the median round at once, of the slowest entry in any round, and one after the other."""
    with fresh_sandbox():
        env = load_environment("sandbox")
        rounds, slowest = [], 0.0
        for number in range(ROUNDS):
            whole, entry = append_at_once(env, number)
            rounds.append(whole / AT_ONCE)
            slowest = max(slowest, entry)
        alone = append_in_turn(env)
    rounds.sort()
    return {
        "at_once": AT_ONCE,
        "rounds": ROUNDS,
        "seconds_an_entry_at_once": round(rounds[ROUNDS // 2], 4),
        "seconds_of_the_slowest_entry": round(slowest, 4),
        "seconds_an_entry_in_turn": round(alone, 4),
    }


def append_at_once(env: Environment, number: int) -> tuple[float, float]:
    """Seconds until the last of them has ended, and those of the slowest."""
    start = Barrier(AT_ONCE + 1)

    def step(index: int) -> float:
        context = _ready(env, f"round-{number}-{index}")
        start.wait()
        return _append(context, f"unit_{number}_{index}")

    with ThreadPoolExecutor(AT_ONCE) as pool:
        steps = [pool.submit(step, index) for index in range(AT_ONCE)]
        start.wait()
        began = time.monotonic()
        each = [step.result() for step in steps]
        return time.monotonic() - began, max(each)


def append_in_turn(env: Environment) -> float:
    """Seconds an entry."""
    context = _ready(env, "in-turn")
    return sum(_append(context, f"turn_{index}") for index in range(AT_ONCE)) / AT_ONCE


def _ready(env: Environment, run: str) -> Context:
    """As a step at its end: its clients are there."""
    context = Context.of(env, lambda text: None, run)
    read_head(context)
    context.aws.client("s3")
    return context


def _append(context: Context, unit: str) -> float:
    entry = change_entry(context, unit, Change("create", reason="it does not exist"), "done", 1.0)
    began = time.monotonic()
    record_change(context, entry)
    return time.monotonic() - began
