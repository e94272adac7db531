"""What an upgrade of nodes would stop, or be stopped by: budgets that allow nothing, single replicas, webhooks.

Source: EKS user guide, "Understand each phase of node updates" (PodEvictionFailure); Kubernetes, "Specifying a
Disruption Budget for your Application", "Dynamic Admission Control".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from resources.upgrade.live import Finding, Live, Object, Step
from resources.upgrade.registry import first_step_check

_MOST = 10
_WEBHOOKS = ("MutatingWebhookConfiguration", "ValidatingWebhookConfiguration")
_ADMISSION = "admissionregistration.k8s.io/v1"
_SYSTEM = "kube-system"
_NAME_LABEL = "kubernetes.io/metadata.name"


@first_step_check
def check_disruption_budgets(live: Live, _: Step) -> Iterator[Finding]:
    """Those that allow no disruption now: a node with such a pod cannot be drained."""
    for budget in live.objects("policy/v1", "PodDisruptionBudget"):
        status, name = budget.get("status") or {}, _place(budget)
        if not keeps_pods(budget):
            continue
        healthy, desired = status.get("currentHealthy", 0), status.get("desiredHealthy", 0)
        evidence = (f"{healthy} pods are healthy, {desired} must be, of {status['expectedPods']}",)
        message = "it allows no disruption, so that no node with one of its pods can be drained"
        if healthy < desired:
            way_out = f"make its pods healthy first: kubectl -n {_namespace(budget)} get pods"
        else:
            way_out = f"more replicas, or maxUnavailable: 1: kubectl -n {_namespace(budget)} edit pdb {_name(budget)}"
        yield Finding("blocker", f"PodDisruptionBudget {name}", message, way_out, evidence)


def keeps_pods(budget: Object) -> bool:
    """Whether the PodDisruptionBudget allows no disruption of the pods that it has."""
    status = budget.get("status") or {}
    return bool(status.get("expectedPods")) and not status.get("disruptionsAllowed")


@first_step_check
def check_single_replicas(live: Live, _: Step) -> Iterator[Finding]:
    """Workloads that are away while their one pod moves to another node."""
    names = [
        f"{kind} {_place(obj)}"
        for kind in ("Deployment", "StatefulSet")
        for obj in live.objects("apps/v1", kind)
        if (obj.get("spec") or {}).get("replicas", 1) == 1
    ]
    if names:
        more = [f"and {len(names) - _MOST} more"] if len(names) > _MOST else []
        message = f"{len(names)} workloads run one replica, and are away while it moves to another node"
        way_out = "two replicas of those that may not be away (values of their add-on), or a time when they may"
        yield Finding("warning", "single replicas", message, way_out, (*sorted(names)[:_MOST], *more))


@first_step_check
def check_webhooks(live: Live, _: Step) -> Iterator[Finding]:
    """Webhooks that nobody answers, and those that can stop what kube-system needs to come back."""
    slices = live.objects("discovery.k8s.io/v1", "EndpointSlice")
    for kind in _WEBHOOKS:
        for configuration in live.objects(_ADMISSION, kind):
            for webhook in configuration.get("webhooks") or ():
                yield from _webhook(f"{kind} {_name(configuration)}", webhook, slices)


def _webhook(owner: str, webhook: Mapping[str, Any], slices: Any) -> Iterator[Finding]:
    service, fails = (webhook.get("clientConfig") or {}).get("service"), webhook.get("failurePolicy") != "Ignore"
    what = f"webhook {webhook['name']} ({owner})"
    delete = f"kubectl delete {owner}"
    if service and not _is_ready(service, slices):
        where = f"Service {service['namespace']}/{service['name']}"
        evidence = (f"{where} has no ready endpoint", f"failurePolicy: {'Fail' if fails else 'Ignore'}")
        if fails:
            message = "nobody answers it, and what it is asked about is refused: pods of moved nodes among it"
            way_out = f"make the pods of {where} ready, or, where it is left over: {delete}"
            yield Finding("blocker", what, message, way_out, evidence)
        else:
            message = "nobody answers it, and every request that it is asked about waits for that"
            yield Finding("warning", what, message, f"make the pods of {where} ready, or: {delete}", evidence)
    elif fails and _asks_for_pods(webhook) and _reaches_system(webhook):
        message = f"it refuses pods of {_SYSTEM} while its own pods move: CoreDNS and others may not come back"
        way_out = f"namespaceSelector without {_SYSTEM}, or failurePolicy: Ignore, by the values of its chart"
        yield Finding("warning", what, message, way_out)


def _is_ready(service: Mapping[str, Any], slices: Any) -> bool:
    wanted = (service.get("namespace"), service.get("name"))
    return any(
        (endpoint.get("conditions") or {}).get("ready", True) is not False
        for one in slices
        if (_namespace(one), (one["metadata"].get("labels") or {}).get("kubernetes.io/service-name")) == wanted
        for endpoint in one.get("endpoints") or ()
    )


def _asks_for_pods(webhook: Mapping[str, Any]) -> bool:
    return any(
        {"", "*"} & set(rule.get("apiGroups") or ())
        and {"*", "*/*", "pods", "pods/*"} & set(rule.get("resources") or ())
        and {"*", "CREATE"} & set(rule.get("operations") or ())
        for rule in webhook.get("rules") or ()
    )


def _reaches_system(webhook: Mapping[str, Any]) -> bool:
    """Whether its selector takes kube-system in, whose labels nobody but Kubernetes need have set."""
    selector = webhook.get("namespaceSelector") or {}
    labels = {_NAME_LABEL: _SYSTEM}
    if any(labels.get(key) != value for key, value in (selector.get("matchLabels") or {}).items()):
        return False
    return all(_matches(expression, labels) for expression in selector.get("matchExpressions") or ())


def _matches(expression: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    value, values = labels.get(expression["key"]), expression.get("values") or ()
    match expression["operator"]:
        case "In":
            return value in values
        case "NotIn":
            return value not in values
        case "Exists":
            return value is not None
        case _:
            return value is None


def _name(obj: Object) -> str:
    return str(obj["metadata"]["name"])


def _namespace(obj: Object) -> str:
    return str(obj["metadata"].get("namespace", ""))


def _place(obj: Object) -> str:
    return f"{_namespace(obj)}/{_name(obj)}".lstrip("/")
