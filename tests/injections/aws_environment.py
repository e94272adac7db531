"""Everything that an environment has in AWS, on the embedded AWS alone: no Kubernetes behind its EKS."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from eks_assets.engine.drift.detection import detect_drift
from eks_assets.engine.known_outputs import known_outputs
from eks_assets.graph.rendering import render_spec
from eks_assets.graph.unit import AnyUnit
from eks_assets.plan.drift import DriftReport
from eks_assets.units import load_registry
from resources.aws.session import Aws, Source
from resources.bootstrap.stack import build_bootstrap_stack
from resources.config.environment import Environment, Roles
from resources.context import Context
from resources.drivers.registry import driver_of
from resources.drivers.stack.driver import StackDriver
from resources.model.change import Change
from resources.model.drift import Drift
from resources.model.specs import Parameter, Spec, Stack
from resources.undeclared.aws import undeclared_resources
from tests.helpers.embedded_aws_server import Aws as Server
from tests.injections.aws_injection import Held, held_resources


class AwsEnvironment:
    """The environment's stacks and parameters, made and looked at with the pipeline's own roles."""

    def __init__(self, env: Environment, server: Server) -> None:
        self.env, self.registry = env, load_registry()
        self.source = Source(env.region, f"http://127.0.0.1:{server.port}", "AKIAROOT", "root-secret")
        self.units = [unit for unit in self.registry.units if self._is_of_aws(unit)]
        nobody = env.model_copy(update={"roles": Roles()})
        administrator = Context(nobody, Aws(nobody, self.source, as_deployer=False))
        StackDriver().apply(build_bootstrap_stack(env), administrator)
        self.client: Any = administrator.aws.client

    def _is_of_aws(self, unit: AnyUnit) -> bool:
        return unit.is_enabled(self.env) and isinstance(
            render_spec(self.registry, self.env, unit, {}), Stack | Parameter
        )

    def context(self, *, planning: bool = False) -> Context:
        """As a command that begins now."""
        return Context(self.env, Aws(self.env, self.source, planning=planning))

    def deploy(self, *only: str) -> dict[str, Change]:
        """Plan and apply each unit, or those; what was planned, by unit."""
        units = [unit for unit in self.units if not only or unit.name in only]
        return {unit.name: self._deploy(unit, self.context()) for unit in units}

    def _deploy(self, unit: AnyUnit, context: Context) -> Change:
        spec = self._spec(unit, context)
        driver: Any = driver_of(spec)
        observed = driver.observe_drift(spec, driver.observe(spec, context), context, lambda _: False)
        change: Change = driver.plan(spec, observed)
        if change.is_needed:
            driver.apply(spec, context)
        return change

    def _spec(self, unit: AnyUnit, context: Context) -> Spec[Any]:
        outputs = known_outputs(self.registry, unit, context)
        return render_spec(self.registry, self.env, unit, outputs)

    def drift(self) -> DriftReport:
        """Of all of its units."""
        return detect_drift(self.registry, self.context(planning=True), [unit.name for unit in self.units])

    def undeclared(self) -> Drift:
        """What belongs to none of them."""
        context = self.context(planning=True)
        return undeclared_resources([self._spec(unit, context) for unit in self.units], context)

    def held(self) -> list[Held]:
        """The resources of its stacks."""
        context = self.context()
        specs = [self._spec(unit, context) for unit in self.units]
        return list(held_resources([spec.name for spec in specs if isinstance(spec, Stack)], self.client))


@contextmanager
def aws_environment(env: Environment, folder: Path) -> Iterator[AwsEnvironment]:
    """All of it deployed."""
    server = Server(folder).start()
    try:
        made = AwsEnvironment(env, server)
        made.deploy()
        yield made
    finally:
        server.stop()
