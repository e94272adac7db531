"""What makes a function a unit, and what is refused when it is written."""

from __future__ import annotations

import pytest

from eks_assets.graph.unit import unit
from resources.config.environment import Addon, Environment
from resources.model import checks
from resources.model.outputs import NoOutputs, Outputs
from resources.model.specs import HelmRelease, Lookup, Manifests, Parameter, Stack


class Vpc(Outputs):
    vpc_id: str


class Zone(Outputs):
    zone_id: str


@unit(wave="network")
def made(env: Environment) -> Stack[Vpc]:
    """Makes a VPC."""
    return Stack[Vpc](name=env.stack_name("made"), template={})


@unit(wave="cluster", after=[made], when=lambda env: not env.sandbox, checks=[checks.ClusterActive()], minutes=4)
def taking(env: Environment, vpc: Vpc, zone: Zone | None) -> Stack[NoOutputs]:
    """Takes a VPC, and a zone where there is one."""
    zone_id = zone.zone_id if zone else "none"
    return Stack[NoOutputs](name="taking", template={}, parameters={"Vpc": vpc.vpc_id, "Zone": zone_id})


def test_a_unit_is_called_like_the_function_it_is(sandbox_env: Environment) -> None:
    assert made(sandbox_env).name == "demo-sandbox-made"
    assert taking(sandbox_env, Vpc(vpc_id="vpc-1"), None).parameters == {"Vpc": "vpc-1", "Zone": "none"}


def test_a_unit_knows_what_it_takes_and_gives_from_its_signature() -> None:
    assert (made.name, made.outputs, made.has_outputs) == ("made", Vpc, True)
    assert (taking.inputs["vpc"], taking.inputs["zone"], len(taking.inputs)) == (Vpc, Zone, 2)
    assert taking.optional == {"zone"}
    assert taking.parameters == ("env", "vpc", "zone")
    assert not taking.has_outputs
    assert taking.minutes == 4


def test_a_unit_has_the_check_of_its_kind_and_its_own() -> None:
    assert [c.name for c in taking.checks] == ["stack_complete", "cluster_active"]

    @unit(wave="configuration")
    def release() -> HelmRelease:
        """A release."""
        return HelmRelease(name="x", namespace="x", repository="https://x", chart="x", version="1.0.0")

    @unit(wave="configuration")
    def objects() -> Manifests:
        """Objects."""
        return Manifests(objects=())

    @unit(wave="cluster")
    def stored() -> Parameter[NoOutputs]:
        """A parameter."""
        return Parameter[NoOutputs](name="/x", value="x")

    @unit(wave="cluster")
    def found() -> Lookup[Zone]:
        """A lookup."""
        return Lookup[Zone](kind="vpc", query={})

    names = [u.checks[0].name for u in (release, objects, stored, found)]
    assert names == ["workloads_ready", "objects_exist", "parameter_stored", "found"]


def test_a_unit_is_off_where_its_condition_or_the_environment_says_so(
    sandbox_env: Environment, prod_env: Environment
) -> None:
    assert taking.is_enabled(prod_env)
    assert not taking.is_enabled(sandbox_env)
    off = sandbox_env.model_copy(update={"addons": {"made": Addon(enabled=False)}})
    assert made.is_enabled(sandbox_env)
    assert not made.is_enabled(off)


def test_a_unit_needs_a_docstring() -> None:
    with pytest.raises(TypeError, match="unit silent needs a docstring"):

        @unit(wave="network")
        def silent() -> Stack[Vpc]:
            return Stack[Vpc](name="x", template={})


@pytest.mark.parametrize("kind", [str, int | None, Stack[Vpc], Vpc | Zone])
def test_a_unit_takes_the_environment_and_outputs_only(kind: object) -> None:
    def wrong(what) -> Stack[Vpc]:  # type: ignore[no-untyped-def]
        """Takes something else."""
        return Stack[Vpc](name="x", template={})

    wrong.__annotations__["what"] = kind
    with pytest.raises(TypeError, match="unit wrong: parameter what must be Environment or an Outputs class"):
        unit(wave="network")(wrong)


@pytest.mark.parametrize("kind", [str, None, dict[str, str], Vpc])
def test_a_unit_returns_a_spec(kind: object) -> None:
    def wrong():  # type: ignore[no-untyped-def]
        """Returns something else."""

    wrong.__annotations__["return"] = kind
    with pytest.raises(TypeError, match=r"unit wrong must return a Spec such as Stack"):
        unit(wave="network")(wrong)


def test_a_spec_without_its_outputs_is_refused() -> None:
    def wrong() -> Stack:  # type: ignore[type-arg]
        """Does not say what it outputs."""
        return Stack[Vpc](name="x", template={})

    with pytest.raises(TypeError, match="does not say what it outputs"):
        unit(wave="network")(wrong)
