"""Builds the plan that people sign from what the planner found. Pure.

What is sensitive is masked here, so that neither the ledger nor anything that shows a plan can tell it."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field

from pydantic import JsonValue

from eks_assets.graph.registry import Registry
from eks_assets.graph.unit import AnyUnit
from eks_assets.plan.keyed import secrets_in, without_secrets
from eks_assets.plan.masking import mask_fields
from eks_assets.plan.model import Entry, Facts, Field, Gated, Note, Plan, PlanReport, Surroundings, Unplanned
from eks_assets.plan.unit_plan import EnvironmentPlan, UnitPlan
from resources.config.environment import Environment
from resources.model.change import NOTHING_TO_DO, Change, FieldChange
from resources.model.digests import digest_of
from resources.model.keyed_hash import keyed_hash
from resources.model.outputs import pending_fields, plain_document


@dataclass(frozen=True)
class Source:
    """Where a plan comes from, beside the environment: `commit` of the environments' folder and `code_commit` of the
    code (None outside of git), and the `cluster_version` that the cluster has (None while there is none). `read_key`:
    asks for the key of hashes that stand for secrets, once there are any: None for who may not read it."""

    commit: str | None
    cluster_version: str | None
    code_commit: str | None = None
    read_key: Callable[[], bytes | None] | None = field(default=None, compare=False, repr=False)

    @property
    def key(self) -> bytes | None:
        return self.read_key() if self.read_key else None


def build_surroundings(env: Environment, source: Source) -> Surroundings:
    """What a plan of the environment is a plan of, whatever it changes."""
    return Surroundings(
        environment=env.name,
        account=env.account,
        region=env.region,
        commit=source.commit,
        code_commit=source.code_commit,
        inputs=inputs_digest(env, lambda: source.key),
        cluster_version=source.cluster_version,
    )


def build_plan(
    planned: EnvironmentPlan, registry: Registry, env: Environment, source: Source, units: Collection[str]
) -> Plan:
    """The plan of those units."""
    chosen = [p for p in planned.units if p.unit in units]
    changing = [p for p in chosen if p.change.is_needed]
    return Plan(
        **dict(build_surroundings(env, source)),
        changes=tuple(build_entry(p, registry[p.unit], source) for p in changing),
        unknown=tuple(Unplanned(unit=p.unit, reason=p.error.message) for p in chosen if p.error is not None),
        observed=_start_digest(changing),
    )


def build_entry(p: UnitPlan, unit: AnyUnit, source: Source) -> Entry:
    """One unit's change, what is sensitive masked, with keyed hashes of it."""
    return Entry(
        unit=p.unit,
        wave=unit.wave,
        action=p.change.action,
        reason=p.change.reason,
        fields=tuple(_field(f, source) for f in mask_fields(p.change.fields)),
        reversibility=unit.reversibility,
        minutes=unit.minutes,
        disrupts=p.change.disrupts,
        known_after_apply=p.waits_for,
        volatile=p.change.volatile,
        facts=Facts(**p.change.facts),
        observed=p.observed,
    )


def _field(change: FieldChange, source: Source) -> Field:
    hidden = dict(zip(("keyed_before", "keyed_after"), change.hidden or (), strict=False))
    key = source.key if hidden else None
    return Field(
        path=change.path,
        before=to_json(change.before),
        after=to_json(change.after),
        replaces=change.replaces,
        sensitive=change.sensitive,
        # What is known after apply only has no hash yet.
        **{
            name: keyed_hash(key, change.path, to_json(value))
            for name, value in hidden.items()
            if key and value is not None and not pending_fields(value)
        },
    )


def build_report(planned: EnvironmentPlan, registry: Registry, env: Environment, source: Source) -> PlanReport:
    """The plan of all that was planned, as it is handed out."""
    plan = build_plan(planned, registry, env, source, [p.unit for p in planned.units])
    disabled = tuple(p.unit for p in planned.units if p.state == "disabled")
    return PlanReport(
        **dict(plan),
        digest=plan.compute_digest(),
        minutes=critical_minutes(plan.units, registry),
        planned=len(planned.units) - len(disabled),
        disabled=disabled,
        notes=tuple(
            Note(unit=p.unit, note=note) for p in planned.units if p.error is None for note in _notes(p.change)
        ),
        release=_gated(planned, registry, env, source, plan),
        pushes=_pushes(env),
    )


def _notes(change: Change) -> Iterator[str]:
    """What there is to say beside a change, or where there is none."""
    if not change.is_needed and change.reason not in ("", NOTHING_TO_DO.reason):
        yield change.reason
    yield from (f"CloudFormation warns: {warning}" for warning in change.warnings)


def inputs_digest(env: Environment, read_key: Callable[[], bytes | None] = lambda: None) -> str:
    """The digest of everything that the environment's files say, of secrets by keyed hash. `read_key`: asks for the
    key where there are any; without it the digest does not cover which they are."""
    document = json.loads(json.dumps(env.model_dump(mode="json"), default=str))
    return digest_of(without_secrets(document, read_key()) if secrets_in(document) else document)


def critical_minutes(names: Collection[str], registry: Registry) -> float:
    """Minutes along the longest chain of these units, by the typical minutes of each."""
    longest: dict[str, float] = {}
    for unit in registry.units:
        before = max((longest[name] for name in registry.needs[unit.name]), default=0.0)
        longest[unit.name] = before + (unit.minutes if unit.name in names else 0.0)
    return max(longest.values(), default=0.0)


def _start_digest(changing: Collection[UnitPlan]) -> str:
    """Over what each change starts from: the status of a stack, release or branch, and its revision. Of those that
    change only: so the plan of all units has the digest of its gated part where nothing else is pending."""
    return digest_of({p.unit: plain_document(p.observed) for p in changing})


def _gated(planned: EnvironmentPlan, registry: Registry, env: Environment, source: Source, plan: Plan) -> Gated | None:
    """What waits behind the gate; None without a gate. Its digest is final once nothing before the gate is pending and
    all that can lie behind it has been planned; before that there is none."""
    if env.approval is None:
        return None
    gated = planned.gated(registry, env)
    needed = [u.name for u in registry.units] if planned.is_gate_everywhere else registry.gated(env)
    pending = tuple(name for name in plan.units if name in gated)
    settled = {p.unit for p in planned.units} >= set(needed) and not plan.unknown and len(pending) == len(plan.changes)
    part = build_plan(planned, registry, env, source, gated)
    masked = any(field.sensitive for entry in part.changes for field in entry.fields)
    if source.read_key and (masked or secrets_in(env.model_dump(mode="json"))):
        settled = settled and source.key is not None  # else the deploy's hashes are not these
    return Gated(
        before=env.approval.before,
        approvers=env.approval.approvers,
        units=pending,
        reach={p.unit: p.reach for p in planned.units if p.reach},
        digest=part.compute_digest() if pending and settled else None,
    )


def _pushes(env: Environment) -> str | None:
    """Who approves what is pushed to the environment's branch of the application repository."""
    if env.git is None:
        return None
    if env.pins_commit:
        return f"Argo CD is pinned to a commit of {env.git_branch}: a push changes nothing before it is deployed."
    return f"Argo CD follows {env.git_branch}: a push to it is a change that nobody approves."


def to_json(value: object) -> JsonValue:
    """The value in JSON's own types; what JSON has no form for becomes its text."""
    jsonable: JsonValue = json.loads(json.dumps(plain_document(value), default=str))
    return jsonable
