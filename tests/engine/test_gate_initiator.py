"""Who asked for approval, and what it takes where nobody proved that: the gate on an account of its own."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from eks_assets.engine.approval_request import PendingApproval, approval_notification, describe_initiator
from eks_assets.engine.provenance import source_of
from resources.approval import store
from resources.approval.rules import RequestState
from resources.aws.session import Aws, Source
from resources.bootstrap.stack import apply_bootstrap
from resources.config.environment import Approval, Environment
from resources.context import Context
from resources.model.errors import ApprovalMissing, GateNotAnchored
from resources.records.change_entry import record_change
from sandbox.account import ROOT_KEY, ROOT_SECRET
from sandbox.credentials import Keys
from sandbox.people import role_arn
from tests.helpers.embedded_gate import GateAccount, gate_account
from tests.helpers.gate import PEOPLE, USERS, Gate
from tests.helpers.signed_commits import SignedCommits


@dataclass
class AskedGate(Gate):
    """A gate on an embedded AWS, where any of the people may ask."""

    endpoint: str = ""
    people: dict[str, dict[str, str]] = field(default_factory=dict, repr=False)

    def keys(self, person: str) -> Keys:
        root = {"access_key_id": ROOT_KEY, "secret_access_key": ROOT_SECRET}
        return Keys(**self.people.get(person, root), endpoint=self.endpoint)

    def session_keys(self, role: str, person: str, name: str) -> Keys:
        sts = self.keys(person).client("sts")
        made = sts.assume_role(RoleArn=role_arn(role), RoleSessionName=name)["Credentials"]
        return Keys(made["AccessKeyId"], made["SecretAccessKey"], self.endpoint, made["SessionToken"])

    def as_person(self, name: str) -> Context:
        keys = self.keys(name)
        source = Source(self.env.region, self.endpoint, keys.access_key_id, keys.secret_access_key)
        return Context(self.env, Aws(self.env, source, as_deployer=False))

    def ask(self, keys: Keys | None = None, **how: str) -> PendingApproval:
        return super().ask(keys or self.keys("initiator"), **how)

    def asked(self, keys: Keys | None = None, **how: str) -> RequestState:
        state = self.ask(keys, **how).state
        assert state is not None
        return state


@pytest.fixture(scope="module")
def aws_account(sandbox_env: Environment, tmp_path_factory: pytest.TempPathFactory) -> Iterator[GateAccount]:
    with gate_account(sandbox_env.region, tmp_path_factory.mktemp("account")) as account:
        yield account


@pytest.fixture(scope="module")
def env(aws_account: GateAccount, sandbox_env: Environment) -> Environment:
    """The environment `sandbox` with a gate, bootstrapped."""
    approval = Approval(before="applications", approvers=2, allow=PEOPLE)
    gated = sandbox_env.model_copy(update={"approval": approval})
    apply_bootstrap(gated)
    return gated


@pytest.fixture
def gate(aws_account: GateAccount, env: Environment, request: pytest.FixtureRequest) -> Iterator[AskedGate]:
    """A gate of the test's own: what other tests asked for or granted in the account does not count in it."""
    name = "".join(c if c.isalnum() else "-" for c in request.node.name)
    own = AskedGate(env, name, endpoint=f"http://127.0.0.1:{aws_account.server.port}", people=aws_account.people)
    yield own
    for asked in store.list_requests(own.context(), 48):
        store.record_use(own.context(), asked, store.ALL_UNITS, "done")


def test_request_of_a_person_takes_as_many_as_environment_says(gate: AskedGate) -> None:
    """A user who asks is a person: two others are enough, and the user is none of them."""
    state = gate.asked()
    assert (state.unproved, state.missing, state.request.initiator) == ("", 2, f"{USERS}initiator")
    assert gate.decide(state.request, "alice").status == "waiting"
    assert gate.decide(state.request, "bob").approvers == ("alice", "bob")
    gate.run("first")


def test_repeated_deploy_keeps_initiator(gate: AskedGate) -> None:
    """Whoever asks again for a request that waits does not become its initiator, nor does the first one cease to be."""
    first = gate.asked(gate.keys("root"))
    again = gate.asked(gate.keys("initiator"))
    assert again.request == first.request
    assert again.unproved == first.unproved != ""
    mine = [one for one in store.list_requests(gate.context(), 1) if one.digest == first.request.digest]
    assert [one.initiator for one in mine] == ["arn:aws:iam::000000000000:root"]
    assert gate.decide(first.request, "alice", "bob").missing == 1


def test_approver_who_asks_cannot_approve(gate: AskedGate) -> None:
    """Alice, who asks through the role that fixes a session's name to hers, is alice; two others have to approve."""
    digest = gate.asked().request.digest
    arn = "arn:aws:sts::000000000000:assumed-role/oncall-named/alice"
    request = store.create_request(gate.context(), digest, arn, store.list_requests(gate.context(), 1))
    state = gate.decide(request, "alice", "bob")
    assert (state.unproved, state.approvers, state.missing) == ("", ("bob",), 1)


