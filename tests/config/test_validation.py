"""What validation finds: every fault at its line, in words that say what is allowed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from eks_assets.units import load_registry
from resources.config.loader import check_environment_file, load_environment
from resources.config.names import derived_names
from resources.config.problems import Problem
from resources.model.errors import ConfigError
from tests.helpers.environment_folder import edit

UNITS = load_registry().by_name
Edit = Callable[..., list[Problem]]


ENVIRONMENT_FAULTS = [
    ("tenant: demo", "tenant: Demo", "tenant", "1 to 20 of a-z"),
    ("tenant: demo", "tenannt: demo", "tenannt", 'did you mean "tenant"?'),
    ('account: "000000000000"', "account: 000000000000", "account", "without quotes is a number and becomes 0"),
    ('account: "000000000000"', 'account: "111122223333"', "account", "with sandbox: true"),
    ("region: us-west-2", "region: us-wets-2", "region", 'did you mean "us-west-2"?'),
    ("sandbox: true", "owner: payments\nsandbox: true", "owner", "a team, such as team:payments"),
    ("sandbox: true", "sandbox: maybe", "sandbox", "true or false"),
    ("external_id: demo", "extrenal_id: demo", "roles.deployer.extrenal_id", 'did you mean "external_id"?'),
    ("000:role/eks-assets-deployer", "111:role/eks-assets-deployer", "roles.deployer.arn", "in account 000000000111"),
    ("000:role/eks-assets-planner", "111:role/eks-assets-planner", "roles.planner", "in account 000000000111"),
    ("role/eks-assets-planner", "role/eks-assets-deployer", "roles.planner", "is roles.deployer.arn too"),
    ("name: sandbox.test", "name: sandbox.test.", "hosted_zone.name", "without a dot at its end"),
    ('version: "1.34"', "version: 1.30", "kubernetes_version", "1.30 without quotes is a number and becomes 1.3"),
    ('version: "1.34"', 'version: "1.99"', "kubernetes_version", "EKS does not offer Kubernetes 1.99"),
    ('version: "1.34"', 'version: "1.33"', "kubernetes_version", "the sandbox cannot run 1.33"),
    ('"1.14.1"', '"1.5.0"', "karpenter_version", "1.6 or newer"),
    ("clusters/sandbox.yaml", "clusters/sandbx.yaml", "cluster", 'did you mean "sandbox.yaml"?'),
    ("10.0.0.0/16", "10.0.0.0/8", "network.create.cidr", "/16 (AWS's largest)"),
    ("10.0.0.0/16", "10.0.0.1/16", "network.create.cidr", "host bits"),
    ("10.0.0.0/16", "8.8.0.0/16", "network.create.cidr", "is not a private network"),
    ("[us-west-2a, us-west-2b]", "[us-west-2a]", "network.create.zones", "at least 2"),
    ("us-west-2b]", "us-west-2a]", "network.create.zones[1]", "is written twice"),
    ("us-west-2b]", "us-west-2x]", "network.create.zones[1]", "not a zone of the environment's region"),
    ("    zones:", "    endpoints: [s3, s3]\n    zones:", "network.create.endpoints", "s3 is written twice"),
    ("    zones:", "    endpoints: [a.b, a-b]\n    zones:", "network.create.endpoints", "a-b is written twice"),
    ("    zones:", "    endpoints: [S3]\n    zones:", "network.create.endpoints[0]", "such as s3 or ecr.api"),
    ("    zones:", "    endpoints: ['']\n    zones:", "network.create.endpoints[0]", "such as s3 or ecr.api"),
    ("${SANDBOX_REGISTRY}", "${REGISTRY}", "charts.mirror", "would stay as it is"),
    ("attempts: 3", "attempts: many", "retry.attempts", "a whole number"),
    ("attempts: 3", "attempts: 0", "retry.attempts", "at least 1"),
    (
        "retry:\n",
        "namespaces: [argocd]\nretry:\n",
        "namespaces",
        "lacks observability, which grafana_credentials needs",
    ),
    ("retry:\n", "namespaces: [observability]\nretry:\n", "namespaces", "lacks argocd, which argocd_repository needs"),
    ("retry:\n", "deploy: manaul\nretry:\n", "deploy", 'did you mean "manual"?'),
    ("retry:\n", "approval:\nretry:\n", "approval", "is empty"),
    ("retry:\n", "tenant: twice\nretry:\n", "tenant", "is written twice"),
    ("  repository: ", "  repository: https://[HOST]/x.git #", "git.repository", "is not an address"),
    ("  seconds: ", "  seconds: 1e999 #", "retry.seconds", "cannot be written as JSON"),
]

CLUSTER_FAULTS = [
    ("region: ${AWS_REGION}", "region: ${AWS_REGOIN}", "metadata.region", 'did you mean "AWS_REGION"?'),
    ("region: ${AWS_REGION}", "region: eu-west-1", "metadata.region", "is not the environment's"),
    ("name: ${CLUSTER_NAME}\n", "name: other\n", "metadata.name", "which is demo-sandbox-cluster"),
    ('version: "${KUBERNETES_VERSION}"', 'version: "1.35"', "metadata.version", "which is 1.34"),
    ('version: "${KUBERNETES_VERSION}"', "version: 1.30", "metadata.version", "becomes 1.3"),
    ("id: ${VPC_ID}", "id: vpc-0a1b2c", "vpc.id", "${VPC_ID}"),
    ("id: ${VPC_ID}", "hostnameType: ip-name", "vpc.hostnameType", "instead: leave it out"),
    ("addons:\n", "nodeGroups: []\naddons:\n", "nodeGroups", "instead: write the group under managedNodeGroups"),
    ("instanceType: m7i.large", "instanceType: m7ii.large", "managedNodeGroups[0].instanceType", 'did you mean "m7i"?'),
    ("instanceType: m7i.large", "instanceType: m7i.lrge", "managedNodeGroups[0].instanceType", 'did you mean "large"?'),
    ("instanceType: m7i.large", "instanceType: m7i.nano", "managedNodeGroups[0].instanceType", "not a size of m7i"),
    ("instanceType: m7i.large", "ami: ami-1", "managedNodeGroups[0].ami", "EKS chooses the image"),
    (
        "privateNetworking: true",
        "privateNetworking: false",
        "managedNodeGroups[0].privateNetworking",
        "private subnets",
    ),
    ("maxSize: 4", "maxSize: 1", "managedNodeGroups[0].maxSize", "less than"),
    (
        "maxSize: 4",
        "availabilityZones: [us-west-2d]",
        "managedNodeGroups[0].availabilityZones[0]",
        "environment's network",
    ),
    ("name: vpc-cni", "name: vpc-cnii", "addons[0].name", 'did you mean "vpc-cni"?'),
    ("name: vpc-cni", "name: vpc_cni", "addons[0].name", 'did you mean "vpc-cni"?'),
    ("name: vpc-cni", "name: vpc cni plus", "addons[0].name", "is not an EKS add-on"),
    ("secretsEncryption: {}", "secretsEncryption:", "secretsEncryption", "is empty"),
    ("supportType: STANDARD", "supportType: standard", "upgradePolicy.supportType", 'did you mean "STANDARD"?'),
    (
        "zonalShiftConfig:\n",
        "kubernetesNetworkConfig: {serviceIPv4CIDR: 10.0.0.0/20}\nzonalShiftConfig:\n",
        "kubernetesNetworkConfig.serviceIPv4CIDR",
        "overlaps 10.0.0.0/16 of the VPC",
    ),
]


@pytest.mark.parametrize(("old", "new", "path", "words"), ENVIRONMENT_FAULTS)
def test_a_fault_in_the_environment_is_shown_where_it_stands(
    folder: Path, old: str, new: str, path: str, words: str
) -> None:
    line = edit(folder / "sandbox.yaml", old, new)
    found = [p for p in check_environment_file(folder / "sandbox.yaml", UNITS) if p.path == path]
    assert [(p.file, p.line) for p in found] == [("environments/sandbox.yaml", line)]
    assert words in found[0].message


@pytest.mark.parametrize(("old", "new", "path", "words"), CLUSTER_FAULTS)
def test_a_fault_in_the_cluster_is_shown_in_the_clusters_file(
    folder: Path, old: str, new: str, path: str, words: str
) -> None:
    line = edit(folder / "clusters/sandbox.yaml", old, new)
    found = [p for p in check_environment_file(folder / "sandbox.yaml", UNITS) if p.path == path]
    assert [p.file for p in found] == ["environments/clusters/sandbox.yaml"]
    assert words in found[0].message
    if new:
        assert found[0].line == line


def access_policy(name: str) -> str:
    return f"""accessConfig:
  accessEntries:
    - principalARN: arn:aws:iam::000000000000:role/x
      accessPolicies:
        - policyARN: arn:aws:eks::aws:cluster-access-policy/{name}
          accessScope: {{type: cluster}}
