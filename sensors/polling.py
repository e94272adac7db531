"""Calls AWS from a sensor: every environment at the same time, each for a few seconds, none in another's way.

A call that AWS has not answered in time goes on in a thread of its own. The next tick waits for that one instead of
starting another, so an AWS that does not answer costs one thread an environment, and no answer is lost.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future, wait
from typing import Any, TypeVar

from resources.aws.session import Aws, Source
from resources.config.environment import Environment
from resources.config.loader import find_folder, list_environments, load_environment
from resources.config.validation_units import KnownUnits
from resources.context import Context, ignore_progress
from resources.model.display import escape_line
from resources.model.errors import OperationFailed, PipelineError, WaitTimeout

T = TypeVar("T")
SECONDS = 4.0

_lock = threading.Lock()
_under_way: dict[tuple[str, str], Future[Any]] = {}
_clients: dict[str, Aws] = {}


def read_environments(known_units: KnownUnits) -> tuple[dict[str, Environment], dict[str, str]]:
    """The environments that can be used, by name, and for each other one the first thing that is wrong with it.

    Two files for one platform are both held back: nobody knows which of them is meant. Raises ConfigError where there
    is no folder of environments."""
    folder = find_folder()
    usable: dict[str, Environment] = {}
    faults: dict[str, str] = {}
    platforms: dict[tuple[str, str, str], str] = {}
    for name in list_environments(folder):
        try:
            env = load_environment(name, folder, known_units)
        except Exception as error:
            faults[name] = fault_of(error)
            continue
        usable[name] = env
        other = platforms.setdefault((env.account, env.region, env.resource_prefix), name)
        if other != name:
            faults[name] = f"its tenant, target_env, account and region are those of {other} too"
            faults.setdefault(other, f"its tenant, target_env, account and region are those of {name} too")
    return {name: env for name, env in usable.items() if name not in faults}, faults


def look_at_each(
    kind: str, calls: Mapping[str, Callable[[], T]], seconds: float = SECONDS
) -> dict[str, T | PipelineError]:
    """What each call returned, by environment, or the error that it raised: after `seconds`, that AWS did not answer.

    `kind` names the calls; of a kind there is one at a time for an environment."""
    pending = {name: _started((kind, name), call) for name, call in calls.items()}
    wait(pending.values(), timeout=seconds)
    return {name: _outcome((kind, name), future, seconds) for name, future in pending.items()}


def context_of(env: Environment, say: Callable[[str], None] = ignore_progress) -> Context:
    """A fresh context on clients that are kept from tick to tick, so that no tick assumes a role again. Raises
    ConfigError for a sandbox that is down."""
    source = Source.of(env)
    with _lock:
        aws = _clients.get(env.name)
        if aws is None or aws.env != env or aws.source != source:
            aws = _clients[env.name] = Aws(env, source)
    return Context(env, aws, say)


def first_line(error: PipelineError) -> str:
    """What went wrong, on one line."""
    return escape_line(error.message.partition("\n")[0]) or type(error).__name__


def fault_of(error: Exception) -> str:
    """What went wrong with one environment, on one line; of an error that nobody expected the log has the rest."""
    if isinstance(error, PipelineError):
        return first_line(error)
    logging.getLogger(__name__).error("an error that nobody expected", exc_info=error)
    return escape_line(f"unexpected {type(error).__name__}: {str(error).partition(chr(10))[0]}")


def _started(key: tuple[str, str], call: Callable[[], T]) -> Future[T]:
    with _lock:
        if key in _under_way:
            return _under_way[key]
        future: Future[T] = Future()
        _under_way[key] = future

    def run() -> None:
        try:
            future.set_result(call())
        except PipelineError as error:
            future.set_exception(error)
        except Exception as error:
            future.set_exception(OperationFailed(fault_of(error)))

    threading.Thread(target=run, name=" of ".join(key), daemon=True).start()
    return future


def _outcome(key: tuple[str, str], future: Future[Any], seconds: float) -> Any:
    if not future.done():
        return WaitTimeout(f"AWS has not answered within {seconds:.0f} s; the next tick waits for the answer")
    with _lock:
        _under_way.pop(key, None)
        error = future.exception()
        if error is not None:
            # Keys may have run out: the next call reads them again.
            _clients.pop(key[1], None)
    if isinstance(error, PipelineError):
        return error
    return future.result()
