"""`eks-assets destroy sandbox`: what would go, what is refused, and that all of it goes."""

from __future__ import annotations

import json
from typing import Any

import pytest

from resources.aws.session import Aws
from resources.config.environment import Environment
from resources.context import Context
from resources.kubernetes.objects import apply_object, read_object
from resources.model.errors import LeaseHeld
from resources.records.change_entry import list_entries
from resources.records.lease import hold_lease
from tests.conftest import Cli
from tests.helpers.json_schema import schema_faults, schema_of
from tests.helpers.waiting import eventually

pytestmark = pytest.mark.sandbox
SERVICE: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "Service",
    "metadata": {"name": "by-hand", "namespace": "default"},
    "spec": {
        "type": "LoadBalancer",
        "loadBalancerClass": "service.k8s.aws/nlb",
        "selector": {"app": "none"},
        "ports": [{"port": 80}],
    },
}


def load_balancers(aws: Aws) -> list[str]:
    """Those of the environment's cluster; another environment may lie in the same account."""
    client = aws.client("elbv2")
    names = {
        one["LoadBalancerArn"]: one["LoadBalancerName"] for one in client.describe_load_balancers()["LoadBalancers"]
    }
    described = client.describe_tags(ResourceArns=list(names))["TagDescriptions"] if names else []
    own = {"Key": "elbv2.k8s.aws/cluster", "Value": aws.env.cluster_name}
    return [names[each["ResourceArn"]] for each in described if own in each["Tags"]]


def test_held_environment_is_not_destroyed(platform: Environment, eks_assets: Cli) -> None:
    """Exit 1, with who holds it; the lease is somebody else's all the time."""
    context = Context.of(platform, run_id="another")
    with hold_lease(context, who="ann, by hand", keep=False) as lease:
        done = eks_assets("destroy", "sandbox", "--confirm", "sandbox", "--wait", "0")
        try:
            lease.check()
        except LeaseHeld:
            pytest.fail("the lease was taken over")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "ann, by hand" in done.stderr


def test_sandbox_is_destroyed_with_its_data(restored: Environment, eks_assets: Cli) -> None:
    """All stacks but bootstrap's go, and what the controllers made in AWS; a second time there is nothing to do."""
    context, admin = Context.of(restored), Aws(restored, as_deployer=False)
    apply_object(context.cluster, SERVICE)
    eventually("its load balancer", lambda: any("byhand" in name for name in load_balancers(admin)), 30)

    planned = eks_assets("destroy", "sandbox", "--plan", "--json", "--delete-data")
    assert planned.returncode == 4, planned.stdout + planned.stderr
    plan = json.loads(planned.stdout)
    assert schema_faults(plan, schema_of("destroy")) == []
    by_unit = {removed["unit"] for removed in plan["removes"]}
    assert {"network", "cluster", "karpenter", "argo_cd", "prometheus", "oidc_parameter"} <= by_unit
    by_hand = next(removed for removed in plan["removes"] if removed["object"] == "Service default/by-hand")
    assert (by_hand["unit"], "Load Balancer Controller" in by_hand["why"]) == ("aws_load_balancer_controller", True)
    assert any(kept["object"].startswith("branch ") for kept in plan["keeps"])
    assert read_object(context.cluster, SERVICE) is not None

    done = eks_assets("destroy", "sandbox", "--confirm", "sandbox", "--delete-data")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "sandbox: destroyed, " in done.stdout
    assert load_balancers(admin) == []
    alive = [
        stack["StackName"]
        for page in admin.client("cloudformation").get_paginator("list_stacks").paginate()
        for stack in page["StackSummaries"]
        if stack["StackStatus"] != "DELETE_COMPLETE" and stack["StackName"].startswith("demo-sandbox-")
    ]
    assert alive == ["demo-sandbox-bootstrap"]
    entries = list_entries(Context.of(restored))
    deleted = {entry["unit"] for entry in entries if (entry["action"], entry["outcome"]) == ("delete", "done")}
    assert {"network", "cluster", "karpenter", "argo_cd", "prometheus", "oidc_parameter"} <= deleted

    again = eks_assets("destroy", "sandbox", "--confirm", "sandbox", "--delete-data")
    assert again.returncode == 0, again.stdout + again.stderr
    assert "sandbox: nothing to do" in again.stdout
    left = eks_assets("destroy", "sandbox", "--plan", "--delete-data")
    assert left.returncode == 0, left.stdout + left.stderr
