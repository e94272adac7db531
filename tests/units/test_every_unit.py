"""What holds for every unit of the registry, in every published environment, before anything exists."""

from __future__ import annotations

import ast
import inspect
import json
import re
import textwrap
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from eks_assets.graph.rendering import render_spec
from eks_assets.graph.unit import AnyUnit, unit
from eks_assets.units import load_registry
from resources.config.environment import Environment
from resources.config.loader import load_environment
from resources.model.outputs import NoOutputs, plain_document
from resources.model.specs import HelmRelease, Manifests, Parameter, Spec, Stack, output_key
from sandbox.paths import PROJECT
from tests.conftest import Lint

ENVIRONMENTS = ("acme-dev", "acme-prod", "sandbox", "sandbox-gated")
UNITS = tuple(u.name for u in load_registry().units)
INLINE_TEMPLATE_BYTES = 51_200
# Property that names a resource -> what AWS accepts.
NAMES = {
    "RoleName": r"[\w+=,.@-]{1,64}",
    "ManagedPolicyName": r"[\w+=,.@-]{1,128}",
    "QueueName": r"[\w-]{1,80}",
    "NodegroupName": r"[a-zA-Z0-9][\w-]{0,62}",
    "FargateProfileName": r"[a-zA-Z0-9][\w-]{0,99}",
    "LogGroupName": r"[\w./#-]{1,512}",
}
SSM_NAME = re.compile(r"(/[\w.-]+){1,15}")
KUBERNETES_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")


@cache
def published(name: str) -> Environment:
    """The published environment of that name, validated with the units."""
    return load_environment(name, PROJECT / "environments", known_units=load_registry().by_name)


@pytest.fixture(scope="module", params=ENVIRONMENTS)
def environment(request: pytest.FixtureRequest) -> Environment:
    """Each published environment in turn."""
    return published(request.param)


def rendered(env: Environment, name: str) -> Spec[Any]:
    return render_spec(load_registry(), env, load_registry()[name], {})


def stacks_by_unit(env: Environment) -> dict[str, Stack[Any]]:
    """The stacks of the environment's enabled units, by the unit's name."""
    enabled = [u.name for u in load_registry().units if u.is_enabled(env)]
    return {name: spec for name in enabled if isinstance(spec := rendered(env, name), Stack)}


def stacks(env: Environment) -> Iterable[Stack[Any]]:
    """The stacks of the environment's enabled units."""
    return stacks_by_unit(env).values()


STACKS = [(name, unit_name) for name in ENVIRONMENTS for unit_name in stacks_by_unit(published(name))]


def test_environments_are_the_published_ones() -> None:
    """The list above holds every published environment."""
    assert {file.stem for file in (PROJECT / "environments").glob("*.yaml")} == set(ENVIRONMENTS)


def calls_of_tests(file: Path) -> set[str]:
    """The names that the file's tests call, also through functions of the same file."""
    functions = {node.name: node for node in ast.parse(file.read_text()).body if isinstance(node, ast.FunctionDef)}
    called: set[str] = set()
    waiting = [name for name in functions if name.startswith("test_")]
    while waiting:
        for node in ast.walk(functions[waiting.pop()]):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id not in called:
                called.add(node.func.id)
                waiting += [node.func.id] if node.func.id in functions else []
    return called


def test_every_unit_has_a_test_that_renders_it() -> None:
    """Each unit is called by a test of this folder."""
    here = Path(__file__)
    called = {name for file in here.parent.glob("test_*.py") if file != here for name in calls_of_tests(file)}
    assert [name for name in UNITS if name not in called] == [], "units without a test in tests/units"


@pytest.mark.parametrize("name", UNITS)
def test_unit_says_what_it_is(name: str) -> None:
    """The docstring, which the UI shows, begins with whole sentences; the outputs have one of their own."""
    u = load_registry()[name]
    description, *_ = (u.fn.__doc__ or "").strip().split("\n\n")
    assert len(description) > 20
    assert not description[0].islower()
    assert description.endswith(".")
    assert u.minutes > 0
    if u.outputs is not NoOutputs:
        assert (u.outputs.__doc__ or "").strip(), f"{u.outputs.__name__} needs a docstring"


