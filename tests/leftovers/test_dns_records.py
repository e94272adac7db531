"""The DNS records that ExternalDNS made for a cluster go with it; those of others in the same zone stay."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from resources.config.environment import Environment
from resources.config.settings.network import HostedZone
from resources.context import Context
from resources.leftovers.orphans import list_orphans, remove_orphans
from tests.helpers.embedded_gate import gate_account


@pytest.fixture
def context(sandbox_env: Environment, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Context]:
    """An account that has the environment's zone."""
    with gate_account(sandbox_env.region, tmp_path_factory.mktemp("account")):
        yield Context.of(sandbox_env.model_copy(update={"roles": type(sandbox_env.roles)()}))


def change(context: Context, zone: str, *records: tuple[str, str, str]) -> None:
    changes: list[Any] = [
        {
            "Action": "CREATE",
            "ResourceRecordSet": {"Name": name, "Type": kind, "TTL": 300, "ResourceRecords": [{"Value": value}]},
        }
        for name, kind, value in records
    ]
    context.aws.client("route53").change_resource_record_sets(HostedZoneId=zone, ChangeBatch={"Changes": changes})


def note(cluster: str) -> str:
    return f'"heritage=external-dns,external-dns/owner={cluster},external-dns/resource=service/a/b"'


def names(context: Context, zone: str) -> set[tuple[str, str]]:
    records = context.aws.client("route53").list_resource_record_sets(HostedZoneId=zone)["ResourceRecordSets"]
    return {(r["Name"], r["Type"]) for r in records if r["Type"] not in ("NS", "SOA")}


def test_records_of_the_cluster_go_and_others_stay(context: Context) -> None:
    """By ExternalDNS's own notes, in either of their forms; another cluster's and a person's stay."""
    domain, cluster = context.env.hosted_zone.name, context.env.cluster_name
    created = context.aws.client("route53").create_hosted_zone(Name=domain, CallerReference="1")
    zone = created["HostedZone"]["Id"].rpartition("/")[2]
    change(
        context,
        zone,
        (f"shop.{domain}.", "A", "192.0.2.1"),
        (f"a-shop.{domain}.", "TXT", note(cluster)),
        (f"old.{domain}.", "CNAME", "lb.example.com"),
        (f"other.{domain}.", "A", "192.0.2.2"),
        (f"a-other.{domain}.", "TXT", note(f"{cluster}-2")),
        (f"person.{domain}.", "A", "192.0.2.3"),
    )
    change(context, zone, (f"cname-old.{domain}.", "TXT", note(cluster)))
    found = {orphan.identifier for orphan in list_orphans(context) if orphan.kind == "AWS::Route53::RecordSet"}
    assert f"{zone} shop.{domain}. A" in found
    removed = remove_orphans(context, delete_data=False)
    assert {each.object for each in removed.removes} >= {f"AWS::Route53::RecordSet {name}" for name in found}
    left = {(f"other.{domain}.", "A"), (f"a-other.{domain}.", "TXT"), (f"person.{domain}.", "A")}
    assert names(context, zone) == left
    assert list_orphans(context) == ()


def test_zone_of_another_account_is_left_alone(context: Context) -> None:
    """Nobody gave us the right to it."""
    settings = HostedZone(name="a.test", id="Z1", role="arn:aws:iam::111122223333:role/dns")
    other = Context.of(context.env.model_copy(update={"hosted_zone": settings}))
    assert list_orphans(other) == ()
