"""A stack's spec in the terms in which a live stack is observed, and what of it nobody may read: pure."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any

from resources.model.change import FieldChange
from resources.model.outputs import plain_document
from resources.model.specs import Stack

SECRET = "AWS::SecretsManager::Secret"
_OF_RESOURCE = re.compile(r"template\.Resources\.(\w+)\.Properties\.(?:SecretString|GenerateSecretString)\b")
_OF_PARAMETER = re.compile(r"(?:parameters\.(\w+)|template\.Parameters\.(\w+)\.Default)$")


def template_body(spec: Stack[Any]) -> str:
    """The template as it is sent."""
    return json.dumps(plain_document(spec.template), sort_keys=True, separators=(",", ":"))


def template_digest(spec: Stack[Any]) -> str:
    """The SHA-256 of the template as it is sent, in hexadecimal."""
    return hashlib.sha256(template_body(spec).encode()).hexdigest()


def wanted_fields(spec: Stack[Any]) -> dict[str, Any]:
    """The spec as `StackDriver.observe` describes a live stack."""
    fields = {
        "template": plain_document(spec.template),
        "parameters": plain_document(spec.parameters),
        "tags": dict(spec.tags),
    }
    if spec.protected:
        fields["protected"] = True
    if spec.policy is not None:
        fields["policy"] = plain_document(spec.policy)
    return fields


def mask_fields(fields: tuple[FieldChange, ...], *templates: Mapping[str, Any]) -> tuple[FieldChange, ...]:
    """The fields with the values of NoEcho parameters, and of what makes a secret's value, replaced by a mask.
    `templates`: those before and after the change."""
    parameters = {
        name
        for template in templates
        for name, parameter in template.get("Parameters", {}).items()
        if str(parameter.get("NoEcho", "")).lower() == "true"
    }
    secrets = {
        name
        for template in templates
        for name, resource in template.get("Resources", {}).items()
        if resource.get("Type") == SECRET
    }

    def is_sensitive(path: str) -> bool:
        if resource := _OF_RESOURCE.match(path):
            return resource[1] in secrets
        parameter = _OF_PARAMETER.match(path)
        return parameter is not None and (parameter[1] or parameter[2]) in parameters

    return tuple(field.masked() if is_sensitive(field.path) else field for field in fields)
