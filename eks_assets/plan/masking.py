"""Which values of a plan nobody may read: pure.

The rule, simple on purpose. A value is sensitive where
- its field's own name ends in a word for a secret, or in how that is written: `adminPassword`, `clientSecret`,
  `AUTH_TOKEN`, `apiKey`, `adminPasswordHash`; a `value` or `default` belongs to the `name` beside it, as in a
  container's variables, or else to the field above it; the item after an option such as `--password` to that;
- or it is data of a Kubernetes Secret;
- or it looks like a secret by itself: a private key, an AWS access key, a token of a known form, a password hash;
- inside a longer text the lines `password: ...` and `token=...`, and passwords in addresses, are judged alike.
What only says where a secret is stays: ARNs, `${...}`, `{{...}}`, names such as `/demo/git/credentials`, what is known
after apply, and fields like `existingSecret`, `secretName` and `passwordKey`. So do true and false.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Any, TypeAlias

from resources.model.change import MASK, FieldChange
from resources.model.outputs import plain_document

Mask: TypeAlias = Callable[[Any], str]  # what stands in place of a secret

_KEYS = (
    "api|access|account|aes|auth|cookie|deploy|encryption|fernet|gpg|hmac|integration|jwt|license|master|pgp|private"
    "|routing|rsa|secret|service"
    "|session|shared|signing|ssh|ssl|tls|unseal|webhook"
)
_WORDS = (
    r"(?:passwords?|passwd|passphrase|pwd|secret|token|credentials?|htpasswd|dockerconfigjson"
    r"|dockercfg|dsn"
    r"|(?:db|database|user|root|admin|smtp|ldap|redis|mysql|pg|keystore|truststore)[-_.]?pass"
    rf"|basic[-_.]?auth|(?:slack|discord|teams|web)[-_.]?(?:api|hook)[-_.]?(?:url|uri)|(?:{_KEYS})[-_.]?key)"
)
# How a secret is written down, or which of several it is: `adminPasswordHash`, `cookieSecretB64`, `secretKeyBase`.
_FORMS = (
    "value|hash|hashed|bcrypt|sha256|sha512|md5|b64|base64|base|hex|pem|raw|plain|plaintext|text|string|encoded"
    "|old|new|current|previous|next|primary|secondary|backup|prod|production|staging|stage|dev|test|v?[0-9]+"
)
_NAME = re.compile(
    rf"(?!existing)(?:.*{_WORDS}(?:[-_.]?(?:{_FORMS}))*|(?:.*(?:[-_.]|(?-i:(?<=[a-z0-9])(?=P))))?p(?:ass|in))$",
    re.IGNORECASE | re.DOTALL,
)
# A password in the middle of a name is one, too, unless the last word says that it is only about one.
_MIDDLE = re.compile(r"(?!existing).*(?:passw(?:or)?d|passphrase|pwd)s?(?!less)", re.IGNORECASE | re.DOTALL)
_ABOUT = re.compile(
    r"(?:[-_.]|(?-i:(?<=[a-z0-9])(?=[A-Z]))|(?<=password)|(?<=passwd)|(?<=passphrase)|(?<=pwd))"
    r"(?:names?|keys?|refs?|references?|files?|filename|paths?|dir|directory|mount|volume|enabled?|disabled?|created?"
    r"|required|optional|length|size|min|max|policy|policies|rotation|expiry|expiration|expires|ttl|lifetime|timeout"
    r"|age|seconds|minutes|hours|days|interval|type|kind|class|version|ids?|arns?|namespace|store|provider|manager"
    r"|template|labels|annotations|audiences?|issuer|endpoint|ur[li]|host|port|scopes?|field|header|prefix|suffix"
    r"|format|algorithm|method|mode|source|selector|index|count|limits?|attachment|metadata|description|message"
    r"|encryption|encoding|from|env|property|change|reset|update|generator|characters|chars)$",
    re.IGNORECASE,
)
# The last key of a path, without the list indices behind it: `a.b`, `a["b.c"]`, `a.b[0]`.
_LAST = re.compile(r'(?:\["([^"]*)"\]|([^.\s\[\]"]+))(?:\[[^"\]]*\])*$')
_REFERENCE = re.compile(
    r"arn:|\$\{|\$\(|\{\{|⟦|^(?:/[a-z0-9][a-z0-9._-]*)+$|^\$[A-Za-z_][\w-]*(?::|$)|^alias/"
    r"|^[\w-]+\.(?:key|pem|crt|cert|txt|json|ya?ml|conf)$"
)
# Secrets that show what they are: keys, tokens and addresses of known forms, and hashes of passwords.
_ALONE = re.compile(
    r"-----BEGIN [A-Z ]*PRIVATE KEY(?:.*?-----END [A-Z ]*PRIVATE KEY-----)?|\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"
    r"|\bgh[pousr]_\w{20,}|\bgithub_pat_\w{20,}|\bglpat-[\w-]{16,}|\bnpm_\w{30,}|\bdckr_pat_[\w-]{16,}"
    r"|\bx(?:ox[abeprs]|app)-[\w-]{10,}|\beyJ[\w-]{8,}\.eyJ[\w-]{8,}(?:\.[\w-]*)?"
    r"|\b[rs]k_(?:live|test)_\w{10,}|\bwhsec_\w{10,}|\bAIza[\w-]{30,}|\bya29\.[\w-]{20,}|\bGOCSPX-[\w-]{20,}"
    r"|\bSG\.[\w-]{10,}\.[\w-]{10,}|\bhvs\.\w{20,}|\bglsa_\w{20,}|\bshpat_\w{20,}|\bdop_v1_\w{20,}|\bpypi-AgE\w{20,}"
    r"|\bsk-[\w-]{20,}|\bAGE-SECRET-KEY-1\w+|hooks\.slack\.com/(?:services|workflows|triggers)/[^\s\"']+"
    r"|events\.pagerduty\.com/integration/[^\s\"']+"
    r"|discord(?:app)?\.com/api/webhooks/[^\s\"']+|\.webhook\.office\.com/[^\s\"']+"
    r"|(?:^|(?<=[\s:=\"']))\$(?:2[aby]|5|6|apr1|argon2\w*)\$[^\s\"']*",
    re.DOTALL,
)
_TEXT = r"""("[^"\n]+"|'[^'\n]+'|\$?\{\S*\}|[^\s,;&"'{}]+)"""
_INSIDE = re.compile(
    rf"""(["']?\b(?!existing)[\w.-]*{_WORDS}(?:[-_.]?(?:{_FORMS}))*["']?[ \t]*[:=][ \t]*)""" + _TEXT, re.IGNORECASE
)
# What follows an option of a command, in one text: `mysql --password hunter2`.
_OPTION = re.compile(rf"((?:^|\s)--?(?!existing)[\w.-]*(?:{_WORDS}|-pass|-pin)[ \t]+)(?!-)" + _TEXT, re.IGNORECASE)
_FLAG = re.compile(r"--?[A-Za-z][\w.-]*$")
_HEADER = re.compile(
    r"""(\bauthorization["']?[ \t]*[:=][ \t]*["']?(?:[A-Za-z][\w-]*[ \t]+)?)([^\s"',]{4,})"""
    r"""|(\b(?:bearer|basic)[ \t]+)((?-i:(?=[^\s"']*[\dA-Z._~+/=-]))[\w.~+/=-]{8,})""",
    re.IGNORECASE,
)
_SCHEME = re.compile(r"(?:bearer|basic|token|digest|apikey|negotiate|aws4-\S+)[ \t]+\S", re.IGNORECASE)
# `://user:password@host`, up to the last @, since people write passwords as they are; digits and a slash are a port.
_ADDRESS = re.compile(
    r"(://[^/\s:]*:)((?!\d{1,5}[/?#])[^\s\"'<>]+)(?=@)|(\b[\w.-]+:)([^\s:\"'<>]+)(?=@(?:tcp|unix)\()"
    r"|(://)([\w.~%+-]{20,})(?=@)"
)
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
    shown = replace(field, before=_hide(before, name), after=_hide(after, name))
    if (shown.before, shown.after) == (before, after):
        return shown
    return replace(shown, sensitive=True, hidden=(before, after))


