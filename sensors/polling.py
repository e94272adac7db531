"""Calls AWS from a sensor: every environment at the same time, each for a few seconds, none in another's way.

A call that AWS has not answered in time goes on in a thread of its own. The next tick waits for that one instead of
starting another, so an AWS that does not answer costs one thread an environment, and no answer is lost.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, wait
from functools import partial
from pathlib import Path
from typing import Any, TypeVar, cast

from resources.aws.session import Aws, Source
from resources.config.environment import Environment
from resources.config.loader import find_folder, list_environments, load_environment
from resources.config.validation.units import KnownUnits
from resources.context import Context, ignore_progress
from resources.model.display import escape_line
from resources.model.errors import OperationFailed, PipelineError, WaitTimeout
from resources.records.platform import check_incumbent, platform_of
from resources.support.yaml_limits import read_limits, setting_of

T = TypeVar("T")
SECONDS = 4.0
RECHECKED = 60.0  # seconds for which an environment is known to be the file of its platform

_lock = threading.Lock()
_under_way: dict[tuple[str, str], Future[Any]] = {}
_began: dict[tuple[str, str], float] = {}
_clients: dict[str, Aws] = {}
_checked: dict[str, float] = {}


def read_environments(known_units: KnownUnits) -> tuple[dict[str, Environment], dict[str, str]]:
    """The environments that can be used, by name, and for each other one the first thing that is wrong with it.

    Of two files for one platform the one that its stacks name goes on; while AWS does not say which, both are held
    back. Raises ConfigError where there is no folder of environments."""
    folder = find_folder()
    usable: dict[str, Environment] = {}
    faults: dict[str, str] = {}
    for name in list_environments(folder):
        try:
            env = read_bounded_environment(name, folder, known_units)
        except PipelineError as error:
            faults[name] = first_line(error)
            continue
        usable[name] = env
    faults |= _second_files(usable)
    return {name: env for name, env in usable.items() if name not in faults}, faults


def _second_files(environments: Mapping[str, Environment]) -> dict[str, str]:
    """Why each of these must wait that describes a platform of another one and is not the file that its stacks name."""
    names: dict[str, list[str]] = {}
    for name, env in environments.items():
        names.setdefault(platform_of(env), []).append(name)
    shared = {name: platform for platform, same in names.items() if len(same) > 1 for name in same}
    asked = look_at_each("incumbents", {name: partial(context_of, environments[name]) for name in shared})
    return {
        name: f"{', '.join(n for n in names[platform] if n != name)} describes {platform} too: {first_line(error)}"
        for name, platform in shared.items()
        if isinstance(error := asked[name], PipelineError)
    }


def read_bounded_environment(name: str, folder: Path, known_units: KnownUnits) -> Environment:
    """The environment, read in a thread of its own that this one does not wait for longer than the limit: a file that
    takes for ever holds up a single tick, and no other environment. Raises PipelineError."""
    seconds = read_limits().seconds
    key = ("file and units" if known_units else "file", str(folder / name))
    with _lock:
        earlier = _under_way.get(key)
        if earlier is not None and earlier.done():
            del _under_way[key]  # came too late for an earlier tick; the file may have changed since
    future = _started(key, lambda: load_environment(name, folder, known_units))
    wait([future], timeout=max(0.0, _began[key] + seconds - time.monotonic()))
    late = f"is not read within {seconds:g} s; allowed: a smaller file ({setting_of('seconds')} sets this bound)"
    env = _outcome(key, future, late)
    if isinstance(env, PipelineError):
        raise env
    return cast(Environment, env)


def look_at_each(
    kind: str, calls: Mapping[str, Callable[[], T]], seconds: float = SECONDS
) -> dict[str, T | PipelineError]:
    """What each call returned, by environment, or the error that it raised: after `seconds`, that AWS did not answer.

    `kind` names the calls; of a kind there is one at a time for an environment."""
    pending = {name: _started((kind, name), call) for name, call in calls.items()}
    wait(pending.values(), timeout=seconds)
    late = f"AWS has not answered within {seconds:.0f} s; the next tick waits for the answer"
    return {name: _outcome((kind, name), future, late) for name, future in pending.items()}


def context_of(env: Environment, say: Callable[[str], None] = ignore_progress) -> Context:
    """A fresh context on clients that are kept from tick to tick, so that no tick assumes a role again. Raises
    ConfigError for a sandbox that is down and for an environment whose platform another file describes, which AWS is
    asked once in a while; AccessDenied, Transient."""
    source = Source.of(env)
    with _lock:
        aws = _clients.get(env.name)
        if aws is None or aws.env != env or aws.source != source:
            aws = _clients[env.name] = Aws(env, source)
            _checked.pop(env.name, None)
        is_checked = _checked.get(env.name, -RECHECKED) > time.monotonic() - RECHECKED
    context = Context(env, aws, say)
    if not is_checked:
        check_incumbent(context)
        with _lock:
            _checked[env.name] = time.monotonic()
    return context


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
        _under_way[key], _began[key] = future, time.monotonic()

    def run() -> None:
        try:
            future.set_result(call())
        except PipelineError as error:
            future.set_exception(error)
        except Exception as error:
            future.set_exception(OperationFailed(fault_of(error)))

    threading.Thread(target=run, name=" of ".join(key), daemon=True).start()
    return future


def _outcome(key: tuple[str, str], future: Future[Any], late: str) -> Any:
    if not future.done():
        return WaitTimeout(late)
    with _lock:
        _under_way.pop(key, None)
        error = future.exception()
        if error is not None:
            # Keys may have run out: the next call reads them again.
            _clients.pop(key[1], None)
            _checked.pop(key[1], None)
    if isinstance(error, PipelineError):
        return error
    return future.result()
