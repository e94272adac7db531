"""Who decides, by AWS's own users, roles and policies: votes in anybody's name, one human of two kinds, and what the
pipeline and approvers may do to the anchored gate."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from resources.approval.decisions import write_decision
from resources.approval.record import ApprovalRecord, check_gate, read_request_state
from resources.approval.rules import ApprovalRequest
from resources.aws.session import Aws, Source
from resources.bootstrap.gate import anchor_json, make_anchor
from resources.config.environment import Approval
from resources.config.gate_anchor import anchor_of
from resources.config.names import gate_parameter
from resources.context import Context
from resources.model.errors import AccessDenied, GateNotAnchored
from tests.approval.conftest import USERS, Account
from tests.helpers.embedded_aws_server import refused

SESSIONS = "arn:aws:sts::000000000000:assumed-role/"
ROLES = "arn:aws:iam::000000000000:role/"
SSO = "AWSReservedSSO_Approver_0123456789abcdef"
OWN_NAME = {"StringEquals": {"sts:RoleSessionName": "${aws:username}"}}
ALLOW = (*(f"{USERS}{name}" for name in ("alice", "bob", "carol")), f"{SESSIONS}oncall/*", f"{SESSIONS}oncall-named/*")


def anchored(account: Account, **gate: Any) -> Account:
    """The account with that gate, as its administrator has anchored it."""
    approval = Approval(**{"approvers": 2, "allow": ALLOW, **gate})
    with_gate = replace(account, env=account.env.model_copy(update={"approval": approval}), clients={})
    write_anchor(with_gate, anchor_json(make_anchor(Context(with_gate.env, with_gate.aws("root")))))
    return with_gate


def write_anchor(account: Account, text: str) -> None:
    ssm = account.aws("root").client("ssm")
    ssm.put_parameter(Name=gate_parameter(account.env), Value=text, Type="String", Overwrite=True)


def as_session(account: Account, role: str, name: str, path: str = "", who: str = "alice") -> Context:
    """Somebody in a session of a role."""
    sts = account.aws(who).client("sts")
    keys = sts.assume_role(RoleArn=f"{ROLES}{path}{role}", RoleSessionName=name)["Credentials"]
    token = keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"]
    source = Source(account.env.region, account.endpoint, *token)
    return Context(account.env, Aws(account.env, source, as_deployer=False))


def decide(account: Account, request: ApprovalRequest, person: str, verdict: Any = "approve") -> None:
    write_decision(account.context_of(person), request, verdict, f"{person} says so")


@pytest.fixture
def account(aws_account: Account) -> Iterator[Account]:
    """The account with a gate of two approvers, anchored; afterwards with the file's, which is none."""
    yield anchored(aws_account)
    write_anchor(aws_account, anchor_json(anchor_of(aws_account.env.model_copy(update={"approval": None}))))


def test_people_and_their_sessions_decide(account: Account) -> None:
    """A user, and another one's session of a role that fixes its name, are two people; both of one user are one."""
    request = account.ask("people")
    write_decision(as_session(account, "oncall-named", "alice"), request, "approve", "as on-call")
    decide(account, request, "alice")
    assert account.state(request).approvers == ("alice",)
    decide(account, request, "bob")
    assert (account.state(request).status, account.state(request).approvers) == ("granted", ("alice", "bob"))


def test_votes_in_anybodys_name_do_not_count_once_the_role_is_changed(account: Account) -> None:
    """Vote as alice and as bob through a role whose session name is free, then make its trust policy demand it."""
    request, iam = account.ask("forged"), account.aws("root").client("iam")
    for session in ("alice", "bob"):
        write_decision(as_session(account, "oncall", session), request, "approve", "forged")
    before: Any = iam.get_role(RoleName="oncall")["Role"]["AssumeRolePolicyDocument"]
    statement = {**before["Statement"][0], "Condition": OWN_NAME}
    iam.update_assume_role_policy(RoleName="oncall", PolicyDocument=json.dumps({**before, "Statement": [statement]}))
    try:
        state = account.state(request)
    finally:
        iam.update_assume_role_policy(RoleName="oncall", PolicyDocument=json.dumps(before))
    assert (state.status, state.missing) == ("waiting", 2)
    assert all("caller's choice" in line for line in state.ignored)


def set_trust(account: Account, role: str, trust: Any) -> None:
    iam = account.aws("root").client("iam")
    iam.update_assume_role_policy(RoleName=role, PolicyDocument=json.dumps(trust))