def unread_parameters(reader: AnyUnit) -> list[str]:
    """The parameters that the unit's function takes and never reads."""
    (function,) = ast.parse(textwrap.dedent(inspect.getsource(reader.fn))).body
    assert isinstance(function, ast.FunctionDef)
    names = [node for part in function.body for node in ast.walk(part) if isinstance(node, ast.Name)]
    read = {name.id for name in names if isinstance(name.ctx, ast.Load)}
    return [parameter for parameter in reader.parameters if parameter not in read]


@pytest.mark.parametrize("name", UNITS)
def test_unit_reads_every_parameter_that_it_takes(name: str) -> None:
    """A parameter carries data; an order without data is `after=`, and follows from the spec's type for the cluster."""
    assert unread_parameters(load_registry()[name]) == []


def test_unread_parameters_are_reported() -> None:
    """The test above can fail."""

    @unit(wave="network")
    def deaf(env: Environment) -> Manifests:
        """Takes an environment for nothing."""
        return Manifests(objects=())

    assert unread_parameters(deaf) == ["env"]


@pytest.mark.parametrize("name", [u.name for u in load_registry().units if u.spec_type.needs_cluster])
def test_unit_in_the_cluster_comes_after_access_to_it(name: str) -> None:
    """Whatever lives in the cluster waits for the access entries."""
    assert load_registry().needs[name][0] == "access_entries"


@pytest.mark.parametrize("name", UNITS)
def test_rendering_is_deterministic(environment: Environment, name: str) -> None:
    """Rendered twice, a spec is the same text."""

    def text() -> str:
        return json.dumps(plain_document(rendered(environment, name).model_dump(mode="python")))

    assert text() == text()


@pytest.mark.parametrize(("environment_name", "name"), STACKS)
def test_stack_template_passes_cfn_lint_and_fits(environment_name: str, name: str, lint: Lint) -> None:
    """The template of an enabled unit has no findings and is short enough to be sent inline."""
    spec = rendered(published(environment_name), name)
    assert isinstance(spec, Stack)
    assert lint(spec.template) == []
    assert len(json.dumps(plain_document(spec.template)).encode()) <= INLINE_TEMPLATE_BYTES


def test_stack_gives_the_parameters_its_template_declares(environment: Environment) -> None:
    """Neither more nor fewer parameters than the template declares."""
    for spec in stacks(environment):
        assert spec.parameters.keys() == spec.template.get("Parameters", {}).keys(), spec.name


def test_stack_has_the_outputs_that_others_read(environment: Environment) -> None:
    """Every field of the outputs class is an output of the template."""
    for spec in stacks(environment):
        wanted = {output_key(field) for field in spec.outputs_type().model_fields}
        assert spec.template.get("Outputs", {}).keys() >= wanted, spec.name


def test_stack_names_are_the_environments_own(environment: Environment) -> None:
    """Stack names differ, are valid and hold the environment's prefix."""
    names = [spec.name for spec in stacks(environment)]
    assert len(names) == len(set(names))
    for name in names:
        assert re.fullmatch(r"[a-zA-Z][a-zA-Z0-9-]{0,127}", name), name
        assert environment.resource_prefix in name


def test_stacks_are_found_by_the_names_of_their_units(environment: Environment) -> None:
    """All but one, which has the name that Karpenter's own guide gives it."""
    stack_names = {name: spec.name for name in UNITS if isinstance(spec := rendered(environment, name), Stack)}
    others = {unit: name for unit, name in stack_names.items() if name != environment.stack_name(unit)}
    assert others == {"karpenter_stack": f"Karpenter-{environment.cluster_name}"}


