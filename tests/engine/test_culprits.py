"""Who changed a stack's resources behind its back: drift asks CloudTrail, on an embedded AWS."""

from __future__ import annotations

import datetime as dt
import json
import time
from collections.abc import Iterator

import pytest

from eks_assets.engine.drift import culprits
from eks_assets.plan.drift import DriftReport, FindingEntry
from resources.audit.cloudtrail import CloudTrail
from resources.config.environment import Environment
from resources.model.change import FieldChange
from resources.model.drift import EXISTS, AwsResource, Drift, Finding
from tests.helpers.drifting_account import ADMINISTRATOR, DriftingAccount
from tests.helpers.embedded_aws_server import Aws as Server
from tests.helpers.embedded_aws_server import policy


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory, sandbox_env: Environment) -> Iterator[DriftingAccount]:
    server = Server(tmp_path_factory.mktemp("embedded-aws")).start()
    yield DriftingAccount(server, sandbox_env)
    server.stop()


def of(report: DriftReport, name: str) -> FindingEntry:
    (finding,) = [f for f in report.findings if name in f.object]
    return finding


def test_each_finding_says_who_called_what_whence_and_when(account: DriftingAccount) -> None:
    """A person, by another call than the stack's and than refused ones; what nobody else touched has none."""
    iam = account.server.client("iam", *account.alice)
    iam.attach_role_policy(RoleName="A-role", PolicyArn=ADMINISTRATOR)
    with pytest.raises(iam.exceptions.NoSuchEntityException):
        iam.delete_role_policy(RoleName="A-role", PolicyName="none")
    account.server.client("ssm").put_parameter(
        Name=account.env.parameter_path("efs/file-system-id"), Value="fs-2", Type="String"
    )
    report = account.drift()
    role, changed = of(report, "A-role"), of(report, "file-system-id")
    assert role.culprit == "arn:aws:iam::000000000000:user/alice (AttachRolePolicy from 127.0.0.1)"
    assert changed.culprit == "arn:aws:iam::000000000000:root (PutParameter from 127.0.0.1)"
    assert role.since is not None
    assert role.since[:2] == "20"
    assert (report.notes, report.exit_code()) == ((), 4)


def test_of_a_change_without_an_event_it_is_said_once_that_nobody_is_known_yet(
    account: DriftingAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The findings stay, and so does the exit code."""
    monkeypatch.setattr(CloudTrail, "newest_change", lambda self, resource: None)
    report = account.drift()
    assert len(report.findings) == 2
    assert {f.culprit for f in report.findings} == {None}
    (note,) = report.notes
    assert "who changed 2 resources of AWS is not known yet" in note
    assert report.exit_code() == 4


def test_denied_lookup_is_one_note_with_the_command(account: DriftingAccount) -> None:
    """Whoever may not read CloudTrail still learns what has drifted."""
    iam, role = account.server.client("iam"), str(account.env.roles.planner).rpartition("/")[2]
    deny = policy("cloudtrail:LookupEvents", Resource="*")
    deny["Statement"][0]["Effect"] = "Deny"
    iam.put_role_policy(RoleName=role, PolicyName="deny", PolicyDocument=json.dumps(deny))
    report = account.drift()
    iam.delete_role_policy(RoleName=role, PolicyName="deny")
    assert len(report.findings) == 2
    (note,) = report.notes
    assert "who changed resources of AWS is not known" in note
    assert "AccessDenied" in note
    assert report.exit_code() == 4


def test_lookups_are_bounded(account: DriftingAccount, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was not looked up is counted."""
    monkeypatch.setattr(culprits, "LOOKUPS", 1)
    report = account.drift()
    assert len([f for f in report.findings if f.culprit]) == 1
    assert report.notes == ("who changed 1 more resources of AWS was not looked up in this run",)


def test_others_who_look_up_at_the_same_time_only_slow_it_down(account: DriftingAccount) -> None:
    """AWS answers twice a second for all of the account together; what it refuses for that is asked again."""
    other, own = CloudTrail(account.context()), CloudTrail(account.context())
    role = AwsResource("AWS::IAM::Role", "A-role")
    for _ in range(3):
        assert other.newest_change(role) == own.newest_change(role)


def test_changes_of_a_region_are_listed_whole(account: DriftingAccount) -> None:
    """Over several pages, the newest first; since a time in the future there are none."""
    for number in range(60):
        account.server.client("ssm").put_parameter(Name=f"/many/{number}", Value="v", Type="String")
    changes = list(CloudTrail(account.context()).list_changes(account.env.region, 0))
    names = [next(iter(c.names & {f"/many/{n}" for n in range(60)}), None) for c in changes]
    assert [name for name in names if name] == [f"/many/{number}" for number in reversed(range(60))]
    assert list(CloudTrail(account.context()).list_changes(account.env.region, 4e9)) == []


def test_changes_of_objects_have_the_user_of_the_audit_log(account: DriftingAccount) -> None:
    """Beside the field manager, by object and time; what is deleted has nothing else that tells. Off is said once."""
    now = dt.datetime.now(dt.UTC).replace(microsecond=0)
    since, ended = now.strftime("%Y-%m-%dT%H:%M:%SZ"), (now + dt.timedelta(seconds=1)).isoformat()
    field = FieldChange("data.x", ["1"], ["2"])
    patched = Finding("helm", "ConfigMap/a/b", field, "changed", "kubectl-edit", since)
    other = Finding("helm", "ConfigMap/other/b", field, "changed", "kubectl-edit", since)
    gone = Finding("kubernetes", "StorageClass gp3", FieldChange("", EXISTS, None), "missing")
    by_hand = Finding("helm", "release a/b", FieldChange("revision", "1", "2"), "changed", "helm", since)
    drift = {"unit": Drift((patched, other, gone, by_hand))}
    ends = time.monotonic() + 60
    account.make_cluster(["api"])
    _, notes = culprits.name_culprits(drift, account.context(), ends)
    assert len(notes) == 1
    assert "enableTypes" in notes[0]

    setup = {"clusterLogging": [{"types": ["audit"], "enabled": True}]}
    account.server.client("eks").update_cluster_config(name=account.env.cluster_name, logging=setup)
    assert culprits.name_culprits(drift, account.context(), ends) == (drift, []), "there is no log yet"
    deleted = {"resource": "storageclasses", "apiGroup": "storage.k8s.io", "name": "gp3"}
    revision = {"resource": "secrets", "namespace": "a", "name": "sh.helm.release.v1.b.v2"}
    account.write_audit_log(
        {"user": {"username": "carol"}, "verb": "create", "objectRef": revision, "stageTimestamp": ended},
        {"user": {"username": "alice"}, "stageTimestamp": ended},
        {"user": {"username": "earlier"}, "stageTimestamp": "2026-01-01T00:00:00Z"},
        {"user": {"username": "bob"}, "verb": "delete", "objectRef": deleted, "stageTimestamp": ended},
    )
    named, notes = culprits.name_culprits(drift, account.context(), ends)
    result = named["unit"]
    assert isinstance(result, Drift)
    assert [f.culprit for f in result.findings] == [
        "kubectl-edit (user alice)",
        "kubectl-edit",
        "bob (delete)",
        "helm (user carol)",
    ]
    assert (result.findings[2].since, notes) == (ended, [])
