"""ClusterConfigs that EKS, a kubelet or a pod would refuse later: refused here, at their line, with the way out."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from eks_assets.units import load_registry
from eks_assets.units.cluster.access_entries import list_access_entries
from eks_assets.units.cluster.cluster import cluster
from eks_assets.units.cluster.pod_addons import pod_addons
from resources.config.eksctl.iam import CLUSTER_ADMIN_POLICY
from resources.config.loader import check_environment_file, load_environment
from resources.config.problems import Problem
from tests.helpers.environment_folder import edit
from tests.helpers.published import CLUSTER, NO_CLUSTER, ROLES, VPC, properties_of, resources_of, versions_of

UNITS = load_registry().by_name
HEAD = (
    "apiVersion: eksctl.io/v1alpha5",
    "kind: ClusterConfig",
    "metadata: {name: '${CLUSTER_NAME}', region: us-west-2}",
)
GROUP = "{name: system, instanceType: m7i.large}"
DRIVERS = (
    "addons: [{name: aws-ebs-csi-driver, useDefaultPodIdentityAssociations: true}, "
    "{name: aws-efs-csi-driver, useDefaultPodIdentityAssociations: true}]"
)
ROLE = "arn:aws:iam::000000000000:role"
SSO = "AWSReservedSSO_Operators_0123456789abcdef"


def problems_of(folder: Path, *lines: str) -> list[Problem]:
    """What is wrong with a ClusterConfig of these lines, warnings included."""
    (folder / "clusters/sandbox.yaml").write_text("\n".join((*HEAD, *lines)) + "\n")
    return check_environment_file(folder / "sandbox.yaml", UNITS)


def with_group(folder: Path, fields: str) -> list[Problem]:
    """As `problems_of`, for one node group with further fields."""
    return problems_of(folder, DRIVERS, f"managedNodeGroups: [{{name: system, instanceType: m7i.large, {fields}}}]")


def test_minimal_cluster_is_valid(folder: Path) -> None:
    """What the others are compared with."""
    assert problems_of(folder, DRIVERS, f"managedNodeGroups: [{GROUP}]") == []


@pytest.mark.parametrize(
    ("fields", "path", "words"),
    [
        ("labels: {node-role.kubernetes.io/worker: a}", 'labels["node-role.kubernetes.io/worker"]', "from joining"),
        ("labels: {k8s.io/worker: a}", 'labels["k8s.io/worker"]', "from joining"),
        ("labels: {eks.amazonaws.com/x: a}", 'labels["eks.amazonaws.com/x"]', "EKS's own"),
        ("labels: {a b: x}", 'labels["a b"]', "is not a label's key"),
        ("labels: {a/b/c: x}", 'labels["a/b/c"]', "is not a label's key"),
        ("labels: {a: b c}", "labels.a", "is not a label's value"),
        (f"labels: {{a: {'x' * 64}}}", "labels.a", "at most 63"),
        ("taints: [{key: a, value: b c, effect: PreferNoSchedule}]", "taints[0].value", "is not a label's value"),
        ("taints: [{key: a b, effect: PreferNoSchedule}]", "taints[0].key", "is not a label's key"),
        (
            "taints: [{key: a, effect: PreferNoSchedule}, {key: a, value: b, effect: PreferNoSchedule}]",
            "taints",
            "a:PreferNoSchedule twice",
        ),
        ("taints: {dedicated: gpu}", "taints", "a list (of mappings such as {key: ..., effect: ...})"),
        ("taints: {dedicated: 'gpu:Never'}", "taints[0].effect", "PreferNoSchedule"),
        ("taints: {dedicated: 'gpu:NoSchedule'}", "", "system has the taint dedicated:NoSchedule"),
        ("tags: {aws:owner: a}", "tags.aws:owner", "AWS keeps for itself"),
        ("tags: {a: b*c}", "tags.a", "is not possible in a tag"),
        ("maxSize: 4, updateConfig: {maxUnavailable: 5}", "updateConfig", "is more than maxSize 4"),
        ("ssh: {allow: true, sourceSecurityGroupIds: [sg-0a]}", "ssh", "allowed: publicKeyName"),
        ("ssh: {publicKeyPath: ~/.ssh/id_rsa.pub}", "ssh.publicKeyPath", "aws ec2 import-key-pair"),
        ("ssh: {enableSsm: false}", "ssh.enableSsm", "Session Manager"),
        ("amiFamily: AmazonLinux2", "amiFamily", "allowed: AmazonLinux2023, Bottlerocket (AmazonLinux2 has ended"),
        ("bottlerocket: {settings: {motd: x}}", "bottlerocket", "allowed: with amiFamily: Bottlerocket"),
        ("efaEnabled: true", "efaEnabled", "Karpenter's nodes have EFA"),
        ("disablePodIMDS: false", "disablePodIMDS", "pods reach the metadata of no node"),
        ("securityGroups: {withLocal: true}", "securityGroups.withLocal", "attachIDs adds others"),
        ("securityGroups: {attachIDs: [a]}", "securityGroups.attachIDs[0]", "the id of a security group"),
        ("ScalingConfig: {minSize: 1}", "ScalingConfig", "in the group itself"),
        ("targetGroupARNs: [a]", "targetGroupARNs", "for unmanaged groups alone"),
        ("kubeletExtraConfig: {a: b}", "kubeletExtraConfig", "for unmanaged groups alone"),
        ("instancePrefix: a", "instancePrefix", "instanceName"),
        ("desiredCapacity: 0, minSize: 0", "", "system begins with 0 nodes; allowed: a managed node group"),
        ("taints: [{key: a, effect: NoSchedule}]", "", "system has the taint a:NoSchedule"),
    ],
)
def test_node_group_that_cannot_work_is_refused(folder: Path, fields: str, path: str, words: str) -> None:
    """A kubelet, EKS or the scheduler would refuse it when the network exists already."""
    problems = [problem for problem in with_group(folder, fields) if not problem.warning]
    assert {problem.path for problem in problems} == {"managedNodeGroups" + (f"[0].{path}" if path else "")}
    assert words in problems[0].message


@pytest.mark.parametrize(
    "fields",
    [
        "labels: {node.kubernetes.io/pool: a, topology.kubernetes.io/zone: b, acme.example/x: c, empty: ''}",
        "maxSize: 4, updateConfig: {maxUnavailable: 4}",
        "ssh: {allow: false, enableSsm: true}",
        "disablePodIMDS: true, efaEnabled: false, propagateASGTags: false, securityGroups: {attachIDs: [sg-0a]}",
        "ssh: {allow: true, publicKeyName: mine, sourceSecurityGroupIds: [sg-0a]}",
        "amiFamily: Bottlerocket, releaseVersion: 1.50.0-0a1b2c3d",
        "amiFamily: Bottlerocket, bottlerocket: {enableAdminContainer: true, settings: {motd: x}}",
        "taints: [{key: a, effect: PreferNoSchedule}]",
    ],
)
def test_node_group_that_works_is_accepted(folder: Path, fields: str) -> None:
    """Labels that a kubelet may set, as many nodes as there are, and SSH that is off."""
    assert with_group(folder, fields) == []


@pytest.mark.parametrize(
    ("lines", "path", "words"),
    [
        ("vpc: {publicAccessCIDRs: [203.0.113.10/32]}", "vpc.publicAccessCIDRs", "privateAccess: true"),
        (
            "vpc: {clusterEndpoints: {publicAccess: true, privateAccess: false}, publicAccessCIDRs: [203.0.113.0/24]}",
            "vpc.publicAccessCIDRs",
            "keeps nodes from the API server",
        ),
        (
            "vpc: {clusterEndpoints: {privateAccess: true}, publicAccessCIDRs: [203.0.113.0/24, 10.1.0.0/16]}",
            "vpc.publicAccessCIDRs[1]",
            "no public network",
        ),
        (
            f"vpc: {{clusterEndpoints: {{privateAccess: true}}, publicAccessCIDRs: {['8.8.8.8/32'] * 41}}}",
            "vpc.publicAccessCIDRs",
            "at most 40",
        ),
        (
            "remoteNetworkConfig: {remoteNodeNetworks: [{cidrs: [192.168.0.0/24, 10.0.128.0/24]}]}",
            "remoteNetworkConfig.remoteNodeNetworks[0].cidrs[1]",
            "overlaps 10.0.0.0/16",
        ),
        (
            "remoteNetworkConfig: {remoteNodeNetworks: [{cidrs: [192.168.0.0/24]}], vpcGatewayID: tgw-1}",
            "remoteNetworkConfig.vpcGatewayID",
            "beside the pipeline",
        ),
        (f"iamIdentityMappings: [{{arn: {ROLE}/{SSO}, groups: [dev]}}]", "iamIdentityMappings[0].arn", "[REGION/]"),
        (
            f"accessConfig: {{accessEntries: [{{principalARN: {ROLE}/{SSO}}}]}}",
            "accessConfig.accessEntries[0].principalARN",
            "role/aws-reserved/sso.amazonaws.com/",
        ),
        (
            "accessConfig: {accessEntries: [{principalARN: 'arn:aws:sts::000000000000:assumed-role/a/b'}]}",
            "accessConfig.accessEntries[0].principalARN",
            "the ARN of an IAM role or user",
        ),
        (
            "fargateProfiles: [{name: eks-batch, selectors: [{namespace: batch}]}]",
            "fargateProfiles[0].name",
            "EKS keeps for itself",
        ),
        (
            "fargateProfiles: [{name: a, selectors: [{namespace: batch}, {namespace: external-dns}]}]",
            "fargateProfiles[0].selectors[1].namespace",
            "takes over external-dns/external-dns",
        ),
        (
            "fargateProfiles: [{name: a, selectors: [{namespace: 'kube-*'}]}]",
            "fargateProfiles[0].selectors[0].namespace",
            "kube-system/karpenter",
        ),
        (
            "fargateProfiles: [{name: a, selectors: [{namespace: batch, labels: {a: b c}}]}]",
            "fargateProfiles[0].selectors[0].labels.a",
            "is not a label's value",
        ),
        (
            f"{HEAD[2][:-1]}, tags: {{AWS:x: a}}}}",
            "metadata.tags.AWS:x",
            "AWS keeps",
        ),
    ],
)
def test_cluster_that_cannot_work_is_refused(folder: Path, lines: str, path: str, words: str) -> None:
    """Beside a node group that works."""
    # The last of two keys `metadata` is reported as written twice.
    problems = problems_of(folder, DRIVERS, f"managedNodeGroups: [{GROUP}]", lines)
    assert [words in problem.message for problem in problems if problem.path == path] == [True], problems


@pytest.mark.parametrize(
    ("addons", "others"),
    [
        ("external_dns: false", "fargateProfiles: [{name: a, selectors: [{namespace: external-dns}]}]"),
        ("", "fargateProfiles: [{name: a, selectors: [{namespace: kube-system, labels: {k8s-app: kube-dns}}]}]"),
        ("", "vpc: {publicAccessCIDRs: [203.0.113.0/24, 0.0.0.0/0]}"),
        ("", "controlPlaneScalingConfig: {tier: tier-xl}"),
        ("", f"iamIdentityMappings: [{{arn: {ROLE}/aws-reserved/sso.amazonaws.com/us-west-2/{SSO}, groups: [dev]}}]"),
    ],
)
def test_cluster_that_works_is_accepted(folder: Path, addons: str, others: str) -> None:
    """Units that are off need no role, labels leave other pods alone, and the API server answers nodes."""
    if addons:
        edit(folder / "sandbox.yaml", "retry:\n", f"addons: {{{addons}}}\nretry:\n")
    assert problems_of(folder, DRIVERS, f"managedNodeGroups: [{GROUP}]", others) == []


@pytest.mark.parametrize(
    ("lines", "path"),
    [
        ("fargateProfiles: [{name: all, selectors: [{namespace: default}]}]", "fargateProfiles"),
        ("zonalShiftConfig: {enabled: true}", "(document)"),
        ("autoModeConfig: {enabled: true, nodePools: [system]}", "(document)"),
    ],
)
def test_cluster_without_place_for_pods_is_refused(folder: Path, lines: str, path: str) -> None:
    """Fargate alone, nothing at all, and the pool that only critical add-ons tolerate."""
    problems = [problem for problem in problems_of(folder, DRIVERS, lines) if not problem.warning]
    assert [problem.path for problem in problems] == [path]
    assert "Auto Mode with the node pool general-purpose" in problems[0].message


@pytest.mark.parametrize("word", ["true", "false"])
def test_creator_is_administrator_by_an_entry(folder: Path, word: str) -> None:
    """Whoever deploys has one; EKS makes nobody else administrator, whatever the file says."""
    own = f"accessConfig: {{bootstrapClusterCreatorAdminPermissions: {word}}}"
    assert problems_of(folder, DRIVERS, f"managedNodeGroups: [{GROUP}]", own) == []
    env = load_environment("sandbox", folder)
    spec = cluster(env, VPC, NO_CLUSTER)
    (made,) = properties_of(spec, "EKS::Cluster")
    assert made["AccessConfig"]["BootstrapClusterCreatorAdminPermissions"] is False
    assert env.roles.deployer is not None
    (entry,) = [e for e in list_access_entries(env) if e.principal_arn == env.roles.deployer.arn]
    assert [policy.policy_arn for policy in entry.access_policies] == [CLUSTER_ADMIN_POLICY]


OF_CONTROLLER = "wellKnownPolicies: {awsLoadBalancerController: true}"
ACCOUNT = f"{{metadata: {{namespace: kube-system, name: aws-load-balancer-controller}}, {OF_CONTROLLER}}}"
ASSOCIATION = f"{{namespace: kube-system, serviceAccountName: aws-load-balancer-controller, {OF_CONTROLLER}}}"


@pytest.mark.parametrize("field", [f"serviceAccounts: [{ACCOUNT}]", f"podIdentityAssociations: [{ASSOCIATION}]"])
def test_role_of_the_load_balancer_controller_may_be_said_twice(folder: Path, field: str) -> None:
    """Its unit makes it, and nobody makes another; where the unit is off, nobody would make it."""
    own = f"iam: {{withOIDC: true, {field}}}"
    assert problems_of(folder, DRIVERS, f"managedNodeGroups: [{GROUP}]", own) == []
    iam = load_environment("sandbox", folder).cluster.iam
    assert (iam.service_accounts, iam.pod_identity_associations) == ((), ())
    edit(folder / "sandbox.yaml", "retry:\n", "addons: {aws_load_balancer_controller: off}\nretry:\n")
    problems = [p for p in problems_of(folder, DRIVERS, f"managedNodeGroups: [{GROUP}]", own) if not p.warning]
    assert [problem.path.rpartition(".")[2] for problem in problems] == ["awsLoadBalancerController"]


@pytest.mark.parametrize(
    "entry",
    [
        ACCOUNT.replace("name: aws-load-balancer-controller", "name: other"),
        ACCOUNT.replace("Controller: true", "Controller: true, certManager: true"),
        f"{ACCOUNT[:-1]}, attachPolicyARNs: ['arn:aws:iam::aws:policy/ReadOnlyAccess']}}",
    ],
    ids=["another account", "another policy", "a policy of one's own"],
)
def test_policy_of_the_load_balancer_controller_for_others_is_refused(folder: Path, entry: str) -> None:
    """Which its unit does not give."""
    own = f"iam: {{withOIDC: true, serviceAccounts: [{entry}]}}"
    (problem,) = problems_of(folder, DRIVERS, f"managedNodeGroups: [{GROUP}]", own)
    assert (problem.path, "that policy alone" in problem.message) == ("iam.serviceAccounts", True)


KARPENTER = "createServiceAccount: true, withSpotInterruptionQueue: true"


@pytest.mark.parametrize("version", ["v1.14.1", "1.14.1", "${KARPENTER_VERSION}"])
def test_karpenter_of_the_environment_may_be_said_twice(folder: Path, version: str) -> None:
    """As eksctl writes it; the version is the environment's."""
    assert with_karpenter(folder, f"version: '{version}', {KARPENTER}") == []


