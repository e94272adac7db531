"""What removes something asks for the environment's name first."""

from __future__ import annotations

import sys

import typer

from resources.config.environment import Environment
from resources.model.errors import ConfigError


def check_name(env: Environment, confirm: str | None, what: str, plan_command: str, command: str) -> None:
    """Asks for the name on a terminal, where it is not given. `what`: is removed; `plan_command`: shows it; `command`:
    removes it. Raises ConfigError where the name is missing, or another."""
    if confirm is None and sys.stdin.isatty():
        question = f"This removes {what}. Type the environment's name to go on"
        confirm = typer.prompt(question, default="", show_default=False)
    if confirm is None:
        raise ConfigError(
            f"nothing was removed: the removal of {what} is not confirmed",
            next_step=f"see what would go: {plan_command}; then: {command}",
        )
    if confirm != env.name:
        raise ConfigError(
            f"nothing was removed: {confirm!a} is not the environment's name",
            next_step=f"to remove {what}, confirm it with the name {env.name}",
        )
