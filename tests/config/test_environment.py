"""An environment's derived names and overrides, through the published example files."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import TypeAdapter, ValidationError

from resources.config.environment import Addon, Approval, Environment, merge_mappings
from resources.config.field_types import Owner
from resources.config.loader import list_environments, load_environment

EXAMPLES = Path(__file__).parents[2] / "environments"


@pytest.fixture(scope="module")
def prod() -> Environment:
    return load_environment("acme-prod", EXAMPLES)


def test_published_environments_load() -> None:
    """Every file in `environments/` is valid."""
    assert list_environments(EXAMPLES) == ("acme-dev", "acme-prod", "sandbox", "sandbox-gated")
    for name in list_environments(EXAMPLES):
        assert load_environment(name, EXAMPLES).name == name


def test_names_follow_tenant_and_target_env(prod: Environment) -> None:
    """Derived names are those that other tools expect."""
    assert prod.resource_prefix == "acme-prod"
    assert prod.cluster_name == "acme-prod-cluster"
    assert prod.vpc_name == "acme-prod-vpc"
    assert prod.karpenter_stack == "Karpenter-acme-prod-cluster"
    assert prod.app_domain == "acme-prod.acme.example"
    assert prod.certificate_parameter == "/acme/prod/acm/certificate-arn"
    assert prod.keycloak_secret == "/acme/prod/keycloak/admin-credentials"


def test_sandboxes_share_no_name_and_no_address() -> None:
    """Both sandboxes can be deployed into one account."""
    one, other = load_environment("sandbox", EXAMPLES), load_environment("sandbox-gated", EXAMPLES)
    assert one.resource_prefix != other.resource_prefix
    assert one.hosted_zone.name != other.hosted_zone.name
    assert one.network.create is not None
    assert other.network.create is not None
    assert one.network.create.cidr != other.network.create.cidr
    assert (one.account, one.region) == (other.account, other.region)
    assert one.cluster.metadata.name == "demo-sandbox-cluster"
    assert other.cluster.metadata.name == "demo-gated-cluster"


def test_production_is_stricter_than_development(prod: Environment) -> None:
    """Production needs approvals and has a shorter deadline for its cluster and more node groups."""
    dev = load_environment("acme-dev", EXAMPLES)
    assert dev.approval is None
    assert prod.approval is not None
    assert prod.approval.approvers == 2
    assert prod.deadlines.cluster < dev.deadlines.cluster
    assert {group.name for group in prod.cluster.node_groups if group.gpu} == {"gpu"}
    assert len(prod.cluster.node_groups) == 3


def test_placeholders_are_filled_in_except_the_vpc(prod: Environment) -> None:
    """The VPC's id is known only after its deploy."""
    assert prod.cluster.metadata.version == "1.35"
    assert prod.cluster.vpc.id == "${VPC_ID}"
    assert prod.cluster.iam.pod_identity_associations[0].permission_policy_arns[0] == (
        "arn:aws:iam::444455556666:policy/KarpenterControllerNodeLifecyclePolicy-acme-prod-cluster"
    )


def test_values_override_the_values_file(tmp_path: Path) -> None:
    """An add-on's values are merged over its values file; lists are replaced."""
    (tmp_path / "clusters").mkdir()
    (tmp_path / "clusters/sandbox.yaml").write_text((EXAMPLES / "clusters/sandbox.yaml").read_text())
    (tmp_path / "base.yaml").write_text("replicas: 2\nlimits: {cpu: 1, memory: 1Gi}\nhosts: [a, b]\n")
    text = (EXAMPLES / "sandbox.yaml").read_text() + (
        "addons:\n  karpenter: {values_file: base.yaml, values: {limits: {cpu: 4}, hosts: [c]}}\n  loki: off\n"
    )
    (tmp_path / "sandbox.yaml").write_text(text)
    env = load_environment("sandbox", tmp_path)
    assert env.addon("karpenter").values == {"replicas": 2, "limits": {"cpu": 4, "memory": "1Gi"}, "hosts": ["c"]}
    assert env.addon("external_dns").values == {}
    assert not env.addon("loki").enabled
    assert env.addon("external_dns").enabled


def test_values_of_a_file_keep_their_place_in_digests(prod: Environment) -> None:
    """A plan approved, or content deployed, before the loader merged the two must have the same digest today."""
    from_file, own = prod.addon("loki").model_dump(mode="json"), Addon(values={"a": 1}).model_dump(mode="json")
    assert (from_file["values"], list(from_file["file_values"])) == ({}, ["loki"])
    assert (own["values"], own["file_values"]) == ({"a": 1}, {})
    assert list(own) == ["enabled", "version", "values", "values_file", "timeout", "file_values"]


def test_merge_mappings_leaves_both_sides_unchanged() -> None:
    """Neither mapping is changed by merging."""
    below, above = {"a": {"b": 1}}, {"a": {"c": 2}}
    assert merge_mappings(below, above) == {"a": {"b": 1, "c": 2}}
    assert (below, above) == ({"a": {"b": 1}}, {"a": {"c": 2}})


@pytest.mark.parametrize(("text", "seconds"), [("30m", 1800), ("4h", 14400)])
def test_approvals_expire_after_hours_or_minutes(prod: Environment, text: str, seconds: int) -> None:
    """The lifetime is written in hours or minutes."""
    env = prod.model_copy(update={"approval": Approval(expires=text)})
    assert env.expires_seconds == seconds


@pytest.mark.parametrize("owner", ["team:payments", "payments@acme.example"])
def test_owner_is_a_team_or_an_address(owner: str) -> None:
    """An owner is a team or an e-mail address."""
    assert TypeAdapter(Owner).validate_python(owner) == owner


@pytest.mark.parametrize("owner", ["payments", "team:", "team:a b", "@acme.example", ""])
def test_owner_that_names_nobody_is_refused(owner: str) -> None:
    """Anything else is refused."""
    with pytest.raises(ValidationError):
        TypeAdapter(Owner).validate_python(owner)


def test_environment_without_an_owner_keeps_its_digest() -> None:
    """Digests of approved plans hash the dumped environment, which was written before there were owners."""
    assert "owner" not in load_environment("acme-dev", EXAMPLES).model_dump()


def test_environment_is_frozen(prod: Environment) -> None:
    """An environment cannot be changed after loading."""
    with pytest.raises(ValidationError, match="frozen"):
        prod.region = "us-east-1"  # type: ignore[misc]
