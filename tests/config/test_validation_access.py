"""Who may administer the cluster: roles, access policies and mappings that validation accepts."""

from __future__ import annotations

from pathlib import Path

import pytest

from resources.config.loader import check_environment_file
from tests.helpers.environment_folder import edit


def access_policy(name: str) -> str:
    return f"""accessConfig:
  accessEntries:
    - principalARN: arn:aws:iam::000000000000:role/x
      accessPolicies:
        - policyARN: arn:aws:eks::aws:cluster-access-policy/{name}
          accessScope: {{type: cluster}}
"""


def test_access_policy_misspelt_is_refused(folder: Path) -> None:
    """Access policies are known by name; a misspelt one is refused."""
    cluster = folder / "clusters/sandbox.yaml"
    edit(cluster, "addons:\n", access_policy("AmazonEKSViewPolicy") + "addons:\n")
    assert check_environment_file(folder / "sandbox.yaml") == []
    edit(cluster, "AmazonEKSViewPolicy", "AmazonEKSViewPolcy")
    (problem,) = check_environment_file(folder / "sandbox.yaml")
    assert 'did you mean "AmazonEKSViewPolicy"?' in problem.message


def without_roles(folder: Path, roles: str = "") -> Path:
    """The sandbox's environment file with other roles, or none at all."""
    file = folder / "sandbox.yaml"
    text = file.read_text()
    start, end = text.index("roles:"), text.index("hosted_zone:")
    file.write_text(text[:start] + roles + text[end:])
    return file


@pytest.mark.parametrize("roles", ["", "roles: {}\n", "roles: {planner: 'arn:aws:iam::000000000000:role/planner'}\n"])
def test_environment_without_administrator_is_refused(folder: Path, roles: str) -> None:
    """Without a deployer and a pipeline role nobody could administer the cluster."""
    (problem,) = check_environment_file(without_roles(folder, roles))
    assert problem.path == "roles"
    assert "allowed: roles.deployer or roles.pipeline" in problem.message


@pytest.mark.parametrize(
    ("before", "administrator"),
    [
        ("secretsEncryption:", access_policy("AmazonEKSClusterAdminPolicy")),
        (
            "  - arn: arn:${AWS_PARTITION}:iam::${AWS_ACCOUNT_ID}:role/KarpenterNodeRole",
            "  - {arn: 'arn:aws:iam::000000000000:role/x', groups: ['system:masters']}\n",
        ),
    ],
)
def test_environment_without_roles_may_name_administrator(folder: Path, before: str, administrator: str) -> None:
    """An administrator in the ClusterConfig is enough."""
    edit(folder / "clusters/sandbox.yaml", before, administrator + before)
    assert check_environment_file(without_roles(folder)) == []
