"""What is read of AWS for the verdict, on an embedded AWS of the test's own, and what becomes of it there."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator
from typing import Any

import pytest

from eks_assets.engine.upgrade.verdict import reach_verdict
from resources.aws.session import Aws, Source
from resources.config.environment import Environment
from resources.context import Context
from resources.model.errors import AccessDenied, ConfigError, Refused
from resources.upgrade.findings import UpgradeReport
from resources.upgrade.reading import LiveEnvironment
from tests.drivers.stack.embedded_stacks import Stacks, embedded_stacks
from tests.helpers.embedded_aws_server import EVERYTHING, cluster, node_group, prepare, ref, resource

pytestmark = pytest.mark.sandbox


@pytest.fixture(scope="module")
def stacks(sandbox_env: Environment, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stacks]:
    """With the environment's cluster, a node group and an add-on; no Kubernetes behind it."""
    with embedded_stacks(sandbox_env, tmp_path_factory.mktemp("embedded-aws")) as made:
        values, name = prepare(made.server), made.env.cluster_name
        dns = {"AddonName": "coredns", "AddonVersion": "v1.11.4-eksbuild.24"}
        template = {
            "Cluster": cluster(name, values),
            "Workers": node_group(values, ClusterName=ref("Cluster")),
            "Dns": resource("EKS::Addon", ClusterName=ref("Cluster"), **dns),
        }
        made.server.deploy("demo", template)
        yield made


def live_of(context: Context) -> LiveEnvironment:
    return LiveEnvironment(context, lambda _: {}, list)


def restricted(stacks: Stacks, action: str) -> Context:
    """The environment as somebody who may do all but one thing."""
    iam, name = stacks.server.client("iam"), action.replace(":", "-")
    iam.create_user(UserName=name)
    deny = {"Effect": "Deny", "Action": action, "Resource": "*"}
    document = {**EVERYTHING, "Statement": [*EVERYTHING["Statement"], deny]}
    iam.put_user_policy(UserName=name, PolicyName="most", PolicyDocument=json.dumps(document))
    key = iam.create_access_key(UserName=name)["AccessKey"]
    endpoint = f"http://127.0.0.1:{stacks.server.port}"
    source = Source(stacks.env.region, endpoint, key["AccessKeyId"], key["SecretAccessKey"])
    return Context(stacks.env, Aws(stacks.env, source, as_deployer=False))


def test_each_part_is_read_as_the_checks_want_it(stacks: Stacks) -> None:
    live = live_of(stacks.context)
    assert live.cluster()["version"] == "1.34"
    assert [(a["addonName"], a["addonVersion"]) for a in live.addons()] == [("coredns", "v1.11.4-eksbuild.24")]
    assert [group["version"] for group in live.node_groups()] == ["1.34"]
    assert live.addon_versions("coredns", "1.35")[:2] == ["v1.13.1-eksbuild.1", "v1.12.4-eksbuild.1"]
    assert len(live.subnets()) == 2
    assert isinstance(live.cluster_versions()["1.37"]["endOfStandardSupportDate"], dt.datetime)


def test_insights_are_brought_up_to_date_first(stacks: Stacks) -> None:
    """They are newer than the last change then, and carry their details."""
    answer = live_of(stacks.context).insights()
    assert answer.refreshed
    assert {insight["insightStatus"]["status"] for insight in answer.insights} == {"PASSING"}
    assert all(insight["lastRefreshTime"] >= answer.last_change for insight in answer.insights)
    assert all("categorySpecificSummary" in insight for insight in answer.insights)


def test_insights_that_may_not_be_brought_up_to_date_are_read_as_they_are(stacks: Stacks) -> None:
    answer = live_of(restricted(stacks, "eks:StartInsightsRefresh")).insights()
    assert not answer.refreshed
    assert "AccessDenied" in answer.reason
    assert answer.insights


def test_empty_cluster_is_not_what_an_unreachable_one_looks_like(stacks: Stacks) -> None:
    """There is no API server here: each check that asks it is unknown, and the verdict says so."""
    report = judge(stacks.context, stacks.env)
    unknown = {finding.check for finding in report.findings if finding.severity == "unknown"}
    assert {"disruption budgets", "webhooks", "kubelet versions", "stored objects", "rendered charts"} <= unknown
    assert unknown.isdisjoint({"support", "free addresses", "upgrade insights", "addon versions", "karpenter version"})
    assert report.verdict == "CANNOT_DETERMINE"
    assert report.exit_code == 1
    assert all(finding.way_out for finding in report.findings if finding.severity != "note")


def judge(context: Context, env: Environment, target: str = "1.35") -> UpgradeReport:
    context.cache.clear()
    return reach_verdict(context, env, target)


def test_denied_insights_are_unknown_with_the_command_that_gives_the_right(stacks: Stacks) -> None:
    context = restricted(stacks, "eks:ListInsights")
    with pytest.raises(AccessDenied):
        live_of(context).insights()
    (finding,) = (f for f in judge(context, stacks.env).findings if f.check == "upgrade insights")
    assert finding.severity == "unknown"
    assert finding.way_out == "an administrator gives the right with: eks-assets bootstrap sandbox --apply"


def test_several_minors_are_a_chain_that_is_shown_whole(stacks: Stacks) -> None:
    """What is there now is looked at once; each step has what it needs."""
    report = judge(stacks.context, stacks.env, "1.37")
    assert [(step.before, step.after) for step in report.steps] == [
        ("1.34", "1.35"),
        ("1.35", "1.36"),
        ("1.36", "1.37"),
    ]
    steps: dict[str, list[str]] = {}
    for finding in report.findings:
        steps.setdefault(finding.check, []).append(finding.step)
    assert set(steps["disruption budgets"]) == {"1.35"}
    assert set(steps["support"]) == {"1.35", "1.36", "1.37"}


@pytest.mark.parametrize(
    ("target", "error", "words"),
    [
        ("1.34", ConfigError, "runs Kubernetes 1.34 already"),
        ("1.99", ConfigError, "EKS offers no Kubernetes 1.99 in us-west-2; it offers 1.33, 1.34"),
        ("1.35.2", ConfigError, "is no Kubernetes version"),
        ("v1.35", ConfigError, "is no Kubernetes version"),
        ("1.33", Refused, "eks-assets rollback sandbox --plan"),
    ],
)
def test_other_versions_are_bad_input(stacks: Stacks, target: str, error: Any, words: str) -> None:
    with pytest.raises(error) as caught:
        judge(stacks.context, stacks.env, target)
    assert words in str(caught.value)
    assert caught.value.exit_code == 2
