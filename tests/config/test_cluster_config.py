"""The properties of a ClusterConfig that stacks are made from, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from resources.config.aws_catalog import INSTANCE_SIZES, accelerator_of, architecture_of
from resources.config.eksctl.cluster_config import ClusterConfig
from resources.config.eksctl.iam import CLUSTER_ADMIN_POLICY, AccessEntry, IdentityMapping
from resources.config.eksctl.nodes import ManagedNodeGroup
from resources.config.eksctl.well_known_policies import WellKnownPolicies, inline_policy, managed_policies

ROLE = "arn:aws:iam::111122223333:role/somebody"


def config(region: str = "us-west-2", **fields: Any) -> ClusterConfig:
    metadata = {"name": "acme-dev-cluster", "region": region, "version": "1.34"}
    head = {"apiVersion": "eksctl.io/v1alpha5", "kind": "ClusterConfig", "metadata": metadata}
    return ClusterConfig.model_validate(head | fields)


def group(**fields: Any) -> ManagedNodeGroup:
    return ManagedNodeGroup.model_validate({"name": "system"} | fields)


def names(addons: tuple[Any, ...]) -> list[str]:
    return [addon.name for addon in addons]


class TestAddons:
    def test_addons_include_the_defaults(self) -> None:
        """EKS's default add-ons, and the pod identity agent that our own add-ons need."""
        agent = "eks-pod-identity-agent"  # our own add-ons get their roles through it
        assert names(config().addons) == ["vpc-cni", "kube-proxy", "coredns", "metrics-server", agent]

    def test_declared_addon_replaces_the_default(self) -> None:
        """A declared add-on is used instead of the default of that name."""
        addons = config(addons=[{"name": "coredns", "version": "v1.12.4-eksbuild.1"}]).addons
        assert names(addons).count("coredns") == 1
        assert addons[0].version == "v1.12.4-eksbuild.1"

    def test_default_addons_can_be_disabled(self) -> None:
        """With `disableDefaultAddons` only declared add-ons and the agent remain."""
        cluster = config(addons=[{"name": "vpc-cni"}], addonsConfig={"disableDefaultAddons": True})
        assert names(cluster.addons) == ["vpc-cni", "eks-pod-identity-agent"]

    def test_addons_are_split_into_daemons_and_pods(self) -> None:
        """Add-ons that nodes need are apart from those that need nodes."""
        addons = [{"name": "eks-pod-identity-agent"}, {"name": "aws-ebs-csi-driver"}]
        cluster = config(addons=addons, managedNodeGroups=[{"name": "system"}])
        assert set(names(cluster.daemon_addons)) == {"vpc-cni", "kube-proxy", "eks-pod-identity-agent"}
        assert set(names(cluster.pod_addons)) == {"coredns", "metrics-server", "aws-ebs-csi-driver"}

    def test_auto_mode_omits_built_in_addons(self) -> None:
        """Auto Mode runs these add-ons itself."""
        cluster = config(
            autoModeConfig={"enabled": True},
            addons=[{"name": "coredns"}, {"name": "eks-pod-identity-agent"}, {"name": "aws-efs-csi-driver"}],
        )
        assert set(names(cluster.addons)) == {"aws-efs-csi-driver", "metrics-server"}

    def test_metrics_server_is_no_default_in_other_partitions(self) -> None:
        """AWS publishes the metrics-server add-on in some partitions only."""
        assert "metrics-server" not in names(config(region="us-gov-west-1").addons)
        assert "metrics-server" not in names(config(region="us-iso-east-1").addons)

    def test_addon_settings_are_read_from_json_or_yaml(self) -> None:
        """`configurationValues` may be JSON or YAML."""
        cluster = config(addons=[{"name": "coredns", "configurationValues": '{"replicaCount": 3}'}])
        assert cluster.addons[0].configuration == {"replicaCount": 3}

    def test_marketplace_addons_are_accepted(self) -> None:
        """Add-ons of the marketplace have names that no catalog lists."""
        assert "kubecost_kubecost" in names(config(addons=[{"name": "kubecost_kubecost"}]).addons)


