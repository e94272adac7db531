"""How the embedded AWS registers a CloudFormation resource type with MiniStack's provisioners."""

import json
import re
from collections.abc import Callable
from typing import Any

from ministack.services.cloudformation import provisioners

Properties = dict[str, Any]
# What a create or update returns: physical id (Ref) and attributes (Fn::GetAtt).
Created = tuple[str, dict[str, Any]]

Create = Callable[[str, Properties, str], Created]
Update = Callable[[str, Properties, Properties, str, str], Created]
Delete = Callable[[str, Properties], None]


class ResourceFailure(ValueError):
    """A resource that cannot be created, updated or deleted; the message becomes the stack event's reason.

    `physical_id` is set when a create failed after the resource came to be: the rollback then deletes it.
    """

    physical_id = ""


def register(kind: str, create: Create, update: Update, delete: Delete, tags: str | None = "list") -> None:
    """Register a type's handlers; `tags` is the shape of its Tags property (list or map), None when it has none."""
    provisioners._RESOURCE_HANDLERS[kind] = {
        "create": create,
        "update": update,
        "update_with_logical_id": True,
        "delete": delete,
    }
    if tags:
        provisioners._STACK_TAG_PROPERTY[kind] = ("Tags", tags)


def wrap_create(kind: str, wrapper: Callable[[Create, str, Properties, str], Created]) -> None:
    """Put `wrapper` around a type's create; it gets the create that was there first."""
    handlers = provisioners._RESOURCE_HANDLERS[kind]
    original: Create = handlers["create"]
    handlers["create"] = lambda logical_id, props, stack: wrapper(original, logical_id, props, stack)


def wrap_delete(kind: str, wrapper: Callable[[Delete, str, Properties], None]) -> None:
    """Put `wrapper` around a type's delete; it gets the delete that was there first."""
    handlers = provisioners._RESOURCE_HANDLERS[kind]
    original: Delete = handlers["delete"]
    handlers["delete"] = lambda physical_id, props: wrapper(original, physical_id, props)


def succeed(response: tuple[int, Any, bytes | str], service: str) -> bytes:
    """The body of a service's response. Raises ResourceFailure, in CloudFormation's words, when it is an error."""
    status, _headers, body = response
    raw = body if isinstance(body, bytes) else body.encode()
    if status >= 400:
        raise ResourceFailure(
            f'Resource handler returned message: "{_message(raw)} (Service: {service}, Status Code: {status})"'
        )
    return raw


def _message(body: bytes) -> str:
    text = body.decode(errors="replace")
    if match := re.search(r"<Message>(.*?)</Message>", text, re.DOTALL):
        return match[1]
    try:
        return str(json.loads(text).get("message", text))
    except ValueError:
        return text


def refuse(message: str, service: str, status: int = 400) -> ResourceFailure:
    """The failure that CloudFormation reports when a service refuses a request with this message."""
    return ResourceFailure(
        f'Resource handler returned message: "{message} (Service: {service}, Status Code: {status})"'
    )


def camel(value: Any) -> Any:
    """A template value with the member names of the API, and "true" and "false" as booleans."""
    if isinstance(value, dict):
        return {f"{key[:1].lower()}{key[1:]}": camel(member) for key, member in value.items()}
    if isinstance(value, list):
        return [camel(member) for member in value]
    return {"true": True, "false": False}.get(value, value) if isinstance(value, str) else value


def tag_map(tags: Any) -> dict[str, str]:
    """A Tags property, list or map, as a map."""
    tags_by_key: dict[str, str] = provisioners._tag_map(tags)
    return tags_by_key


def changed(old: Properties, new: Properties) -> set[str]:
    """The names of the properties that differ."""
    return {name for name in old.keys() | new.keys() if old.get(name) != new.get(name)}


def physical_name(stack: str, logical_id: str, longest: int) -> str:
    """The name CloudFormation gives a resource whose template names none."""
    name: str = provisioners._physical_name(stack, logical_id, max_len=longest)
    return name