def _field_name(field: FieldChange, texts: Mapping[str, Any]) -> str:
    """The name that says what the field holds; empty for a whole object."""
    path = field.path
    if _TITLE.match(path):
        return ""
    if _FLAG.match(field.beside):
        return field.beside
    last = _last(path)
    if last.lower() not in ("value", "default"):
        return last
    above = path.rpartition(".")[0]
    beside = texts.get(f"{above}.name")
    return beside if isinstance(beside, str) else field.beside or _last(above)


def _last(path: str) -> str:
    match = _LAST.search(path)
    return (match[1] or match[2] or "") if match else ""


def hide_secrets(document: Any, mask: Mask) -> Any:
    """A document with what `mask` makes of them in place of its secrets, those that `mask_fields` masks."""
    return _hide(plain_document(document), "", mask)


def _constant(_: Any) -> str:
    return MASK


def _hide(value: Any, name: str, mask: Mask = _constant) -> Any:
    if isinstance(value, dict):
        if value.get("kind") == "Secret":
            value = {**value, **{key: mask(value[key]) for key in ("data", "stringData") if value.get(key)}}
        beside = value.get("name")
        above = beside if isinstance(beside, str) else name
        named = {k: above if str(k).lower() in ("value", "default") else str(k) for k in value}
        return {k: _hide(v, named[k], mask) for k, v in value.items()}
    if isinstance(value, list):
        return [_hide(item, _flag_before(value, place) or name, mask) for place, item in enumerate(value)]
    if value is None or isinstance(value, bool) or value == "":
        return value
    if is_secret_name(name) and _is_literal(str(value)):
        return mask(value)
    return _hide_inside(value, mask) if isinstance(value, str) else value


