"""One message for a fault, in words that show the way out: what follows from it is not reported again."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from eks_assets.units import load_registry
from resources.config.loader import check_all, check_environment_file, load_environment
from resources.config.problems import Problem
from tests.helpers.environment_folder import EXAMPLES, edit

UNITS = load_registry().by_name
SERVICE = "      service: |\n        Flush {}\n"


@pytest.fixture
def acme(folder: Path) -> Path:
    """The folder with ACME's development environment too, which is no sandbox."""
    for name in ("acme-dev.yaml", "clusters/acme-dev.yaml"):
        (folder / name).write_text((EXAMPLES / name).read_text())
    return folder


def acme_problems(folder: Path, today: date | None = None) -> list[Problem]:
    return check_environment_file(folder / "acme-dev.yaml", UNITS, today)


def test_account_without_quotes_is_one_problem(acme: Path) -> None:
    """ARNs that need the account are not reported beside it."""
    edit(acme / "acme-dev.yaml", 'account: "111122223333"', "account: 111122223333")
    assert [problem.path for problem in acme_problems(acme)] == ["account"]


def with_settings(folder: Path, text: str) -> Path:
    """The sandbox with settings of an add-on that hold the text."""
    settings = f"- name: coredns\n    configurationValues: |\n{SERVICE.format(text)}"
    edit(folder / "clusters/sandbox.yaml", "- name: coredns\n", settings)
    return folder / "sandbox.yaml"


@pytest.mark.parametrize("text", ["${FLUSH_SECONDS}", "$FLUSH"])
def test_foreign_variable_is_refused_with_its_escape(folder: Path, text: str) -> None:
    """A variable of the add-on itself is written with two dollars."""
    (problem,) = check_environment_file(with_settings(folder, text), UNITS)
    assert problem.path == "addons[2].configurationValues"
    assert f"or ${text} for the text {text}" in problem.message


@pytest.mark.parametrize("text", ["${FLUSH_SECONDS}", "$FLUSH", "${AWS_REGION}"])
def test_escaped_variable_stays(folder: Path, text: str) -> None:
    """`$${NAME}` is the text `${NAME}`, also where the name is one of ours."""
    assert check_environment_file(with_settings(folder, f"${text}"), UNITS) == []
    addon = load_environment("sandbox", folder).cluster.declared_addons[2]
    assert addon.configuration == {"service": f"Flush {text}\n"}


def test_variables_of_refused_commands_are_no_problems(folder: Path) -> None:
    """The field is refused whatever it holds."""
    command = "overrideBootstrapCommand: 'join ${NODE_LABELS} ${CLUSTER}'"
    edit(folder / "clusters/sandbox.yaml", "    privateNetworking: true\n", f"    {command}\n")
    (problem,) = check_environment_file(folder / "sandbox.yaml", UNITS)
    assert problem.path == "managedNodeGroups[0].overrideBootstrapCommand"


@pytest.mark.parametrize(
    ("old", "new", "path", "words"),
    [
        ("- name: vpc-cni", "- vpc-cni", "addons[0]", "a mapping (such as {name: ...})"),
        (
            "iamIdentityMappings:\n",
            "fargateProfiles: {a: b}\niamIdentityMappings:\n",
            "fargateProfiles",
            "name: ..., sel",
        ),
    ],
)
def test_form_of_mappings_is_shown(folder: Path, old: str, new: str, path: str, words: str) -> None:
    """Whoever writes another form sees the right one."""
    edit(folder / "clusters/sandbox.yaml", old, new)
    (problem,) = check_environment_file(folder / "sandbox.yaml", UNITS)
    assert problem.path == path
    assert words in problem.message


