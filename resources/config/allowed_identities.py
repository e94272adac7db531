"""The identities that `approval.allow` and `approval.people` name. Three forms are known, each of which says exactly
whose word counts; wildcards stand in the last part alone, the name of a user or of a session.

Source: IAM user guide, "IAM identifiers", and "IAM JSON policy elements: Principal" (`aws:userid`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Annotated, Literal

from pydantic import Field

_NAME, _NAMES = "[A-Za-z0-9_+=,.@-]+", "[A-Za-z0-9_+=,.@*?-]+"
_USER = rf"arn:aws[a-z-]*:iam::[0-9]{{12}}:user/({_NAME}/)*"
_SESSION = rf"arn:aws[a-z-]*:sts::[0-9]{{12}}:assumed-role/{_NAME}/"
_PERMISSION_SET = "AROA[A-Z0-9]{12,28}:"
_BEFORE_NAMES = f"({_USER}|{_SESSION}|{_PERMISSION_SET})"
_FORMS = (
    "arn:aws:iam::ACCOUNT:user/NAME, arn:aws:sts::ACCOUNT:assumed-role/ROLE/NAME, or ROLE_ID:NAME with the id of an "
    "Identity Center role (AROA...)"
)

AllowedIdentities = Annotated[
    str, Field(pattern=f"^{_BEFORE_NAMES}{_NAMES}$", description=f"{_FORMS}; * and ? in NAME alone")
]
_KEY = "git:(SHA256:[A-Za-z0-9+/]{43}|[0-9A-F]{40})"
Identity = Annotated[
    str,
    Field(
        pattern=f"^({_BEFORE_NAMES}{_NAME}|{_KEY})$",
        description=f"{_FORMS}; no * and no ?. Of a key that signs commits: git:SHA256:... (SSH) or git:FINGERPRINT",
    ),
]
PersonName = Annotated[
    str, Field(pattern=r"^[A-Za-z0-9._@+-]{1,100}$", description="a person's name: letters, digits and . _ @ + -")
]
Kind = Literal["user", "session", "permission set"]


@dataclass(frozen=True)
class IdentityPattern:
    """One entry, read. `head`: what stands before the names, compared exactly; `names`: the pattern of user or session
    names; `role`: the name of a session's role, the id of a permission set's, empty for users."""

    kind: Kind
    head: str
    names: str
    role: str = ""

    @property
    def account(self) -> str:
        """The account that the entry names; empty for a permission set."""
        return self.head.split(":")[4] if self.head.startswith("arn:") else ""

    @property
    def partition(self) -> str:
        """The partition that the entry names; empty for a permission set."""
        return self.head.split(":")[1] if self.head.startswith("arn:") else ""

    def covers(self, other: IdentityPattern) -> bool:
        """Whether everybody whom `other` means is meant by this one too; of two different patterns nobody knows."""
        if self.head != other.head:
            return False
        is_exact = not {"*", "?"} & set(other.names)
        return self.names in (other.names, "*") or (is_exact and self._has_name(other.names))

    def _has_name(self, name: str) -> bool:
        # Identity Center does not tell capitals apart.
        folded = (name.lower(), self.names.lower()) if self.kind == "permission set" else (name, self.names)
        return fnmatchcase(*folded)


def parse_identity(text: str) -> IdentityPattern | None:
    """The entry, read; None for what has none of the forms."""
    if not re.fullmatch(f"{_BEFORE_NAMES}{_NAMES}", text, re.ASCII):
        return None
    if text.startswith("AROA"):
        role, _, names = text.partition(":")
        return IdentityPattern("permission set", f"{role}:", names, role)
    before, _, names = text.rpartition("/")
    if ":user/" in text:
        return IdentityPattern("user", f"{before}/", names)
    return IdentityPattern("session", f"{before}/", names, before.rpartition("/")[2])


def covering_entry(entries: Iterable[str], identity: str) -> IdentityPattern | None:
    """The first of the entries that covers the identity, or pattern of identities."""
    wanted = parse_identity(identity)
    patterns = [pattern for pattern in map(parse_identity, entries) if pattern is not None]
    return next((pattern for pattern in patterns if wanted is not None and pattern.covers(wanted)), None)


def signing_keys(people: Mapping[str, Iterable[str]]) -> dict[str, str]:
    """The person by the fingerprint of each key that approval.people names."""
    named = ((identity, person) for person, identities in people.items() for identity in identities)
    return {identity.removeprefix("git:"): person for identity, person in named if re.fullmatch(_KEY, identity)}
