"""Refuses an environment whose file asks for less than the gate that an administrator anchored."""

from __future__ import annotations

from resources.bootstrap.gate import read_anchor
from resources.config.gate_anchor import lesser_terms
from resources.context import Context
from resources.model.errors import GateNotAnchored


def refuse_lesser_gate(context: Context) -> None:
    """Raises GateNotAnchored, naming each way in which the file asks for less, and the command that changes that."""
    env = context.env
    anchor = read_anchor(context)
    if anchor is not None and (terms := lesser_terms(env.approval, anchor)):
        raise GateNotAnchored(
            f"the file of {env.name} asks for less than the anchored approval gate: {'; '.join(terms)}",
            next_step=f"put it back into the file; or an administrator runs: eks-assets bootstrap {env.name} --apply",
        )


def require_anchor(context: Context) -> None:
    """Raises GateNotAnchored, with the command, where the environment has a gate that no administrator has anchored."""
    env = context.env
    if env.approval is not None and read_anchor(context) is None:
        raise GateNotAnchored(
            f"the approval gate of {env.name} is not anchored yet",
            next_step=f"an administrator runs: eks-assets bootstrap {env.name} --apply",
        )