@pytest.mark.parametrize(
    ("old", "new", "path", "words"),
    [
        ("[storefront]", "[storefront, istio]", "products_purchased[1]", "a folder of every environment"),
        ("[storefront]", "[storefront, storefront]", "products_purchased[1]", "written twice"),
        ("  - platform-dev@acme.example\n", "  - a@b.example\n  - a@b.example\n", "email_subscriptions[1]", "twice"),
        ("retry:\n", "namespaces: [argocd, argocd]\nretry:\n", "namespaces[1]", "twice"),
        ("addons:\n", "addons:\n  karpenter: {version: 1.13.0}\n", "addons.karpenter.version", "karpenter_version"),
        ("addons:\n", "addons:\n  karpenter_crds: {version: 1.13.0}\n", "addons.karpenter_crds.version", "1.14.1"),
        ("region: eu-west-1", "region: cn-north-1", "region", "allowed: regions of aws and aws-us-gov"),
        ("region: eu-west-1", "region: us-iso-east-1", "region", "allowed: regions of aws and aws-us-gov"),
    ],
)
def test_environment_that_cannot_work_is_refused(acme: Path, old: str, new: str, path: str, words: str) -> None:
    """A product that is none, lists that repeat themselves, two Karpenters, partitions that differ."""
    edit(acme / "acme-dev.yaml", old, new)
    assert [words in problem.message for problem in acme_problems(acme) if problem.path == path] == [True]


@pytest.mark.parametrize(
    ("unit", "users"),
    [
        ("external_secrets", "secret_store"),
        ("argo_cd", "argo_projects"),
        ("karpenter", "node_pools"),
        ("secret_store", "argocd_repository"),
    ],
)
def test_unit_off_warns_of_its_users(acme: Path, unit: str, users: str) -> None:
    """They stay on unless they are switched off too, or somebody else installed what they need."""
    edit(acme / "acme-dev.yaml", "addons:\n", f"addons:\n  {unit}: off\n")
    (warning,) = acme_problems(acme)
    assert (warning.warning, warning.path) == (True, f"addons.{unit}")
    assert users in warning.message


def test_unit_off_with_its_users_is_fine(acme: Path) -> None:
    """Nothing is left that needs it."""
    edit(acme / "acme-dev.yaml", "addons:\n", "addons:\n  karpenter: off\n  node_pools: off\n")
    assert acme_problems(acme) == []


@pytest.mark.parametrize(
    ("version", "policy", "today", "words"),
    [
        ("1.31", "STANDARD", date(2026, 11, 27), ["extended support of 1.31 ended on 2026-11-26"]),
        ("1.31", "EXTENDED", date(2026, 11, 26), []),
        ("1.32", "STANDARD", date(2026, 11, 26), ["standard support of 1.32 ended on 2026-03-23"]),
        ("1.35", "STANDARD", date(2026, 11, 26), []),
    ],
)
def test_version_out_of_support_is_a_warning(
    acme: Path, version: str, policy: str, today: date, words: list[str]
) -> None:
    """EKS makes no such cluster, or upgrades it without being asked."""
    edit(acme / "acme-dev.yaml", 'kubernetes_version: "1.35"', f'kubernetes_version: "{version}"')
    edit(acme / "clusters/acme-dev.yaml", "supportType: STANDARD", f"supportType: {policy}")
    warnings = acme_problems(acme, today)
    assert [problem.path for problem in warnings if problem.warning] == ["kubernetes_version"] * len(words)
    assert all(word in problem.message for word, problem in zip(words, warnings, strict=True))


def test_zones_without_eks_are_a_warning(acme: Path) -> None:
    """Only the account knows which letter its zone use1-az3 has."""
    edit(acme / "acme-dev.yaml", "region: eu-west-1", "region: us-east-1")
    edit(acme / "acme-dev.yaml", "[eu-west-1a, eu-west-1b]", "[us-east-1a, us-east-1e]")
    (warning,) = acme_problems(acme)
    assert (warning.warning, warning.path) == (True, "network.create.zones")
    assert "--zone-ids use1-az3" in warning.message


