"""The properties of a ClusterConfig that stacks are made from, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from resources.config.aws_catalog import INSTANCE_SIZES, accelerator_of, architecture_of
from resources.config.eksctl.cluster_config import ClusterConfig
from resources.config.eksctl.iam import CLUSTER_ADMIN_POLICY, AccessEntry, IdentityMapping, WellKnownPolicies
from resources.config.eksctl.nodes import ManagedNodeGroup
from resources.config.eksctl.well_known_policies import inline_policy, managed_policies

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
    def test_default_addons_come_by_themselves(self) -> None:
        agent = "eks-pod-identity-agent"  # our own add-ons get their roles through it
        assert names(config().addons) == ["vpc-cni", "kube-proxy", "coredns", "metrics-server", agent]

    def test_a_declared_addon_takes_the_place_of_the_default(self) -> None:
        found = config(addons=[{"name": "coredns", "version": "v1.12.4-eksbuild.1"}]).addons
        assert names(found).count("coredns") == 1
        assert found[0].version == "v1.12.4-eksbuild.1"

    def test_defaults_can_be_switched_off(self) -> None:
        found = config(addons=[{"name": "vpc-cni"}], addonsConfig={"disableDefaultAddons": True})
        assert names(found.addons) == ["vpc-cni", "eks-pod-identity-agent"]

    def test_nodes_get_their_daemons_before_and_everything_else_after(self) -> None:
        found = config(addons=[{"name": "eks-pod-identity-agent"}, {"name": "aws-ebs-csi-driver"}])
        assert set(names(found.daemon_addons)) == {"vpc-cni", "kube-proxy", "eks-pod-identity-agent"}
        assert set(names(found.pod_addons)) == {"coredns", "metrics-server", "aws-ebs-csi-driver"}

    def test_auto_mode_leaves_out_what_it_already_runs(self) -> None:
        found = config(
            autoModeConfig={"enabled": True},
            addons=[{"name": "coredns"}, {"name": "eks-pod-identity-agent"}, {"name": "aws-efs-csi-driver"}],
        )
        assert set(names(found.addons)) == {"aws-efs-csi-driver", "metrics-server"}

    def test_metrics_server_is_no_default_where_aws_does_not_publish_it(self) -> None:
        assert "metrics-server" not in names(config(region="us-gov-west-1").addons)
        assert "metrics-server" not in names(config(region="us-iso-east-1").addons)

    def test_settings_are_read_from_json_or_yaml(self) -> None:
        found = config(addons=[{"name": "coredns", "configurationValues": '{"replicaCount": 3}'}])
        assert found.addons[0].configuration == {"replicaCount": 3}

    def test_marketplace_addons_are_let_through(self) -> None:
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
    def test_sizes_that_are_not_written_follow_from_the_others(
        self, fields: dict[str, int], size: tuple[int, int, int]
    ) -> None:
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
    def test_the_image_fits_the_processor(self, types: list[str], image: str) -> None:
        assert group(instanceTypes=types).ami_type == image

    def test_every_family_has_an_architecture(self) -> None:
        arm = {family for family in INSTANCE_SIZES if architecture_of(f"{family}.large") == "arm64"}
        assert {"a1", "t4g", "m7g", "c6gn", "im4gn", "is4gen", "x2gd", "g5g", "hpc7g"} <= arm
        assert not arm & {"g4dn", "g5", "g6", "m7i", "c7i-flex", "p5", "u-6tb1", "z1d"}
        assert accelerator_of("g4ad.xlarge") == "none"

    def test_types_of_different_processors_do_not_share_a_group(self) -> None:
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
    def test_sizes_out_of_order_are_refused(self, fields: dict[str, int]) -> None:
        with pytest.raises(ValidationError, match=r"(more|less) than"):
            group(**fields)


class TestAccess:
    def test_nodes_become_a_linux_entry_whose_groups_eks_sets(self) -> None:
        groups = ["system:bootstrappers", "system:nodes"]
        mapping = {"arn": ROLE, "username": "system:node:{{EC2PrivateDNSName}}", "groups": groups}
        (entry,) = config(iamIdentityMappings=[mapping]).access_entries
        assert (entry.type, entry.kubernetes_groups, entry.kubernetes_username) == ("EC2_LINUX", (), None)

    def test_masters_become_cluster_administrators(self) -> None:
        entry = IdentityMapping.model_validate({"arn": ROLE, "groups": ["system:masters"]}).access_entry()
        assert entry.kubernetes_groups == ()
        assert [policy.policy_arn for policy in entry.access_policies] == [CLUSTER_ADMIN_POLICY]

    def test_groups_of_ones_own_stay_groups(self) -> None:
        mapping = {"arn": ROLE, "username": "dev", "groups": ["developers"]}
        entry = IdentityMapping.model_validate(mapping).access_entry()
        assert (entry.kubernetes_groups, entry.kubernetes_username) == (("developers",), "dev")

    def test_other_system_groups_have_no_equivalent(self) -> None:
        with pytest.raises(ValidationError, match="system:authenticated has no access entry"):
            IdentityMapping.model_validate({"arn": ROLE, "groups": ["system:authenticated"]})

    def test_entries_of_nodes_have_no_policies(self) -> None:
        scope = {"policyARN": CLUSTER_ADMIN_POLICY, "accessScope": {"type": "cluster"}}
        with pytest.raises(ValidationError, match="EC2_LINUX has no accessPolicies"):
            AccessEntry.model_validate({"principalARN": ROLE, "type": "EC2_LINUX", "accessPolicies": [scope]})

    def test_one_principal_has_one_entry(self) -> None:
        entries = [{"principalARN": ROLE}]
        with pytest.raises(ValidationError, match="twice"):
            config(accessConfig={"accessEntries": entries}, iamIdentityMappings=[{"arn": ROLE}])


def test_well_known_policies_are_spelled_out() -> None:
    policies = WellKnownPolicies.model_validate({"ebsCSIController": True, "externalDNS": True})
    assert managed_policies(policies, "aws-cn") == ("arn:aws-cn:iam::aws:policy/service-role/AmazonEBSCSIDriverPolicy",)
    document = inline_policy(policies, "aws-cn")
    assert document is not None
    assert document["Statement"][0]["Resource"] == "arn:aws-cn:route53:::hostedzone/*"
    assert inline_policy(WellKnownPolicies(), "aws") is None


def test_every_well_known_policy_grants_something() -> None:
    for name, field in WellKnownPolicies.model_fields.items():
        policies = WellKnownPolicies.model_validate({field.alias: True})
        assert managed_policies(policies, "aws") or inline_policy(policies, "aws"), name


def test_defaults_are_the_cautious_ones() -> None:
    found = config()
    assert found.upgrade_policy.support_type == "STANDARD"
    assert found.access_config.authentication_mode == "API"
    assert found.access_config.bootstrap_cluster_creator_admin_permissions is False


def test_all_logs_are_spelled_out() -> None:
    found = config(cloudWatch={"clusterLogging": {"enableTypes": ["*"], "logRetentionInDays": 30}})
    assert found.cloud_watch.cluster_logging.types == (
        "api",
        "audit",
        "authenticator",
        "controllerManager",
        "scheduler",
    )


def test_roles_of_service_accounts_need_the_oidc_provider() -> None:
    account = {"metadata": {"name": "x", "namespace": "y"}, "attachPolicyARNs": ["arn:aws:iam::aws:policy/Z"]}
    with pytest.raises(ValidationError, match="not withOIDC"):
        config(iam={"serviceAccounts": [account]})
    assert config(iam={"withOIDC": True, "serviceAccounts": [account]}).iam.service_accounts[0].role_only is False


def test_subnets_are_named_by_id_and_nodes_have_a_place() -> None:
    two = {"us-west-2a": {"id": "subnet-1"}, "us-west-2b": {"id": "subnet-2", "cidr": "10.0.1.0/24"}}
    assert config(vpc={"subnets": {"private": two}}).vpc.subnets.ids == ("subnet-1", "subnet-2")
    with pytest.raises(ValidationError, match="public subnets alone"):
        config(vpc={"subnets": {"public": two}})
    with pytest.raises(ValidationError, match=r"private.us-west-2a.id\n +Field required"):
        config(vpc={"subnets": {"private": {"us-west-2a": {"cidr": "10.0.0.0/24"}, "us-west-2b": {}}}})


def test_names_that_would_be_one_resource_are_refused() -> None:
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
def test_names_that_would_be_one_resource_of_a_stack_are_refused(kind: str, one: str, other: str) -> None:
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
def test_names_are_of_letters_that_aws_accepts(fields: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="should match pattern"):
        config(**fields)


@pytest.mark.parametrize("namespace", ["jobs", "jobs-*", "team-?", "*"])
def test_a_fargate_profile_may_select_namespaces_by_wildcards(namespace: str) -> None:
    found = config(fargateProfiles=[{"name": "jobs", "selectors": [{"namespace": namespace}]}])
    assert found.fargate_profiles[0].selectors[0].namespace == namespace
