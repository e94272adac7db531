"""What validation finds: every fault at its line, in words that say what is allowed."""

from __future__ import annotations

from pathlib import Path

import pytest

from eks_assets.units import load_registry
from resources.config.loader import check_environment_file, load_environment
from resources.config.names import derived_names
from resources.model.errors import ConfigError
from tests.helpers.environment_folder import edit

UNITS = load_registry().by_name


ELSEWHERE = "arn:aws:iam::999900001111"
ENVIRONMENT_FAULTS = [
    ("tenant: demo", "tenant: Demo", "tenant", "1 to 20 of a-z"),
    ("tenant: demo", "tenannt: demo", "tenannt", 'did you mean "tenant"?'),
    ('account: "000000000000"', "account: 000000000000", "account", "without quotes is a number and becomes 0"),
    ('account: "000000000000"', 'account: "111122223333"', "account", "with sandbox: true"),
    ("region: us-west-2", "region: us-wets-2", "region", 'did you mean "us-west-2"?'),
    ("sandbox: true", "owner: payments\nsandbox: true", "owner", "a team, such as team:payments"),
    ("sandbox: true", "sandbox: maybe", "sandbox", "true or false"),
    ("  planner:", "    extrenal_id: a\n  planner:", "roles.deployer.extrenal_id", 'did you mean "external_id"?'),
    ("000:role/eks-assets-deployer", "111:role/eks-assets-deployer", "roles.deployer.arn", "in account 000000000111"),
    ("000:role/eks-assets-planner", "111:role/eks-assets-planner", "roles.planner", "in account 000000000111"),
    ("role/eks-assets-planner", "role/eks-assets-deployer", "roles.planner", "is roles.deployer.arn too"),
    ("role/eks-assets-planner", "root", "roles.planner", "the ARN of one role"),
    ("000:role/eks-assets-destroyer", "111:role/x", "roles.destroyer.arn", "in account 000000000111"),
    ("role/eks-assets-destroyer", "role/eks-assets-planner", "roles.destroyer.arn", "is roles.planner too"),
    ("role/eks-assets-deployer", "user/deployer", "roles.deployer.arn", "the ARN of one role"),
    ("  planner:", f"  pipeline: {ELSEWHERE}:root\n  planner:", "roles.pipeline", "the ARN of one role"),
    (
        "  planner:",
        "  pipeline: arn:aws:iam::999900001111:user/ci\n  planner:",
        "roles.pipeline",
        "the ARN of one role",
    ),
    ("  planner:", f"  pipeline: {ELSEWHERE}:role/*\n  planner:", "roles.pipeline", "the ARN of one role"),
    (
        "  planner:",
        "  permissions_boundary: arn:aws:iam::aws:policy/AdministratorAccess\n  planner:",
        "roles.permissions_boundary",
        "AWS's own deny nothing",
    ),
    ("retry:\n", "parameters: {oidc_id: /*}\nretry:\n", "parameters.oidc_id", "a name in Parameter Store"),
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
def test_environment_fault_is_reported_at_its_line(folder: Path, old: str, new: str, path: str, words: str) -> None:
    """Each fault is reported at its line, with what is allowed."""
    line = edit(folder / "sandbox.yaml", old, new)
    problems = [p for p in check_environment_file(folder / "sandbox.yaml", UNITS) if p.path == path]
    assert [(p.file, p.line) for p in problems] == [("environments/sandbox.yaml", line)]
    assert words in problems[0].message


@pytest.mark.parametrize(("old", "new", "path", "words"), CLUSTER_FAULTS)
def test_cluster_fault_is_reported_in_the_clusters_file(
    folder: Path, old: str, new: str, path: str, words: str
) -> None:
    """Faults of the ClusterConfig are reported in its own file."""
    line = edit(folder / "clusters/sandbox.yaml", old, new)
    problems = [p for p in check_environment_file(folder / "sandbox.yaml", UNITS) if p.path == path]
    assert [p.file for p in problems] == ["environments/clusters/sandbox.yaml"]
    assert words in problems[0].message
    if new:
        assert problems[0].line == line


def test_derived_names_that_are_too_long_are_refused(folder: Path) -> None:
    """Names that AWS would refuse are found before a deploy."""
    edit(folder / "sandbox.yaml", "tenant: demo", "tenant: a-very-long-tenant")
    edit(folder / "sandbox.yaml", "target_env: sandbox", "target_env: and-a-very-long-name")
    (role,) = [p for p in check_environment_file(folder / "sandbox.yaml") if "node role" in p.message]
    assert "allowed: 64 characters" in role.message


def test_derived_names_hold_the_longest_stack_name() -> None:
    """The unit with the longest name decides whether stack names fit."""
    stacks = {n.name: n.longest for n in derived_names("acme-dev", None, ("efs", "service_account_roles", "network"))}
    assert stacks["acme-dev-service-account-roles"] == 128
    assert not {"acme-dev-efs", "acme-dev-network"} & set(stacks)


def test_faults_of_all_files_are_reported_at_once(folder: Path) -> None:
    """Faults of the environment and of its cluster are in one error."""
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


def test_addon_of_unknown_unit_is_refused_if_units_are_known(folder: Path) -> None:
    """Without the units' names, add-ons are not checked."""
    file = folder / "sandbox.yaml"
    file.write_text(file.read_text() + "addons:\n  karpentr: off\n")
    assert check_environment_file(file) == []
    (problem,) = check_environment_file(file, UNITS)
    assert 'did you mean "karpenter"?' in problem.message


def test_namespace_may_be_left_out_if_nothing_needs_it(folder: Path) -> None:
    """Namespaces of disabled units need not be listed."""
    file = folder / "sandbox.yaml"
    file.write_text(
        file.read_text()
        + "namespaces: [shop]\naddons: {grafana_credentials: off, argocd_repository: {enabled: false}}\n"
    )
    assert [p for p in check_environment_file(file, UNITS) if not p.warning] == []
    text = file.read_text()
    start, end = text.index("  credentials:"), text.index("  variables:")
    file.write_text((text[:start] + text[end:]).replace(", argocd_repository: {enabled: false}", ""))
    assert [p for p in check_environment_file(file, UNITS) if not p.warning] == []


def test_namespaces_are_not_checked_without_units(folder: Path) -> None:
    """Without the units nobody knows which namespaces are needed."""
    edit(folder / "sandbox.yaml", "retry:\n", "namespaces: [shop]\nretry:\n")
    assert check_environment_file(folder / "sandbox.yaml") == []
    assert len(check_environment_file(folder / "sandbox.yaml", UNITS)) == 2


@pytest.mark.parametrize(
    "addon",
    ["{values_file: nope.yaml}", "{values_file: values.yaml, values: [a]}", "{file_values: {a: 1}}", "sometimes"],
)
def test_addon_fault_is_reported_at_its_line(folder: Path, addon: str) -> None:
    """Each fault of an add-on's settings is reported at its line."""
    file = folder / "sandbox.yaml"
    (folder / "values.yaml").write_text("a: 1\n")
    file.write_text(file.read_text() + f"addons:\n  karpenter: {addon}\n")
    (problem,) = check_environment_file(file, UNITS)
    assert problem.path.startswith("addons.karpenter")
    assert problem.line == file.read_text().count("\n")


def test_name_is_the_files_and_no_field(folder: Path) -> None:
    """The environment is named after its file; a field for it is refused and never suggested."""
    file = folder / "sandbox.yaml"
    file.write_text(file.read_text() + "name: other\n")
    (problem,) = check_environment_file(file)
    assert (problem.path, problem.line) == ("name", file.read_text().count("\n"))
    assert "the name is the file's name" in problem.message
    edit(file, "\nname: other\n", "\nnmae: other\n")
    (problem,) = check_environment_file(file)
    assert problem.path == "nmae"
    assert " name," not in problem.message


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
def test_file_that_is_no_environment_is_refused(folder: Path, text: str, words: str) -> None:
    """Bad YAML, other documents and unsafe tags are one fault each."""
    (folder / "broken.yaml").write_text(text)
    (problem,) = check_environment_file(folder / "broken.yaml")
    assert words in problem.message


def test_file_that_is_not_utf_8_is_refused(folder: Path) -> None:
    """A file in another encoding is one fault."""
    (folder / "broken.yaml").write_bytes(b"\xff\xfe\x00")
    (problem,) = check_environment_file(folder / "broken.yaml")
    assert "UTF-8" in problem.message
