"""What the catalog does not know: a warning where AWS may know it, a refusal where it is a typo."""

from __future__ import annotations

from pathlib import Path

import pytest

from eks_assets.cli.commands.validate import validate
from resources.aws.botocore_catalog import read_models
from resources.config import aws_catalog
from resources.config.loader import check_environment_file, load_environment
from resources.config.problems import is_misspelt
from resources.model.errors import ConfigError
from tests.helpers.environment_folder import EXAMPLES, edit

POLICY = """accessConfig:
  accessEntries:
    - principalARN: arn:aws:iam::000000000000:role/x
      accessPolicies:
        - policyARN: arn:aws:eks::aws:cluster-access-policy/AmazonEKSQuantumPolicy
          accessScope: {type: cluster}
addons:
"""


def test_the_catalog_is_what_the_installed_botocore_knows() -> None:
    """After an update of botocore: `make catalog`."""
    assert {key: aws_catalog._BOTOCORE[key] for key in ("partitions", "instance_sizes")} == read_models()


@pytest.mark.parametrize(
    ("region", "partition"),
    [
        ("us-west-2", "aws"),
        ("cn-north-1", "aws-cn"),
        ("us-gov-east-1", "aws-us-gov"),
        ("eusc-de-east-1", "aws-eusc"),
        ("us-isob-east-1", "aws-iso-b"),
    ],
)
def test_a_region_lies_in_the_partition_that_botocore_says(region: str, partition: str) -> None:
    assert aws_catalog.partition_of(region) == partition


def test_zones_are_lettered_a_to_c_but_for_the_regions_in_the_table() -> None:
    assert aws_catalog.zones_of("eu-west-1") == ("eu-west-1a", "eu-west-1b", "eu-west-1c")
    assert aws_catalog.zones_of("ca-central-1") == ("ca-central-1a", "ca-central-1b", "ca-central-1d")
    assert aws_catalog.zones_of("xx-nowhere-1") == ()


@pytest.mark.parametrize("region", ["us-wset-2", "us-west-9", "aws-global"])
def test_a_region_that_botocore_does_not_know_is_refused(folder: Path, region: str) -> None:
    edit(folder / "sandbox.yaml", "region: us-west-2", f"region: {region}")
    assert "region" in {
        problem.path for problem in check_environment_file(folder / "sandbox.yaml") if not problem.warning
    }


@pytest.mark.parametrize(
    ("old", "new", "path", "words"),
    [
        ("name: vpc-cni", "name: quantum-scheduler", "addons[0].name", "--addon-name quantum-scheduler"),
        (
            "addons:\n",
            POLICY,
            "accessConfig.accessEntries[0].accessPolicies[0].policyARN",
            "aws eks list-access-policies",
        ),
    ],
)
def test_a_name_far_from_all_known_ones_is_a_warning(folder: Path, old: str, new: str, path: str, words: str) -> None:
    edit(folder / "clusters/sandbox.yaml", old, new)
    (problem,) = check_environment_file(folder / "sandbox.yaml")
    assert (problem.warning, problem.path) == (True, path)
    assert words in problem.message
    assert ": warning: EKS had no " in str(problem)
    assert load_environment("sandbox", folder).name == "sandbox"


@pytest.mark.parametrize("name", ["cordns", "corednss", "corednz", "croedns", "CoreDNS"])
def test_a_name_within_one_letter_of_a_known_one_is_refused(folder: Path, name: str) -> None:
    edit(folder / "clusters/sandbox.yaml", "name: vpc-cni", f"name: {name}")
    (problem,) = check_environment_file(folder / "sandbox.yaml")
    assert not problem.warning
    assert 'did you mean "coredns"?' in problem.message
    with pytest.raises(ConfigError, match="is not an EKS add-on"):
        load_environment("sandbox", folder)


def test_an_iam_policy_is_refused_and_not_warned_of_too(folder: Path) -> None:
    policy = POLICY.replace("eks::aws:cluster-access-policy/AmazonEKSQuantumPolicy", "iam::aws:policy/ReadOnlyAccess")
    edit(folder / "clusters/sandbox.yaml", "addons:\n", policy)
    (problem,) = check_environment_file(folder / "sandbox.yaml")
    assert not problem.warning
    assert "an IAM policy belongs on the role itself" in problem.message


@pytest.mark.parametrize(
    ("word", "misspelt"),
    [
        ("abcd", True),
        ("abcde", True),
        ("abxd", True),
        ("bacd", True),
        ("abcdef", False),
        ("ab", False),
        ("bcda", False),
    ],
)
def test_one_letter_is_one_missing_added_replaced_or_swapped(word: str, misspelt: bool) -> None:
    assert is_misspelt(word, ["abcd"]) is misspelt


def versioned(folder: Path, version: str) -> Path:
    """The published development environment with another version of Kubernetes."""
    file = folder / "acme-dev.yaml"
    file.write_text((EXAMPLES / "acme-dev.yaml").read_text())
    for cluster in (EXAMPLES / "clusters").iterdir():
        (folder / "clusters" / cluster.name).write_text(cluster.read_text())
    current = load_environment(file).kubernetes_version
    edit(file, f'kubernetes_version: "{current}"', f'kubernetes_version: "{version}"')
    return file


def test_a_version_newer_than_the_catalog_is_a_warning(folder: Path) -> None:
    file = versioned(folder, "1.37")
    (problem,) = check_environment_file(file)
    assert (problem.warning, problem.path) == (True, "kubernetes_version")
    assert "aws eks describe-cluster-versions" in problem.message
    assert load_environment(file).cluster.metadata.version == "1.37"


@pytest.mark.parametrize("version", ["1.30", "1.43", "1.99"])
def test_a_version_that_eks_has_ended_or_cannot_have_yet_is_refused(folder: Path, version: str) -> None:
    (problem,) = check_environment_file(versioned(folder, version))
    assert not problem.warning
    assert f"EKS does not offer Kubernetes {version}" in problem.message


def test_the_sandbox_runs_no_version_that_the_catalog_does_not_know(folder: Path) -> None:
    edit(folder / "sandbox.yaml", 'version: "1.34"', 'version: "1.37"')
    refused = [problem.message for problem in check_environment_file(folder / "sandbox.yaml") if not problem.warning]
    assert len(refused) == 1
    assert "the sandbox cannot run 1.37" in refused[0]


def test_validate_prints_warnings_on_stderr_and_succeeds(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    edit(folder / "clusters/sandbox.yaml", "name: vpc-cni", "name: quantum-scheduler")
    validate(["sandbox"])
    printed = capsys.readouterr()
    assert printed.out == "1 environment is valid\n"
    assert "addons[0].name: warning: EKS had no add-on quantum-scheduler on 20" in printed.err