class TestNodeGroups:
    @pytest.mark.parametrize(
        ("fields", "size"),
        [
            ({}, (2, 2, 2)),
            ({"desiredCapacity": 3}, (3, 3, 3)),
            ({"minSize": 1, "maxSize": 5}, (1, 1, 5)),
            ({"minSize": 0, "desiredCapacity": 0}, (0, 0, 1)),
            ({"maxSize": 1}, (1, 1, 1)),
            ({"desiredCapacity": 2, "minSize": 1, "maxSize": 10}, (1, 2, 10)),
        ],
    )
    def test_node_group_sizes_follow_from_each_other(self, fields: dict[str, int], size: tuple[int, int, int]) -> None:
        """Sizes that are not given are derived from those that are."""
        assert group(**fields).size == size

    @pytest.mark.parametrize(
        ("types", "image"),
        [
            (["m7i.large", "m6i.large"], "AL2023_x86_64_STANDARD"),
            (["m7g.large"], "AL2023_ARM_64_STANDARD"),
            (["g6.xlarge"], "AL2023_x86_64_NVIDIA"),
            (["g5g.xlarge"], "AL2023_ARM_64_NVIDIA"),
            (["trn1.2xlarge"], "AL2023_x86_64_NEURON"),
        ],
    )
    def test_node_group_image_fits_the_instance_types(self, types: list[str], image: str) -> None:
        """The AMI type follows from architecture and accelerator."""
        assert group(instanceTypes=types).ami_type == image

    def test_every_instance_family_has_an_architecture(self) -> None:
        """ARM families are told from x86 ones by name."""
        arm = {family for family in INSTANCE_SIZES if architecture_of(f"{family}.large") == "arm64"}
        assert {"a1", "t4g", "m7g", "c6gn", "im4gn", "is4gen", "x2gd", "g5g", "hpc7g"} <= arm
        assert not arm & {"g4dn", "g5", "g6", "m7i", "c7i-flex", "p5", "u-6tb1", "z1d"}
        assert accelerator_of("g4ad.xlarge") == "none"

    def test_node_group_refuses_types_of_two_architectures(self) -> None:
        """Instance types that need different images cannot share a group."""
        with pytest.raises(ValidationError, match="need different images"):
            group(instanceTypes=["m7i.large", "m7g.large"])

    @pytest.mark.parametrize(
        "fields",
        [
            {"minSize": 3, "maxSize": 2},
            {"minSize": 3, "desiredCapacity": 2},
            {"desiredCapacity": 3, "maxSize": 2},
        ],
    )
    def test_node_group_refuses_sizes_out_of_order(self, fields: dict[str, int]) -> None:
        """Minimum, desired and maximum must be in order."""
        with pytest.raises(ValidationError, match=r"(more|less) than"):
            group(**fields)


class TestAccess:
    def test_mapping_of_nodes_becomes_a_linux_entry(self) -> None:
        """EKS itself sets groups and user name of nodes."""
        groups = ["system:bootstrappers", "system:nodes"]
        mapping = {"arn": ROLE, "username": "system:node:{{EC2PrivateDNSName}}", "groups": groups}
        (entry,) = config(iamIdentityMappings=[mapping]).access_entries
        assert (entry.type, entry.kubernetes_groups, entry.kubernetes_username) == ("EC2_LINUX", (), None)

    def test_mapping_to_masters_becomes_cluster_admin(self) -> None:
        """`system:masters` becomes the cluster administrator's access policy."""
        entry = IdentityMapping.model_validate({"arn": ROLE, "groups": ["system:masters"]}).access_entry()
        assert entry.kubernetes_groups == ()
        assert [policy.policy_arn for policy in entry.access_policies] == [CLUSTER_ADMIN_POLICY]

    def test_mapping_to_own_groups_keeps_them(self) -> None:
        """Groups that are not EKS's own stay Kubernetes groups."""
        mapping = {"arn": ROLE, "username": "dev", "groups": ["developers"]}
        entry = IdentityMapping.model_validate(mapping).access_entry()
        assert (entry.kubernetes_groups, entry.kubernetes_username) == (("developers",), "dev")

    def test_mapping_to_other_system_groups_is_refused(self) -> None:
        """Other system groups have no equivalent among access entries."""
        with pytest.raises(ValidationError, match="system:authenticated has no access entry"):
            IdentityMapping.model_validate({"arn": ROLE, "groups": ["system:authenticated"]})

    def test_access_entry_of_nodes_refuses_policies(self) -> None:
        """EKS takes no access policies for nodes."""
        scope = {"policyARN": CLUSTER_ADMIN_POLICY, "accessScope": {"type": "cluster"}}
        with pytest.raises(ValidationError, match="EC2_LINUX has no accessPolicies"):
            AccessEntry.model_validate({"principalARN": ROLE, "type": "EC2_LINUX", "accessPolicies": [scope]})

    def test_access_entry_is_one_per_principal(self) -> None:
        """A principal in both lists is refused."""
        entries = [{"principalARN": ROLE}]
        with pytest.raises(ValidationError, match="twice"):
            config(accessConfig={"accessEntries": entries}, iamIdentityMappings=[{"arn": ROLE}])


def test_well_known_policies_are_spelled_out() -> None:
    """A well-known policy becomes managed or inline policies of the partition."""
    policies = WellKnownPolicies.model_validate({"ebsCSIController": True, "externalDNS": True})
    assert managed_policies(policies, "aws-cn") == ("arn:aws-cn:iam::aws:policy/service-role/AmazonEBSCSIDriverPolicy",)
    document = inline_policy(policies, "aws-cn")
    assert document is not None
    assert document["Statement"][0]["Resource"] == "arn:aws-cn:route53:::hostedzone/*"
    assert inline_policy(WellKnownPolicies(), "aws") is None


