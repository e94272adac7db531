"""A unit: one pure function from typed inputs to one thing that should exist. Imports no Dagster and no AWS."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import NoneType
from typing import (
    Any,
    Generic,
    Literal,
    ParamSpec,
    TypeAlias,
    TypeVar,
    get_args,
    get_type_hints,
)

from resources.config.environment import Environment
from resources.config.waves import WAVES, UnitWave, Wave
from resources.model import checks
from resources.model.outputs import NoOutputs, Outputs
from resources.model.products import Products
from resources.model.specs import GitManifests, GitTree, HelmRelease, Lookup, Manifests, Parameter, Probes, Spec, Stack

Reversibility = Literal["reversible", "compensable", "time-boxed", "forward-only"]

P = ParamSpec("P")
S = TypeVar("S", bound=Spec[Any], covariant=True)

_DEFAULT_CHECKS: tuple[tuple[type[Spec[Any]], checks.Check], ...] = (
    (Stack, checks.StackComplete()),
    (HelmRelease, checks.WorkloadsReady()),
    (Manifests, checks.ObjectsExist()),
    (Parameter, checks.ParameterStored()),
    (GitTree, checks.BranchHead()),
    (Lookup, checks.LookupFound()),
    (GitManifests, checks.InSync()),
    (Spec, checks.InSync()),
)


@dataclass(frozen=True)
class Unit(Generic[P, S]):
    """See `unit`. The second half follows from the function's signature: `inputs` maps parameter names to the Outputs
    classes they take; `optional` names those that are None while their owner is disabled."""

    fn: Callable[P, S]
    wave: UnitWave
    after: tuple[AnyUnit, ...]
    when: Callable[[Environment], bool] | None
    extra_checks: tuple[checks.Check, ...]
    minutes: float
    reversibility: Reversibility
    gives_cluster_access: bool
    needed_namespace: str | None
    does_without: frozenset[str]
    products: Products | None
    name: str
    spec_type: type[Spec[Any]]
    outputs: type[Outputs]
    inputs: Mapping[str, type[Outputs]] = field(compare=False)
    optional: frozenset[str]
    parameters: tuple[str, ...]

    @classmethod
    def of(
        cls,
        fn: Callable[P, S],
        *,
        wave: UnitWave,
        after: Sequence[AnyUnit],
        when: Callable[[Environment], bool] | None,
        checks: Sequence[checks.Check],
        minutes: float,
        reversibility: Reversibility,
        gives_cluster_access: bool,
        needed_namespace: str | None,
        does_without: Sequence[AnyUnit],
        products: Products | None,
    ) -> Unit[P, S]:
        """The unit of a function. Raises TypeError as `unit` says."""
        name, hints = fn.__name__, get_type_hints(fn)
        spec_type = hints.pop("return", None)
        if not (inspect.isclass(spec_type) and issubclass(spec_type, Spec)):
            raise TypeError(f"unit {name} must return a Spec such as Stack[...], not {spec_type}")
        if not (fn.__doc__ or "").strip():
            raise TypeError(f"unit {name} needs a docstring: it is the asset's description in the UI")
        inputs, optional = _inputs(name, hints)
        return cls(
            fn=fn,
            wave=wave,
            after=tuple(after),
            when=when,
            extra_checks=tuple(checks),
            minutes=minutes,
            reversibility=reversibility,
            gives_cluster_access=gives_cluster_access,
            needed_namespace=needed_namespace,
            does_without=frozenset(other.name for other in does_without),
            products=products,
            name=name,
            spec_type=spec_type,
            outputs=spec_type.outputs_type(),
            inputs=inputs,
            optional=frozenset(optional),
            parameters=tuple(hints),
        )

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> S:
        """A test calls a unit like the function it is."""
        return self.fn(*args, **kwargs)

    def __hash__(self) -> int:
        return hash(self.name)

    @property
    def has_outputs(self) -> bool:
        return self.outputs is not NoOutputs

    @property
    def checks(self) -> tuple[checks.Check, ...]:
        """The default check of the spec's type (of `Probes` none), then the unit's own."""
        if issubclass(self.spec_type, Probes):
            return self.extra_checks
        default = next(check for kind, check in _DEFAULT_CHECKS if issubclass(self.spec_type, kind))
        return (default, *self.extra_checks)

    @property
    def follows(self) -> tuple[str, ...]:
        """The units that this one comes after for what they bring, such as kinds of objects; probes only look."""
        names = tuple(unit.name for unit in self.after if unit.name not in self.does_without)
        return () if issubclass(self.spec_type, Probes) else names

    @property
    def needs_nodes(self) -> bool:
        """Whether it is ready only once pods run: what a chart installs, and what probes the whole."""
        return issubclass(self.spec_type, HelmRelease | Probes)

    def is_behind(self, wave: Wave) -> bool:
        """Whether the unit's wave is `wave` or a later one."""
        return WAVES.index(self.wave) >= WAVES.index(wave)

    def is_gated(self, env: Environment) -> bool:
        """Whether the unit may be changed with an approval only."""
        return env.approval is not None and self.is_behind(env.approval.before)

    def is_enabled(self, env: Environment) -> bool:
        """Whether the environment wants this unit: its own condition, and the switch under `addons`."""
        return (self.when is None or self.when(env)) and env.addon(self.name).enabled


