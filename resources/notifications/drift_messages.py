"""The e-mails about drift, as `messages.py` has the others. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from resources.config.environment import Environment
from resources.notifications.messages import Notification, count_words, indent_lines, list_facts, split_lines


def drift_found(
    env: Environment, findings: Sequence[Mapping[str, Any]], *, unknown: int = 0, since: str = ""
) -> Notification:
    """What exists is not what was applied. `findings`: mappings with `id`, `unit` (None for what no unit declares),
    `layer` and, where known, `object`, `path`, `kind` and `culprit`; `unknown`: how many things could not be compared.
    The same findings are one event; `since`: names when they began, so that drift that came back is an event of its
    own."""
    lines = sorted(_finding(finding) for finding in findings)
    units = sorted({_unit_of(finding) for finding in findings})
    what = f"{count_words(len(lines), 'difference')} in {count_words(len(units), 'unit')}"
    return Notification(
        "drift_found",
        f"[{env.name}] drift: {what}",
        (
            f"Something changed {env.name} behind the pipeline's back: {what}. The pipeline has changed nothing.",
            "",
            *list_facts(env, Units=", ".join(units), Unknown=_not_compared(unknown), Repair=_auto_repair(env)),
            "",
            "To see what differs, what a deploy would restore, and to restore it:",
            *indent_lines(f"eks-assets {verb} {env.name}" for verb in ("drift", "plan", "deploy")),
            "",
            "To keep a change instead, write it into the environment's files, or set it aside for a while:",
            *_ignore(env),
            "",
            "Differences:",
            *indent_lines(lines),
        ),
        f"drift_found/{since}/{_short_hash(sorted(str(finding['id']) for finding in findings))}",
        f"eks-assets drift {env.name}",
    )


def drift_resolved(env: Environment, *, ignored: int = 0, unknown: int = 0, since: str = "") -> Notification:
    """Nothing differs any more of what people were told of. `ignored`: how many findings the environment's file sets
    aside; `unknown`, `since`: as for `drift_found`."""
    return Notification(
        "drift_resolved",
        f"[{env.name}] drift resolved",
        (
            f"What differed in {env.name} does so no longer: it is as it was applied, or is set aside in its file.",
            "",
            *list_facts(
                env, Ignored=count_words(ignored, "finding") if ignored else None, Unknown=_not_compared(unknown)
            ),
            "",
            "To look at it:",
            *indent_lines((f"eks-assets drift {env.name}",)),
        ),
        f"drift_resolved/{since}",
        f"eks-assets drift {env.name}",
    )


def drift_failed(env: Environment, run_id: str, reason: str, next_step: str, day: str) -> Notification:
    """A drift run could not look at all. The same reason is one event a `day`."""
    return Notification(
        "drift_failed",
        f"[{env.name}] drift could not be looked for",
        (
            f"A drift run of {env.name} failed: whether something differs is not known.",
            "",
            *list_facts(env, Run=run_id),
            "",
            "Reason:",
            *indent_lines(split_lines(reason)),
            "",
            *(("Next:", *indent_lines(split_lines(next_step)), "") if next_step else ()),
            "To try again:",
            *indent_lines((f"eks-assets drift {env.name}",)),
        ),
        f"drift_failed/{day}/{_short_hash([reason])}",
        f"eks-assets drift {env.name}",
    )


def drift_repaired(
    env: Environment, run_id: str, what: str, changed: Sequence[str], *, is_waiting: bool = False
) -> Notification:
    """Drift was repaired without anybody asking. `what`: the findings, in words; `changed`: what the run changed, a
    line each; `is_waiting`: whether part of it waits for approval."""
    done = f"repaired: {count_words(len(changed), 'unit')}" if changed else "not repaired: it waits for approval"
    return Notification(
        "drift_repaired",
        f"[{env.name}] drift {done}",
        (
            f"What was changed in {env.name} behind the pipeline's back is {done} (drift.auto_repair).",
            "",
            *list_facts(env, Run=run_id, Findings=what),
            *(("", "Part of it waits for approval:", *_deploy(env)) if is_waiting else ()),
            "",
            "To see whether anything still differs, and what was repaired by which run:",
            *indent_lines(f"eks-assets {verb} {env.name}" for verb in ("drift", "history")),
            "",
            "To keep such a change next time, write it into the environment's files, or set it aside for a while:",
            *_ignore(env),
            *(("", "Changed:", *indent_lines(changed)) if changed else ()),
        ),
        f"drift_repaired/{run_id}",
        f"eks-assets history {env.name}",
    )


def repair_failed(
    env: Environment, run_id: str, unit: str, reason: str, next_step: str, what: str, changed: Sequence[str] = ()
) -> Notification:
    """A repair ended with a failure, and is not tried again until the findings change. `reason`, `next_step`: the
    error's own words, secrets masked; `what`, `changed`: as for `drift_repaired`."""
    return Notification(
        "repair_failed",
        f"[{env.name}] drift was not repaired: {unit}",
        (
            f"A repair of {env.name} (drift.auto_repair) failed in {unit}. It is not tried again until the findings "
            "change.",
            "",
            *list_facts(env, Run=run_id, Unit=unit, Findings=what),
            "",
            "Reason:",
            *indent_lines(split_lines(reason)),
            "",
            *(("Next:", *indent_lines(split_lines(next_step)), "") if next_step else ()),
            "To see what differs, and to put it back:",
            *indent_lines(f"eks-assets {verb} {env.name}" for verb in ("drift", "deploy")),
            *(("", "Repaired before that:", *indent_lines(changed)) if changed else ()),
        ),
        f"repair_failed/{run_id}",
        f"eks-assets drift {env.name}",
    )


def _ignore(env: Environment) -> list[str]:
    return indent_lines((f"eks-assets drift {env.name} --ignore FINDING --reason R --until DATE",))


def _deploy(env: Environment) -> list[str]:
    return indent_lines((f"eks-assets deploy {env.name}",))


def _auto_repair(env: Environment) -> str | None:
    settings = env.drift
    if settings is None or not settings.auto_repair:
        return None
    return f"what may be repaired by itself is, once it is {settings.settle} old (drift.auto_repair)"


def _not_compared(unknown: int) -> str | None:
    return f"{unknown} cannot be compared" if unknown else None


def _unit_of(finding: Mapping[str, Any]) -> str:
    return str(finding["unit"] or "undeclared")


def _short_hash(lines: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]


def _finding(finding: Mapping[str, Any]) -> str:
    layer, path, culprit = finding.get("layer"), finding.get("path"), finding.get("culprit")
    where = " ".join(str(part) for part in (layer, finding.get("object")) if part)
    by = f", by {culprit}" if culprit else ""
    return f"{_unit_of(finding)}: {where}{f' {path}' if path else ''}: {finding.get('kind') or 'changed'}{by}"
