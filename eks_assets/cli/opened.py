"""What every command that asks AWS begins with: the environment, once it is known to be the one that it says."""

from __future__ import annotations

from resources.config.environment import Environment
from resources.context import Context
from resources.records.platform import check_incumbent


def open_environment(env: Environment, *, planning: bool = False, destroying: bool = False) -> Context:
    """The environment as the deployer, the planner or the destroyer. Raises ConfigError where another file describes
    its platform, WrongAccount, and AccessDenied, which names the role that we cannot act as; what `Context.of` and AWS
    raise."""
    context = Context.of(env, planning=planning, destroying=destroying)
    context.aws.check_account()
    check_incumbent(context)
    return context
