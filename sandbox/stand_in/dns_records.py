"""ExternalDNS: Route 53 records for Services that ask for a host name, while its Deployment is Ready.

What it may do comes from the Deployment's own arguments, so the chart's values count: --policy (upsert-only never
deletes), --txt-owner-id, --txt-prefix and --domain-filter.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sandbox.stand_in.aws import Aws
from sandbox.stand_in.controller import annotation
from sandbox.stand_in.kube import Object
from sandbox.stand_in.objects import Objects

if TYPE_CHECKING:
    from mypy_boto3_route53.literals import ChangeActionType
    from mypy_boto3_route53.type_defs import (
        AliasTargetTypeDef,
        ChangeTypeDef,
        ResourceRecordSetTypeDef,
        ResourceRecordSetUnionTypeDef,
    )

DEPLOYMENT = "external-dns"
HOSTNAME = "external-dns.alpha.kubernetes.io/hostname"
DEFAULT_OWNER = "default"
TTL_SECONDS = 300
# Any zone will do: the embedded AWS does not resolve aliases.
ALIAS_ZONE = "Z18D5FSROUN65G"


@dataclass(frozen=True)
class Settings:
    """The Deployment's arguments that matter here."""

    policy: str
    owner: str
    prefix: str
    domains: tuple[str, ...]

    @classmethod
    def of(cls, deployment: Object) -> Settings:
        containers = deployment["spec"]["template"]["spec"]["containers"]
        arguments = [argument for container in containers for argument in container.get("args") or []]

        def values(name: str) -> list[str]:
            return [text.split("=", 1)[1] for text in arguments if text.startswith(f"--{name}=")]

        return cls(
            policy=next(iter(values("policy")), "upsert-only"),
            owner=next(iter(values("txt-owner-id")), DEFAULT_OWNER),
            prefix=next(iter(values("txt-prefix")), ""),
            domains=tuple(domain.strip(".") for domain in values("domain-filter")),
        )

    def covers(self, host: str) -> bool:
        """Whether the domain filters let `host` through."""
        return not self.domains or any(host == domain or host.endswith(f".{domain}") for domain in self.domains)


@dataclass(frozen=True)
class Record:
    """One wanted alias: `host` to the load balancer `target`, for the Service `resource`."""

    host: str
    target: str
    resource: str


def record_sets(record: Record, settings: Settings) -> list[ResourceRecordSetTypeDef]:
    """The alias and the TXT record that says who owns it, as ExternalDNS writes them."""
    alias: AliasTargetTypeDef = {
        "HostedZoneId": ALIAS_ZONE,
        "DNSName": f"{record.target}.",
        "EvaluateTargetHealth": True,
    }
    owner = f'"heritage=external-dns,external-dns/owner={settings.owner},external-dns/resource={record.resource}"'
    return [
        {"Name": f"{record.host}.", "Type": "A", "AliasTarget": alias},
        {
            "Name": f"{settings.prefix}cname-{record.host}.",
            "Type": "TXT",
            "TTL": TTL_SECONDS,
            "ResourceRecords": [{"Value": owner}],
        },
    ]


class DnsRecords:
    """Reconciles the records; see the module."""

    name: str = "dns-records"
    resources: tuple[str, ...] = ("services", "deployments")

    def __init__(self, objects: Objects, aws: Aws, log: Callable[[str, str], None]) -> None:
        self._objects, self._aws, self._log = objects, aws, log
        self._settled: tuple[Settings, frozenset[Record]] | None = None

    def reconcile(self) -> None:
        """Write wanted records, and under policy sync delete those that this owner no longer wants."""
        deployment = self._objects.deployment(DEPLOYMENT)
        if deployment is None or not self._objects.ready(DEPLOYMENT) or not self._objects.served("services"):
            self._settled = None
            return
        settings = Settings.of(deployment)
        wanted = frozenset(record for record in self._wanted() if settings.covers(record.host))
        if self._settled == (settings, wanted):
            return
        zones = self._zones()
        for record in sorted(wanted, key=lambda record: record.host):
            self._upsert(record, settings, zones)
        if settings.policy == "sync":
            self._prune({record.host for record in wanted}, settings, zones)
        self._settled = (settings, wanted)

    def _wanted(self) -> Iterator[Record]:
        for service in self._objects.all("services"):
            meta, balancer = service["metadata"], (service.get("status") or {}).get("loadBalancer") or {}
            hosts = (annotation(service, HOSTNAME) or "").split(",")
            if meta.get("deletionTimestamp"):
                continue
            for host in filter(None, (host.strip().strip(".") for host in hosts)):
                for entry in balancer.get("ingress") or []:
                    yield Record(host, entry["hostname"], f"service/{meta['namespace']}/{meta['name']}")

    def _zones(self) -> dict[str, str]:
        pages = self._aws.client("route53").get_paginator("list_hosted_zones").paginate()
        return {zone["Name"].rstrip("."): zone["Id"].split("/")[-1] for page in pages for zone in page["HostedZones"]}

    def _change(self, zone: str, action: ChangeActionType, sets: Sequence[ResourceRecordSetUnionTypeDef]) -> None:
        changes: list[ChangeTypeDef] = [{"Action": action, "ResourceRecordSet": one} for one in sets]
        self._aws.client("route53").change_resource_record_sets(HostedZoneId=zone, ChangeBatch={"Changes": changes})

    def _upsert(self, record: Record, settings: Settings, zones: dict[str, str]) -> None:
        matching = [name for name in zones if record.host == name or record.host.endswith(f".{name}")]
        if not matching:
            self._log(self.name, f"no hosted zone for {record.host}, skipped")
            return
        self._change(zones[max(matching, key=len)], "UPSERT", record_sets(record, settings))
        self._log(self.name, f"{record.host} points to {record.target}")

    def _prune(self, hosts: set[str], settings: Settings, zones: dict[str, str]) -> None:
        mark, prefix = f"external-dns/owner={settings.owner},", f"{settings.prefix}cname-"
        for zone in zones.values():
            pages = self._aws.client("route53").get_paginator("list_resource_record_sets").paginate(HostedZoneId=zone)
            sets = [one for page in pages for one in page["ResourceRecordSets"]]
            for text in (one for one in sets if one["Type"] == "TXT" and one["Name"].startswith(prefix)):
                host = text["Name"][len(prefix) :].rstrip(".")
                owned = any(mark in value["Value"] for value in text.get("ResourceRecords") or [])
                if owned and host not in hosts and settings.covers(host):
                    alias = [one for one in sets if one["Name"].rstrip(".") == host and one["Type"] == "A"]
                    self._change(zone, "DELETE", [*alias, text])
                    self._log(self.name, f"{host} deleted")
