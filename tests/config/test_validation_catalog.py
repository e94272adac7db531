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


def test_catalog_is_what_installed_botocore_knows() -> None:
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
def test_region_lies_in_botocores_partition(region: str, partition: str) -> None:
    """The partition of a region is botocore's."""
    assert aws_catalog.partition_of(region) == partition


def test_zones_are_a_to_c_except_in_listed_regions() -> None:
    """Regions in the table have other zones; unknown regions have none."""
    assert aws_catalog.zones_of("eu-west-1") == ("eu-west-1a", "eu-west-1b", "eu-west-1c")
    assert aws_catalog.zones_of("ca-central-1") == ("ca-central-1a", "ca-central-1b", "ca-central-1d")
    assert aws_catalog.zones_of("xx-nowhere-1") == ()


@pytest.mark.parametrize("region", ["us-wset-2", "us-west-9", "aws-global"])
def test_unknown_region_is_refused(folder: Path, region: str) -> None:
    """A region that botocore does not know is an error."""
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
def test_unknown_name_is_a_warning_with_a_command(folder: Path, old: str, new: str, path: str, words: str) -> None:
    """A name unlike any known one may be new: a warning with the AWS command that tells."""
    edit(folder / "clusters/sandbox.yaml", old, new)
    (problem,) = check_environment_file(folder / "sandbox.yaml")
    assert (problem.warning, problem.path) == (True, path)
    assert words in problem.message
    assert ": warning: EKS had no " in str(problem)
    assert load_environment("sandbox", folder).name == "sandbox"


@pytest.mark.parametrize("name", ["cordns", "corednss", "corednz", "croedns", "CoreDNS"])
def test_misspelt_name_is_refused(folder: Path, name: str) -> None:
    """A name within one letter of a known one is a typo."""
    edit(folder / "clusters/sandbox.yaml", "name: vpc-cni", f"name: {name}")
    (problem,) = check_environment_file(folder / "sandbox.yaml")
    assert not problem.warning
    assert 'did you mean "coredns"?' in problem.message
    with pytest.raises(ConfigError, match="is not an EKS add-on"):
        load_environment("sandbox", folder)


def test_iam_policy_as_access_policy_is_refused_once(folder: Path) -> None:
    """An IAM policy is one error, without a warning beside it."""
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
def test_misspelt_is_one_letter_missing_added_or_changed(word: str, misspelt: bool) -> None:
    """One letter missing, added, replaced or swapped with its neighbour."""
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


def test_version_newer_than_catalog_is_a_warning(folder: Path) -> None:
    """EKS may offer it by now: a warning with the AWS command that tells."""
    file = versioned(folder, "1.37")
    (problem,) = check_environment_file(file)
    assert (problem.warning, problem.path) == (True, "kubernetes_version")
    assert "aws eks describe-cluster-versions" in problem.message
    assert load_environment(file).cluster.metadata.version == "1.37"


@pytest.mark.parametrize("version", ["1.30", "1.43", "1.99"])
def test_version_ended_or_too_new_is_refused(folder: Path, version: str) -> None:
    """A version that EKS has ended, or cannot have yet, is an error."""
    (problem,) = check_environment_file(versioned(folder, version))
    assert not problem.warning
    assert f"EKS does not offer Kubernetes {version}" in problem.message


def test_sandbox_has_a_version_of_its_own_and_refuses_those_after_it(folder: Path) -> None:
    """1.37 its API server emulates before EKS offers it, of which nobody need be warned."""
    edit(folder / "sandbox.yaml", 'version: "1.34"', 'version: "1.37"')
    assert list(check_environment_file(folder / "sandbox.yaml")) == []
    edit(folder / "sandbox.yaml", 'version: "1.37"', 'version: "1.38"')
    refused = [problem.message for problem in check_environment_file(folder / "sandbox.yaml") if not problem.warning]
    assert len(refused) == 1
    assert "the sandbox cannot run 1.38" in refused[0]


def test_validate_prints_warnings_on_stderr_and_succeeds(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Warnings do not change the exit code."""
    edit(folder / "clusters/sandbox.yaml", "name: vpc-cni", "name: quantum-scheduler")
    validate(["sandbox"])
    printed = capsys.readouterr()
    assert printed.out == "1 environment is valid\n"
    assert "addons[0].name: warning: EKS had no add-on quantum-scheduler on 20" in printed.err
