"""What taking an environment away would do: as `destroy --plan` hands it out, and as people sign it. Pure.

`docs/teardown.md` says what stands in it; `docs/destroy.schema.json` is made from these models.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

from pydantic import Field as Described

from eks_assets.graph.unit import AnyUnit
from eks_assets.plan.document import Source, build_surroundings
from eks_assets.plan.model import Entry, Facts, Field, Plan
from resources.config.environment import Environment
from resources.config.field_types import Model
from resources.model.digests import digest_of
from resources.model.errors import PipelineError
from resources.model.products import Products
from resources.model.removal import Kept, Removal, Removed, merge_removals
from resources.model.specs import Spec


@dataclass(frozen=True)
class UnitTeardown:
    """What the removal of one unit would do. `own`: to what it declares; `made`: to what its controller made in the
    cluster, which goes first. `spec`: None where the environment cannot even render it; `error`: why nobody can tell
    what would go; `is_part`: the unit itself stays; `keeps_products`: what its controller made stays."""

    unit: AnyUnit
    spec: Spec[Any] | None = field(default=None, repr=False)
    own: Removal = field(default_factory=Removal)
    made: Removal = field(default_factory=Removal)
    error: PipelineError | None = None
    is_part: bool = False
    keeps_products: bool = False

    @property
    def products(self) -> Products | None:
        """What its controller made, where that goes with it."""
        return None if self.keeps_products else self.unit.products

    @property
    def removes(self) -> tuple[Removed, ...]:
        """What goes, each object once: what a controller made may be what another unit declares."""
        return merge_removals((self.made, self.own)).removes


# All of an environment, or what was applied and its files no longer have.
Scope = Literal["environment", "removed"]


@dataclass(frozen=True)
class TeardownPlan:
    """What the removal of an environment would do, unit by unit in the order in which they go. `no_cluster`: why
    nothing in the cluster is looked at; empty where it is."""

    environment: str
    delete_data: bool
    units: tuple[UnitTeardown, ...]
    no_cluster: str = ""
    scope: Scope = "environment"

    @property
    def kind(self) -> Literal["destroy", "destroy with data", "remove", "remove with data"]:
        """What people sign that it is a plan for."""
        if self.scope == "removed":
            return "remove with data" if self.delete_data else "remove"
        return "destroy with data" if self.delete_data else "destroy"

    @property
    def reason(self) -> str:
        """Why a unit goes."""
        is_part = self.scope == "removed"
        return "the environment no longer has it" if is_part else "the environment is destroyed"

    @property
    def errors(self) -> dict[str, PipelineError]:
        """Why nobody can tell what would go of a unit."""
        return {each.unit.name: each.error for each in self.units if each.error is not None}

    @property
    def outliving(self) -> tuple[Kept, ...]:
        """What is kept where the cluster is gone: what lies in the cluster is gone with it."""
        outside = (each for each in self.units if each.spec is None or not each.spec.needs_cluster)
        return merge_removals(each.own for each in outside).keeps

    @property
    def removal(self) -> Removal:
        """All of it."""
        return merge_removals(part for each in self.units for part in (each.made, each.own))


OutcomeState = Literal["removed", "nothing", "failed", "skipped"]


@dataclass(frozen=True)
class UnitOutcome:
    """What became of one unit. `reason`: why it failed or was not tried, or what below it is still there; `next_step`:
    what to do about it."""

    unit: str
    state: OutcomeState
    removed: tuple[Removed, ...] = ()
    reason: str = ""
    next_step: str = ""
    seconds: float = 0.0


class RemovedObject(Model):
    """An object that would go."""

    unit: str = Described(description="The unit that it goes with.")
    object: str = Described(description="Its kind and name.")
    why: str = Described(description="How it goes, where that is worth a word.")


class KeptObject(Model):
    """An object that would stay."""

    object: str = Described(description="Its kind and name.")
    why: str = Described(description="Why it stays.")
    monthly_cost: float | None = Described(description="In US dollars; null where nobody knows.")


class UnknownUnit(Model):
    """A unit of which nobody can tell what would go."""

    unit: str
    reason: str


class TeardownReport(Model):
    """What `destroy ENV --plan --json` prints."""

    environment: str
    removes: tuple[RemovedObject, ...] = Described(description="In the order in which they go. Empty: nothing to do.")
    keeps: tuple[KeptObject, ...]
    unknown: tuple[UnknownUnit, ...] = Described(
        default=(), exclude_if=lambda unknown: not unknown, description="Left out where there is none."
    )
    unwanted_alone: bool = Described(default=False, exclude=True)
    no_cluster: str = Described(
        default="",
        exclude_if=lambda reason: not reason,
        description="Why nothing in the cluster was looked at; left out where it was.",
    )

    @property
    def exit_code(self) -> int:
        """0 nothing to do, 4 something would go, 1 where nobody can tell what."""
        return 1 if self.unknown else 4 if self.removes else 0


def build_teardown_report(plan: TeardownPlan) -> TeardownReport:
    """The plan as it is handed out, each object once."""
    removes: dict[str, RemovedObject] = {}
    for name, removed in _declared_first(plan):
        removes.setdefault(removed.object, RemovedObject(unit=name, object=removed.object, why=removed.why))
    ordered = [removed.object for each in plan.units for removed in each.removes]
    return TeardownReport(
        environment=plan.environment,
        removes=tuple(removes[name] for name in dict.fromkeys(ordered)),
        keeps=tuple(KeptObject(**vars(kept)) for kept in dict.fromkeys(plan.removal.keeps)),
        unknown=tuple(UnknownUnit(unit=name, reason=error.message) for name, error in plan.errors.items()),
        no_cluster=plan.no_cluster,
        unwanted_alone=plan.scope == "removed",
    )


def _declared_first(plan: TeardownPlan) -> Iterator[tuple[str, Removed]]:
    yield from ((each.unit.name, removed) for each in plan.units for removed in each.own.removes)
    yield from ((each.unit.name, removed) for each in plan.units for removed in each.made.removes)


def build_signed_plan(plan: TeardownPlan, env: Environment, source: Source) -> Plan:
    """The plan as people sign it: the objects that units declare and data, by name; of what controllers make, which
    comes and goes meanwhile, that all of it goes. The cluster's version is none of it, as that goes, too."""
    around = dict(build_surroundings(env, source)) | {
        "kind": plan.kind,
        "cluster_version": None,
    }
    entries = tuple(_entry(each, plan.reason) for each in plan.units if each.removes)
    return Plan(**around, changes=entries, unknown=(), observed=digest_of({entry.unit: "there" for entry in entries}))


def _entry(each: UnitTeardown, reason: str) -> Entry:
    unit = each.unit
    paths = [removed.object for removed in (*each.own.removes, *each.made.removes) if not removed.is_passing]
    if each.products is not None:
        paths += [f"every {kind.kind} ({each.products.name})" for kind in each.products.kinds]
    fields = [Field(path=path, before="there", after=None, replaces=False, sensitive=False) for path in paths]
    return Entry(
        unit=unit.name,
        wave=unit.wave,
        action="delete",
        reason=reason,
        fields=tuple(fields),
        reversibility="forward-only",
        minutes=unit.minutes,
        disrupts=(),
        known_after_apply=(),
        volatile=(),
        facts=Facts(),
        observed={},
    )


def teardown_schema() -> dict[str, Any]:
    """The JSON Schema of what `destroy --plan --json` prints."""
    return TeardownReport.model_json_schema(mode="serialization")
