"""A plan as one JSON document: what `plan --json` prints, what a release's digest is made of. Pure.

`docs/plan.md` says what stands in it, `docs/plan.schema.json` checks it. What is sensitive is masked here, so that
neither the ledger nor anything that shows the document can tell it."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from eks_assets.planning import EnvironmentPlan, UnitPlan
from eks_assets.registry import Registry
from eks_assets.unit import AnyUnit
from resources.canonical import digest_of
from resources.environment import Environment
from resources.outputs import plain
from resources.sensitive import masked

VERSION = 1


@dataclass(frozen=True)
class Source:
    """Where a plan comes from, beside the environment: `commit` of the project (None outside of git), and the
    `cluster_version` that the cluster has (None while there is none)."""

    commit: str | None
    cluster_version: str | None


def plan_document(
    found: EnvironmentPlan, registry: Registry, env: Environment, source: Source, units: Collection[str]
) -> dict[str, Any]:
    """The plan of those units: their changes, and everything else that an approval of it is an approval of. Same
    environment, same state: the same document."""
    chosen = [p for p in found.units if p.unit in units]
    changing = [p for p in chosen if p.change.is_needed]
    return {
        "version": VERSION,
        "environment": env.name,
        "account": env.account,
        "region": env.region,
        "commit": source.commit,
        "inputs": inputs(env),
        "cluster_version": source.cluster_version,
        "changes": [unit_entry(p, registry[p.unit]) for p in changing],
        "unknown": [{"unit": p.unit, "reason": p.error.message} for p in chosen if p.error is not None],
        "observed": fingerprint(changing),
    }


def unit_entry(p: UnitPlan, unit: AnyUnit) -> dict[str, Any]:
    """One unit's change. `facts`: hashes of what would be applied (chart, rendered manifest, template); `volatile`:
    fields that differ at every render, left out; `observed`: what the change starts from."""
    entry: dict[str, Any] = {
        "unit": p.unit,
        "wave": p.wave,
        "action": p.change.action,
        "reason": p.change.reason,
        "fields": [
            {"path": f.path, "before": f.before, "after": f.after, "replaces": f.replaces, "sensitive": f.sensitive}
            for f in masked(p.change.fields)
        ],
        "reversibility": unit.reversibility,
        "minutes": unit.minutes,
        "disrupts": list(p.change.disrupts),
        "known_after_apply": list(p.waits_for),
        "volatile": list(p.change.volatile),
        "facts": dict(p.change.facts),
        "observed": p.observed,
    }
    jsonable: dict[str, Any] = json.loads(json.dumps(plain(entry), default=str))
    return jsonable


def inputs(env: Environment) -> str:
    """SHA-256 of everything that the environment's files say."""
    document = json.loads(json.dumps(env.model_dump(mode="json"), default=str))
    return digest_of(document)


def fingerprint(plans: Collection[UnitPlan]) -> str:
    """SHA-256 over what each change starts from: the status of a stack, release or branch, and its revision. Of those
    that change only: so the plan of all units has the digest of its gated part where nothing else is pending."""
    return digest_of({p.unit: plain(p.observed) for p in plans})


def critical_minutes(names: Collection[str], registry: Registry) -> float:
    """Minutes along the longest chain of these units, by the typical minutes of each."""
    longest: dict[str, float] = {}
    for unit in registry.units:
        before = max((longest[name] for name in registry.needs[unit.name]), default=0.0)
        longest[unit.name] = before + (unit.minutes if unit.name in names else 0.0)
    return max(longest.values(), default=0.0)
