"""What the environment no longer has is removed, and nothing else, on an embedded AWS that has no cluster."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from eks_assets.engine.approval_request import remove_command
from eks_assets.engine.planner import plan_environment, plan_report
from eks_assets.engine.runner import run_unit
from eks_assets.engine.teardown import planning, removed
from eks_assets.engine.teardown.gate import request_teardown
from eks_assets.engine.teardown.removal import TeardownResult, destroy_environment
from eks_assets.engine.teardown.removed import list_unwanted, plan_removed
from eks_assets.graph.registry import Registry
from eks_assets.graph.unit import unit
from eks_assets.plan.teardown import TeardownPlan
from resources.bootstrap.stack import apply_bootstrap
from resources.config.environment import Addon, Environment, Roles
from resources.context import Context
from resources.drivers.parameter import ParameterDriver
from resources.drivers.products import list_roots
from resources.drivers.registry import driver_of
from resources.model.change import Change
from resources.model.errors import ApprovalMissing, Refused
from resources.model.outputs import NoOutputs
from resources.model.products import APPLICATIONS, LOAD_BALANCERS, NODES, Products
from resources.model.removal import Removal, Removed
from resources.model.specs import GitManifests, GitTree, Parameter
from resources.records.applied_units import applied_spec
from resources.records.change_entry import change_entry, list_entries, record_change
from tests.helpers.embedded_gate import GateAccount, gate_account

NUMBERS = itertools.count()


@pytest.fixture(scope="module")
def account(sandbox_env: Environment, tmp_path_factory: pytest.TempPathFactory) -> Iterator[GateAccount]:
    with gate_account(sandbox_env.region, tmp_path_factory.mktemp("account")) as own_account:
        yield own_account


@dataclass
class Platform:
    """`base`, `optional` while the file has it under a name of its own, and `user` after `base`, which may do without
    `optional`. `labels`: what the file names; `value`: of `user`."""

    env: Environment
    labels: dict[str, str] = field(default_factory=lambda: {"optional": "queue"})
    value: str = "1"

    @property
    def registry(self) -> Registry:
        @unit(wave="network")
        def base(env: Environment) -> Parameter[NoOutputs]:
            """What the others need."""
            return Parameter[NoOutputs](name=self.path("base"), value="1")

        @unit(wave="cluster", after=[base], when=lambda env: "optional" in self.labels)
        def optional(env: Environment) -> Parameter[NoOutputs]:
            """Something whose name is in the file only."""
            return Parameter[NoOutputs](name=self.path(self.labels["optional"]), value="1")

        @unit(wave="applications", after=[base, optional], does_without=[optional])
        def user(env: Environment) -> Parameter[NoOutputs]:
            """What may use it."""
            return Parameter[NoOutputs](name=self.path("user"), value=self.value)

        return Registry.of([base, optional, user])

    def path(self, name: str) -> str:
        return self.env.parameter_path(f"removed/{name}")

    def context(self, run: str = "run-1") -> Context:
        return Context.of(self.env, run_id=run)

    def deploy(self) -> None:
        for each in self.registry.units:
            if each.is_enabled(self.env):
                run_unit(self.registry, each, self.context())

    def plan(self) -> TeardownPlan:
        return plan_removed(self.registry, self.context(), delete_data=False)

    def remove(self, run: str = "run-2") -> TeardownResult:
        return destroy_environment(
            self.registry, self.context(run), delete_data=False, scope="removed", wait_for_lease=0.0
        )

    def unwanted(self) -> tuple[str, ...]:
        context = self.context()
        return list_unwanted(self.registry, context, plan_environment(self.registry, context))

    def left(self) -> set[str]:
        pages = self.context().aws.client("ssm").get_paginator("describe_parameters").paginate()
        names = {p["Name"] for page in pages for p in page["Parameters"]}
        return {name for name in ("base", "queue", "user") if self.path(name) in names}


@pytest.fixture
def platform(sandbox_env: Environment, account: GateAccount) -> Platform:
    """One that is deployed."""
    own = Platform(sandbox_env.model_copy(update={"target_env": f"less{next(NUMBERS)}", "roles": Roles()}))
    apply_bootstrap(own.env)
    own.deploy()
    assert own.left() == {"base", "queue", "user"}
    return own


def deletions(platform: Platform) -> list[tuple[str, str, str]]:
    entries = list_entries(platform.context())
    return [(e["unit"], e["outcome"], e["reason"]) for e in entries if e["action"] == "delete"]


def test_unit_that_the_file_no_longer_has_goes_alone(platform: Platform) -> None:
    """Its name is known to the ledger only. The rest stays, a second run has nothing to do, and it is named no more."""
    assert platform.unwanted() == ()
    digest = plan_report(platform.registry, platform.context()).digest
    del platform.labels["optional"]
    assert platform.unwanted() == ("optional",)
    assert [each.object for each in platform.plan().removal.removes] == [
        f"AWS::SSM::Parameter {platform.path('queue')}"
    ]
    assert plan_report(platform.registry, platform.context()).digest == digest
    result = platform.remove()
    assert [outcome.unit for outcome in result.of("removed")] == ["optional"]
    assert platform.left() == {"base", "user"}
    assert deletions(platform) == [("optional", "done", "the environment no longer has it: 1 objects")]
    assert platform.unwanted() == ()
    again = platform.remove("run-3")
    assert again.is_complete
    assert again.of("removed") == ()


def test_a_unit_under_a_switch_goes_as_well(platform: Platform) -> None:
    platform.env = platform.env.model_copy(update={"addons": {"user": Addon(enabled=False)}})
    assert platform.unwanted() == ("user",)
    assert platform.remove().is_complete
    assert platform.left() == {"base", "queue"}


def test_what_others_need_is_refused(platform: Platform) -> None:
    """Nothing goes; who needs it is named."""
    platform.env = platform.env.model_copy(update={"addons": {"base": Addon(enabled=False)}})
    for attempt in (platform.plan, platform.remove):
        with pytest.raises(Refused, match="base is still needed by optional, user"):
            attempt()
    assert platform.left() == {"base", "queue", "user"}


def test_what_may_still_use_it_is_deployed_first(platform: Platform) -> None:
    """A deploy may be what lets go of it."""
    del platform.labels["optional"]
    platform.value = "2"
    with pytest.raises(Refused, match="user, which may still use optional") as refused:
        platform.remove()
    assert f"eks-assets deploy {platform.env.name}" in refused.value.next_step
    assert "queue" in platform.left()
    platform.deploy()
    assert platform.remove().is_complete
    assert platform.left() == {"base", "user"}


def test_removed_by_hand_is_named_no_more(platform: Platform) -> None:
    del platform.labels["optional"]
    platform.context().aws.client("ssm").delete_parameter(Name=platform.path("queue"))
    assert platform.unwanted() == ()
    assert platform.remove().of("removed") == ()


def test_removal_of_all_knows_what_the_file_no_longer_names(platform: Platform) -> None:
    """`destroy` alone leaves nothing of it either."""
    del platform.labels["optional"]
    result = destroy_environment(platform.registry, platform.context(), delete_data=False, wait_for_lease=0.0)
    assert result.is_complete
    assert platform.left() == set()


def test_part_of_a_unit_goes_and_the_unit_stays(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a driver leaves there of a unit that goes on, as of products without `prune_products`: the ledger still says
    what the unit was applied from. A parameter stands for an object of the cluster, which an embedded AWS lacks."""
    tree = GitTree[NoOutputs](repository="https://git.test/a", branch="b")

    @unit(wave="applications")
    def products(env: Environment) -> GitManifests:
        """Products."""
        return GitManifests(tree=tree, commit="c", paths=("a/*.yaml",), group="products")

    context, digest = platform.context(), f"sha256:{'ab' * 32}"
    record_change(context, change_entry(context, "products", Change("create"), "done", 1.0, {"spec": digest}))
    stray = Parameter[NoOutputs](name=platform.path("stray"), value="1")
    ParameterDriver().apply(stray, context)
    driver = driver_of(products(platform.env))
    monkeypatch.setattr(type(driver), "find_unwanted", lambda *_: stray)
    monkeypatch.setattr(removed, "explain_no_cluster", lambda *_: "")
    registry = Registry.of([*platform.registry.units, products])
    result = destroy_environment(
        registry, platform.context("run-2"), delete_data=False, scope="removed", wait_for_lease=0.0
    )
    assert [(o.unit, [r.object for r in o.removed]) for o in result.of("removed")] == [
        ("products", [f"AWS::SSM::Parameter {stray.name}"])
    ]
    assert platform.left() == {"base", "queue", "user"}
    (entry, *_) = [e for e in list_entries(platform.context()) if e["unit"] == "products"]
    assert (entry["action"], entry["spec"]) == ("update", digest)
    assert applied_spec(platform.context(), "products") == digest