def test_names_fit_the_limits_of_aws(environment: Environment) -> None:
    """Names of roles, policies, queues and groups match what AWS accepts."""
    for spec in stacks(environment):
        for title, resource in plain_document(spec.template)["Resources"].items():
            for key, pattern in NAMES.items():
                value = resource.get("Properties", {}).get(key)
                assert not isinstance(value, str) or re.fullmatch(pattern, value), f"{spec.name} {title} {key} {value}"


def test_stack_tags_are_the_same_in_every_deploy(environment: Environment) -> None:
    """The environment's tag, on the cluster's stacks also the config's tags; no commit or run id."""
    own = {"eks-assets:environment": environment.name}
    for name, spec in stacks_by_unit(environment).items():
        is_cluster = load_registry()[name].wave == "cluster"
        assert spec.tags == ({**environment.cluster.metadata.tags, **own} if is_cluster else own), name
        assert not any(re.search(r"[0-9a-f]{16,}", value) for value in spec.tags.values()), "a commit or a run id?"


def test_parameters_lie_under_the_environments_path(environment: Environment) -> None:
    """Every SSM parameter is below the environment's path, and no two are the same."""
    own = environment.parameter_path("")
    names = [s.name for u in UNITS for s in [rendered(environment, u)] if isinstance(s, Parameter)]
    for spec in stacks(environment):
        resources = plain_document(spec.template)["Resources"].values()
        names += [r["Properties"]["Name"] for r in resources if r["Type"] == "AWS::SSM::Parameter"]
    assert len(names) == len(set(names)) >= 3
    assert all(SSM_NAME.fullmatch(name) and name.startswith(own) for name in names), names


def test_helm_releases_are_pinned_and_differ(environment: Environment) -> None:
    """Releases have exact versions, valid names, and no two the same name in a namespace."""
    releases = [s for u in UNITS for s in [rendered(environment, u)] if isinstance(s, HelmRelease)]
    assert len({(r.namespace, r.name) for r in releases}) == len(releases)
    for release in releases:
        assert KUBERNETES_LABEL.fullmatch(release.name), release.name
        assert len(release.name) <= 53, "helm's limit"
        assert KUBERNETES_LABEL.fullmatch(release.namespace)
        assert re.fullmatch(r"\d+\.\d+\.\d+", release.version), f"{release.name} {release.version}"
        assert release.repository.startswith(("https://", "oci://"))


def made_before(env: Environment, name: str) -> set[str]:
    """The namespaces that charts have made when a unit's turn comes."""
    above = [n for n in UNITS if name in load_registry().descendants([n])]
    return {s.namespace for n in above for s in [rendered(env, n)] if isinstance(s, HelmRelease)}


def test_unit_declares_the_namespace_it_needs(environment: Environment) -> None:
    """`needed_namespace` is set where a unit writes into a namespace that only the environment makes."""
    env = environment.model_copy(update={"namespaces": ()})
    needed: dict[str, str] = {}
    for name in UNITS:
        spec = rendered(env, name) if load_registry()[name].is_enabled(env) else None
        objects = spec.objects if isinstance(spec, Manifests) else ()
        for namespace in {item["metadata"].get("namespace") for item in objects} & {*environment.namespaces}:
            if namespace not in made_before(env, name):
                needed[namespace] = name
    enabled = [unit for unit in load_registry().units if unit.is_enabled(env)]
    assert needed == {unit.needed_namespace: unit.name for unit in enabled if unit.needed_namespace}


def test_objects_have_names_and_belong_to_one_unit(environment: Environment) -> None:
    """No two units write the same Kubernetes object."""
    owners: dict[tuple[str, str, str], str] = {}
    for name in UNITS:
        spec = rendered(environment, name)
        for item in (
            spec.objects if isinstance(spec, Manifests) and load_registry()[name].is_enabled(environment) else ()
        ):
            about = item["metadata"]
            key = (item["kind"], str(about.get("namespace", "")), str(about["name"]))
            assert item["apiVersion"]
            assert owners.setdefault(key, name) == name, key
