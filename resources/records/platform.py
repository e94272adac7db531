"""A platform: what an environment's file is written to, by account, region and prefix of names. One file describes it.

Which one the platform's stacks say, in the tag that each of them carries: that file goes on, and any other that names
the same account, region and prefix is refused, whoever wrote it and wherever it lies.
"""

from __future__ import annotations

from resources.cloudformation import ENVIRONMENT_TAG
from resources.config.environment import Environment
from resources.config.loader import list_namesakes
from resources.config.names import platform_name
from resources.context import Context
from resources.drivers.stack.status import describe_stack, must_be_recreated
from resources.model.errors import ConfigError
from resources.support.memory_cache import CacheKey

# Bootstrap makes the first; where administrators made all that on their own, the next are the platform's first stacks.
_STACKS = ("bootstrap", "network", "cluster")
_INCUMBENT: CacheKey[str | None] = CacheKey("file of the platform")


def platform_of(env: Environment) -> str:
    """The environment's platform."""
    return platform_name(env.account, env.region, env.resource_prefix)


def incumbent_of(context: Context) -> str | None:
    """The name of the file that describes the platform, as its stacks say; None where none of them exists yet.

    Raises AccessDenied, Transient."""
    for unit in _STACKS:
        stack = describe_stack(context, context.env.stack_name(unit))
        # A change set alone makes the shell of a stack, which says nothing yet.
        if stack is None or must_be_recreated(stack["StackStatus"]):
            continue
        tags = {entry["Key"]: entry["Value"] for entry in stack.get("Tags", [])}
        if ENVIRONMENT_TAG in tags:
            return tags[ENVIRONMENT_TAG]
    return None


def check_incumbent(context: Context, former: str | None = None) -> None:
    """Make sure that the environment's file is the one that describes its platform; `former`: the name that the file
    had until now. Asks AWS once in a context.

    Raises ConfigError, naming both files, where it is another; WrongAccount, AccessDenied, Transient."""

    def ask() -> str | None:
        context.aws.check_account()
        return incumbent_of(context)

    env, incumbent = context.env, context.cache.get(_INCUMBENT, ask)
    if incumbent is None or former is not None:
        _refuse_namesakes(env)
    if incumbent not in (None, env.name, former):
        raise ConfigError(
            f"environment {env.name} describes the platform of {incumbent}, {platform_of(env)}: its stacks carry the "
            f"tag {ENVIRONMENT_TAG}={incumbent}, and one file describes a platform",
            next_step=f"work with {incumbent}, or give {env.name} a target_env of its own; where {incumbent}.yaml was "
            f"renamed on purpose: eks-assets bootstrap {env.name} --apply --renamed-from {incumbent}, as administrator",
        )


def _refuse_namesakes(env: Environment) -> None:
    if others := list_namesakes(env):
        raise ConfigError(
            f"environment {env.name} and {', '.join(others)} describe one platform, {platform_of(env)}; one file does",
            next_step="remove all of these files but one, or give each a target_env of its own",
        )
