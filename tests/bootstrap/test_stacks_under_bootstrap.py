"""Every stack of the published environments, made and deleted by exactly the roles that bootstrap makes."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from resources.audit.denied_calls import list_denied_calls
from resources.bootstrap.stack_rights import stack_rights
from resources.config.environment import Environment
from resources.config.loader import load_environment
from resources.model.errors import OperationFailed
from tests.bootstrap.bootstrap_documents import ENVIRONMENTS
from tests.bootstrap.bootstrapped_account import bootstrapped, delete_stacks, make_stacks
from tests.bootstrap.policy_evaluation import Ask, decide, decide_each


class Life(NamedTuple):
    """What IAM was asked while every stack of an environment was made and deleted, and the rights that it had."""

    env: Environment
    asks: list[Ask]
    statements: list[dict[str, Any]]


@pytest.fixture(scope="module")
def life_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Life]:
    """The life of a published environment, lived once for all tests here."""

    @cache
    def live(name: str) -> Life:
        with bootstrapped(name, tmp_path_factory.mktemp(name)) as account:
            made = make_stacks(account)
            assert len(made) > 8
            delete_stacks(account, made)
            asks = account.asks()
        return Life(account.env, asks, [s for listed in stack_rights(account.env).values() for s in listed])

    return live


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_stacks_are_made_and_deleted_under_the_roles_of_bootstrap(name: str, life_of: Callable[[str], Life]) -> None:
    """No handler of CloudFormation lacks a right."""
    env, asks, statements = life_of(name)
    assert set(decide(env, asks, documents(statements))) == {"Allow"}


EXTENSIONS = {
    "remoteNetworkConfig": {"remoteNodeNetworks": [{"cidrs": ["192.168.146.0/24"]}]},
    "identityProviders": [
        {"name": "people", "type": "oidc", "issuerURL": "https://people.example.com", "clientID": "cluster"}
    ],
    "capabilities": [
        {"name": "ack", "type": "ACK", "attachPolicyARNs": ["arn:aws:iam::aws:policy/AmazonS3FullAccess"]},
        {
            "name": "kro",
            "type": "KRO",
            "accessPolicies": [
                {
                    "policyARN": "arn:aws:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy",
                    "accessScope": {"type": "cluster"},
                }
            ],
        },
    ],
}


def test_what_extends_a_cluster_is_made_and_deleted_under_the_roles_of_bootstrap(tmp_path: Path) -> None:
    """Identity providers, capabilities and hybrid nodes, which no published environment has."""
    with bootstrapped("acme-dev", tmp_path, **EXTENSIONS) as account:
        made = make_stacks(account)
        eks = account.administrator().aws.client("eks")
        listed = eks.list_capabilities(clusterName=account.env.cluster_name)["capabilities"]
        assert sorted(one["type"] for one in listed) == ["ACK", "KRO"]
        (provider,) = eks.list_identity_provider_configs(clusterName=account.env.cluster_name)[
            "identityProviderConfigs"
        ]
        assert provider == {"type": "oidc", "name": "people"}
        delete_stacks(account, made)


def test_control_plane_alone_is_made_and_deleted(tmp_path: Path) -> None:
    """No stack of a cluster without nodes waits for one."""
    with bootstrapped("acme-dev", tmp_path, managedNodeGroups=[], addons=[]) as account:
        made = make_stacks(account)
        eks, name = account.administrator().aws.client("eks"), account.env.cluster_name
        assert eks.list_nodegroups(clusterName=name)["nodegroups"] == []
        assert "coredns" not in eks.list_addons(clusterName=name)["addons"]
        delete_stacks(account, made)


def spare_rights(life: Life) -> set[str]:
    """The actions of the statements that are the only ones to allow none of all that was asked."""
    statements = [s for s in life.statements if s["Effect"] == "Allow"]
    alone = decide_each(life.env, life.asks, [[documents([statement])] for statement in statements])
    allowing = [[i for i, decisions in enumerate(alone) if decisions[n] == "Allow"] for n in range(len(life.asks))]
    needed = {indexes[0] for indexes in allowing if len(indexes) == 1}
    return {" ".join(s["Action"]) for index, s in enumerate(statements) if index not in needed}


def test_no_statement_can_be_spared(life_of: Callable[[str], Life]) -> None:
    """Without any one statement some handler lacks a right in one of the environments, none of which has auto mode."""
    spare = [spare_rights(life_of(name)) for name in ENVIRONMENTS]
    assert {actions for actions in set.intersection(*spare) if "InstanceProfile" not in actions} == set()


def documents(statements: list[Any]) -> list[dict[str, Any]]:
    return [{"Version": "2012-10-17", "Statement": statements}]


def test_node_groups_need_the_right_to_look_for_their_service_linked_role(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was refused in the first real account, in EKS's words."""
    whole = stack_rights(load_environment("acme-prod"))
    linked = "role/aws-service-role/*"
    for statements in whole.values():
        statements[:] = [s for s in statements if not (s["Action"] == ["iam:GetRole"] and linked in str(s["Resource"]))]
    monkeypatch.setattr("resources.bootstrap.template.stack_rights", lambda _: whole)
    refused = "stack acme-prod-node-groups ended in .*Failed to validate if SLR: AWSServiceRoleForAmazonEKSNodegroup"
    began = dt.datetime.now(dt.UTC) - dt.timedelta(minutes=1)
    with bootstrapped("acme-prod", tmp_path) as account:
        with pytest.raises(OperationFailed, match=refused):
            make_stacks(account)
        denied = list_denied_calls(account.administrator(), began, dt.datetime.now(dt.UTC) + dt.timedelta(minutes=1))
    session = "assumed-role/eks-assets-cloudformation/AWSCloudFormation"
    assert [call.partition(" (")[0] for call in denied] == [f"iam:GetRole of arn:aws:sts::444455556666:{session}"]
