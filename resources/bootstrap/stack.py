"""What must exist before the first deploy, as one stack that an administrator of the account applies."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

from resources.aws.session import Aws
from resources.bootstrap.gate import make_anchor, write_anchor
from resources.bootstrap.service_linked_roles import make_linked_roles
from resources.bootstrap.template import BootstrapOutputs, build_bootstrap_template
from resources.cloudformation import protect_from_replacement, stack_tags
from resources.config.environment import Environment, Roles
from resources.config.gate_anchor import GateAnchor
from resources.config.names import lease_table, ledger_bucket
from resources.context import Context, ignore_progress
from resources.drivers.stack.change_sets import is_inline
from resources.drivers.stack.driver import StackDriver
from resources.model.errors import AccessDenied, OperationFailed, WaitTimeout
from resources.model.outputs import NoOutputs
from resources.model.specs import Stack
from resources.support.polling import Poll, wait_until

__all__ = [
    "BootstrapOutputs",
    "apply_bootstrap",
    "build_bootstrap_stack",
    "build_bootstrap_template",
    "lease_table",
    "ledger_bucket",
]

_ROLES_KNOWN = 15.0  # seconds
_KEPT = ("LedgerBucket", "LedgerBucketPolicy", "LedgerKey", "LeaseTable")
# What holds a template that is too long to be sent as it is.
_LEDGER = ("LedgerBucket", "LedgerBucketPolicy", "LedgerKey", "LedgerKeyAlias")


def build_bootstrap_stack(env: Environment, anchor: GateAnchor | None = None) -> Stack[BootstrapOutputs]:
    """The bootstrap as a stack `<prefix>-bootstrap`; ledger, key and leases cannot be replaced through it. `anchor`: as
    for `build_bootstrap_template`."""
    return Stack[BootstrapOutputs](
        name=env.stack_name("bootstrap"),
        template=build_bootstrap_template(env, anchor),
        tags=stack_tags(env),
        policy=protect_from_replacement(*_KEPT),
    )


def apply_bootstrap(env: Environment, progress: Callable[[str], None] = ignore_progress) -> BootstrapOutputs:
    """Make or update the bootstrap with the caller's own rights: the roles of the environment need not exist yet.

    It also anchors the gate that the file asks for, with the roles of approvers as IAM has them. Needs an
    administrator's credentials of the environment's account. `progress` takes one line at a time. Raises ConfigError
    for a role that cannot approve, WrongAccount, AccessDenied, and what `StackDriver.apply` raises.
    """
    aws = Aws(env, as_deployer=False)
    progress(f"bootstrapping {env.name} as {aws.check_account()}")
    anchor = make_anchor(Context(env, aws, progress))
    context = Context(env.model_copy(update={"roles": Roles()}), aws, progress)
    driver, spec = StackDriver(), build_bootstrap_stack(env, anchor)
    change = driver.plan(spec, driver.observe(spec, context))
    progress(change.reason if change.is_needed else f"stack {spec.name} is up to date")
    if change.is_needed:
        if change.action == "create" and not is_inline(spec):
            progress("making the ledger first, in which the rest of the template is kept: it is too long to be sent")
            _make(driver, _ledger_alone(spec), context)
        _make(driver, spec, context)
    if change.action == "create":
        _wait_for_roles(env, progress)
    make_linked_roles(context)
    write_anchor(context, anchor)
    observed = driver.observe(spec, context)
    if observed is None or not isinstance(observed.outputs, BootstrapOutputs):
        raise OperationFailed(
            f"stack {spec.name} is there but its outputs are not", next_step="look at it in the console"
        )
    return observed.outputs


def _wait_for_roles(env: Environment, progress: Callable[[str], None]) -> None:
    """IAM makes a new role known everywhere some seconds later (IAM user guide, "Changes that I make are not always
    immediately visible"). Whoever may take the deployer sees when; whoever may not has waited long enough."""
    if env.roles.deployer is None:
        return

    def poll() -> Poll[bool]:
        try:
            Aws(env).check_account()
        except AccessDenied:
            return Poll(None, "IAM makes new roles known some seconds later")
        return Poll(True, "")

    with suppress(WaitTimeout):
        wait_until(poll, what="the deployer", deadline=_ROLES_KNOWN, interval=2, progress=progress)


def _ledger_alone(spec: Stack[BootstrapOutputs]) -> Stack[NoOutputs]:
    """The stack with the ledger and nothing else yet."""
    parts = {title: spec.template["Resources"][title] for title in _LEDGER}
    template = {"Description": spec.template["Description"], "Resources": parts}
    return Stack[NoOutputs](name=spec.name, template=template, tags=spec.tags, policy=spec.policy)


def _make(driver: StackDriver, spec: Stack[Any], context: Context) -> None:
    try:
        driver.apply(spec, context)
    except OperationFailed as error:
        raise OperationFailed(
            error.message,
            next_step=f"fix the cause, then eks-assets bootstrap {context.env.name} --apply. If a role exists already, "
            "it belongs to another environment of the account: give this one its own under roles",
        ) from error
