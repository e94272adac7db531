"""To whom a call is accounted: a run of the ledger, a program that acts for what is declared, or nobody. Pure."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from resources.audit.events import AwsEvent
from resources.audit.kubernetes_audit import SERVICE_ACCOUNT, AuditEvent
from resources.config.names import is_session_of_run

_CHANGE_SETS = frozenset({"CreateChangeSet", "DeleteChangeSet"})
# CloudTrail does not call them reads, and they change nothing.
_NO_CHANGES = frozenset({"DetectStackDrift", "DetectStackResourceDrift", "StartInsightsRefresh"})
_NODE = "system:node:"
# Parts of the control plane, which have no service account. `system:admin` and `system:anonymous` are none of them.
_CONTROL_PLANE = frozenset(
    {
        "system:apiserver",
        "system:cloud-controller-manager",
        "system:kube-controller-manager",
        "system:kube-proxy",
        "system:kube-scheduler",
    }
)
# Sessions of the pipeline's roles end after an hour: one that names a run which ended before that is not of it.
_RUN = re.compile(r"^eks-assets-.*-([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})$")
_SECOND = dt.timedelta(seconds=1)  # CloudTrail's times have no fractions
_SESSION = dt.timedelta(hours=1)


class Bootstrap(NamedTuple):
    """One that the ledger has: the ARN of the administrator, and from when to when."""

    who: str
    began: dt.datetime
    ended: dt.datetime


@dataclass(frozen=True)
class Declared:
    """What is known of an environment: `runs` in its ledger, with the time of their last entries; since when a run is
    `holding` the environment now, of which the ledger may have no entry yet; ARNs of the
    pipeline's own `roles`, and of the `service_role` with which CloudFormation makes its stacks; `names` of its stacks
    and of all that is in them; of the roles among that, whose ARNs are in the `account`, the names (`stack_roles`);
    `parameters`: the path of its parameters; `bootstraps` in its ledger, and the `bootstrap_names` of what those make;
    `service_accounts` of what is declared in its cluster, as `namespace/name`."""

    account: str = ""
    runs: Mapping[str, dt.datetime] = field(default_factory=dict)
    holding: dt.datetime | None = None
    roles: frozenset[str] = frozenset()
    service_role: str | None = None
    names: frozenset[str] = frozenset()
    stack_roles: frozenset[str] = frozenset()
    parameters: str = "/"
    bootstraps: tuple[Bootstrap, ...] = ()
    bootstrap_names: frozenset[str] = frozenset()
    service_accounts: frozenset[str] = frozenset()

    def concerns(self, event: AwsEvent) -> bool:
        """Whether a call of AWS is one on the environment's resources, or by its roles."""
        if event.name in _NO_CHANGES:
            return False
        return (
            event.role in self.roles
            or self.is_stack_role(event.role)
            or bool(self.names & self.names_in(event))
            or bool(self.parameters_in(event))
        )

    def names_in(self, event: AwsEvent) -> set[str]:
        """What a call names, and the parts of each ARN of this account, by which a stack may know the same thing."""
        arns = (name.split(":", 5) for name in event.names if name.startswith("arn:") and name.count(":") >= 5)
        own = (arn[5] for arn in arns if arn[4] in ("", self.account))
        return {*event.names, *(part for name in own for part in re.split("[:/]", name))}

    def is_stack_role(self, role: str) -> bool:
        """Whether a role, by its ARN, is one of a stack's. Other accounts have roles of that name, too."""
        return _account(role) == self.account and _name(role) in self.stack_roles

    def parameters_in(self, event: AwsEvent) -> list[str]:
        """Which of the environment's parameters a call names, by name or ARN."""
        plain = (n.partition(":parameter")[2] if n.startswith("arn:") else n for n in event.names)
        return [name for name in plain if name.startswith(self.parameters)]