@pytest.mark.parametrize(
    ("fields", "path", "words"),
    [
        (f"version: v0.20.0, {KARPENTER}", "karpenter.version", "which is 1.14.1"),
        (
            "version: 1.14.1, createServiceAccount: false, withSpotInterruptionQueue: true",
            "karpenter.createServiceAccount",
            "write true",
        ),
        ("version: 1.14.1, createServiceAccount: true", "karpenter.withSpotInterruptionQueue", "is required"),
        (
            f"version: 1.14.1, defaultInstanceProfile: mine, {KARPENTER}",
            "karpenter.defaultInstanceProfile",
            "leave it out",
        ),
    ],
)
def test_other_karpenter_is_refused(folder: Path, fields: str, path: str, words: str) -> None:
    """Another version, and what the pipeline does otherwise."""
    (problem,) = with_karpenter(folder, fields)
    assert (problem.path, words in problem.message) == (path, True), problem


def test_karpenter_that_is_off_is_refused(folder: Path) -> None:
    """In the environment's file, or by Auto Mode."""
    own = f"karpenter: {{version: 1.14.1, {KARPENTER}}}"
    assert "karpenter" in {p.path for p in problems_of(folder, DRIVERS, "autoModeConfig: {enabled: true}", own)}
    edit(folder / "sandbox.yaml", "retry:\n", "addons: {karpenter: off}\nretry:\n")
    assert "karpenter" in {p.path for p in with_karpenter(folder, f"version: 1.14.1, {KARPENTER}")}


