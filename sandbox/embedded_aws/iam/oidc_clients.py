"""Client ids of an OIDC provider, added and removed one by one: MiniStack knows neither call.

Source: API reference of IAM, AddClientIDToOpenIDConnectProvider and RemoveClientIDFromOpenIDConnectProvider: both can
be repeated without an error.
"""

from collections.abc import Callable
from typing import Any

from ministack.services import iam

Query = dict[str, Any]


def _answer(call: str, change: Callable[[list[str], str], list[str]]) -> Callable[[Query], Any]:
    def handle(request: Query) -> Any:
        arn, client = str(iam._p(request, "OpenIDConnectProviderArn")), str(iam._p(request, "ClientID"))
        provider = iam._oidc_providers.get(arn)
        if provider is None:
            return iam._error(404, "NoSuchEntity", f"OpenIDConnect Provider not found for arn {arn}", ns="iam")
        provider["ClientIDList"] = change(list(provider["ClientIDList"]), client)
        return iam._xml(200, f"{call}Response", "", ns="iam")

    return handle


def install() -> None:
    """Answer both calls."""
    calls: dict[str, Callable[[list[str], str], list[str]]] = {
        "AddClientIDToOpenIDConnectProvider": lambda known, one: known if one in known else [*known, one],
        "RemoveClientIDFromOpenIDConnectProvider": lambda known, one: [each for each in known if each != one],
    }
    for call, change in calls.items():
        iam._IAM_HANDLERS[call] = _answer(call, change)
