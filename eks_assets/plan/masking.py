"""Which values of a plan nobody may read: pure.

The rule, simple on purpose. A value is sensitive where
- its field's own name ends in a word for a secret: `adminPassword`, `clientSecret`, `AUTH_TOKEN`, `apiKey`; a `value`
  or `default` belongs to the `name` beside it, as in a container's variables, or else to the field above it;
- or it is data of a Kubernetes Secret;
- or it looks like a secret by itself: a private key, an AWS access key, a token of a known form, a password hash;
- inside a longer text the lines `password: ...` and `token=...`, and passwords in addresses, are judged alike.
What only says where a secret is stays: ARNs, `${...}`, `{{...}}`, names such as `/demo/git/credentials`, what is known
after apply, and fields like `existingSecret`, `secretName` and `passwordKey`. So do true and false.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from resources.model.change import MASK, FieldChange
from resources.model.outputs import plain_document

_WORDS = (
    r"(?:passwords?|passwd|passphrase|pwd|secret|token|credentials?"
    r"|(?:api|access|account|auth|encryption|license|private|secret|shared|signing)[-_.]?key)"
)
_NAME = re.compile(rf"(?!existing).*{_WORDS}$", re.IGNORECASE | re.DOTALL)
# The last key of a path, without the list indices behind it: `a.b`, `a["b.c"]`, `a.b[0]`.
_LAST = re.compile(r'(?:\["([^"]*)"\]|([^.\s\[\]"]+))(?:\[[^"\]]*\])*$')
_REFERENCE = re.compile(r"arn:|\$\{|\$\(|\{\{|⟦|^(?:/[a-z0-9][a-z0-9._-]*)+$|^\$[A-Za-z_][\w-]*(?::|$)")
_ALONE = re.compile(
    r"-----BEGIN [A-Z ]*PRIVATE KEY|\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"
    r"|\bgh[pousr]_\w{20,}|\bgithub_pat_\w{20,}|\bglpat-[\w-]{16,}"
    r"|\bxox[abprs]-[\w-]{10,}|\beyJ[\w-]{8,}\.eyJ[\w-]{8,}|^\$(?:2[aby]|5|6|argon2\w*)\$"
)
_TEXT = r"""("[^"\n]+"|'[^'\n]+'|\$?\{\S*\}|[^\s,;&"'{}]+)"""
_INSIDE = re.compile(rf"""(["']?\b(?!existing)[\w.-]*{_WORDS}["']?[ \t]*[:=][ \t]*)""" + _TEXT, re.IGNORECASE)
_ADDRESS = re.compile(r"(://[^/\s:@]*:)([^/\s@]+)(?=@)")
_SECRET_DATA = re.compile(r"Secret[ /]\S+ (?:data|stringData)\b")
# Titles of objects and resources; their values say what happens to them.
_TITLE = re.compile(r"Resources\.\w+$|[^.]*/[^.\s]*$")


def mask_fields(fields: Iterable[FieldChange]) -> tuple[FieldChange, ...]:
    """The fields with a mask in place of what is sensitive, wherever in a value it stands."""
    given = tuple(fields)
    texts = {f.path: f.after if f.after is not None else f.before for f in given}
    return tuple(_masked(field, texts) for field in given)


def _masked(field: FieldChange, texts: Mapping[str, Any]) -> FieldChange:
    if field.sensitive:
        return field
    if _SECRET_DATA.match(field.path):
        return field.masked()
    name = _field_name(field, texts)
    before, after = plain_document(field.before), plain_document(field.after)
    hidden = replace(field, before=_hide(before, name), after=_hide(after, name))
    return replace(hidden, sensitive=(hidden.before, hidden.after) != (before, after))


def _field_name(field: FieldChange, texts: Mapping[str, Any]) -> str:
    """The name that says what the field holds; empty for a whole object."""
    path = field.path
    if _TITLE.match(path):
        return ""
    last = _last(path)
    if last.lower() not in ("value", "default"):
        return last
    above = path.rpartition(".")[0]
    beside = texts.get(f"{above}.name")
    return beside if isinstance(beside, str) else field.beside or _last(above)


def _last(path: str) -> str:
    match = _LAST.search(path)
    return (match[1] or match[2] or "") if match else ""


def _hide(value: Any, name: str) -> Any:
    if isinstance(value, dict):
        if value.get("kind") == "Secret":
            value = {**value, **{key: MASK for key in ("data", "stringData") if value.get(key)}}
        beside = value.get("name")
        above = beside if isinstance(beside, str) else name
        return {k: _hide(v, above if k.lower() in ("value", "default") else k) for k, v in value.items()}
    if isinstance(value, list):
        return [_hide(item, name) for item in value]
    if value is None or isinstance(value, bool) or value == "":
        return value
    if _NAME.match(name) and _is_literal(str(value)):
        return MASK
    return _hide_inside(value) if isinstance(value, str) else value


def _hide_inside(text: str) -> str:
    if text.startswith("arn:"):
        return text
    if _ALONE.search(text):
        return MASK

    def hide(match: re.Match[str]) -> str:
        return f"{match[1]}{MASK}" if _is_literal(match[2].strip("\"'")) else match[0]

    return _ADDRESS.sub(hide, _INSIDE.sub(hide, text))


def _is_literal(text: str) -> bool:
    return text.lower() not in ("", "true", "false", "null", "|", ">") and not _REFERENCE.search(text)
