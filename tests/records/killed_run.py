"""A run that tests kill: `python -m tests.records.killed_run ENDPOINT FILE` holds the platform with two steps, each of
which writes its process id to the file for ever, and so does a program that the second one runs."""

from __future__ import annotations

import multiprocessing
import sys
import time
from pathlib import Path

from resources.aws.session import Aws, Source
from resources.config.loader import load_environment
from resources.context import Context
from resources.drivers.programs import run_program
from resources.records.lease import hold_lease
from resources.support.processes import name_to_children
from sandbox.paths import PROJECT

PROGRAM = "while true; do echo $$ >> {file}; sleep 0.05; done"


def open_context(endpoint: str) -> Context:
    env = load_environment("sandbox", PROJECT / "environments")
    source = Source(env.region, endpoint, "AKIAROOT", "root-secret")
    return Context(env, Aws(env, source, as_deployer=False), run_id="killed")


def step(endpoint: str, file: Path, runs_program: bool) -> None:
    context = open_context(endpoint)
    with hold_lease(context, who="step"):
        if runs_program:
            with file.open("a") as out:
                out.write(f"{multiprocessing.current_process().pid}\n")
            run_program(["sh", "-c", PROGRAM.format(file=file)], extra_env={}, cwd=file.parent, timeout=600)
        while True:
            context.before_change()
            with file.open("a") as out:
                out.write(f"{multiprocessing.current_process().pid}\n")
            time.sleep(0.05)


def main(endpoint: str, file: Path) -> None:
    name_to_children()
    context = multiprocessing.get_context("forkserver")
    with hold_lease(open_context(endpoint), who="ann"):
        steps = [context.Process(target=step, args=(endpoint, file, runs)) for runs in (False, True)]
        for each in steps:
            each.start()
        steps[0].join()
        time.sleep(600)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
