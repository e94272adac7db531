"""AWS::Route53::HostedZone taken into a stack by an import, with its name servers; MiniStack imports none.

Source: CloudFormation user guide, "Resource type support" (imports).
"""

from ministack.services import route53
from ministack.services.cloudformation import changesets, provisioners

from ..resource_handlers import Created, Properties

_KIND = "AWS::Route53::HostedZone"


def _import(identifier: Properties) -> Created:
    zone_id = str(identifier["Id"])
    # As MiniStack says of every zone that a stack has.
    return zone_id, {"Id": zone_id, "NameServers": ["ns-1.awsdns-01.org", "ns-2.awsdns-02.co.uk"]}


def _import_problem(zone_id: str) -> str | None:
    """Why a zone cannot be imported, None when it can."""
    if zone_id in route53._zones:
        return None
    return f"Resource of type '{_KIND}' with identifier '{zone_id}' was not found."


def install() -> None:
    """Add the import to MiniStack's type."""
    provisioners._RESOURCE_HANDLERS[_KIND]["import"] = _import
    changesets._IMPORT_LOOKUPS[_KIND] = (("Id",), _import_problem)