"""


def test_access_policies_are_known_by_name(folder: Path) -> None:
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
def test_an_environment_that_nobody_could_administer_is_refused(folder: Path, roles: str) -> None:
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
def test_an_environment_without_roles_is_fine_where_its_cluster_names_an_administrator(
    folder: Path, before: str, administrator: str
) -> None:
    edit(folder / "clusters/sandbox.yaml", before, administrator + before)
    assert check_environment_file(without_roles(folder)) == []


def lookup_with_subnets(folder: Path, private: str) -> list[Problem]:
    """The sandbox in a VPC that exists, with these private subnets."""
    environment, cluster = folder / "sandbox.yaml", folder / "clusters/sandbox.yaml"
    text = environment.read_text()
    start, end = text.index("network:"), text.index("retry:")
    environment.write_text(text[:start] + "network: {lookup: {}}\n" + text[end:])
    edit(cluster, "  id: ${VPC_ID}\n", f"  id: ${{VPC_ID}}\n  subnets: {{private: {private}}}\n")
    return check_environment_file(environment)


def test_subnets_in_two_zones_are_fine(folder: Path) -> None:
    assert lookup_with_subnets(folder, "{us-west-2a: {id: subnet-0a}, us-west-2b: {id: subnet-0b}}") == []


def test_one_zone_is_not_enough(folder: Path) -> None:
    (problem,) = lookup_with_subnets(folder, "{us-west-2a: {id: subnet-0a}}")
    assert "two or more zones" in problem.message


def test_subnets_that_overlap_are_refused(folder: Path) -> None:
    (problem,) = lookup_with_subnets(
        folder, "{us-west-2a: {id: subnet-1, cidr: 10.0.0.0/24}, us-west-2b: {id: subnet-2, cidr: 10.0.0.128/25}}"
    )
    assert "overlaps 10.0.0.0/24" in problem.message


def test_names_that_aws_would_refuse_for_their_length(folder: Path) -> None:
    edit(folder / "sandbox.yaml", "tenant: demo", "tenant: a-very-long-tenant")
    edit(folder / "sandbox.yaml", "target_env: sandbox", "target_env: and-a-very-long-name")
    (role,) = [p for p in check_environment_file(folder / "sandbox.yaml") if "node role" in p.message]
    assert "allowed: 64 characters" in role.message


def test_the_longest_stack_is_that_of_the_unit_with_the_longest_name() -> None:
    stacks = {n.name: n.longest for n in derived_names("acme-dev", None, ("efs", "service_account_roles", "network"))}
    assert stacks["acme-dev-service-account-roles"] == 128
    assert not {"acme-dev-efs", "acme-dev-network"} & set(stacks)


def test_all_faults_come_at_once_and_together(folder: Path) -> None:
    edit(folder / "sandbox.yaml", "tenant: demo", "tenant: Demo")
    edit(folder / "sandbox.yaml", "10.0.0.0/16", "10.0.0.0")
    edit(folder / "sandbox.yaml", "attempts: 3", "attempts: 0")
    edit(folder / "clusters/sandbox.yaml", "m7i.large", "m7i.lrge")
    edit(folder / "clusters/sandbox.yaml", "maxSize: 4", "maxSize: 1")
    with pytest.raises(ConfigError) as caught:
        load_environment("sandbox", folder)
    lines = str(caught.value).splitlines()
    paths = [line.split(": ")[1] for line in lines]
    assert {"tenant", "network.create.cidr", "retry.attempts"} <= set(paths)
    assert {"managedNodeGroups[0].instanceType", "managedNodeGroups[0].maxSize"} <= set(paths)


def test_units_are_known_by_name_where_the_caller_knows_them(folder: Path) -> None:
    file = folder / "sandbox.yaml"
    file.write_text(file.read_text() + "addons:\n  karpentr: off\n")
    assert check_environment_file(file) == []
    (problem,) = check_environment_file(file, UNITS)
    assert 'did you mean "karpenter"?' in problem.message


def test_a_namespace_may_be_left_out_where_nothing_needs_it(folder: Path) -> None:
    file = folder / "sandbox.yaml"
    file.write_text(
        file.read_text()
        + "namespaces: [shop]\naddons: {grafana_credentials: off, argocd_repository: {enabled: false}}\n"
    )
    assert check_environment_file(file, UNITS) == []
    text = file.read_text()
    start, end = text.index("  credentials:"), text.index("  variables:")
    file.write_text((text[:start] + text[end:]).replace(", argocd_repository: {enabled: false}", ""))
    assert check_environment_file(file, UNITS) == []


def test_a_namespace_that_is_left_out_is_no_fault_where_no_units_are_known(folder: Path) -> None:
    edit(folder / "sandbox.yaml", "retry:\n", "namespaces: [shop]\nretry:\n")
    assert check_environment_file(folder / "sandbox.yaml") == []
    assert len(check_environment_file(folder / "sandbox.yaml", UNITS)) == 2


@pytest.mark.parametrize(
    "addon",
    ["{values_file: nope.yaml}", "{values_file: values.yaml, values: [a]}", "{file_values: {a: 1}}", "sometimes"],
)
def test_faults_in_an_addon(folder: Path, addon: str) -> None:
    file = folder / "sandbox.yaml"
    (folder / "values.yaml").write_text("a: 1\n")
    file.write_text(file.read_text() + f"addons:\n  karpenter: {addon}\n")
    (problem,) = check_environment_file(file, UNITS)
    assert problem.path.startswith("addons.karpenter")
    assert problem.line == file.read_text().count("\n")


def test_the_name_is_the_files_and_no_field(folder: Path) -> None:
    file = folder / "sandbox.yaml"
    file.write_text(file.read_text() + "name: other\n")
    (problem,) = check_environment_file(file)
    assert (problem.path, problem.line) == ("name", file.read_text().count("\n"))
    assert "the name is the file's name" in problem.message
    edit(file, "\nname: other\n", "\nnmae: other\n")
    (problem,) = check_environment_file(file)
    assert problem.path == "nmae"
    assert " name," not in problem.message


@pytest.mark.parametrize("value", ["9007199254740992", "-9007199254740992", "1e999"])
def test_values_that_json_cannot_hold_are_shown_where_they_stand(folder: Path, value: str) -> None:
    file, values = folder / "sandbox.yaml", folder / "values.yaml"
    values.write_text(f"a: 1\nlist:\n- b: {value}\n")
    line = file.read_text().count("\n") + 3
    file.write_text(
        file.read_text() + f"addons:\n  karpenter:\n    values: {{80: {value}}}\n    values_file: values.yaml\n"
    )
    inline, beside = check_environment_file(file, UNITS)
    assert (inline.file, inline.line, inline.path) == ("environments/sandbox.yaml", line, "addons.karpenter.values.80")
    assert (beside.file, beside.line, beside.path) == ("environments/values.yaml", 3, "list[0].b")
    assert "text in quotes" in inline.message


def test_dates_and_times_of_day_are_text_as_they_are_for_helm_and_eksctl(folder: Path) -> None:
    file = folder / "sandbox.yaml"
    values = "{tag: 2024-05-01, closes: 12:30, since: 2024-05-01T00:00:00Z}"
    file.write_text(file.read_text() + f"addons:\n  karpenter:\n    values: {values}\n")
    assert check_environment_file(file, UNITS) == []
    found = load_environment("sandbox", folder).addons["karpenter"].values
    assert found == {"tag": "2024-05-01", "closes": "12:30", "since": "2024-05-01T00:00:00Z"}


def test_keys_that_are_no_text_are_the_text_that_they_are_written_as(folder: Path) -> None:
    file, values = folder / "sandbox.yaml", folder / "values.yaml"
    values.write_text("tcp: {8080: {from: file, kept: true}}\n")
    addon = '{values_file: values.yaml, values: {tcp: {"8080": {from: here}}}}'
    file.write_text(file.read_text() + f"addons:\n  karpenter: {addon}\n")
    found = load_environment("sandbox", folder).addons["karpenter"].values
    assert found == {"tcp": {"8080": {"from": "here", "kept": True}}}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a: [", "is not valid YAML"),
        ("a: &a {b: *a}", "is not valid YAML"),
        ("a: !python/object:os.system x", "is not valid YAML"),
        ("", "is not a mapping"),
        ("- a", "is not a mapping"),
        ("kind: ClusterConfig", "is a ClusterConfig"),
    ],
)
def test_files_that_are_no_environment_at_all(folder: Path, text: str, words: str) -> None:
    (folder / "broken.yaml").write_text(text)
    (problem,) = check_environment_file(folder / "broken.yaml")
    assert words in problem.message


def test_a_file_that_is_not_text(folder: Path) -> None:
    (folder / "broken.yaml").write_bytes(b"\xff\xfe\x00")
    (problem,) = check_environment_file(folder / "broken.yaml")
    assert "UTF-8" in problem.message
