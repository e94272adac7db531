"""A plan as one JSON document: what `plan --json` prints, what a release's digest is made of. Pure.

`docs/plan.md` says what stands in it, `docs/plan.schema.json` checks it. What is sensitive is masked here, so that
neither the ledger nor anything that shows the document can tell it."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from eks_assets.graph.registry import Registry, gated_units
from eks_assets.graph.unit import AnyUnit
from eks_assets.plan.masking import masked
from eks_assets.plan.model import EnvironmentPlan, UnitPlan
from resources.config.environment import Environment
from resources.model.change import NOTHING_TO_DO
from resources.model.digests import digest_of
from resources.model.outputs import plain

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


def report(found: EnvironmentPlan, registry: Registry, env: Environment, source: Source) -> dict[str, Any]:
    """The document of these units with `digest`, `minutes` (critical path of what changes), `planned` and `disabled`
    units, `notes` on units that would not change all the same, and `release`: how the gate divides it. Pure."""
    document = plan_document(found, registry, env, source, [p.unit for p in found.units])
    changing = [change["unit"] for change in document["changes"]]
    disabled = [p.unit for p in found.units if p.state == "disabled"]
    return {
        **document,
        "digest": digest_of(document),
        "minutes": critical_minutes(changing, registry),
        "planned": len(found.units) - len(disabled),
        "disabled": disabled,
        "notes": [
            {"unit": p.unit, "note": p.change.reason}
            for p in found.units
            if p.error is None and not p.change.is_needed and p.change.reason not in ("", NOTHING_TO_DO.reason)
        ],
        "release": _release(found, registry, env, source, document),
    }


def _release(
    found: EnvironmentPlan, registry: Registry, env: Environment, source: Source, document: Mapping[str, Any]
) -> dict[str, Any] | None:
    """What waits behind the gate; None without a gate. Its digest is final once nothing before the gate is pending and
    all that lies behind it has been planned; before that there is none."""
    if env.approval is None:
        return None
    gated = gated_units(registry, env)
    pending = [change["unit"] for change in document["changes"] if change["unit"] in gated]
    planned = {p.unit for p in found.units}
    settled = planned >= set(gated) and not document["unknown"] and len(pending) == len(document["changes"])
    part = plan_document(found, registry, env, source, gated)
    return {
        "before": env.approval.before,
        "approvers": env.approval.approvers,
        "units": pending,
        "digest": digest_of(part) if pending and settled else None,
    }
