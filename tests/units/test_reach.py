"""What of the published environments may change without approval once they have been through their gate, and what one
line in a file could give away: of every unit, with no word about any of them in the code."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from eks_assets.graph.rendering import render_spec
from eks_assets.units import load_registry
from resources.config.environment import Approval, Environment
from resources.config.loader import load_environment
from resources.config.waves import WAVES
from resources.drivers.helm.charts import hash_chart_source
from resources.drivers.stack.fields import wanted_fields
from resources.model.change import FieldChange
from resources.model.outputs import plain_document
from resources.model.reach import is_reach_of_object, list_template_reach
from resources.model.specs import HelmRelease, Manifests, Spec, Stack
from sandbox.paths import PROJECT

NAMES = ("acme-dev", "acme-prod", "sandbox", "sandbox-gated")
# All that our templates have and that grants nothing. A line that comes in here is a decision: see
# resources/model/reach.py.
FREE = {
    "AWS::CertificateManager::Certificate": {"Tags"},
    "AWS::EC2::EIP": {"Domain", "Tags"},
    "AWS::EC2::NatGateway": {"AllocationId", "SubnetId", "Tags"},
    "AWS::EC2::RouteTable": {"Tags", "VpcId"},
    "AWS::EC2::SecurityGroup": {"Tags"},
    "AWS::EC2::SecurityGroupIngress": {"Description"},
    "AWS::EC2::Subnet": {"Tags"},
    "AWS::EC2::VPC": {"EnableDnsHostnames", "EnableDnsSupport", "Tags"},
    "AWS::EFS::FileSystem": {"BackupPolicy", "FileSystemTags", "LifecyclePolicies", "ThroughputMode"},
    "AWS::EKS::Addon": {"AddonVersion", "ResolveConflicts"},
    "AWS::EKS::Cluster": {"Tags", "UpgradePolicy", "Version", "ZonalShiftConfig"},
    "AWS::EKS::Nodegroup": {
        "CapacityType",
        "InstanceTypes",
        "Labels",
        "NodeRepairConfig",
        "ReleaseVersion",
        "ScalingConfig",
        "Taints",
        "UpdateConfig",
        "Version",
    },
    "AWS::KMS::Key": {"Description"},
    "AWS::Logs::LogGroup": {"RetentionInDays"},
    "AWS::S3::Bucket": {"LifecycleConfiguration"},
    "AWS::SQS::Queue": {"MessageRetentionPeriod", "VisibilityTimeout"},
    "AWS::SSM::Parameter": {"Description"},
    "AWS::SecretsManager::Secret": {"Description"},
}


def specs(env: Environment) -> dict[str, Spec[Any]]:
    """The specs of the environment's units, by the unit's name."""
    registry = load_registry()
    return {u.name: render_spec(registry, env, u, {}) for u in registry.units if u.is_enabled(env)}


def test_free_properties_of_all_templates_are_listed() -> None:
    """Every property of every resource in every published environment asks for approval, but for those listed."""
    free: dict[str, set[str]] = {}
    for name in NAMES:
        stacks = [spec for spec in specs(load_environment(name)).values() if isinstance(spec, Stack)]
        for template in (wanted_fields(stack)["template"] for stack in stacks):
            for resource in template["Resources"].values():
                for key in resource.get("Properties", {}):
                    less = {k: v for k, v in resource["Properties"].items() if k != key}
                    before = {"template": {"Resources": {"It": {**resource, "Properties": less}}}}
                    if not list_template_reach(before, {"template": {"Resources": {"It": resource}}}):
                        free.setdefault(resource["Type"], set()).add(key)
    assert free == FREE


def test_new_objects_ask_for_approval() -> None:
    """No object that our units make comes without approval, not even a namespace: its labels say what its pods may."""
    free: set[str] = set()
    for name in NAMES:
        for spec in specs(load_environment(name)).values():
            for obj in spec.objects if isinstance(spec, Manifests) else ():
                if not is_reach_of_object(obj["kind"], FieldChange("", None, plain_document(obj))):
                    free.add(obj["kind"])
    assert free == set()


def _access_entry(cluster: Any, _: Any) -> None:
    policy = "arn:aws:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy"
    entry = {"accessPolicies": [{"policyARN": policy, "accessScope": {"type": "cluster"}}]}
    arn = "arn:aws:iam::000000000000:role/demo-gated-planner"
    cluster.setdefault("accessConfig", {}).setdefault("accessEntries", []).append({"principalARN": arn, **entry})


def _pod_identity(cluster: Any, _: Any) -> None:
    admin = ["arn:aws:iam::aws:policy/AdministratorAccess"]
    one = {"namespace": "storefront", "serviceAccountName": "default", "permissionPolicyARNs": admin}
    cluster.setdefault("iam", {}).setdefault("podIdentityAssociations", []).append(one)


def _mail(_: Any, env: Any) -> None:
    env["email_subscriptions"] = ["mallory@example.test"]


def _open_endpoint(cluster: Any, _: Any) -> None:
    cluster.setdefault("vpc", {})["publicAccessCIDRs"] = ["0.0.0.0/1"]


Attack = Callable[[Any, Any], None]


@pytest.mark.parametrize(
    ("attack", "unit"),
    [
        (_access_entry, "access_entries"),
        (_pod_identity, "identity"),
        (_mail, "notifications"),
        (_open_endpoint, "cluster"),
    ],
)
def test_line_in_a_file_that_gives_rights_asks(attack: Attack, unit: str, environments: Path) -> None:
    """One line that grants access, a pod's identity, the gate's own mails or a way in puts its unit behind the gate,
    and no other."""
    before = specs(load_environment("sandbox-gated", environments))
    cluster_file, env_file = environments / "clusters/sandbox.yaml", environments / "sandbox-gated.yaml"
    cluster, env = yaml.safe_load(cluster_file.read_text()), yaml.safe_load(env_file.read_text())
    attack(cluster, env)
    cluster_file.write_text(yaml.safe_dump(cluster))
    env_file.write_text(yaml.safe_dump(env))
    after = specs(load_environment("sandbox-gated", environments))
    stacks = {name: (before[name], spec) for name, spec in after.items()}
    assert [
        name
        for name, (old, new) in stacks.items()
        if isinstance(old, Stack)
        and isinstance(new, Stack)
        and list_template_reach(wanted_fields(old), wanted_fields(new))
    ] == [unit]


def test_other_supplier_of_charts_is_another_source(sandbox_env: Environment) -> None:
    """A mirror, its TLS and a repository say who supplies a chart; its version does not."""
    spec = HelmRelease(name="a", namespace="a", repository="https://charts.test", chart="a", version="1")
    env = sandbox_env.model_copy(update={"charts": sandbox_env.charts.model_copy(update={"mirror": None})})
    ours = hash_chart_source(spec, env)
    assert hash_chart_source(spec.model_copy(update={"version": "2"}), env) == ours
    assert hash_chart_source(spec.model_copy(update={"repository": "https://evil.test"}), env) != ours
    for key, value in (("mirror", "oci://evil.test/charts"), ("plain_http", not env.charts.plain_http)):
        changed = env.model_copy(update={"charts": env.charts.model_copy(update={key: value})})
        assert hash_chart_source(spec, changed) != ours


def test_published_gates_say_where_they_stand() -> None:
    """A gate that says nothing stands before the first wave; the published ones say `applications`."""
    assert Approval().before == WAVES[0]
    for file in (PROJECT / "environments").glob("*.yaml"):
        approval = yaml.safe_load(file.read_text()).get("approval")
        assert approval is None or approval["before"] == "applications", file.name
