"""The DNS records that ExternalDNS made for a cluster: with its default policy it never removes one.

Which are its own it notes itself, in TXT records beside them that name the cluster. Source: ExternalDNS, "The TXT
registry".
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from typing import Any

from resources.aws.errors import aws_call
from resources.context import Context
from resources.model.errors import NotFound

KIND = "AWS::Route53::RecordSet"
_ADDRESSES = ("A", "AAAA", "CNAME")
_Record = Mapping[str, Any]


def list_records(context: Context) -> Iterator[str]:
    """`zone name type` of each record that ExternalDNS made for the cluster in the environment's zone. None where the
    zone is another account's, which we do not reach."""
    for zone in _zones(context):
        yield from (_name_of(zone, record) for record in _owned(zone, context))


def remove_records(identifiers: Collection[str], context: Context) -> None:
    """Delete these records. Raises AccessDenied, Transient."""
    client: Any = context.aws.client("route53")
    for zone in _zones(context):
        for record in [each for each in _owned(zone, context) if _name_of(zone, each) in identifiers]:
            context.before_change()
            changes = [{"Action": "DELETE", "ResourceRecordSet": record}]
            with suppress(NotFound), aws_call(f"deleting the record {record['Name']} of zone {zone}"):
                client.change_resource_record_sets(HostedZoneId=zone, ChangeBatch={"Changes": changes})


def _zones(context: Context) -> list[str]:
    """The ids of the environment's public zones."""
    settings = context.env.hosted_zone
    if settings.role:
        return []
    if settings.id:
        return [settings.id]
    client: Any = context.aws.client("route53")
    with aws_call(f"looking for the hosted zone {settings.name}"):
        listed = client.list_hosted_zones_by_name(DNSName=settings.name)["HostedZones"]
    same = [zone for zone in listed if zone["Name"].rstrip(".") == settings.name.rstrip(".")]
    return [zone["Id"].rpartition("/")[2] for zone in same if not zone.get("Config", {}).get("PrivateZone")]


def _owned(zone: str, context: Context) -> list[_Record]:
    """The TXT records that name the cluster, after the records that they stand for."""
    client: Any = context.aws.client("route53")
    with suppress(NotFound), aws_call(f"listing the records of zone {zone}"):
        pages = client.get_paginator("list_resource_record_sets").paginate(HostedZoneId=zone)
        records: list[_Record] = [record for page in pages for record in page["ResourceRecordSets"]]
        notes = [record for record in records if record["Type"] == "TXT" and _names_cluster(record, context)]
        noted = {record["Name"] for record in notes}
        # A note has the name of its record, or that with the record's type before it.
        own = [
            r for r in records if r["Type"] in _ADDRESSES and noted & {r["Name"], f"{r['Type'].lower()}-{r['Name']}"}
        ]
        return [*own, *notes]
    return []


def _is_noted(record: _Record, noted: Collection[str]) -> bool:
    """A note has the name of its record, or that with the record's type before it."""
    name, kind = record["Name"], record["Type"]
    return kind in _ADDRESSES and (name in noted or f"{kind.lower()}-{name}" in noted)


def _names_cluster(record: _Record, context: Context) -> bool:
    owner = f"external-dns/owner={context.env.cluster_name}"
    values = [str(value["Value"]).strip('"').split(",") for value in record.get("ResourceRecords", ())]
    return any("heritage=external-dns" in words and owner in words for words in values)


def _name_of(zone: str, record: _Record) -> str:
    return f"{zone} {record['Name']} {record['Type']}"
