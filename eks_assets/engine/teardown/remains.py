"""What is left of an environment in AWS once its units are gone."""

from __future__ import annotations

from resources.context import Context


def list_remains(context: Context) -> tuple[str, ...]:
    """What is left, a line each, with the command that removes it."""
    return ()
