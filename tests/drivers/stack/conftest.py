"""Rights for stacks that hold what no unit's stack does."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from resources.aws.session import Aws
from tests.helpers.embedded_aws_server import EVERYTHING


@pytest.fixture
def every_right(admin: Aws) -> Iterator[None]:
    """The deployer, whose rights end at the names of units, has all of them."""
    assert admin.env.roles.deployer
    role, iam = admin.env.roles.deployer.arn.rpartition("/")[2], admin.client("iam")
    iam.put_role_policy(RoleName=role, PolicyName="every-right", PolicyDocument=json.dumps(EVERYTHING))
    yield
    iam.delete_role_policy(RoleName=role, PolicyName="every-right")