AnyUnit: TypeAlias = Unit[..., Spec[Any]]


def _inputs(unit_name: str, hints: Mapping[str, Any]) -> tuple[dict[str, type[Outputs]], set[str]]:
    inputs: dict[str, type[Outputs]] = {}
    optional: set[str] = set()
    for parameter, hint in hints.items():
        if hint is Environment:
            continue
        kinds = [k for k in get_args(hint) if k is not NoneType] or [hint]
        if len(kinds) != 1 or not (inspect.isclass(kinds[0]) and issubclass(kinds[0], Outputs)):
            raise TypeError(
                f"unit {unit_name}: parameter {parameter} must be Environment or an Outputs class, not {hint}"
            )
        inputs[parameter] = kinds[0]
        if NoneType in get_args(hint):
            optional.add(parameter)
    return inputs, optional


def unit(
    *,
    wave: UnitWave,
    after: Sequence[AnyUnit] = (),
    when: Callable[[Environment], bool] | None = None,
    checks: Sequence[checks.Check] = (),
    minutes: float = 1.0,
    reversibility: Reversibility = "reversible",
    gives_cluster_access: bool = False,
    needed_namespace: str | None = None,
    does_without: Sequence[AnyUnit] = (),
    products: Products | None = None,
) -> Callable[[Callable[P, S]], Unit[P, S]]:
    """Make a function a unit.

    The function takes what it reads: the `Environment`, and `Outputs` classes (their owner is the unit that returns
    them; `X | None` where the owner may be disabled). It returns a `Spec`. Its docstring is shown in the UI.

    `after` orders without data. `when` decides per environment whether the unit exists. `checks` come beside the
    default check of the spec's type. `minutes` is the typical duration on real AWS. `reversibility` says what undoing
    it takes. `gives_cluster_access`: units whose spec needs the cluster come after this one; at most one unit of a
    registry. `needed_namespace`: the one of the environment's that the objects lie in, so that validation can refuse an
    environment without it. `does_without`: those of `after` that may be off. `products`: what the controller that it
    installs makes in AWS, which goes before it does.
    Raises TypeError for a wrong parameter type, a wrong return type or a missing docstring.
    """
    return lambda fn: Unit.of(
        fn,
        wave=wave,
        after=after,
        when=when,
        checks=checks,
        minutes=minutes,
        reversibility=reversibility,
        gives_cluster_access=gives_cluster_access,
        needed_namespace=needed_namespace,
        does_without=does_without,
        products=products,
    )
