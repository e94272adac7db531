"""A name is not resolved before its zone has it: a resolver would remember that it was not there."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from resources.config.environment import Environment
from resources.config.settings.network import HostedZone
from resources.context import Context
from resources.probes.applications import unpublished_reason
from tests.drivers.stack.embedded_stacks import Stacks, embedded_stacks

pytestmark = pytest.mark.sandbox


@pytest.fixture(scope="module")
def stacks(sandbox_env: Environment, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stacks]:
    with embedded_stacks(sandbox_env, tmp_path_factory.mktemp("embedded-aws")) as made:
        yield made


def reason(stacks: Stacks, **zone: Any) -> str:
    hosted_zone = HostedZone.model_validate({"name": "apps.example.com", **zone})
    env = stacks.env.model_copy(update={"hosted_zone": hosted_zone})
    return unpublished_reason(Context(env, stacks.context.aws))


def test_name_waits_for_its_record(stacks: Stacks) -> None:
    route53 = stacks.context.aws.client("route53")
    assert reason(stacks, create=True) == "there is no hosted zone apps.example.com yet"
    zone = route53.create_hosted_zone(Name="apps.example.com", CallerReference="test")["HostedZone"]["Id"]
    zone_id = zone.rpartition("/")[2]
    domain = stacks.env.model_copy(update={"hosted_zone": HostedZone(name="apps.example.com", create=True)}).app_domain
    for settings in ({"create": True}, {"id": zone_id}):
        assert f"the hosted zone apps.example.com has no record of {domain} yet" in reason(stacks, **settings)
    record: Any = {"Name": domain, "Type": "CNAME", "TTL": 60, "ResourceRecords": [{"Value": "lb.example.com"}]}
    changes: Any = {"Changes": [{"Action": "CREATE", "ResourceRecordSet": record}]}
    route53.change_resource_record_sets(HostedZoneId=zone_id, ChangeBatch=changes)
    assert reason(stacks, create=True) == reason(stacks, id=zone_id) == ""


def test_zone_of_another_account_is_not_asked(stacks: Stacks) -> None:
    """It is not ours to read."""
    role = "arn:aws:iam::999900001111:role/dns"
    assert reason(stacks, id="Z0000000000", role=role) == ""