def with_karpenter(folder: Path, fields: str) -> list[Problem]:
    return problems_of(folder, DRIVERS, f"managedNodeGroups: [{GROUP}]", f"karpenter: {{{fields}}}")


# What needs a node, and what needs that.
WITH_PODS = [
    "argo_cd",
    "argo_projects",
    "argocd_repository",
    "aws_load_balancer_controller",
    "dashboards",
    "external_dns",
    "external_secrets",
    "grafana_credentials",
    "istio_application",
    "karpenter",
    "karpenter_crds",
    "keycloak_credentials",
    "loki",
    "node_pools",
    "nvidia_device_plugin",
    "product_applications",
    "prometheus",
    "secret_store",
    "storage_classes",
    "validation",
]


def test_control_plane_alone_is_accepted_where_nothing_needs_a_node(folder: Path) -> None:
    """Without a word of warning; the add-ons of pods come with the first node."""
    off = "".join(f"  {unit}: off\n" for unit in WITH_PODS)
    edit(folder / "sandbox.yaml", "retry:\n", f"addons:\n{off}retry:\n")
    assert problems_of(folder, "zonalShiftConfig: {enabled: true}") == []
    env = load_environment("sandbox", folder)
    assert {addon.name for addon in env.cluster.daemon_addons} == {"vpc-cni", "kube-proxy", "eks-pod-identity-agent"}
    assert not pod_addons.is_enabled(env)
    (problem,) = problems_of(folder, "addons: [{name: vpc-cni}, {name: coredns}]")
    assert (problem.path, "coredns needs a node" in problem.message) == ("addons[1]", True)


