"""`eks-assets audit`: whether the record of what was done is whole."""

from __future__ import annotations

import time

import typer
from rich.console import Console

from eks_assets.cli.arguments import EnvironmentName, Json
from eks_assets.cli.console import print_text
from eks_assets.cli.opened import open_environment
from eks_assets.plan.ledger_audit import AuditReport, build_audit_report
from eks_assets.units import load_registry
from resources.config.loader import load_environment
from resources.model.display import dump_json
from resources.records.audit import audit_ledger

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
    audited = audit_ledger(open_environment(env, planning=True))
    report = build_audit_report(env.name, audited, round(time.monotonic() - began, 1))
    if json_output:
        print(dump_json(report.model_dump(mode="json")))
    else:
        print_audit(report, Console(soft_wrap=True))
    raise SystemExit(report.exit_code)


def print_audit(report: AuditReport, console: Console) -> None:
    """The same for people."""
    for fault in report.faults:
        number = f"entry {fault.sequence}" if fault.sequence is not None else "an object"
        print_text(console, f"{fault.kind.replace('_', ' ')}: {number}, {fault.key or 'without a name'}", "red")
        print_text(console, f"  {fault.detail}", indent="    ")
    for entry in report.unwritten:
        print_text(console, f"not written yet: entry {entry.sequence}, {entry.key}", "yellow")
    if report.unwritten:
        print_text(
            console, "  the head has them, and the next change writes them: their processes are at work or were killed"
        )
    if report.begins:
        print_text(console, f"the chain begins with {report.begins}", "dim")
    if report.before_the_chain:
        print_text(console, f"{report.before_the_chain} entries before the chain, which nothing proves", "dim")
    state = f"{len(report.faults)} faults" if report.faults else "whole" if not report.unwritten else "not complete"
    print_text(console, f"{report.environment}: chain of {report.entries} entries, {state} ({report.seconds} s)")