def account_of_aws(event: AwsEvent, declared: Declared) -> str:
    """Whose a call of AWS is, in words; empty where nobody approved it."""
    if event.role in declared.roles:
        if run := _run(event.session, event.time, declared):
            return f"run {run}"
        return "plans, by change sets that were not executed" if event.name in _CHANGE_SETS else ""
    if _is_of_bootstrap(event, declared):
        return f"bootstrap by {event.actor}"
    if event.is_of_cloudformation:
        # Without the service role it acts for whoever asked, maybe for a stack of their own that reaches into ours.
        is_ours = declared.service_role is not None and event.role == declared.service_role
        return "CloudFormation, for stacks whose own operations are accounted for one by one" if is_ours else ""
    if event.name == "PutParameter" and _is_decision(event, declared):
        return "decisions on plans, which count by their writers' own rights"
    if declared.is_stack_role(event.role):
        return f"role {_name(event.role)} of a stack"
    if event.invoked_by and not event.actor.startswith("arn:"):
        return f"AWS service {event.invoked_by}"
    return f"AWS service role {_name(event.role)}" if ":role/aws-service-role/" in event.role else ""


def account_of_kubernetes(event: AuditEvent, declared: Declared) -> str:
    """Whose a change of an object is, in words; empty where nobody approved it."""
    if event.is_of_service_account:
        name = event.user.removeprefix(SERVICE_ACCOUNT).replace(":", "/")
        return f"controller {name}" if name in declared.service_accounts else ""
    if event.user.startswith(_NODE):
        return "the control plane's system:node"
    # EKS lets nobody else have a name that begins with eks:.
    if event.user in _CONTROL_PLANE or event.user.startswith("eks:"):
        return f"the control plane's {event.user}"
    is_ours = any(event.user.startswith(_sessions(role)) for role in declared.roles)
    run = _run(event.session, event.time, declared) if is_ours else ""
    return f"run {run}" if run else ""


def _is_decision(event: AwsEvent, declared: Declared) -> bool:
    """Whether all parameters that a call names are those of decisions: other texts of it may say anything."""
    parameters = declared.parameters_in(event)
    return bool(parameters) and all(name.startswith(f"{declared.parameters}approvals/") for name in parameters)


def _is_of_bootstrap(event: AwsEvent, declared: Declared) -> bool:
    """Whether the administrator of a bootstrap called, while it ran, for what bootstrap makes."""
    time = _time(event.time)
    return bool(declared.bootstrap_names & declared.names_in(event)) and any(
        event.actor == one.who and time is not None and one.began - _SECOND <= time <= one.ended
        for one in declared.bootstraps
    )


def _run(session: str, time: str, declared: Declared) -> str:
    """The run that a session of the pipeline's role belongs to; empty where there is none."""
    runs = (run for run, last in declared.runs.items() if is_session_of_run(session, run) and _is_within(time, last))
    known = next(runs, "")
    at, named = _time(time), _RUN.search(session)
    if known or named is None or at is None or declared.holding is None or at < declared.holding - _SECOND:
        return known
    return f"{named[1]}, while a run holds the environment: the ledger does not have it yet"


def _is_within(time: str, last: dt.datetime) -> bool:
    """Whether a run whose last entry is of then could still have called at that time."""
    at = _time(time)
    return at is not None and at - last <= _SESSION


def _time(text: str) -> dt.datetime | None:
    try:
        at = dt.datetime.fromisoformat(text)
    except ValueError:
        return None
    return at if at.tzinfo else at.replace(tzinfo=dt.UTC)


def _sessions(role: str) -> str:
    """What the ARNs of a role's sessions begin with."""
    _, partition, _, _, account, _ = role.split(":", 5)
    return f"arn:{partition}:sts::{account}:assumed-role/{_name(role)}/"


def _account(role: str) -> str:
    return role.split(":")[4] if role.count(":") >= 5 else ""


def _name(role: str) -> str:
    return role.rpartition("/")[2]