def test_control_plane_alone_names_what_needs_a_node(folder: Path) -> None:
    """The units that would wait for it, and the storage that a driver is for."""
    problems = [problem for problem in problems_of(folder, "addonsConfig: {}") if not problem.warning]
    assert [problem.path for problem in problems] == ["(document)"]
    for user in ("external_dns", "prometheus", "storage_classes"):
        assert user in problems[0].message


def test_one_group_with_place_for_pods_is_enough(folder: Path) -> None:
    """Others may be tainted, or begin with nothing."""
    tainted = "{name: gpu, taints: [{key: a, effect: NoSchedule}]}"
    assert problems_of(folder, DRIVERS, f"managedNodeGroups: [{tainted}, {GROUP}, {{name: z, minSize: 0}}]") == []


class TestStorageDrivers:
    """The CSI drivers behind the storage classes."""

    def test_missing_drivers_are_added_with_roles(self, folder: Path) -> None:
        """Claims would stay Pending without them."""
        warnings = problems_of(folder, f"managedNodeGroups: [{GROUP}]", "addons: [{name: vpc-cni}]")
        assert [problem.warning for problem in warnings] == [True, True]
        assert "lacks aws-ebs-csi-driver, needed by storage_classes and loki" in warnings[0].message
        addons = {addon.name: addon for addon in load_environment("sandbox", folder).cluster.addons}
        assert addons["aws-ebs-csi-driver"].use_default_pod_identity_associations
        assert addons["aws-efs-csi-driver"].use_default_pod_identity_associations

    def test_plan_says_what_a_driver_was_added_for(self, folder: Path) -> None:
        """Beside the resource, in the template that a plan shows."""
        problems_of(folder, f"managedNodeGroups: [{GROUP}]")
        env = load_environment("sandbox", folder)
        drivers = resources_of(pod_addons(env, CLUSTER, versions_of(env), ROLES), "EKS::Addon")
        assert drivers["AwsEbsCsiDriver"]["Metadata"] == {"AddedFor": "storage_classes and loki"}
        assert drivers["AwsEfsCsiDriver"]["Metadata"] == {"AddedFor": "storage_classes"}
        assert "Metadata" not in drivers["Coredns"]

    def test_note_of_the_loader_is_no_field(self, folder: Path) -> None:
        """Nobody else may say so."""
        written = "addons: [{name: aws-ebs-csi-driver, addedFor: me}]"
        problems = problems_of(folder, written, f"managedNodeGroups: [{GROUP}]")
        assert [problem.path for problem in problems if not problem.warning] == ["addons[0].addedFor"]

    def test_driver_without_role_gets_one(self, folder: Path) -> None:
        """A node's own role is out of reach of pods."""
        listed = "addons: [{name: aws-ebs-csi-driver, version: latest}, {name: aws-efs-csi-driver}]"
        warnings = problems_of(folder, listed, f"managedNodeGroups: [{GROUP}]")
        assert [problem.path for problem in warnings] == ["addons[0]", "addons[1]"]
        ebs = load_environment("sandbox", folder).cluster.declared_addons[0]
        assert (ebs.version, ebs.use_default_pod_identity_associations) == ("latest", True)

    def test_own_role_is_kept(self, folder: Path) -> None:
        """A role of the add-on, or an association of its service account, is the file's decision."""
        account = "{namespace: kube-system, serviceAccountName: efs-csi-controller-sa, roleARN: " + f"'{ROLE}/efs'}}"
        listed = (
            f"addons: [{{name: aws-ebs-csi-driver, serviceAccountRoleARN: '{ROLE}/ebs'}}, {{name: aws-efs-csi-driver}}]"
        )
        iam = f"iam: {{podIdentityAssociations: [{account}]}}"
        assert problems_of(folder, listed, iam, f"managedNodeGroups: [{GROUP}]") == []

    def test_auto_mode_brings_its_own_for_ebs(self, folder: Path) -> None:
        """EFS needs the add-on there too."""
        (warning,) = problems_of(folder, "autoModeConfig: {enabled: true}")
        assert "lacks aws-efs-csi-driver" in warning.message

    def test_nothing_is_added_without_storage_classes(self, folder: Path) -> None:
        """Where nobody makes volumes, nobody needs a driver."""
        edit(folder / "sandbox.yaml", "retry:\n", "addons: {storage_classes: false, loki: false}\nretry:\n")
        assert [p for p in problems_of(folder, f"managedNodeGroups: [{GROUP}]") if "driver" in p.message] == []


def test_published_clusters_are_as_their_files(folder: Path) -> None:
    """Nothing is added to what lists its drivers."""
    written = yaml.safe_load((folder / "clusters/sandbox.yaml").read_text().replace("${", "$ {"))["addons"]
    declared = load_environment("sandbox", folder).cluster.declared_addons
    assert [addon.name for addon in declared] == [addon["name"] for addon in written]
