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


def test_unit_is_called_like_its_function(sandbox_env: Environment) -> None:
    """Calling a unit returns its spec."""
    assert made(sandbox_env).name == "demo-sandbox-made"
    assert taking(sandbox_env, Vpc(vpc_id="vpc-1"), None).parameters == {"Vpc": "vpc-1", "Zone": "none"}


def test_unit_reads_inputs_and_outputs_from_signature() -> None:
    """Inputs, optional inputs and outputs follow from the annotations."""
    assert (made.name, made.outputs, made.has_outputs) == ("made", Vpc, True)
    assert (taking.inputs["vpc"], taking.inputs["zone"], len(taking.inputs)) == (Vpc, Zone, 2)
    assert taking.optional == {"zone"}
    assert taking.parameters == ("env", "vpc", "zone")
    assert not taking.has_outputs
    assert taking.minutes == 4


def test_unit_has_default_check_of_its_spec_and_own_checks() -> None:
    """The default check of the spec's type comes first."""
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


def test_unit_is_disabled_by_condition_or_environment(sandbox_env: Environment, prod_env: Environment) -> None:
    """`when` or the environment's add-ons disable a unit."""
    assert taking.is_enabled(prod_env)
    assert not taking.is_enabled(sandbox_env)
    off = sandbox_env.model_copy(update={"addons": {"made": Addon(enabled=False)}})
    assert made.is_enabled(sandbox_env)
    assert not made.is_enabled(off)


def test_unit_without_docstring_is_refused() -> None:
    """The docstring is the asset's description."""
    with pytest.raises(TypeError, match="unit silent needs a docstring"):

        @unit(wave="network")
        def silent() -> Stack[Vpc]:
            return Stack[Vpc](name="x", template={})


@pytest.mark.parametrize("kind", [str, int | None, Stack[Vpc], Vpc | Zone])
def test_unit_refuses_other_parameters(kind: object) -> None:
    """Parameters are the environment or outputs classes."""

    def wrong(what) -> Stack[Vpc]:  # type: ignore[no-untyped-def]
        """Takes something else."""
        return Stack[Vpc](name="x", template={})

    wrong.__annotations__["what"] = kind
    with pytest.raises(TypeError, match="unit wrong: parameter what must be Environment or an Outputs class"):
        unit(wave="network")(wrong)


@pytest.mark.parametrize("kind", [str, None, dict[str, str], Vpc])
def test_unit_refuses_other_return_types(kind: object) -> None:
    """A unit returns a spec."""

    def wrong():  # type: ignore[no-untyped-def]
        """Returns something else."""

    wrong.__annotations__["return"] = kind
    with pytest.raises(TypeError, match=r"unit wrong must return a Spec such as Stack"):
        unit(wave="network")(wrong)


def test_unit_refuses_spec_without_outputs() -> None:
    """The spec must say which outputs it has."""

    def wrong() -> Stack:  # type: ignore[type-arg]
        """Does not say what it outputs."""
        return Stack[Vpc](name="x", template={})

    with pytest.raises(TypeError, match="does not say what it outputs"):
        unit(wave="network")(wrong)
