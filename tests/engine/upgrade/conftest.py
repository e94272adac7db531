"""A platform with a cluster, an add-on and a node group on an embedded AWS, for tests of the upgrade's flow."""

from __future__ import annotations

import itertools
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from eks_assets.engine.rollback_run import UnitEnd
from eks_assets.engine.runner import run_unit
from eks_assets.engine.upgrade import steps
from eks_assets.engine.upgrade.flow import Outcome, run_upgrade
from eks_assets.graph.registry import Registry
from eks_assets.graph.unit import unit
from resources.bootstrap.stack import apply_bootstrap
from resources.config.environment import Environment, Roles
from resources.config.settings.upgrade import Upgrade as Settings
from resources.context import Context
from resources.drivers.stack import cluster_state, version_rollback
from resources.model.errors import PipelineError
from resources.model.outputs import NoOutputs, Outputs, value_of
from resources.model.specs import Lookup, Parameter, Stack
from resources.upgrade.findings import UpgradeReport, Verdict
from tests.helpers.embedded_aws_server import cluster, node_group, prepare, resource
from tests.helpers.embedded_gate import GateAccount, gate_account

NUMBERS = itertools.count()
WHO = "arn:aws:iam::000000000000:user/pat"


class Versions(Outputs):
    addon_versions: tuple[str, ...]
    node_releases: tuple[str, ...]


@dataclass
class Upgraded:
    """An environment of its own. `verdict`: what the checks before it say; `asked`: about which versions they were."""

    env: Environment
    values: dict[str, Any]
    verdict: Verdict = "READY"
    asked: list[str] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    run: str = "run-0"

    def registry(self) -> Registry:
        values, name = self.values, self.env.cluster_name

        @unit(wave="cluster", reversibility="time-boxed")
        def plane(env: Environment) -> Stack[NoOutputs]:
            """A control plane."""
            return Stack[NoOutputs](
                template={"Resources": {"Cluster": cluster(name, values, Version=env.kubernetes_version)}}
            )

        @unit(wave="cluster")
        def offered(env: Environment) -> Lookup[Versions]:
            """What AWS offers."""
            query = {"kubernetes": env.kubernetes_version, "addons": "coredns=default", "images": ""}
            return Lookup[Versions](kind="eks_versions", query=query)

        @unit(wave="cluster", after=[plane])
        def dns(env: Environment, versions: Versions) -> Stack[NoOutputs]:
            """An add-on."""
            version = value_of(versions.addon_versions, "coredns")
            made = resource("EKS::Addon", ClusterName=name, AddonName="coredns", AddonVersion=version)
            return Stack[NoOutputs](template={"Resources": {"Dns": made}})

        @unit(wave="cluster", after=[plane, dns])
        def workers(env: Environment) -> Stack[NoOutputs]:
            """Nodes."""
            made = node_group(values, ClusterName=name, Version=env.kubernetes_version)
            return Stack[NoOutputs](template={"Resources": {"Workers": made}})

        @unit(wave="applications")
        def other(env: Environment) -> Parameter[NoOutputs]:
            """Something that no version changes."""
            return Parameter[NoOutputs](name=env.parameter_path("other"), value="one")

        return Registry.of([plane, offered, dns, workers, other])

    def context(self) -> Context:
        return Context.of(self.env, self.lines.append, run_id=self.run)

    def deploy(self) -> None:
        registry = self.registry()
        for one in registry.units:
            run_unit(registry, one, self.context())

    def want(self, version: str, **changes: Any) -> None:
        """What the file says from now on."""
        self.env = self.env.model_copy(update={"kubernetes_version": version, **changes})

    def judge(self, _: Context, target: str) -> UpgradeReport:
        self.asked.append(target)
        return UpgradeReport(
            environment=self.env.name,
            current=self.version,
            target=target,
            verdict=self.verdict,
            findings=(),
            steps=(),
            apis_recorded="2026-11-30",
            seconds=0,
        )

    def upgrade(self, stop_after: str = "") -> tuple[list[str], Outcome | PipelineError | None]:
        """The units that the flow ran, and how it ended; with `stop_after` killed once that unit is done."""
        flow = run_upgrade(self.registry(), self.context(), WHO, wait=0, judge=self.judge)
        return drain(flow, stop_after)

    @property
    def version(self) -> str:
        return str(self.eks.describe_cluster(name=self.env.cluster_name)["cluster"]["version"])

    @property
    def nodes(self) -> str:
        group = self.eks.describe_nodegroup(clusterName=self.env.cluster_name, nodegroupName="workers")
        return str(group["nodegroup"]["version"])

    @property
    def dns(self) -> str:
        addon = self.eks.describe_addon(clusterName=self.env.cluster_name, addonName="coredns")
        return str(addon["addon"]["addonVersion"])

    @property
    def updates(self) -> list[str]:
        """The cluster's own updates, the oldest first."""
        name = self.env.cluster_name
        ids = reversed(self.eks.list_updates(name=name)["updateIds"])
        return [self.eks.describe_update(name=name, updateId=i)["update"]["type"] for i in ids]

    @property
    def eks(self) -> Any:
        return self.context().aws.client("eks")


def drain(flow: Generator[UnitEnd, None, Outcome], stop_after: str) -> tuple[list[str], Outcome | PipelineError | None]:
    done: list[str] = []
    while True:
        try:
            done.append(next(flow).unit.name)
        except StopIteration as end:
            return done, end.value
        except PipelineError as error:
            return done, error
        if done[-1] == stop_after:
            flow.close()
            return done, None


@pytest.fixture(scope="module")
def account(sandbox_env: Environment, tmp_path_factory: pytest.TempPathFactory) -> Iterator[GateAccount]:
    with gate_account(sandbox_env.region, tmp_path_factory.mktemp("upgrades")) as made:
        yield made


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster_state, "_INTERVAL", 0.1)
    monkeypatch.setattr(version_rollback, "_INTERVAL", 0.1)
    monkeypatch.setattr(steps, "_AGAIN", 0.2)


@pytest.fixture(scope="module")
def values(account: GateAccount) -> dict[str, Any]:
    return prepare(account.server)


@pytest.fixture
def platform(sandbox_env: Environment, account: GateAccount, values: dict[str, Any]) -> Upgraded:
    """A deployed environment whose cluster has Kubernetes 1.34."""
    changes = {"target_env": f"u{next(NUMBERS)}", "roles": Roles(), "upgrade": Settings(bake="1s")}
    made = Upgraded(sandbox_env.model_copy(update=changes), values)
    apply_bootstrap(made.env)
    made.deploy()
    return made
