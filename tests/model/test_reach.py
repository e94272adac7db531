"""What counts as identity or reach, in templates and in Kubernetes objects: pure."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest

from resources.model.change import FieldChange
from resources.model.reach import (
    RESOURCES,
    is_reach_of_object,
    is_reach_of_volatile,
    list_template_reach,
)

ROLE = {"Type": "AWS::IAM::Role", "Properties": {"RoleName": "app", "Policies": [{"Ref": "Allowed"}]}}
GROUP = {
    "Type": "AWS::EKS::Nodegroup",
    "Properties": {"ScalingConfig": {"DesiredSize": {"Ref": "Size"}}, "NodeRole": "nodes", "InstanceTypes": ["m5"]},
}


def stack(*, parameters: dict[str, str] | None = None, **resources: Any) -> dict[str, Any]:
    declared = {"Allowed": {"Type": "String", "Default": "read"}, "Size": {"Type": "Number", "Default": "2"}}
    return {"template": {"Parameters": declared, "Resources": resources}, "parameters": parameters or {}}


def changed(resource: dict[str, Any], **properties: Any) -> dict[str, Any]:
    return {**resource, "Properties": {**deepcopy(resource["Properties"]), **properties}}


@pytest.mark.parametrize(
    ("before", "after", "part"),
    [
        (stack(Role=ROLE), stack(Role=changed(ROLE, Policies=["admin"])), "Role (AWS::IAM::Role): Policies"),
        (stack(), stack(Role=ROLE), "Role (AWS::IAM::Role): Policies, RoleName"),
        (stack(Role=ROLE), stack(), "Role (AWS::IAM::Role): Policies, RoleName"),
        (stack(Role=ROLE), stack(Role=ROLE, parameters={"Allowed": "*"}), "Role (AWS::IAM::Role): Policies"),
        (stack(Role=ROLE), stack(Role=changed(ROLE, Tags=[{"Key": "a"}])), "Role (AWS::IAM::Role): Tags"),
        (stack(Group=GROUP), stack(Group=changed(GROUP, NodeRole="admin")), "Group (AWS::EKS::Nodegroup): NodeRole"),
        (stack(), stack(New={"Type": "AWS::New::Kind"}), "New (AWS::New::Kind): Type"),
        (stack(), stack(Loop=["x"]), "Loop (not a resource): content"),
        (stack(A=GROUP), stack(A={**GROUP, "Type": "AWS::New::Kind"}), "A (AWS::New::Kind): Type"),
        (stack(Group=GROUP), stack(Group={**GROUP, "Metadata": {"x": 1}}), "Group (AWS::EKS::Nodegroup): Metadata"),
    ],
)
def test_change_of_identity_is_named(before: dict[str, Any], after: dict[str, Any], part: str) -> None:
    """Each part that differs and is not known to grant nothing is named, with the resource and its type."""
    assert list_template_reach(before, after) == (part,)


@pytest.mark.parametrize(
    "after",
    [
        stack(Role=ROLE, Group=changed(GROUP, InstanceTypes=["m5.xlarge"])),
        stack(Role=ROLE, Group=changed(GROUP, Tags={"team": "a"})),
        stack(Role=ROLE, Group=GROUP, parameters={"Size": "5"}),
        stack(Role=ROLE, Group={**GROUP, "DependsOn": ["Role"]}),
        stack(Role=ROLE, Group=GROUP, Address={"Type": "AWS::EC2::EIP"}),
        {**stack(Role=ROLE, Group=GROUP), "tags": {"team": "a"}},
    ],
)
def test_change_of_size_or_tag_is_none(after: dict[str, Any]) -> None:
    """A size, a tag and an order grant nothing, also through a parameter."""
    assert list_template_reach(stack(Role=ROLE, Group=GROUP), after) == ()


def test_conditions_mappings_and_substitutions_count_where_they_are_used() -> None:
    """What a resource refers to is judged with it, by whatever function it is referred to."""
    for reference in ({"Fn::If": ["Open", 1, 2]}, {"Fn::FindInMap": ["Rights", "a", "b"]}, {"Fn::Sub": "x-${Allowed}"}):
        before = stack(Role=changed(ROLE, Policies=[reference]))
        before["template"] |= {"Conditions": {"Open": {"Fn::Equals": [1, 2]}}, "Mappings": {"Rights": {"a": {"b": 1}}}}
        after = deepcopy(before)
        assert list_template_reach(before, after) == ()
        after["template"] |= {"Conditions": {"Open": {"Fn::Equals": [1, 1]}}, "Mappings": {"Rights": {"a": {"b": 2}}}}
        after["parameters"] = {"Allowed": "*"}
        assert list_template_reach(before, after) == ("Role (AWS::IAM::Role): Policies",), reference
    conditional = stack(Role={**ROLE, "Condition": "Open"})
    conditional["template"]["Conditions"] = {"Open": {"Fn::Equals": [1, 2]}}
    opened = deepcopy(conditional)
    opened["template"]["Conditions"]["Open"] = {"Fn::Equals": [1, 1]}
    assert list_template_reach(conditional, opened) == ("Role (AWS::IAM::Role): what it refers to",)


def test_what_belongs_to_no_resource_counts() -> None:
    """A macro, an export and a stack policy are no part of a resource, and count."""
    plain = stack(Group=GROUP)
    macro = deepcopy(plain)
    macro["template"]["Transform"] = "Mine"
    assert list_template_reach(plain, macro) == ("Transform",)
    include = stack(Group=changed(GROUP, Tags={"Fn::Transform": {"Name": "AWS::Include"}}))
    assert list_template_reach(plain, include) == ("Group (AWS::EKS::Nodegroup): Fn::Transform",)
    exported = deepcopy(plain)
    exported["template"]["Outputs"] = {"Role": {"Value": "x", "Export": {"Name": "role"}}}
    assert list_template_reach(plain, exported) == ("exported outputs",)
    assert list_template_reach({**plain, "policy": {"Statement": []}}, plain) == ("stack policy",)


@pytest.mark.parametrize(
    ("kind", "path", "before", "after"),
    [
        ("ClusterRoleBinding", "", None, "applied"),
        ("ClusterRole", "rules[0].verbs", ["get"], ["*"]),
        ("ServiceAccount", "metadata.annotations.eks.amazonaws.com/role-arn", "a", "b"),
        ("ClusterRole", "metadata.labels.rbac.authorization.k8s.io/aggregate-to-admin", None, "true"),
        ("MutatingWebhookConfiguration", "webhooks[0].clientConfig.url", "a", "b"),
        ("CustomResourceDefinition", "spec.conversion.webhook.clientConfig.url", "a", "b"),
        ("Deployment", "", None, "applied"),
        ("Deployment", "spec.template.spec.containers[0].image", "a.io/x:1", "evil.io/x:1"),
        ("Deployment", "spec.template.spec.containers[0].command", ["a"], ["sh"]),
        ("Deployment", "spec.template.spec.containers", [1], [1, 2]),
        ("Deployment", "spec.template.spec.serviceAccountName", "a", "admin"),
        ("Namespace", "metadata.labels.pod-security.kubernetes.io/enforce", "baseline", "privileged"),
        ("EC2NodeClass", "spec.role", "nodes", "admin"),
        ("NodePool", "spec.template.spec.nodeClassRef.name", "a", "b"),
        ("ClusterSecretStore", "spec.provider.aws.role", None, "x"),
        ("NeverHeardOf", "spec.replicas", 1, 2),
    ],
)
def test_reach_of_object(kind: str, path: str, before: Any, after: Any) -> None:
    """Rights, identities, webhooks, other code and kinds that nobody knows count."""
    assert is_reach_of_object(kind, FieldChange(path, before, after))


@pytest.mark.parametrize(
    ("kind", "path", "before", "after"),
    [
        ("Deployment", "spec.replicas", 1, 2),
        ("Deployment", "spec.template.spec.containers[0].image", "r:5000/x:1", "r:5000/x:2@sha256:0"),
        ("DaemonSet", "spec.template.spec.containers[app].resources.limits.cpu", "1", "2"),
        ("ClusterRole", "metadata.labels.helm.sh/chart", "a-1", "a-2"),
        ("ClusterRole", 'metadata.labels.["app.kubernetes.io/version"]', "1", "2"),
        ("CustomResourceDefinition", "spec.versions[0].schema.openAPIV3Schema", {}, {"type": "object"}),
        ("NodePool", "spec.limits.cpu", "10", "20"),
        ("PodDisruptionBudget", "", None, "applied"),
    ],
)
def test_no_reach_of_object(kind: str, path: str, before: Any, after: Any) -> None:
    """Sizes, schemas, new tags of the same image and labels of the version grant nothing."""
    assert not is_reach_of_object(kind, FieldChange(path, before, after))


def test_volatile_fields_hide_nothing() -> None:
    """Generated certificates and passwords pass; an object with another name each time, or a changing rule, counts."""
    assert not is_reach_of_volatile("Secret", "data.tls.crt")
    assert not is_reach_of_volatile("MutatingWebhookConfiguration", "webhooks[0].clientConfig.caBundle")
    assert is_reach_of_volatile("ClusterRoleBinding", "*")
    assert is_reach_of_volatile("ClusterRole", "rules")
    assert is_reach_of_volatile("Secret", "*")
    assert is_reach_of_volatile("ValidatingWebhookConfiguration", "webhooks")


def test_tables_name_no_identity() -> None:
    """No type that grants rights stands in the table of what grants nothing with more than its tags."""
    granting = ("::IAM::", "Policy", "AccessEntry", "PodIdentity", "::SNS::", "::KMS::", "OIDC", "SecretsManager")
    assert [kind for kind in RESOURCES if any(word in kind for word in granting)] == []