def test_every_well_known_policy_grants_something() -> None:
    """No well-known policy is empty."""
    for name, field in WellKnownPolicies.model_fields.items():
        policies = WellKnownPolicies.model_validate({field.alias: True})
        assert managed_policies(policies, "aws") or inline_policy(policies, "aws"), name


def test_cluster_config_defaults_are_cautious() -> None:
    """Standard support, access entries, and no hidden administrator."""
    cluster = config()
    assert cluster.upgrade_policy.support_type == "STANDARD"
    assert cluster.access_config.authentication_mode == "API"
    assert cluster.access_config.bootstrap_cluster_creator_admin_permissions is False


def test_log_types_star_means_all() -> None:
    """ "*" becomes the list of all log types."""
    cluster = config(cloudWatch={"clusterLogging": {"enableTypes": ["*"], "logRetentionInDays": 30}})
    assert cluster.cloud_watch.cluster_logging.types == (
        "api",
        "audit",
        "authenticator",
        "controllerManager",
        "scheduler",
    )


@pytest.mark.parametrize(
    ("group", "kind"),
    [("system:node-proxier", "FARGATE_LINUX"), ("eks:kube-proxy-windows", "EC2_WINDOWS"), ("a", "EC2_LINUX")],
)
def test_mapping_of_nodes_becomes_an_entry_of_their_kind(group: str, kind: str) -> None:
    """aws-auth told Fargate's pods and Windows by one group more."""
    groups = ["system:bootstrappers", "system:nodes", group]
    mapping = {"arn": ROLE, "username": "system:node:{{SessionName}}", "groups": groups}
    assert IdentityMapping.model_validate(mapping).access_entry().type == kind


def test_service_account_roles_need_the_oidc_provider() -> None:
    """Roles of service accounts need `withOIDC`."""
    account = {"metadata": {"name": "x", "namespace": "y"}, "attachPolicyARNs": ["arn:aws:iam::aws:policy/Z"]}
    with pytest.raises(ValidationError, match="not withOIDC"):
        config(iam={"serviceAccounts": [account]})
    assert config(iam={"withOIDC": True, "serviceAccounts": [account]}).iam.service_accounts[0].role_only is False


def test_subnets_need_ids_and_a_private_one() -> None:
    """Subnets are given by id; public ones alone leave nodes no place."""
    two = {"us-west-2a": {"id": "subnet-1"}, "us-west-2b": {"id": "subnet-2", "cidr": "10.0.1.0/24"}}
    assert config(vpc={"subnets": {"private": two}}).vpc.subnets.ids == ("subnet-1", "subnet-2")
    with pytest.raises(ValidationError, match="public subnets alone"):
        config(vpc={"subnets": {"public": two}})
    with pytest.raises(ValidationError, match=r"private.us-west-2a.id\n +Field required"):
        config(vpc={"subnets": {"private": {"us-west-2a": {"cidr": "10.0.0.0/24"}, "us-west-2b": {}}}})


def test_names_of_the_same_node_group_are_refused() -> None:
    """Names that differ in punctuation alone are the same to CloudFormation."""
    groups = [{"name": "a-b"}, {"name": "a_b"}]
    with pytest.raises(ValidationError, match="managedNodeGroups has a-b twice"):
        config(managedNodeGroups=groups)


@pytest.mark.parametrize(
    ("kind", "one", "other"),
    [
        ("managedNodeGroups", "system", "System"),
        ("managedNodeGroups", "a--b", "A_b-"),
        ("fargateProfiles", "jobs", "JOBS"),
        ("addons", "acme-logs", "acme_logs"),
    ],
)
def test_names_with_the_same_logical_id_are_refused(kind: str, one: str, other: str) -> None:
    """Names that give the same logical id in a stack are refused."""
    more = {"selectors": [{"namespace": "jobs"}]} if kind == "fargateProfiles" else {}
    fields: dict[str, Any] = {kind: [{"name": name, **more} for name in (one, other)]}
    with pytest.raises(ValidationError, match=f"{kind} has .* twice"):
        config(**fields)


@pytest.mark.parametrize(
    "fields",
    [
        {"managedNodeGroups": [{"name": "nodé"}]},
        {"fargateProfiles": [{"name": "jobé", "selectors": [{"namespace": "jobs"}]}]},
        {
            "iam": {
                "podIdentityAssociations": [
                    {"namespace": "a", "serviceAccountName": "a", "roleName": "é", "permissionPolicyARNs": [ROLE]}
                ]
            }
        },
    ],
)
def test_names_of_other_letters_are_refused(fields: dict[str, Any]) -> None:
    """Names may only have characters that AWS accepts."""
    with pytest.raises(ValidationError, match="should match pattern"):
        config(**fields)


@pytest.mark.parametrize("namespace", ["jobs", "jobs-*", "team-?", "*"])
def test_fargate_profile_accepts_wildcard_namespaces(namespace: str) -> None:
    """Fargate selectors may have wildcards."""
    cluster = config(fargateProfiles=[{"name": "jobs", "selectors": [{"namespace": namespace}]}])
    assert cluster.fargate_profiles[0].selectors[0].namespace == namespace
