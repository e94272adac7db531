"""`eks-assets audit`: whether the record of what was done is whole."""

from __future__ import annotations

import time

import typer
from rich.console import Console

from eks_assets.cli.arguments import EnvironmentName, Json
from eks_assets.cli.console import print_text
from eks_assets.cli.opened import open_environment
from eks_assets.units import load_registry
from resources.config.loader import load_environment
from resources.model.display import dump_json
from resources.records.audit import audit_ledger
from resources.records.chain_audit import Audit

audit = typer.Typer(no_args_is_help=True, help="Whether the ledger, the record of every change, is whole.")


@audit.callback()
def options() -> None:
    """What stands before the command."""


@audit.command("verify")
def verify(environment: EnvironmentName, json_output: Json = False) -> None:
    """Prove every entry of the ledger by the one after it, the last by the head; changes nothing.

    Exit 0 the chain is whole, 4 an entry was edited, deleted, moved or added, 1 it cannot be read, or the head is ahead
    of its entries."""
    began = time.monotonic()
    env = load_environment(environment, known_units=load_registry().by_name)
    result = audit_ledger(open_environment(env, planning=True))
    seconds = round(time.monotonic() - began, 1)
    if json_output:
        print(dump_json(audit_report(env.name, result, seconds)))
    else:
        print_audit(env.name, result, seconds, Console(soft_wrap=True))
    raise SystemExit(1 if result.unwritten else 4 if result.faults else 0)


def audit_report(environment: str, result: Audit, seconds: float) -> dict[str, object]:
    """What `audit verify --json` prints (docs/ledger.md)."""
    return {
        "environment": environment,
        "entries": result.entries,
        "begins": result.begins or None,
        "before_the_chain": result.before,
        "faults": [fault.model_dump(mode="json") for fault in result.faults],
        "unwritten": [entry.model_dump(mode="json") for entry in result.unwritten],
        "seconds": seconds,
    }


def print_audit(environment: str, result: Audit, seconds: float, console: Console) -> None:
    """The same for people."""
    for fault in result.faults:
        number = f"entry {fault.sequence}" if fault.sequence is not None else "an object"
        print_text(console, f"{fault.kind.replace('_', ' ')}: {number}, {fault.key or 'without a name'}", "red")
        print_text(console, f"  {fault.detail}", indent="    ")
    for entry in result.unwritten:
        print_text(console, f"not written yet: entry {entry.sequence}, {entry.key}", "yellow")
    if result.unwritten:
        print_text(
            console, "  the head has them, and the next change writes them: their processes are at work or were killed"
        )
    if result.begins:
        print_text(console, f"the chain begins with {result.begins}", "dim")
    if result.before:
        print_text(console, f"{result.before} entries before the chain, which nothing proves", "dim")
    state = f"{len(result.faults)} faults" if result.faults else "whole" if not result.unwritten else "not complete"
    print_text(console, f"{environment}: chain of {result.entries} entries, {state} ({seconds} s)")
