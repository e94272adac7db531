"""From an environment and what is known to the spec of one unit."""

from __future__ import annotations

from typing import Any

import pytest

from eks_assets.graph.registry import Registry
from eks_assets.graph.rendering import render_spec, with_overrides
from eks_assets.graph.unit import unit
from resources.config.environment import Addon, Charts, Deadlines, Environment, merge_mappings
from resources.model.outputs import NoOutputs, Outputs, pending_fields
from resources.model.specs import HelmRelease, Stack


class Zone(Outputs):
    zone_id: str


class Vpc(Outputs):
    vpc_id: str


@unit(wave="network", when=lambda env: env.hosted_zone.create)
def zone() -> Stack[Zone]:
    """Makes a zone."""
    return Stack[Zone](name="zone", template={})


@unit(wave="network")
def vpc() -> Stack[Vpc]:
    """Makes a VPC."""
    return Stack[Vpc](name="vpc", template={})


@unit(wave="cluster")
def reader(env: Environment, vpc: Vpc, zone: Zone | None) -> Stack[NoOutputs]:
    """Reads both."""
    parameters = {"Vpc": f"vpc/{vpc.vpc_id}", "Zone": zone.zone_id if zone is not None else "none"}
    return Stack[NoOutputs](name=env.stack_name("reader"), template={}, parameters=parameters)


@unit(wave="configuration")
def chart() -> HelmRelease:
    """Installs a chart."""
    values: dict[str, Any] = {"replicas": 1, "service": {"port": 80, "name": "x"}, "list": [1, 2]}
    return HelmRelease(name="x", namespace="x", repository="https://x", chart="x", version="1.0.0", values=values)


REGISTRY = Registry.of([zone, vpc, reader, chart])


def with_chart(env: Environment, **addon: Any) -> HelmRelease:
    changed = env.model_copy(update={"addons": {"chart": Addon.model_validate(addon)}})
    spec = render_spec(REGISTRY, changed, chart, {})
    assert isinstance(spec, HelmRelease)
    return spec


def parameters(env: Environment, **known: Outputs) -> dict[str, str]:
    spec = render_spec(REGISTRY, env, reader, known)
    assert isinstance(spec, Stack)
    return spec.parameters


def test_rendering_uses_known_outputs_and_leaves_rest_pending(sandbox_env: Environment) -> None:
    """Known outputs are filled in; unknown ones are placeholders."""
    known = parameters(sandbox_env, vpc=Vpc(vpc_id="vpc-1"), zone=Zone(zone_id="Z1"))
    assert known == {"Vpc": "vpc/vpc-1", "Zone": "Z1"}
    assert pending_fields(parameters(sandbox_env, zone=Zone(zone_id="Z1"))) == ("vpc.vpc_id",)
    assert pending_fields(parameters(sandbox_env)) == ("vpc.vpc_id", "zone.zone_id")


def test_optional_input_is_none_if_its_owner_is_disabled(prod_env: Environment, sandbox_env: Environment) -> None:
    """A disabled owner's outputs are None, even where old ones are known."""
    assert parameters(prod_env, vpc=Vpc(vpc_id="vpc-1"))["Zone"] == "none"
    off = sandbox_env.model_copy(update={"addons": {"zone": Addon(enabled=False)}})
    assert parameters(off, vpc=Vpc(vpc_id="vpc-1"), zone=Zone(zone_id="stale"))["Zone"] == "none"


def test_rendering_merges_values_and_replaces_lists(sandbox_env: Environment) -> None:
    """The environment's values are merged into the unit's at every depth; lists are replaced."""
    spec = with_chart(sandbox_env, values={"replicas": 3, "service": {"port": 81}, "list": [9]})
    assert spec.values == {"replicas": 3, "service": {"port": 81, "name": "x"}, "list": [9]}


def test_merge_mappings_changes_neither_side() -> None:
    """Both mappings stay as they were; null and mappings replace what is below."""
    below, above = {"a": {"b": 1}}, {"a": {"c": 2}}
    assert merge_mappings(below, above) == {"a": {"b": 1, "c": 2}}
    assert (below, above) == ({"a": {"b": 1}}, {"a": {"c": 2}})
    assert merge_mappings({"a": {"b": 1}}, {"a": None}) == {"a": None}
    assert merge_mappings({"a": 1}, {"a": {"b": 2}}) == {"a": {"b": 2}}


def test_rendering_takes_version_timeout_and_digest(sandbox_env: Environment) -> None:
    """Version, timeout and digest come from the add-on's settings, then from the environment's."""
    digest = "sha256:" + "0" * 64
    env = sandbox_env.model_copy(
        update={"charts": Charts(digests={"x": digest}), "deadlines": Deadlines(release=77, stack=99)}
    )
    spec = with_chart(env)
    assert (spec.version, spec.timeout, spec.digest) == ("1.0.0", 77, digest)
    spec = with_chart(env, version="2.0.0", timeout=5)
    assert (spec.version, spec.timeout) == ("2.0.0", 5)


def test_stack_timeout_is_the_environments_unless_unit_sets_it(sandbox_env: Environment) -> None:
    """A unit's own timeout wins over the environment's."""
    env = sandbox_env.model_copy(update={"deadlines": Deadlines(stack=99)})
    assert render_spec(REGISTRY, env, vpc, {}).model_dump()["timeout"] == 99
    own = Stack[Vpc](name="vpc", template={}, timeout=5)
    assert with_overrides(env, vpc, own).model_dump()["timeout"] == 5


def test_stack_without_a_name_is_named_after_its_unit(sandbox_env: Environment) -> None:
    """The default name is the environment's prefix and the unit's name."""

    def name_of(spec: Stack[Vpc]) -> str:
        return str(with_overrides(sandbox_env, vpc, spec).model_dump()["name"])

    assert name_of(Stack[Vpc](template={})) == "demo-sandbox-vpc"
    assert name_of(Stack[Vpc](name="Karpenter-x", template={})) == "Karpenter-x"


@pytest.mark.parametrize("name", ["zone", "vpc", "reader"])
def test_rendering_works_before_anything_exists(sandbox_env: Environment, name: str) -> None:
    """Every spec can be rendered with all outputs unknown."""
    assert render_spec(REGISTRY, sandbox_env, REGISTRY[name], {}).model_dump()["name"].endswith(name)
