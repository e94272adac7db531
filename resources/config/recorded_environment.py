"""An environment as a document that it can be made of again without its files: what the ledger keeps of it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from resources.config.environment import Environment
from resources.model.errors import ConfigError


def environment_document(env: Environment) -> dict[str, Any]:
    """All that names what it has made, and whether it is protected; secrets are in it as they are."""
    document: dict[str, Any] = env.model_dump(mode="json", by_alias=True)
    return document | {"protected": env.protected}


def environment_of(document: Mapping[str, Any]) -> Environment:
    """The environment of such a document. Raises ConfigError where this version cannot read it."""
    addons = {name: _with_values(addon) for name, addon in document.get("addons", {}).items()}
    try:
        return Environment.model_validate({**document, "addons": addons})
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise ConfigError(f"this version cannot read the environment that is kept: {where}: {first['msg']}") from None


def _with_values(addon: Mapping[str, Any]) -> dict[str, Any]:
    """An add-on's values in one place, whichever file they come from."""
    own = dict(addon)
    values = own.pop("file_values", {})
    return own | {"values": own.get("values") or values}
