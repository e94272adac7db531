"""To whom a call is accounted: a run of the ledger, a program that acts for what is declared, or nobody. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from resources.audit.events import AwsEvent
from resources.audit.kubernetes_audit import AuditEvent
from resources.config.names import is_session_of_run

_CHANGE_SETS = frozenset({"CreateChangeSet", "DeleteChangeSet"})
_SERVICE_ACCOUNT = "system:serviceaccount:"
_CONTROL_PLANE = ("system:", "eks:")


@dataclass(frozen=True)
class Declared:
    """What is known of an environment: the ids of `runs` in its ledger; ARNs of the pipeline's own `roles`; `names` of
    its stacks and of all that is in them; names of the `stack_roles` among that; `parameters`: the path of its
    parameters; `namespaces` of its releases, whose service accounts act for what is declared."""

    runs: frozenset[str] = frozenset()
    roles: frozenset[str] = frozenset()
    names: frozenset[str] = frozenset()
    stack_roles: frozenset[str] = frozenset()
    parameters: str = "/"
    namespaces: frozenset[str] = frozenset()

    def concerns(self, event: AwsEvent) -> bool:
        """Whether a call of AWS is one on the environment's resources, or by its roles."""
        return (
            event.role in self.roles
            or _role_name(event) in self.stack_roles
            or bool(self.names & event.names)
            or any(name.startswith(self.parameters) for name in event.names)
        )


def account_of_aws(event: AwsEvent, declared: Declared) -> str:
    """Whose a call of AWS is, in words; empty where nobody approved it."""
    if event.is_of_cloudformation:
        return "CloudFormation, for stacks whose own operations are accounted for one by one"
    if event.role in declared.roles:
        run = _run(event.session, declared)
        if run:
            return f"run {run}"
        return "plans, by change sets that were not executed" if event.name in _CHANGE_SETS else ""
    if event.name == "PutParameter" and any("/approvals/" in name for name in event.names):
        return "decisions on plans, which count by their writers' own rights"
    if _role_name(event) in declared.stack_roles:
        return f"role {_role_name(event)} of a stack"
    if event.invoked_by and not event.actor.startswith("arn:"):
        return f"AWS service {event.invoked_by}"
    return f"AWS service role {_role_name(event)}" if "/aws-service-role/" in event.role else ""


def account_of_kubernetes(event: AuditEvent, declared: Declared) -> str:
    """Whose a change of an object is, in words; empty where nobody approved it."""
    if event.user.startswith(_SERVICE_ACCOUNT):
        namespace, _, name = event.user.removeprefix(_SERVICE_ACCOUNT).partition(":")
        return f"controller {namespace}/{name}" if namespace in declared.namespaces else ""
    if event.user.startswith(_CONTROL_PLANE):
        return f"the control plane's {event.user.split(':node:')[0]}"
    is_ours = any(f":assumed-role/{arn.rpartition('/')[2]}/" in event.user for arn in declared.roles)
    run = _run(event.session, declared) if is_ours else ""
    return f"run {run}" if run else ""


def _run(session: str, declared: Declared) -> str:
    return next((run for run in declared.runs if is_session_of_run(session, run)), "")


def _role_name(event: AwsEvent) -> str:
    return event.role.rpartition("/")[2]