def test_quotas_are_warnings(acme: Path) -> None:
    """AWS raises them when asked, so more may be right."""
    more = "".join(f"  - name: more{number}\n" for number in range(30))
    edit(acme / "clusters/acme-dev.yaml", "managedNodeGroups:\n", f"managedNodeGroups:\n{more}")
    edit(acme / "clusters/acme-dev.yaml", "    maxSize: 4\n", "    maxSize: 500\n")
    groups, nodes = acme_problems(acme)
    assert (groups.warning, groups.path, nodes.path) == (True, "managedNodeGroups", "managedNodeGroups[30].maxSize")
    assert "has 31, and AWS allows 30 a cluster" in groups.message


@pytest.mark.parametrize(
    ("more", "warned"),
    [
        ("", True),
        ("  extraCIDRs: [10.200.0.0/16]\n", False),
        ("  controlPlaneSecurityGroupIDs: [sg-0123456789abcdef0]\n", False),
    ],
)
def test_private_api_server_that_lets_nobody_in_is_a_warning(acme: Path, more: str, warned: bool) -> None:
    """Of a cluster that exists, somebody may have let us in by hand."""
    blocks = "  publicAccessCIDRs: [203.0.113.0/24] # the office\n"
    edit(acme / "clusters/acme-dev.yaml", "    publicAccess: true\n", "    publicAccess: false\n")
    edit(acme / "clusters/acme-dev.yaml", blocks, more)
    warnings = acme_problems(acme)
    assert [problem.path for problem in warnings] == ["vpc.clusterEndpoints.publicAccess"] * warned
    assert all(problem.warning and "vpc.extraCIDRs" in problem.message for problem in warnings)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (
            [("region: eu-west-1", "region: eu-central-1"), ("eu-west-1a, eu-west-1b", "eu-central-1a, eu-central-1b")],
            "IAM",
        ),
        ([("tenant: acme", "tenant: acme-dev"), ("target_env: dev", "target_env: x")], ""),
    ],
)
def test_same_names_in_another_region_clash(acme: Path, changes: list[tuple[str, str]], words: str) -> None:
    """Roles and policies have no region; another prefix is another platform."""
    (acme / "twin.yaml").write_text((acme / "acme-dev.yaml").read_text())
    for old, new in changes:
        edit(acme / "twin.yaml", old, new)
    problems = [problem for problem in check_all(["acme-dev", "twin"], UNITS) if problem.path == "target_env"]
    assert [words in problem.message for problem in problems] == [True] * bool(words)


def test_two_tenants_with_one_prefix_clash(acme: Path) -> None:
    """acme and dev-x are acme-dev and x: the same stacks."""
    for name, tenant, target in (("one", "acme", "dev-x"), ("two", "acme-dev", "x")):
        text = (EXAMPLES / "acme-dev.yaml").read_text().replace("tenant: acme", f"tenant: {tenant}")
        (acme / f"{name}.yaml").write_text(text.replace("target_env: dev", f"target_env: {target}"))
    problems = check_all(["one", "two"], UNITS)
    assert [problem.path for problem in problems] == ["target_env"]
    assert "describes the platform of one too" in problems[0].message


def test_key_of_volumes_warns_of_the_grant(acme: Path) -> None:
    """Only the key's account can tell whether EC2 Auto Scaling may use it."""
    key = "arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab"
    volume = f"additionalVolumes: [{{volumeName: /dev/xvdc, volumeSize: 5, volumeKmsKeyID: '{key}'}}]"
    lines = f"    maxSize: 4\n    {volume}\n    volumeKmsKeyID: {key}\n"
    edit(acme / "clusters/acme-dev.yaml", "    maxSize: 4\n", lines)
    warnings = [problem for problem in acme_problems(acme) if problem.warning]
    paths = {problem.path for problem in warnings if "kms create-grant" in problem.message}
    assert paths == {
        "managedNodeGroups[0].volumeKmsKeyID",
        "managedNodeGroups[0].additionalVolumes[0].volumeKmsKeyID",
    }
