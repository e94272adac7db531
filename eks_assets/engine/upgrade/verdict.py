"""Whether a cluster can go to another Kubernetes version: the checks of every minor version on the way, joined."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future
from contextlib import suppress
from functools import partial

from eks_assets.engine.desired import desired_spec
from eks_assets.engine.known_outputs import known_outputs
from eks_assets.engine.planner import expect_releases
from eks_assets.engine.redacted import Redaction
from eks_assets.graph.registry import Registry
from eks_assets.graph.rendering import render_spec
from eks_assets.plan.model import PlanReport
from eks_assets.plan.redaction import Redactor
from eks_assets.units import load_registry
from resources.config.environment import Environment
from resources.context import Context
from resources.model.errors import AccessDenied, ConfigError, Refused, Transient
from resources.model.specs import AnyGitTree, GitTree, HelmRelease
from resources.support.background import in_background
from resources.upgrade.findings import (
    UpgradeFinding,
    UpgradeReport,
    UpgradeStep,
    decide_verdict,
    minor_number,
    sort_findings,
)
from resources.upgrade.live import Live, Step
from resources.upgrade.reading import LiveEnvironment
from resources.upgrade.registry import UpgradeCheck, list_checks, run_check
from resources.upgrade.served_apis import load_record

_VERSION = re.compile(r"1\.\d{1,3}")


def reach_verdict(
    context: Context,
    environment: Environment,
    target: str,
    *,
    registry: Registry | None = None,
    progress: Callable[[str], None] = lambda _: None,
) -> UpgradeReport:
    """The verdict on an upgrade of the environment's cluster to that version. It changes nothing; EKS is asked to look
    at the cluster again. `progress` takes the name of each check that is done.

    Raises ConfigError for a version that is none, that EKS does not offer or that the cluster has, Refused for a lower
    one, NotFound where there is no cluster. What a check cannot read is a finding."""
    began = time.monotonic()
    check_form(target)
    rendered: list[HelmRelease] = []
    live = _live(context, environment, registry or load_registry(), rendered)
    current = str(live.cluster()["version"])
    check_target(environment, current, target, live)
    steps = list_steps(current, target)
    seen = _run_all(live, steps, progress)
    findings = sort_findings(_without_secrets(seen, context, rendered))
    return UpgradeReport(
        environment=environment.name,
        current=current,
        target=target,
        verdict=decide_verdict(findings),
        findings=findings,
        steps=tuple(
            UpgradeStep(
                before=s.before, after=s.after, verdict=decide_verdict(f for f in findings if f.step == s.after)
            )
            for s in steps
        ),
        apis_recorded=load_record().recorded,
        seconds=round(time.monotonic() - began, 1),
    )


def with_verdict(report: PlanReport, registry: Registry, context: Context) -> PlanReport:
    """The plan with the verdict on the upgrade that it would begin, where the environment's file asks for a higher
    Kubernetes version than the cluster runs. Raises as `reach_verdict` does."""
    wanted, live = context.env.kubernetes_version, report.cluster_version
    if live is None or minor_number(wanted) <= minor_number(live):
        return report
    return report.model_copy(update={"upgrade": reach_verdict(context, context.env, wanted, registry=registry)})


def check_form(target: str) -> None:
    """Raises ConfigError for what is no Kubernetes version."""
    if not _VERSION.fullmatch(target):
        raise ConfigError(f"{target!a} is no Kubernetes version; allowed: a minor version such as 1.35")


def check_target(env: Environment, current: str, target: str, live: Live) -> None:
    """Raises ConfigError where the cluster has the version, or EKS does not offer it; Refused for a lower one."""
    if target == current:
        raise ConfigError(f"the cluster of {env.name} runs Kubernetes {current} already; allowed: a higher version")
    if minor_number(target) < minor_number(current):
        raise Refused(
            f"the cluster of {env.name} runs Kubernetes {current}, and {target} is lower: an upgrade never goes back",
            next_step=f"eks-assets rollback {env.name} --plan shows what would go back; EKS takes a version back for 7 "
            "days",
        )
    # Where EKS may not be asked, the check of support dates says so.
    with suppress(AccessDenied, Transient):
        offered = live.cluster_versions()
        if target not in offered:
            names = ", ".join(sorted(offered, key=minor_number))
            raise ConfigError(f"EKS offers no Kubernetes {target} in {env.region}; it offers {names}")


def list_steps(current: str, target: str) -> tuple[Step, ...]:
    """The minor versions on the way, one at a time."""
    first, last = minor_number(current), minor_number(target)
    return tuple(Step(f"1.{minor}", f"1.{minor + 1}", minor == first) for minor in range(first, last))


def _run_all(live: Live, steps: Sequence[Step], progress: Callable[[str], None]) -> list[UpgradeFinding]:
    """Every check before every step, side by side: most wait for an answer."""
    running: list[Future[tuple[UpgradeFinding, ...]]] = []
    for check in list_checks():
        for step in steps:
            if step.is_first or not check.first_only:
                running.append(in_background(partial(_run, check, live, step, progress), check.name))
    return [finding for future in running for finding in future.result()]


def _run(check: UpgradeCheck, live: Live, step: Step, progress: Callable[[str], None]) -> tuple[UpgradeFinding, ...]:
    findings = run_check(check, live, step)
    progress(check.name)
    return findings


def _without_secrets(
    findings: Iterable[UpgradeFinding], context: Context, rendered: Iterable[HelmRelease]
) -> list[UpgradeFinding]:
    """What helm says of a chart may quote the values that it was given."""
    secrets = frozenset[str]().union(*(Redaction(context, spec).secrets() for spec in rendered))
    redact = Redactor(secrets).redact_text
    return [
        finding.model_copy(
            update={
                "object": redact(finding.object),
                "message": redact(finding.message),
                "evidence": tuple(map(redact, finding.evidence)),
                "way_out": redact(finding.way_out),
            }
        )
        for finding in findings
    ]


def _live(
    context: Context, environment: Environment, registry: Registry, rendered: list[HelmRelease]
) -> LiveEnvironment:
    """`rendered`: gets the releases that were asked for."""
    expect_releases(registry, context)

    def releases(kubernetes: str) -> Mapping[str, HelmRelease]:
        env = environment.model_copy(update={"kubernetes_version": kubernetes})
        specs: dict[str, HelmRelease] = {}
        for unit in registry.units:
            if issubclass(unit.spec_type, HelmRelease) and unit.is_enabled(env):
                outputs = known_outputs(registry, unit, context)
                # What a rollback holds back is what the next deploy wants, whatever the file says.
                desired = desired_spec(registry, unit, outputs, context)
                spec = desired.spec if desired.hold else render_spec(registry, env, unit, outputs)
                if isinstance(spec, HelmRelease):
                    specs[unit.name] = spec
        rendered.extend(specs.values())
        return specs

    def trees() -> list[AnyGitTree]:
        units = (u for u in registry.units if issubclass(u.spec_type, GitTree) and u.is_enabled(environment))
        specs = (desired_spec(registry, u, known_outputs(registry, u, context), context).spec for u in units)
        return [spec for spec in specs if isinstance(spec, GitTree)]

    return LiveEnvironment(context, releases, trees)
