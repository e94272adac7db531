"""The e-mails of an environment that is destroyed. Pure. Its topic goes with it, so none says that it is gone."""

from __future__ import annotations

from collections.abc import Mapping

from resources.config.environment import Environment
from resources.notifications.messages import Notification, count_words, indent_lines, list_facts, split_lines


def destroy_started(env: Environment, run_id: str, objects: int, *, delete_data: bool) -> Notification:
    """A removal begins. `objects`: how many are to go."""
    data = "Its data goes, too." if delete_data else "Its data is kept."
    return Notification(
        "destroy_started",
        f"[{env.name}] is being destroyed",
        (
            f"{env.name} is being destroyed: {count_words(objects, 'object')}. {data} No e-mail says when it is done, "
            "since what sends them goes with it.",
            "",
            *list_facts(env, Run=run_id),
            "",
            "To see what goes and what is kept, and what has gone:",
            *indent_lines((f"eks-assets destroy {env.name} --plan", f"eks-assets history {env.name}")),
        ),
        f"destroy_started/{run_id}",
        f"eks-assets history {env.name}",
    )


def destroy_stopped(
    env: Environment, run_id: str, failed: Mapping[str, str], command: str, *, is_part: bool = False
) -> Notification:
    """A removal stopped. `failed`: why, by unit, secrets masked; `command`: what continues it; `is_part`: it was one of
    what the environment no longer has."""
    what = f"what {env.name} no longer has" if is_part else env.name
    return Notification(
        "destroy_stopped",
        f"[{env.name}] destroy stopped: {', '.join(failed)}",
        (
            f"The removal of {what} stopped: {count_words(len(failed), 'unit')} could not be removed, and so what "
            "these need is still there. What is gone is not looked for again.",
            "",
            *list_facts(env, Run=run_id),
            "",
            "Reasons:",
            *indent_lines(line for unit, reason in failed.items() for line in split_lines(f"{unit}: {reason}")),
            "",
            "To continue once the causes are fixed:",
            *indent_lines((command,)),
        ),
        f"destroy_stopped/{run_id}",
        f"eks-assets history {env.name}",
    )
