"""The zone of the applications, and whether its parent sends the world there."""

from __future__ import annotations

import os
from collections.abc import Iterator

from resources.aws.errors import aws_call
from resources.context import Context
from resources.doctor.checks import Line, account_check
from resources.drivers.read_only import LookupDriver
from resources.model.outputs import NoOutputs
from resources.model.specs import Lookup
from resources.support.dns_query import RESOLVER, find_parent_servers, read_delegation


@account_check()
def check_delegation(context: Context) -> Iterator[Line]:
    """The parent zone names the servers that Route 53 gave to ours: without that no name below it can be found, and no
    certificate is issued."""
    settings = context.env.hosted_zone
    if context.env.sandbox and RESOLVER not in os.environ:
        yield Line.ok(f"{settings.name} is a zone of the sandbox, which no parent delegates")
        return
    domain, wanted = settings.name, frozenset[str]()
    if settings.role is None:
        zone_id = settings.id or _created_zone(context)
        if zone_id is None:
            yield Line.ok(f"the first deploy makes the zone {domain}; then its parent has to name its servers")
            return
        domain, wanted = _zone(context, zone_id)
    parent, servers = find_parent_servers(domain)
    if not servers:
        yield Line.warning(f"no parent zone of {domain} can be found", f"dig +trace NS {domain}")
        return
    named = read_delegation(domain, servers)
    yield _compare(domain, parent, wanted, named)


def _compare(domain: str, parent: str, wanted: frozenset[str], named: frozenset[str]) -> Line:
    """`wanted`: Route 53's servers of the zone; none where the zone is another account's."""
    lines = "; ".join(f"{domain}. 172800 IN NS {server}." for server in sorted(wanted)) or "its name servers"
    if not named:
        return Line.error(f"the zone {parent} does not delegate {domain}", f"add to the zone {parent}: {lines}")
    if wanted and named != wanted:
        message = f"the zone {parent} sends {domain} to {', '.join(sorted(named))}, which are not its servers"
        return Line.error(message, f"write instead into the zone {parent}: {lines}")
    return Line.ok(f"the zone {parent} delegates {domain} to {', '.join(sorted(named))}")


def _created_zone(context: Context) -> str | None:
    """The id of the zone that the environment made; None before that."""
    name = f"{context.env.hosted_zone.name}."
    with aws_call(f"looking for the zone {name}"):
        zones = context.aws.client("route53").list_hosted_zones_by_name(DNSName=name)["HostedZones"]
    # A private one may have the same name.
    public = (zone for zone in zones if zone["Name"] == name and not zone.get("Config", {}).get("PrivateZone"))
    return next((zone["Id"].rpartition("/")[2] for zone in public), None)


def _zone(context: Context, zone_id: str) -> tuple[str, frozenset[str]]:
    """Its domain and servers. Raises NotFound, and ConfigError where it is another domain's."""
    driver = LookupDriver()
    spec = Lookup[NoOutputs](kind="hosted_zone", query={"id": zone_id, "name": context.env.hosted_zone.name})
    driver.plan(spec, driver.observe(spec, context))
    with aws_call(f"reading the hosted zone {zone_id}"):
        zone = context.aws.client("route53").get_hosted_zone(Id=zone_id)
    servers = zone.get("DelegationSet", {}).get("NameServers", [])
    return zone["HostedZone"]["Name"].rstrip("."), frozenset(server.rstrip(".").lower() for server in servers)