@pytest.mark.parametrize("who", ["root", "free session", "Dagster"])
def test_request_of_nobody_proved_takes_three(who: str, gate: AskedGate) -> None:
    """The account's root, a free session name and Dagster prove nobody: two approvers do not open the gate."""
    if who == "free session":
        digest = gate.asked().request.digest
        arn = "arn:aws:sts::000000000000:assumed-role/oncall/bob"
        earlier = store.list_requests(gate.context(), 1)
        state = gate.decide(store.create_request(gate.context(), digest, arn, earlier))
    elif who == "root":
        state = gate.asked(gate.keys("root"))
    else:
        state = gate.asked(through="Dagster")
    assert "nobody proved who asked" in describe_initiator(state)
    with pytest.raises(ApprovalMissing, match="3 of 3 missing"):
        gate.run("first")
    assert gate.decide(state.request, "alice", "bob").missing == 1
    with pytest.raises(ApprovalMissing, match="1 of 3 missing"):
        gate.run("first")
    assert gate.decide(state.request, "carol").status == "granted"
    mail = approval_notification(gate.env, state, gate.ask().plan).sendable_message()
    assert "3 approvals by different people" in mail
    assert "nobody proved who asked" in mail
    gate.run("first")
    assert gate.stored("first") == "1"


def test_request_that_nobody_could_grant_is_not_submitted(gate: AskedGate) -> None:
    """With two in approval.allow and nobody proved, the error says how to ask as a person; so it is submitted."""
    allow = (f"{USERS}alice", f"{USERS}bob")
    gate.env = gate.env.model_copy(update={"approval": gate.approval.model_copy(update={"allow": allow})})
    before = store.list_requests(gate.context(), 1)
    with pytest.raises(ApprovalMissing, match="takes 3 approvers, and") as refused:
        gate.ask(gate.keys("root"))
    assert "eks-assets sandbox env --as initiator" in refused.value.next_step
    assert store.list_requests(gate.context(), 1) == before
    assert gate.asked().missing == 2


@pytest.fixture
def commits(gate: AskedGate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SignedCommits:
    """The environments' repository after a deploy; approval.people names a key of each approver."""
    made = SignedCommits(tmp_path)
    monkeypatch.setenv("EKS_ASSETS_ENVIRONMENTS", str(made.environments))
    people: dict[str, tuple[str, ...]] = {
        name: (f"{USERS}{name}", f"git:{made.key_of(name)}") for name in ("alice", "bob", "carol", "dora")
    }
    people["initiator"] = (f"{USERS}initiator",)
    allow = tuple(f"{USERS}{name}" for name in ("alice", "bob", "carol", "dora"))
    approval = gate.approval.model_copy(update={"allow": allow, "people": people})
    gate.env = gate.env.model_copy(update={"approval": approval})
    gate.anchor()
    made.commit(signed_by="alice")
    source = source_of(gate.context())
    now = dt.datetime.now(dt.UTC).isoformat(timespec="milliseconds")
    entry = {"unit": "first", "action": "create", "outcome": "done", "at": now}
    record_change(gate.context(), {**entry, "commit": source.commit, "code_commit": source.code_commit})
    return made


def test_author_of_what_is_deployed_cannot_approve_it(gate: AskedGate, commits: SignedCommits) -> None:
    """Bob signed what the initiator deploys: he has asked for it too."""
    commits.commit(signed_by="bob")
    state = gate.asked()
    assert (state.request.authors, state.unproved, state.missing) == (("bob",), "", 2)
    assert "with what bob committed" in describe_initiator(state)
    assert gate.decide(state.request, "bob", "alice").approvers == ("alice",)
    assert gate.decide(state.request, "carol").status == "granted"


def test_authors_prove_who_asks_where_a_sensor_launches(gate: AskedGate, commits: SignedCommits) -> None:
    """All that is deployed is signed: the two who did so have asked, and two others are enough."""
    commits.commit(signed_by="alice")
    commits.commit(signed_by="bob")
    state = gate.asked(through="Dagster")
    assert (state.request.authors, state.unproved, state.missing) == (("alice", "bob"), "", 2)
    assert gate.decide(state.request, "alice", "bob").missing == 2
    assert gate.decide(state.request, "carol").missing == 1


@pytest.mark.parametrize("who", ["nobody", "mallory", "uncommitted"])
def test_commit_that_proves_nobody_takes_one_approver_more(who: str, gate: AskedGate, commits: SignedCommits) -> None:
    """No signature, a key that approval.people does not name, and what is not committed: nobody proved who asks."""
    commits.commit(signed_by="bob")
    if who == "uncommitted":
        (commits.environments / "prod.yaml").write_text("name: changed\n")
    else:
        commits.commit(signed_by="" if who == "nobody" else who)
    state = gate.asked()
    assert (state.request.authors, state.request.strangers) == (("bob",), 1)
    assert "one commit is signed by nobody of approval.people" in describe_initiator(state)
    state = gate.decide(state.request, "alice", "bob", "carol")
    assert (state.approvers, state.missing) == (("alice", "carol"), 1)


def test_commits_of_an_earlier_deploy_are_nobodys_request(gate: AskedGate, commits: SignedCommits) -> None:
    """Nothing was committed since: who deploys has asked, nobody else."""
    state = gate.asked()
    assert (state.request.authors, state.request.strangers, state.unproved) == ((), 0, "")


def test_file_that_names_a_key_no_more_asks_for_less(gate: AskedGate, commits: SignedCommits) -> None:
    """Without the key the commits of its owner would be those of a stranger, without any nobody would look at them."""
    people = {**gate.approval.people, "bob": (f"{USERS}bob",)}
    less = gate.approval.model_copy(update={"people": people})
    gate.env = gate.env.model_copy(update={"approval": less})
    with pytest.raises(GateNotAnchored, match=r"people maps git:SHA256:.* to nobody; anchored: to bob"):
        gate.ask()