def test_votes_while_a_trust_policy_was_changed_do_not_count_though_it_was_put_back(account: Account) -> None:
    """What a decision says of its writer is judged by the trust policy of then: CloudTrail knows of the change. An
    administrator who anchors the role again lets its sessions decide from then on."""
    request, iam = account.ask("opened"), account.aws("root").client("iam")
    trust: Any = iam.get_role(RoleName="oncall-named")["Role"]["AssumeRolePolicyDocument"]
    free = {key: value for key, value in trust["Statement"][0].items() if key != "Condition"}
    time.sleep(1.1)  # CloudTrail's times are whole seconds, as the anchor's is
    set_trust(account, "oncall-named", {**trust, "Statement": [free]})
    try:
        for session in ("alice", "bob"):
            write_decision(as_session(account, "oncall-named", session), request, "approve", "forged")
    finally:
        set_trust(account, "oncall-named", trust)
    state = account.state(request)
    assert (state.status, state.missing, len(state.ignored)) == ("waiting", 2, 2)
    why = "was changed between its anchored copy and this decision (UpdateAssumeRolePolicy by arn:aws:iam::"
    assert all(why in line for line in state.ignored)
    time.sleep(1.1)
    again = anchored(account)
    later = again.ask("decided again")
    write_decision(as_session(again, "oncall-named", "alice"), later, "approve", "as on-call")
    assert again.state(later).approvers == ("alice",)


def test_without_cloudtrail_the_anchored_copy_decides(account: Account) -> None:
    """Who may not look up events is told so once, and judges as without them."""
    request, said = account.ask("without CloudTrail"), list[str]()
    for person in ("alice", "bob"):
        write_decision(as_session(account, "oncall-named", person, who=person), request, "approve", "as on-call")
    iam = account.aws("root").client("iam")
    deny = {"Effect": "Deny", "Action": "cloudtrail:LookupEvents", "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [deny]})
    role = account.env.roles.deployer.arn.rpartition("/")[2] if account.env.roles.deployer else ""
    iam.put_role_policy(RoleName=role, PolicyName="blind", PolicyDocument=document)
    try:
        state = read_request_state(account.context(said.append), request, account.approval)
    finally:
        iam.delete_role_policy(RoleName=role, PolicyName="blind")
    assert (state.status, state.approvers) == ("granted", ("alice", "bob"))
    (line,) = [line for line in said if "anchored trust policies alone" in line]
    assert "cloudtrail:LookupEvents" in line


def test_votes_through_a_role_of_the_pipelines_making_do_not_count(account: Account) -> None:
    """A role whose name stacks can make proves nobody, not even where a file and an anchor have let it in."""
    request, iam = account.ask("made"), account.aws("root").client("iam")
    who = {"AWS": [f"{USERS}alice", f"{USERS}bob"]}
    statement = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": who, "Condition": OWN_NAME}
    trust = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    iam.create_role(RoleName="demo-sandbox-x", AssumeRolePolicyDocument=trust)
    rights = {"Effect": "Allow", "Action": "ssm:PutParameter", "Resource": "*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [rights]})
    iam.put_role_policy(RoleName="demo-sandbox-x", PolicyName="votes", PolicyDocument=policy)
    assume = json.dumps({"Version": "2012-10-17", "Statement": [{**rights, "Action": "sts:AssumeRole"}]})
    for person in ("alice", "bob"):
        iam.put_user_policy(UserName=person, PolicyName="made", PolicyDocument=assume)
        write_decision(as_session(account, "demo-sandbox-x", person, who=person), request, "approve", "forged")
    allow = (*ALLOW, f"{SESSIONS}demo-sandbox-x/*")
    let_in = replace(account, env=account.env.model_copy(update={"approval": Approval(approvers=2, allow=allow)}))
    state = let_in.state(request)
    assert (state.status, state.missing) == ("waiting", 2)
    assert all("is one that stacks can make" in line for line in state.ignored)


def test_human_of_two_kinds_is_one_person(aws_account: Account, account: Account) -> None:
    """alice as IAM user and through Identity Center is one voice, where both may approve at all."""
    role = account.aws("root").client("iam").get_role(RoleName=SSO)["Role"]["RoleId"]
    people = {name: (f"{USERS}{name}", f"{role}:{name}") for name in ("alice", "bob", "initiator")}
    identities = tuple(identity for person in people.values() for identity in person)
    mapped = anchored(aws_account, allow=identities, people=people)
    request = mapped.ask("two kinds")
    sso = as_session(mapped, SSO, "alice", "aws-reserved/sso.amazonaws.com/")
    write_decision(sso, request, "approve", "as alice of Identity Center")
    decide(mapped, request, "alice")
    assert (mapped.state(request).status, mapped.state(request).approvers) == ("waiting", ("alice",))
    decide(mapped, request, "bob")
    assert mapped.state(request).status == "granted"
    started_as_sso = mapped.ask("two kinds", f"{SESSIONS}{SSO}/alice")
    decide(mapped, started_as_sso, "alice")
    assert "whoever asked for approval cannot approve it" in mapped.state(started_as_sso).ignored[0]


def test_approvers_see_how_a_request_stands(account: Account) -> None:
    """With their own policy, after a vote through a role and after a rejection; looking writes nothing."""
    request = account.ask("seen by approvers")
    write_decision(as_session(account, "oncall-named", "bob", who="bob"), request, "approve", "as on-call")
    decide(account, request, "carol", "reject")
    states = ApprovalRecord.read(account.context_of("alice"), account.approval).states
    (state,) = [state for state in states if state.request == request]
    assert (state.status, state.by) == ("rejected", "carol")
    with pytest.raises(AccessDenied):
        ApprovalRecord.read(account.context_of("outsider"), account.approval)


def test_approver_policy_shows_how_a_request_stands(account: Account) -> None:
    """The managed policy that bootstrap makes is enough for it."""
    iam, request = account.aws("root").client("iam"), account.ask("seen with the policy")
    iam.create_user(UserName="dora")
    iam.attach_user_policy(UserName="dora", PolicyArn="arn:aws:iam::000000000000:policy/demo-sandbox-approver")
    key = iam.create_access_key(UserName="dora")["AccessKey"]
    source = Source(account.env.region, account.endpoint, key["AccessKeyId"], key["SecretAccessKey"])
    write_decision(as_session(account, "oncall", "anybody"), request, "approve", "through a role")
    decide(account, request, "carol", "reject")
    states = ApprovalRecord.read(Context(account.env, Aws(account.env, source, as_deployer=False)), account.approval)
    assert [state.status for state in states.states if state.request == request] == ["rejected"]


def test_role_that_nobody_may_read_is_no_person(account: Account) -> None:
    """Whoever may not read a role sees its vote as one that does not count, not an error."""
    request, iam = account.ask("unreadable"), account.aws("root").client("iam")
    write_decision(as_session(account, "oncall-named", "alice"), request, "approve", "as on-call")
    denial = {"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": "iam:GetRole", "Resource": "*"}]}
    iam.put_user_policy(UserName="bob", PolicyName="blind", PolicyDocument=json.dumps(denial))
    try:
        states = ApprovalRecord.read(account.context_of("bob"), account.approval).states
    finally:
        iam.delete_user_policy(UserName="bob", PolicyName="blind")
    (state,) = [state for state in states if state.request == request]
    assert (state.missing, "cannot be read" in state.ignored[0]) == (2, True)