def is_secret_name(name: str) -> bool:
    """Whether a field, or an option of a command, of that name holds a secret."""
    bare = name.lstrip("-")
    return bool(_NAME.match(bare) or (_MIDDLE.match(bare) and not _ABOUT.search(bare)))


def _flag_before(items: list[Any], place: int) -> str:
    """The option whose value an item of a list of arguments is: `[--password, hunter2]`; else empty."""
    before, item = items[place - 1] if place else None, items[place]
    is_value = isinstance(before, str) and _FLAG.match(before) and not (isinstance(item, str) and item.startswith("-"))
    return str(before) if is_value else ""


def _hide_inside(text: str, mask: Mask) -> str:
    if text.startswith("arn:"):
        return text
    if _ALONE.search(text) or _SCHEME.match(text):
        return mask(text)

    for pattern in (_HEADER, _INSIDE, _OPTION, _ADDRESS):
        text = pattern.sub(partial(_masked_end, mask=mask), text)
    return text


def _is_literal(text: str) -> bool:
    return text.lower() not in (
        "",
        "true",
        "false",
        "null",
        "|",
        ">",
        MASK,
        MASK.strip("()"),
    ) and not _REFERENCE.search(text)


def find_secrets(document: Any, name: str = "") -> Iterator[str]:
    """What `mask_fields` would mask in a document, each as a text: values under names of secrets, data of Kubernetes
    Secrets (as it is and decoded), what looks like a secret, and the parts of longer texts."""
    if isinstance(document, dict):
        if document.get("kind") == "Secret":
            yield from secret_data(document)
        beside = document.get("name")
        above = beside if isinstance(beside, str) else name
        for key, value in document.items():
            yield from find_secrets(value, above if str(key).lower() in ("value", "default") else str(key))
    elif isinstance(document, list | tuple):
        items = list(document)
        for place, item in enumerate(items):
            yield from find_secrets(item, _flag_before(items, place) or name)
    elif document is not None and not isinstance(document, bool) and document != "":
        if is_secret_name(name) and _is_literal(str(document)):
            yield str(document)
        elif isinstance(document, str) and not document.startswith("arn:"):
            yield from _find_inside(document)


def secret_data(secret: Mapping[str, Any]) -> Iterator[str]:
    """What a Kubernetes Secret holds, as it is written and decoded."""
    for value in (secret.get("stringData") or {}).values():
        yield str(value)
    for value in (secret.get("data") or {}).values():
        yield str(value)
        with suppress(ValueError):
            yield base64.b64decode(str(value)).decode()


def _find_inside(text: str) -> Iterator[str]:
    if _SCHEME.match(text):
        yield text
    yield from (match[0] for match in _ALONE.finditer(text))
    for pattern in (_HEADER, _INSIDE, _OPTION, _ADDRESS):
        for match in pattern.finditer(text):
            _, secret = [group for group in match.groups() if group is not None]
            if _is_literal(secret.strip("\"'")):
                yield secret.strip("\"'")


def mask_known_forms(text: str) -> str:
    """A message with a mask in place of what shows by itself that it is a secret, whatever it is called."""
    masked = _ALONE.sub(MASK, text)
    for pattern in (_HEADER, _ADDRESS):
        masked = pattern.sub(_masked_end, masked)
    return masked


def _masked_end(match: re.Match[str], mask: Mask = _constant) -> str:
    before, secret = [group for group in match.groups() if group is not None]
    return f"{before}{mask(secret)}" if _is_literal(secret.strip("\"'")) else match[0]
