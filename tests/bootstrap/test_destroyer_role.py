"""The role that tears down: named by the environment, taken by the pipeline, and bounded by names and tags."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from resources.config.environment import Environment
from resources.records.lease import hold_lease
from resources.records.ledger import list_keys, write_once
from tests.bootstrap.bootstrap_documents import actions, lists, resources_of, statements_of
from tests.bootstrap.bootstrapped_account import bootstrapped
from tests.helpers.embedded_aws_server import refused

ROLE = "DestroyerRole"


def test_no_destroyer_where_none_is_named(prod_env: Environment) -> None:
    """Then the deployer tears down, with its own rights; nothing else of the bootstrap differs."""
    unnamed = prod_env.model_copy(update={"roles": prod_env.roles.model_copy(update={"destroyer": None})})
    assert ROLE not in resources_of(unnamed, "IAM::Role")


def test_destroyer_is_taken_by_the_pipeline_with_its_external_id(prod_env: Environment) -> None:
    """By nobody else."""
    assume, _ = resources_of(prod_env, "IAM::Role")[ROLE]["AssumeRolePolicyDocument"]["Statement"]
    assert assume["Principal"] == {"AWS": ["arn:aws:iam::999900001111:role/eks-assets-pipeline"]}
    assert assume["Condition"] == {"StringEquals": {"sts:ExternalId": "acme-prod"}}


def test_destroyer_makes_nothing(prod_env: Environment) -> None:
    """It deletes, schedules, terminates and revokes; its change sets are of stacks that exist, and import nothing."""
    allowed = {action.partition(":")[2] for action in actions(statements_of(prod_env, ROLE))}
    assert not {action for action in allowed if action.startswith(("Run", "Attach", "Authorize"))}
    assert {action for action in allowed if action.startswith("Create")} == {"CreateChangeSet"}
    (making,) = [s for s in statements_of(prod_env, ROLE) if lists(s, "cloudformation:DeleteStack")]
    assert making["Condition"] == {"StringEquals": {"aws:ResourceTag/eks-assets:environment": "acme-prod"}}
    (denied,) = [s for s in statements_of(prod_env, ROLE) if lists(s, "cloudformation:CreateChangeSet") and s != making]
    assert (denied["Effect"], denied["Condition"]) == (
        "Deny",
        {"Null": {"cloudformation:ImportResourceTypes": "false"}},
    )


def test_destroyer_deletes_data_of_its_environment_only(prod_env: Environment) -> None:
    """By the environment's tag or names; instances and volumes by the cluster's; no zone that it did not make."""
    statements = statements_of(prod_env, ROLE)
    (data,) = [s for s in statements if lists(s, "kms:ScheduleKeyDeletion")]
    assert data["Condition"] == {"StringEquals": {"aws:ResourceTag/eks-assets:environment": "acme-prod"}}
    (left,) = [s for s in statements if lists(s, "ec2:TerminateInstances")]
    assert left["Condition"] == {"StringEquals": {"aws:ResourceTag/kubernetes.io/cluster/acme-prod-cluster": "owned"}}
    (bucket,) = [s for s in statements if lists(s, "s3:DeleteBucket")]
    assert bucket["Resource"].startswith("arn:aws:s3:::acme-prod-service-accou")
    assert not [s for s in statements if lists(s, "route53:DeleteHostedZone")]
    assert not [s for s in statements if lists(s, "s3:DeleteObject") and "ledger" in str(s["Resource"])]


def test_destroyer_deletes_the_zone_that_its_environment_makes(sandbox_env: Environment) -> None:
    """Where the file says so."""
    (zone,) = [s for s in statements_of(sandbox_env, ROLE) if lists(s, "route53:DeleteHostedZone")]
    assert zone["Resource"] == "arn:aws:route53:::hostedzone/*"


def test_destroyer_holds_the_environment_and_writes_the_ledger(tmp_path: Path) -> None:
    """What every run does that changes something."""
    with bootstrapped("sandbox", tmp_path) as account:
        context = account.destroyer()
        with hold_lease(context, who="test", keep=False):
            context.before_change()
            assert write_once(context, "changes/one.json", {"unit": "one"})
        assert list_keys(context, "changes/") == ["changes/one.json"]


def test_destroyer_deletes_what_the_cluster_left_and_nothing_else(tmp_path: Path) -> None:
    """In EC2 and Elastic Load Balancing, by the tags of whoever made it."""
    with bootstrapped("sandbox", tmp_path) as account:
        root = account.administrator().aws
        ec2, elb = root.client("ec2"), root.client("elbv2")
        mine, cluster = account.destroyer().aws, account.env.cluster_name
        zone = ec2.describe_availability_zones()["AvailabilityZones"][0]["ZoneName"]
        subnet = ec2.describe_subnets()["Subnets"][0]["SubnetId"]
        for owner in (cluster, "another"):
            volume = ec2.create_volume(AvailabilityZone=zone, Size=8)["VolumeId"]
            ec2.create_tags(Resources=[volume], Tags=[{"Key": f"kubernetes.io/cluster/{owner}", "Value": "owned"}])
            balancer = elb.create_load_balancer(
                Name=f"of-{owner[:8]}", Subnets=[subnet], Tags=[{"Key": "elbv2.k8s.aws/cluster", "Value": owner}]
            )["LoadBalancers"][0]["LoadBalancerArn"]
            calls: list[Callable[[], Any]] = [
                partial(mine.client("ec2").delete_volume, VolumeId=volume),
                partial(mine.client("elbv2").delete_load_balancer, LoadBalancerArn=balancer),
            ]
            for call in calls:
                if owner == cluster:
                    call()
                else:
                    assert "not authorized" in refused(call)
