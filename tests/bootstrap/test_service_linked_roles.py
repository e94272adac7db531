"""Spot capacity needs a role that no service makes by itself."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from resources.bootstrap.service_linked_roles import SPOT, make_linked_roles, needed_linked_roles
from resources.config.environment import Addon, Environment
from resources.context import Context
from tests.drivers.stack.embedded_stacks import Stacks, embedded_stacks
from tests.helpers.embedded_aws_server import refused
from tests.helpers.published import configured

pytestmark = pytest.mark.sandbox


@pytest.fixture(scope="module")
def stacks(sandbox_env: Environment, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stacks]:
    with embedded_stacks(sandbox_env, tmp_path_factory.mktemp("embedded-aws")) as made:
        yield made


def test_role_of_spot_is_made_once(stacks: Stacks) -> None:
    said: list[str] = []
    context, iam = Context(stacks.env, stacks.context.aws, said.append), stacks.context.aws.client("iam")
    make_linked_roles(context)
    role = iam.get_role(RoleName="AWSServiceRoleForEC2Spot")["Role"]
    assert role["Path"] == "/aws-service-role/spot.amazonaws.com/"
    make_linked_roles(context)
    assert said == ["made the service-linked role of spot.amazonaws.com"]
    # What a second one gets from AWS, which the maker must not take for a failure.
    assert refused(iam.create_service_linked_role, AWSServiceName=SPOT) == (
        "InvalidInput: Service role name AWSServiceRoleForEC2Spot has been taken in this account, please try a "
        "different suffix."
    )


def test_role_of_spot_is_for_who_asks_for_spot(sandbox_env: Environment) -> None:
    """Karpenter's node pools do, and node groups with spot: true."""
    without = sandbox_env.model_copy(update={"addons": {"karpenter": Addon(enabled=False)}})
    assert needed_linked_roles(sandbox_env) == (SPOT,)
    assert needed_linked_roles(without) == ()
    assert needed_linked_roles(configured(without, managedNodeGroups=[{"name": "cheap", "spot": True}])) == (SPOT,)
