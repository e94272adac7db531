"""Whose a call is: a run of the ledger, a program that acts for what is declared, or nobody's."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import Any

import pytest

from eks_assets.engine.drift.attribution import Bootstrap, Declared, account_of_aws, account_of_kubernetes
from resources.audit.events import AwsEvent
from resources.audit.kubernetes_audit import AuditEvent
from resources.config.names import session_name

RUN, OTHER = "5f0c3a9d-0000-4000-8000-000000000001", "5f0c3a9d-0000-4000-8000-000000000002"
DEPLOYER, KARPENTER = "arn:aws:iam::1:role/acme-dev-deployer", "arn:aws:iam::1:role/acme-dev-karpenter"
NOON = dt.datetime(2026, 11, 30, 10, tzinfo=dt.UTC)
ADMIN = "arn:aws:iam::1:user/admin"
SERVICE = "arn:aws:iam::1:role/acme-dev-cloudformation"
DECLARED = Declared(
    account="1",
    runs={RUN: NOON},
    roles=frozenset({DEPLOYER}),
    service_role=SERVICE,
    names=frozenset({"sg-1", "acme-dev-karpenter"}),
    stack_roles=frozenset({"acme-dev-karpenter"}),
    parameters="/acme/dev/",
    bootstraps=(Bootstrap(ADMIN, NOON, NOON + dt.timedelta(minutes=2)),),
    bootstrap_names=frozenset({"acme-dev-deployer"}),
    service_accounts=frozenset({"kube-system/coredns", "argocd/argocd-application-controller"}),
)
OF_BOOTSTRAP = frozenset({"acme-dev-deployer"})
IN_TIME, LATE = "2026-11-30T10:59:59Z", "2026-11-30T11:00:01Z"
FOR_A_STACK = "cloudformation.amazonaws.com"


def aws(**more: Any) -> AwsEvent:
    return AwsEvent(
        **{"identifier": "1", "name": "X", "source": "ec2.amazonaws.com", "time": IN_TIME, "actor": "a", **more}
    )


def kubernetes(user: str, time: str = IN_TIME) -> AuditEvent:
    return AuditEvent("1", time, user, "patch", "deployments", "a", "b")


def session_of(role: str, session: str) -> str:
    return f"arn:aws:sts::1:assumed-role/{role.rpartition('/')[2]}/{session}"


@pytest.mark.parametrize(
    ("event", "whose"),
    [
        (aws(role=DEPLOYER, session=session_name("acme-dev", RUN)), f"run {RUN}"),
        (aws(role=DEPLOYER, session=session_name("acme-dev", RUN), time=LATE), ""),
        (aws(role=DEPLOYER, session=session_name("acme-dev", RUN), time="?"), ""),
        (aws(role=DEPLOYER, session=session_name("acme-dev", OTHER)), ""),
        (aws(role=DEPLOYER, session=session_name("acme-dev", None)), ""),
        (aws(role=DEPLOYER, session="alice", name="CreateChangeSet"), "plans"),
        (aws(actor="arn:aws:iam::1:user/alice", name="CreateChangeSet"), ""),
        (aws(actor=ADMIN, names=OF_BOOTSTRAP, time="2026-11-30T10:02:00Z"), f"bootstrap by {ADMIN}"),
        (aws(actor=ADMIN, names=OF_BOOTSTRAP, time="2026-11-30T10:02:01Z"), ""),
        (aws(actor=ADMIN, names=OF_BOOTSTRAP, time="2026-11-30T09:59:58Z"), ""),
        (aws(actor=ADMIN, names=frozenset({"sg-1"}), time="2026-11-30T10:01:00Z"), ""),
        (aws(actor="alice", names=OF_BOOTSTRAP, time="2026-11-30T10:01:00Z"), ""),
        (aws(role=KARPENTER), "role acme-dev-karpenter of a stack"),
        (aws(role=KARPENTER.replace("::1:", "::2:")), ""),
        (aws(role="arn:aws:iam::1:role/alice", session=session_name("acme-dev", RUN)), ""),
        (aws(invoked_by=FOR_A_STACK, role=SERVICE, session="AWSCloudFormation"), "CloudFormation"),
        (aws(invoked_by=FOR_A_STACK, role=DEPLOYER, session=session_name("acme-dev", RUN)), f"run {RUN}"),
        (aws(invoked_by=FOR_A_STACK, role=DEPLOYER, session="alice"), ""),
        (aws(invoked_by=FOR_A_STACK, actor="arn:aws:iam::1:user/alice"), ""),
        (aws(invoked_by=FOR_A_STACK, role="arn:aws:iam::1:role/theirs", session="AWSCloudFormation"), ""),
        (aws(invoked_by="eks.amazonaws.com", actor="eks.amazonaws.com"), "AWS service eks"),
        (aws(invoked_by="athena.amazonaws.com", actor="arn:aws:iam::1:user/alice"), ""),
        (aws(role="arn:aws:iam::1:role/aws-service-role/eks.amazonaws.com/AWSServiceRoleForAmazonEKS"), "AWS service"),
        (aws(name="PutParameter", names=frozenset({"/acme/dev/approvals/1"})), "decisions"),
        (aws(name="DeleteParameter", names=frozenset({"/acme/dev/approvals/1"})), ""),
        (aws(name="PutParameter", names=frozenset({"/acme/dev/x", "/acme/dev/approvals/1"})), ""),
        (aws(name="PutParameter", names=frozenset({"/acme/dev/x", "/approvals/"})), ""),
    ],
)
def test_calls_of_aws(event: AwsEvent, whose: str) -> None:
    """A session of ours counts by the run in its name, and only where the ledger knows that run."""
    account = account_of_aws(event, DECLARED)
    assert account.startswith(whose)
    assert bool(account) == bool(whose)


@pytest.mark.parametrize(
    ("user", "whose"),
    [
        (session_of(DEPLOYER, session_name("acme-dev", RUN)), f"run {RUN}"),
        (session_of(DEPLOYER, session_name("acme-dev", OTHER)), ""),
        (session_of(DEPLOYER, session_name("acme-dev", None)), ""),
        (session_of(DEPLOYER, session_name("acme-dev", RUN)).replace("::1:", "::2:"), ""),
        (session_of("role/alice", session_name("acme-dev", RUN)), ""),
        (
            "system:serviceaccount:argocd:argocd-application-controller",
            "controller argocd/argocd-application-controller",
        ),
        ("system:serviceaccount:default:miner", ""),
        ("system:serviceaccount:kube-system:miner", ""),
        ("system:serviceaccount:argocd:miner", ""),
        ("system:node:ip-10-0-0-1", "the control plane's system:node"),
        ("system:kube-scheduler", "the control plane's system:kube-scheduler"),
        ("system:anonymous", ""),
        ("system:admin", ""),
        ("eks:addon-manager", "the control plane's eks:addon-manager"),
        ("kubernetes-admin", ""),
    ],
)
def test_changes_of_objects(user: str, whose: str) -> None:
    """Service accounts count one by one, whatever else is declared in their namespace."""
    assert account_of_kubernetes(kubernetes(user), DECLARED) == whose


@pytest.mark.parametrize(
    ("session", "time", "is_known"),
    [
        (session_name("acme-dev", OTHER), "2026-11-30T10:30:00Z", True),
        (session_name("acme-dev", OTHER), "2026-11-30T10:29:58Z", False),
        (session_name("acme-dev", None), "2026-11-30T10:30:00Z", False),
        ("alice", "2026-11-30T10:30:00Z", False),
    ],
)
def test_run_that_is_going_has_no_entry_yet(session: str, time: str, is_known: bool) -> None:
    """A session that names a run is not accused while a run holds the environment; afterwards the ledger decides."""
    holding = replace(DECLARED, holding=dt.datetime(2026, 11, 30, 10, 30, tzinfo=dt.UTC))
    event = aws(role=DEPLOYER, session=session, time=time)
    assert account_of_aws(event, DECLARED) == ""
    assert bool(account_of_aws(event, holding)) is is_known


def test_session_of_a_run_that_has_ended_is_nobodys() -> None:
    """The name of an old run, which everybody can read in the ledger, gives nothing."""
    user = session_of(DEPLOYER, session_name("acme-dev", RUN))
    assert account_of_kubernetes(kubernetes(user, LATE), DECLARED) == ""


@pytest.mark.parametrize(
    ("event", "concerns"),
    [
        (aws(names=frozenset({"sg-1"})), True),
        (aws(names=frozenset({"sg-2"})), False),
        (aws(names=frozenset({"arn:aws:ec2:us-west-2:1:security-group/sg-1"})), True),
        (aws(names=frozenset({"arn:aws:ec2:us-west-2:1:security-group/sg-11"})), False),
        (aws(names=frozenset({"arn:aws:iam::2:role/acme-dev-karpenter"})), False),
        (aws(names=frozenset({"/acme/dev/x"})), True),
        (aws(names=frozenset({"arn:aws:ssm:us-west-2:1:parameter/acme/dev/x"})), True),
        (aws(names=frozenset({"/acme/dev-2/x"})), False),
        (aws(names=frozenset({"arn:aws:ssm:us-west-2:1:parameter/acme/dev-2/x"})), False),
        (aws(names=frozenset({"sg-1"}), name="DetectStackDrift"), False),
        (aws(role=DEPLOYER), True),
        (aws(role=KARPENTER), True),
    ],
)
def test_what_concerns_the_environment(event: AwsEvent, concerns: bool) -> None:
    """Its own resources, what its roles do, and its parameters, none of its neighbour's."""
    assert DECLARED.concerns(event) is concerns


def test_session_names_fit_and_keep_the_run_whole() -> None:
    """STS takes 64 characters."""
    assert session_name("acme-dev", None) == "eks-assets-acme-dev"
    longest = session_name("a" * 60, RUN)
    assert (len(longest), longest[-36:]) == (64, RUN)
