"""Runs the probe of a health check (`resources/model/checks.py`): once, or until the check passes."""

from __future__ import annotations

from typing import Any

from resources.context import Context
from resources.drivers.git.applied_objects import forget_argo_objects
from resources.drivers.helm.live_objects import forget_objects
from resources.drivers.helm.storage import RELEASE_SECRETS
from resources.model import checks
from resources.model.checks import Check
from resources.model.errors import PipelineError, Unreachable, WaitTimeout
from resources.model.specs import Spec
from resources.probes.applications import application_endpoint, applications_healthy
from resources.probes.aws import (
    addons_active,
    certificate_issued,
    cluster_active,
    endpoint_answers,
    stack_complete,
    zone_served,
)
from resources.probes.helm import releases_ready, workloads_ready
from resources.probes.kubernetes import NODES, crds_established, nodes_ready, objects_exist, objects_ready, pods_ready
from resources.probes.result import CheckResult, Probe
from resources.probes.specs import branch_head, in_sync
from resources.support.polling import Poll, wait_until


def run_probe(check: Check, spec: Spec[Any], context: Context) -> CheckResult:
    """Run the check's probe once. What cannot be read counts as not passed, with the reason."""
    try:
        return _PROBES[type(check)](check, spec, context)
    except Unreachable as error:
        # The rules of a group that nobody changes meanwhile: waiting lets nobody in.
        return CheckResult(False, f"{error.message}. Next: {error.next_step}", is_final=True)
    except PipelineError as error:
        return CheckResult(False, error.message)


def wait_for_check(check: Check, spec: Spec[Any], context: Context) -> CheckResult:
    """Run the probe until the check passes or its deadline (its own, else the environment's) is over, each time on
    fresh listings of the cluster; a result that waiting does not change ends it."""
    deadline = check.deadline or context.env.deadlines.probe

    def poll() -> Poll[CheckResult]:
        context.cache.invalidate(RELEASE_SECRETS)
        forget_objects(context)
        forget_argo_objects(context)
        context.cache.invalidate(NODES)
        result = run_probe(check, spec, context)
        return Poll(result if result.passed or result.is_final else None, result.detail)

    try:
        return wait_until(poll, what=check.name, deadline=deadline, interval=check.interval, progress=context.progress)
    except WaitTimeout as error:
        return CheckResult(False, error.message)


_PROBES: dict[type[Check], Probe] = {
    checks.StackComplete: stack_complete,
    checks.ClusterActive: cluster_active,
    checks.EndpointAnswers: endpoint_answers,
    checks.NodesReady: nodes_ready,
    checks.AddonsActive: addons_active,
    checks.WorkloadsReady: workloads_ready,
    checks.ObjectsExist: objects_exist,
    checks.ObjectsReady: objects_ready,
    checks.CrdsEstablished: crds_established,
    checks.CertificateIssued: certificate_issued,
    checks.ZoneServed: zone_served,
    checks.ParameterStored: in_sync,
    checks.LookupFound: in_sync,
    checks.BranchHead: branch_head,
    checks.InSync: in_sync,
    checks.PodsReady: pods_ready,
    checks.ReleasesReady: releases_ready,
    checks.ApplicationsHealthy: applications_healthy,
    checks.ApplicationEndpoint: application_endpoint,
}
