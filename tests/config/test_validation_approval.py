"""Who may approve, as a file says it: exact identities, of one kind, which the pipeline can neither be nor make."""

from __future__ import annotations

from pathlib import Path

import pytest

from resources.config.loader import check_all, check_environment_file, load_environment
from resources.config.problems import Problem
from resources.model.errors import ConfigError
from tests.helpers.environment_folder import edit

USER = "arn:aws:iam::000000000000:user/alice"
SESSION = "arn:aws:sts::000000000000:assumed-role"
SET = "AROA4EXAMPLE5APPROVER"


def with_approval(folder: Path, text: str) -> list[Problem]:
    edit(folder / "sandbox.yaml", "retry:\n", f"approval: {{{text}}}\nretry:\n")
    return check_environment_file(folder / "sandbox.yaml")


@pytest.mark.parametrize(
    "text",
    [
        "approvers: 1",
        f"approvers: 2, allow: ['{USER}', 'arn:aws:iam::000000000000:user/team/bob']",
        "approvers: 2, allow: ['arn:aws:iam::000000000000:user/*']",
        f"approvers: 2, allow: ['{USER}', '{SESSION}/oncall-named/*']",
        f"approvers: 2, allow: ['{SET}:*']",
        f"approvers: 2, allow: ['{SET}:*.doe@example.com']",
        f"approvers: 2, allow: ['{USER}', '{SET}:*'], people: {{a: ['{USER}', '{SET}:a@x.org'], b: ['{SET}:b@x.org']}}",
    ],
)
def test_identities_of_one_kind_may_approve(folder: Path, text: str) -> None:
    """Users with their sessions, one permission set, or persons mapped across kinds are accepted."""
    assert with_approval(folder, text) == []
    assert load_environment("sandbox", folder).approval is not None


@pytest.mark.parametrize(
    ("text", "path", "words"),
    [
        ("approvers: 2", "approval.allow", "is required; allowed: a list of who may approve"),
        ("allow: ['*']", "approval.allow[0]", "does not fit"),
        ("allow: ['arn:aws:iam::000000000000:role/oncall*']", "approval.allow[0]", "assumed-role/ROLE/NAME"),
        ("allow: ['*AWSReservedSSO*']", "approval.allow[0]", "ROLE_ID:NAME"),
        ("allow: ['arn:aws:iam::000000000000:*/alice']", "approval.allow[0]", "* and ? in NAME alone"),
        ("allow: ['arn:aws:iam::*:user/alice']", "approval.allow[0]", "* and ? in NAME alone"),
        ("allow: ['arn:aws:iam::000000000000:user/*/alice']", "approval.allow[0]", "* and ? in NAME alone"),
        (f"allow: ['{SESSION}/on*/alice']", "approval.allow[0]", "* and ? in NAME alone"),
        (f"allow: ['{SESSION}/oncall/a/b']", "approval.allow[0]", "does not fit"),
        ("allow: ['AROA*:alice']", "approval.allow[0]", "does not fit"),
        ("allow: ['arn:aws:iam::999999999999:user/alice']", "approval.allow[0]", "lies in account 999999999999"),
        ("allow: ['arn:aws-cn:iam::000000000000:user/alice']", "approval.allow[0]", "is of partition aws-cn"),
        (f"allow: ['{SESSION}/eks-assets-deployer/x']", "approval.allow[0]", "is a role of the pipeline"),
        (f"allow: ['{SESSION}/demo-sandbox-x/*']", "approval.allow[0]", "a name that stacks of this environment"),
        (f"allow: ['{SESSION}/demo-sandbox-pipeline/*']", "approval.allow[0]", "a name that stacks"),
        (f"allow: ['{SESSION}/KarpenterNodeRole-demo-sandbox-cluster/*']", "approval.allow[0]", "a name that stacks"),
        (f"allow: ['{SESSION}/AWSReservedSSO_Approver_0/alice']", "approval.allow[0]", "is of Identity Center"),
        (f"allow: ['{USER}', '{SET}:*']", "approval.allow[1]", "or approval.people, which says who is who"),
        (f"allow: ['{SET}:*', 'AROA4EXAMPLE5ANOTHER0:*']", "approval.allow[1]", "or approval.people"),
        (f"approvers: 2, allow: ['{USER}']", "approval", "allow names 1 people, approvers demands 2"),
        (f"allow: ['{USER}'], people: {{a: ['{SET}:a']}}", "approval.people.a[0]", "is not in approval.allow"),
        (f"allow: ['{USER}'], people: {{a: ['{USER}'], b: ['{USER}']}}", "approval.people.b[0]", "is a too"),
        ("allow: ['arn:aws:iam::000000000000:user/*'], people: {a: ['arn:aws:iam::000000000000:user/*']}",
         "approval.people.a[0]", "no * and no ?"),
        (f"approvers: 2, allow: ['{USER}', '{SET}:*'], people: {{a: ['{USER}', '{SET}:a']}}",
         "approval", "people names 1 people"),
    ],
)  # fmt: skip
def test_identity_that_proves_no_person_is_refused(folder: Path, text: str, path: str, words: str) -> None:
    """What leaves open who approves, or whom the pipeline can make, is refused at its path."""
    problems = {problem.path: problem.message for problem in with_approval(folder, text)}
    assert words in problems.get(path, "")


def test_role_of_cluster_config_does_not_approve(folder: Path) -> None:
    """A role that the ClusterConfig names is the pipeline's to pass or to make."""
    edit(
        folder / "clusters/sandbox.yaml",
        "name: vpc-cni\n",
        "name: vpc-cni\n    serviceAccountRoleARN: arn:aws:iam::000000000000:role/team/cni\n",
    )
    problems = with_approval(folder, f"allow: ['{SESSION}/cni/alice']")
    assert ["is a role of the ClusterConfig" in problem.message for problem in problems] == [True]


def test_role_of_other_environment_does_not_approve(environments: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A role whose name another environment of the account can make is refused."""
    monkeypatch.chdir(environments.parent)
    with_approval(environments, f"allow: ['{SESSION}/demo-gated-oncall/*']")
    monkeypatch.setenv("EKS_ASSETS_ENVIRONMENTS", str(environments))
    problems = check_all(["sandbox", "sandbox-gated"])
    assert [problem.path for problem in problems] == ["approval.allow[0]"]
    assert "stacks of sandbox-gated can make" in problems[0].message


def test_earlier_form_of_allow_is_an_error_with_its_place(folder: Path) -> None:
    """ARNs of roles, as files had them, stop with the place in the file and the forms that there are."""
    edit(folder / "sandbox.yaml", "retry:\n", "approval: {allow: ['arn:aws:iam::000000000000:role/on*']}\nretry:\n")
    with pytest.raises(ConfigError, match=r"approval\.allow\[0\].*allowed: arn:aws:iam::ACCOUNT:user/NAME"):
        load_environment("sandbox", folder)
