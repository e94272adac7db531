"""The gate as an administrator anchored it: the least that an environment's file may ask for, and the roles that
`approval.allow` names as IAM had them then.

Bootstrap keeps it in the SSM parameter `/<tenant>/<env>/bootstrap/gate`, which no role of the pipeline may write.
"""

from __future__ import annotations

import datetime as dt
from typing import Literal

from pydantic import Field

from resources.config.allowed_identities import covering_entry, signing_keys
from resources.config.environment import Approval, Environment
from resources.config.field_types import Model
from resources.config.waves import WAVES, UnitWave


class AnchoredRole(Model):
    """A role that `allow` names. `trust`: the digest of its trust policy; `fixes_session_name`: whether that lets
    nobody choose the name of a session; `since`: when this copy was made, None for one of an earlier version."""

    name: str
    arn: str
    id: str
    trust: str
    fixes_session_name: bool
    since: dt.datetime | None = None


class GateAnchor(Model):
    """`before`: None where the environment has no gate; the fields to `people` are those of `approval`. `anchored_at`:
    when the environment was anchored first, by AWS's clock; decisions of before are judged by the earlier rule. None
    where a template was printed: no decision is earlier then."""

    before: UnitWave | None = None
    approvers: int = 1
    expires_seconds: int = 0
    exclude_initiator: bool = False
    ui: bool = True
    clean: Literal["required"] | None = None
    allow: tuple[str, ...] = ()
    people: dict[str, tuple[str, ...]] = Field(default={})
    roles: tuple[AnchoredRole, ...] = ()
    anchored_at: dt.datetime | None = None

    def role(self, name: str) -> AnchoredRole | None:
        """The role of that name, as it was anchored."""
        return next((role for role in self.roles if role.name == name), None)


def anchor_of(
    env: Environment, roles: tuple[AnchoredRole, ...] = (), anchored_at: dt.datetime | None = None
) -> GateAnchor:
    """The anchor of the gate that the environment's file asks for."""
    approval = env.approval
    if approval is None:
        return GateAnchor(anchored_at=anchored_at)
    return GateAnchor(
        before=approval.before,
        approvers=approval.approvers,
        expires_seconds=approval.expires_seconds,
        exclude_initiator=approval.exclude_initiator,
        ui=approval.ui,
        clean=approval.clean,
        allow=approval.allow,
        people=approval.people,
        roles=roles,
        anchored_at=anchored_at,
    )


def lesser_terms(approval: Approval | None, anchor: GateAnchor) -> tuple[str, ...]:
    """Each way in which a file's gate is less than the anchored one; empty where it is as much, or more."""
    if anchor.before is None:
        return ()
    if approval is None:
        return (f"there is no approval; anchored: before {anchor.before}",)
    terms = []
    if WAVES.index(approval.before) > WAVES.index(anchor.before):
        terms.append(f"before is {approval.before}; anchored: {anchor.before}")
    if approval.approvers < anchor.approvers:
        terms.append(f"approvers is {approval.approvers}; anchored: {anchor.approvers}")
    if approval.expires_seconds > anchor.expires_seconds:
        terms.append(f"expires is {approval.expires}; anchored: {anchor.expires_seconds // 60}m")
    if anchor.exclude_initiator and not approval.exclude_initiator:
        terms.append("exclude_initiator is false; anchored: true")
    if approval.ui and not anchor.ui:
        terms.append("ui is true; anchored: false")
    if anchor.clean is not None and approval.clean is None:
        terms.append("clean is left out; anchored: required")
    return (*terms, *_more_voters(approval, anchor), *_more_people(approval, anchor))


def _more_voters(approval: Approval, anchor: GateAnchor) -> tuple[str, ...]:
    if anchor.allow and not approval.allow:
        return ("allow is empty; anchored: a list",)
    more = [entry for entry in approval.allow if anchor.allow and covering_entry(anchor.allow, entry) is None]
    return tuple(f"allow names {entry}; that is not anchored" for entry in more)


def _more_people(approval: Approval, anchor: GateAnchor) -> tuple[str, ...]:
    if not anchor.people:
        return ()
    if not approval.people:
        return ("people is empty; anchored: a mapping",)
    anchored = {(person, identity) for person, identities in anchor.people.items() for identity in identities}
    mapped = {(person, identity) for person, identities in approval.people.items() for identity in identities}
    more = sorted(mapped - anchored)
    keys = set(signing_keys(anchor.people)) - set(signing_keys(approval.people))
    return (
        *(f"people maps {identity} to {person}; that is not anchored" for person, identity in more),
        *(f"people maps git:{key} to nobody; anchored: to {signing_keys(anchor.people)[key]}" for key in sorted(keys)),
    )