@pytest.mark.parametrize(
    ("products", "is_auto", "stays"),
    [(NODES, True, True), (NODES, False, False), (LOAD_BALANCERS, True, True), (APPLICATIONS, True, False)],
)
def test_what_auto_mode_goes_on_with_stays(
    platform: Platform, monkeypatch: pytest.MonkeyPatch, products: Products, is_auto: bool, stays: bool
) -> None:
    """NodePools of EKS's own are none of Karpenter's, and what it balances it goes on with; Argo CD it has none."""
    cluster = platform.env.cluster
    mode = cluster.auto_mode_config.model_copy(update={"enabled": is_auto})
    env = platform.env.model_copy(update={"cluster": cluster.model_copy(update={"auto_mode_config": mode})})

    @unit(wave="configuration", when=lambda _: False, products=products)
    def controller(env: Environment) -> Parameter[NoOutputs]:
        """A controller that is switched off."""
        return Parameter[NoOutputs](name=env.parameter_path("controller"), value="1")

    made = Removal((Removed("what it made"),))
    monkeypatch.setattr(planning, "plan_products", lambda *_, **__: made)
    look = {"delete_data": False, "has_cluster": True}
    planned = removed._plan_unit(Registry.of([controller]), Context.of(env), controller, **look)
    assert (planned.products is None, planned.made == Removal()) == (stays, stays)


