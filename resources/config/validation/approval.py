"""Checks of who may approve: on the raw documents, as all checks across fields (`validation.py`)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from resources.config import aws_catalog
from resources.config.allowed_identities import IdentityPattern, covering_entry, parse_identity
from resources.config.names import is_stack_role, resource_prefix
from resources.config.problems import Location, Problem, format_location
from resources.config.yaml_document import Document

_ALLOW: Location = ("approval", "allow")
_PEOPLE: Location = ("approval", "people")
_ROLES: tuple[Location, ...] = (
    ("roles", "pipeline"),
    ("roles", "deployer", "arn"),
    ("roles", "planner"),
    ("roles", "destroyer", "arn"),
    ("roles", "cloudformation"),
)
SSO_ROLES = "AWSReservedSSO_"


def approval_checks(environment: Document, cluster: Document | None) -> Iterator[Problem]:
    """Every problem of `approval.allow` and `approval.people` that no single entry shows."""
    entries = list(_entries(environment))
    if (environment.at(("approval", "approvers"), int) or 1) > 1 and not environment.at(_ALLOW, list):
        allowed = "a list of who may approve, as more than one approver is asked for"
        yield environment.problem(_ALLOW, f"is required; allowed: {allowed}")
    for location, entry in entries:
        yield from _other_account(environment, location, entry)
        if entry.kind == "session":
            yield from _session_role(environment, cluster, location, entry.role)
    mapped = list(_mapped(environment))
    for location, identity in mapped:
        if covering_entry(_texts(environment), identity) is None and parse_identity(identity) is not None:
            yield environment.problem(location, f"{identity} is not in {format_location(_ALLOW)}; allowed: one that is")
        first = next(place for place, other in mapped if other == identity)
        if first != location:
            yield environment.problem(location, f"{identity} is {first[2]} too; allowed: one person for each identity")
    if not environment.at(_PEOPLE, dict):
        yield from _one_kind(environment, entries)


def _one_kind(environment: Document, entries: list[tuple[Location, IdentityPattern]]) -> Iterator[Problem]:
    """Without `people` nobody knows that two identities of different kinds are one human. Sessions whose names are
    those of IAM users are of the users' kind."""
    kinds = [(location, entry.role if entry.kind == "permission set" else "users") for location, entry in entries]
    for location, kind in kinds:
        if kind != kinds[0][1]:
            one = "users and their sessions, or one permission set"
            allowed = f"{one}; or {format_location(_PEOPLE)}, which says who is who"
            yield environment.problem(location, f"is of another kind than {kinds[0][1]}; allowed: {allowed}")


def _other_account(environment: Document, location: Location, entry: IdentityPattern) -> Iterator[Problem]:
    account, region = environment.at(("account",), str), environment.at(("region",), str)
    if entry.account and account is not None and entry.account != account:
        yield environment.problem(location, f"lies in account {entry.account}; allowed: the environment's, {account}")
    elif entry.partition and region in aws_catalog.REGIONS and entry.partition != aws_catalog.partition_of(region):
        wanted = aws_catalog.partition_of(region)
        yield environment.problem(location, f"is of partition {entry.partition}; allowed: {wanted}, as {region} is")


def _session_role(environment: Document, cluster: Document | None, location: Location, role: str) -> Iterator[Problem]:
    """A role whose sessions approve must be one that the pipeline can neither be, nor make, nor change."""
    allowed = "a role that an administrator made, under another name"
    tenant, target = environment.at(("tenant",), str), environment.at(("target_env",), str)
    if role.startswith(SSO_ROLES):
        allowed = "the role's id and a user's name, AROA...:NAME (aws iam get-role shows the id)"
        yield environment.problem(location, f"{role} is of Identity Center; allowed: {allowed}")
    elif any((environment.at(place, str) or "").endswith(f"/{role}") for place in _ROLES):
        yield environment.problem(location, f"{role} is a role of the pipeline; allowed: {allowed}")
    elif tenant is not None and target is not None and is_stack_role(role, resource_prefix(tenant, target)):
        message = f"{role} is a name that stacks of this environment can make"
        yield environment.problem(location, f"{message}; allowed: {allowed}")
    elif cluster is not None and any(text.rpartition("/")[2] == role for _, text in cluster.texts()):
        yield environment.problem(location, f"{role} is a role of the ClusterConfig; allowed: {allowed}")


def find_foreign_roles(files: list[Document]) -> Iterator[Problem]:
    """Sessions that approve in one environment, of roles that another one of the account can make."""
    for environment in files:
        for location, entry in _entries(environment):
            for other in files:
                tenant, target = other.at(("tenant",), str), other.at(("target_env",), str)
                is_other = other is not environment and other.at(("account",), str) == entry.account
                if is_other and tenant and target and is_stack_role(entry.role, resource_prefix(tenant, target)):
                    message = f"{entry.role} is a name that stacks of {other.file.stem} can make"
                    allowed = "a role that an administrator made, under another name"
                    yield environment.problem(location, f"{message}; allowed: {allowed}")


def _texts(environment: Document) -> list[str]:
    return [text for text in environment.at(_ALLOW, list) or [] if isinstance(text, str)]


def _entries(environment: Document) -> Iterator[tuple[Location, IdentityPattern]]:
    for index, text in enumerate(environment.at(_ALLOW, list) or []):
        entry = parse_identity(text) if isinstance(text, str) else None
        if entry is not None:
            yield (*_ALLOW, index), entry


def _mapped(environment: Document) -> Iterator[tuple[Location, str]]:
    people: dict[Any, Any] = environment.at(_PEOPLE, dict) or {}
    for person, identities in people.items():
        for index, text in enumerate(identities if isinstance(identities, list) else []):
            if isinstance(text, str):
                yield (*_PEOPLE, str(person), index), text