def test_nobody_but_administrators_writes_the_anchor(account: Account) -> None:
    """The deployer, whatever of its rights, and approvers are refused by AWS; they read it."""
    name = gate_parameter(account.env)
    tag = {"ResourceType": "Parameter", "ResourceId": name, "Tags": [{"Key": "a", "Value": "b"}]}
    for context in (account.context(), account.context_of("alice")):
        ssm = context.aws.client("ssm")
        assert ssm.get_parameter(Name=name)["Parameter"]["Value"]
        assert "AccessDenied" in refused(ssm.put_parameter, Name=name, Value="{}", Overwrite=True)
        assert "AccessDenied" in refused(ssm.delete_parameter, Name=name)
        assert "AccessDenied" in refused(ssm.delete_parameters, Names=[name])
        assert "AccessDenied" in refused(ssm.label_parameter_version, Name=name, Labels=["x"])
        assert "AccessDenied" in refused(ssm.add_tags_to_resource, **tag)


def test_record_is_refused_where_the_file_asks_for_less(account: Account) -> None:
    """Neither the gate, nor a request, nor a sensor gets to see decisions by a lesser gate's terms."""
    more_people = Approval(approvers=2, allow=(*ALLOW, f"{USERS}mallory"))
    for approval in (Approval(approvers=1, allow=ALLOW), more_people, None):
        env = account.env.model_copy(update={"approval": approval})
        context = Context(env, account.context().aws)
        with pytest.raises(GateNotAnchored, match="asks for less than the anchored approval gate"):
            ApprovalRecord.read(context, approval or account.approval)
        with pytest.raises(GateNotAnchored):
            check_gate(context)


def test_grant_of_before_the_anchor_goes_on(aws_account: Account) -> None:
    """Where bootstrap has anchored nothing yet, a grant still holds; without one nothing goes on."""
    gate = Approval(approvers=2, allow=ALLOW)
    gated = replace(aws_account, env=aws_account.env.model_copy(update={"approval": gate}))
    ssm, name = aws_account.aws("root").client("ssm"), gate_parameter(aws_account.env)
    value = ssm.get_parameter(Name=name)["Parameter"]["Value"]
    ssm.delete_parameter(Name=name)
    try:
        request = gated.ask("of before")
        decide(gated, request, "alice")
        with pytest.raises(GateNotAnchored, match="an administrator runs: eks-assets bootstrap sandbox --apply"):
            check_gate(gated.context())
        decide(gated, request, "bob")
        check_gate(gated.context())
    finally:
        write_anchor(aws_account, value)