def test_controller_stays_while_somebody_wants_what_it_made(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was made of something else of its own is not wanted by anybody, and goes with that."""
    made: dict[str, list[dict[str, Any]]] = {
        "NodePool": [{"metadata": {"name": "pool", "uid": "1"}}],
        "NodeClaim": [{"metadata": {"name": "claim", "uid": "2", "ownerReferences": [{"uid": "1"}]}}],
    }

    def listed(_: Any, api_version: str, kind: str) -> list[dict[str, Any]]:
        return [{"apiVersion": api_version, "kind": kind, **obj} for obj in made.get(kind, [])]

    monkeypatch.setattr("resources.drivers.products.list_objects", listed)
    monkeypatch.setattr(Context, "cluster", None)
    with pytest.raises(Refused, match=r"Karpenter cannot go while there are nodes of NodePool /?pool: "):
        removed.refuse_products(NODES, platform.context(), gone=())
    (name,) = list_roots(NODES, platform.context())
    removed.refuse_products(NODES, platform.context(), gone={name})


def test_gated_environment_takes_a_grant_of_exactly_this(sandbox_env: Environment, account: GateAccount) -> None:
    """It stays protected: a grant is asked for, and one of it lets nothing else go."""
    gate = account.gate(sandbox_env, f"less{next(NUMBERS)}")
    gate.decide(gate.request(), "alice", "bob")
    gate.run("first")
    gate.env = gate.env.model_copy(update={"addons": {"first": Addon(enabled=False)}})

    def remove() -> TeardownResult:
        how: dict[str, Any] = {"delete_data": False, "scope": "removed", "wait_for_lease": 0.0}
        return destroy_environment(gate.registry(), gate.context("run-2"), **how)

    with pytest.raises(ApprovalMissing) as missing:
        remove()
    assert remove_command(gate.env, delete_data=False) in missing.value.next_step
    plan = plan_removed(gate.registry(), gate.context(), delete_data=False)
    asked = request_teardown(plan, gate.context())
    assert asked is not None
    assert asked.plan.kind == "remove"
    gate.decide(asked.state.request, "alice", "bob")
    gate.env = gate.env.model_copy(update={"protected": False})
    with pytest.raises(ApprovalMissing):
        destroy_environment(gate.registry(), gate.context("run-3"), delete_data=False, wait_for_lease=0.0)
    gate.env = gate.env.model_copy(update={"protected": None})
    assert [outcome.unit for outcome in remove().of("removed")] == ["first"]


def test_protection_without_a_gate_is_refused(platform: Platform) -> None:
    """Nobody can grant it there."""
    del platform.labels["optional"]
    platform.env = platform.env.model_copy(update={"protected": True})
    with pytest.raises(Refused, match="is protected"):
        platform.remove()
