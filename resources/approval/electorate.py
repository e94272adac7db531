"""Who stands behind an ARN that AWS names as the writer of a decision, and whether that proves a person.

A decision counts only for an identity that `approval.allow` names and whose name nobody of the pipeline could choose
when it was written: an IAM user; a session of an Identity Center role; a session of a role whose trust policy fixes the
session name, where the role is still the one that an administrator anchored (`resources/config/gate_anchor.py`), and
CloudTrail knows of no change of its trust policy between that copy and the decision.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Mapping
from typing import Any

from resources.approval.rules import UI_KEY, Person, person_key
from resources.aws.errors import aws_call
from resources.aws.role_trust import fixes_session_name, is_pipeline_made, is_sso_role, trust_digest
from resources.aws.trust_changes import TrustChange, list_trust_changes
from resources.config.allowed_identities import IdentityPattern, covering_entry, parse_identity
from resources.config.environment import Approval, Environment
from resources.config.gate_anchor import GateAnchor
from resources.config.names import cloudformation_role, deployer_role, is_stack_role, pipeline_role, planner_role
from resources.context import Context
from resources.model.errors import AccessDenied, NotFound, PipelineError
from resources.support.memory_cache import CacheKey

UI_WRITER = "dagster-ui"
_USER_IDS: CacheKey[str] = CacheKey("IAM user's id, by name")
_TRUST_CHANGES: CacheKey[tuple[TrustChange, ...]] = CacheKey("trust policies that were changed")
_ROLES: CacheKey[Mapping[str, Any]] = CacheKey("IAM role, by name")


class Approvers:
    """The electorate of one environment; reads roles from IAM, each once. `anchor`: the gate as an administrator
    anchored it, None where nobody has yet."""

    def __init__(self, context: Context, approval: Approval, anchor: GateAnchor | None = None) -> None:
        self._context, self._approval, self._anchor = context, approval, anchor

    def voter(self, arn: str, at: dt.datetime) -> Person | str:
        """The person behind an ARN that wrote a decision at that time, or why it proves nobody who may decide."""
        if arn == UI_WRITER:
            return Person(UI_KEY, "the Dagster UI") if self._approval.ui else "the environment has no `ui: true`"
        name, session = _parts(arn)
        if fault := self._stranger_fault(arn):
            return fault
        if self._approval.allow and covering_entry(self._approval.allow, self._identity(arn)) is None:
            is_unread = session and not self._role(name)
            return _unread(name) if is_unread else "it is not in approval.allow"
        is_earlier = self._is_earlier(at)
        fault = self._fault_by_earlier_rule(arn) if is_earlier else self._fault(name, session)
        if not fault and session and not is_earlier:
            fault = self._change_since_copy(name, at)
        if fault:
            return fault
        if self._approval.people and self._person(arn) is None:
            return "approval.people maps it to nobody"
        return Person(self.key(arn), self._person(arn) or session or name)

    def key(self, arn: str) -> str:
        """`person:NAME` where `approval.people` maps it; else `user:NAME`, `sso:NAME`, or `role:NAME` where the session
        name proves nothing; empty for anything else."""
        name, session = _parts(arn)
        if person := self._person(arn):
            return person_key(person)
        if ":user/" in arn:
            return f"user:{name}"
        if ":assumed-role/" not in arn:
            return f"role:{name}" if ":role/" in arn else ""
        role = self._role(name)
        if is_sso_role(role):
            return f"sso:{session.lower()}"
        fixed = fixes_session_name(role.get("AssumeRolePolicyDocument", {}), self._context.env.account)
        return f"user:{session}" if fixed else f"role:{name}"

    def initiator_fault(self, arn: str) -> str:
        """Why the ARN that asked for approval proves no person that can be told from the approvers; empty where it
        does."""
        name, session = _parts(arn)
        if fault := self._stranger_fault(arn):
            return fault
        if fault := self._fault_by_earlier_rule(arn) if self._anchor is None else self._fault(name, session):
            return fault
        if self._approval.people:
            return "" if self._person(arn) else "approval.people maps it to nobody"
        kinds = {"sso" if entry.kind == "permission set" else "user" for entry in self._entries()}
        is_other = kinds and self.key(arn).partition(":")[0] not in kinds
        return "approvers are another kind of identity, and approval.people does not say who is who" if is_other else ""

    def _stranger_fault(self, arn: str) -> str:
        """Why the ARN is of nobody who could be a person of the account; empty where it is of somebody."""
        name, _ = _parts(arn)
        if not name:
            return "it is no user and no role"
        if name in _own_roles(self._context.env):
            return "it is a role of the pipeline"
        return "" if arn.split(":")[4] == self._context.env.account else "it is of another account"

    def is_sender(self, arn: str, sender: str) -> bool:
        """Whether the person behind an ARN is the one that SQS names: `AROA...:SESSION`, or `AIDA...` of a user."""
        name, session = _parts(arn)
        own_id = f"{self._role(name).get('RoleId')}:{session}" if session else self._user_id(name)
        return bool(name) and (sender == own_id or self._key_of_session(sender) == self.key(arn))

    def count_voters(self) -> float:
        """How many people approval.allow can mean; infinity where it leaves them open."""
        allow, ui = self._approval.allow, int(self._approval.ui)
        if people := self._approval.people:
            return ui + sum(
                any((not allow or covering_entry(allow, text)) and self._proves(text) for text in identities)
                for identities in people.values()
            )
        proving = [entry for text in allow if (entry := parse_identity(text)) is not None and self._proves(text)]
        if not allow or any({"*", "?"} & set(entry.names) for entry in proving):
            return math.inf
        return ui + len({entry.names for entry in proving})

    def _entries(self) -> list[IdentityPattern]:
        return [entry for entry in map(parse_identity, self._approval.allow) if entry is not None]

    def _proves(self, identity: str) -> bool:
        """Whether what acts as the identity, or as one that the pattern covers, is known to be that person."""
        entry = parse_identity(identity)
        return entry is not None and (entry.kind != "session" or not self._fault(entry.role, entry.names))

    def warnings(self) -> list[str]:
        """One line for each entry of approval.allow whose sessions prove nobody."""
        entries = [(text, parse_identity(text)) for text in self._approval.allow]
        faults = {text: self._fault(e.role, e.names) for text, e in entries if e is not None and e.kind == "session"}
        return [f"{text}: {fault}" for text, fault in faults.items() if fault]

    def _fault(self, name: str, session: str) -> str:
        """Why a session of the role proves nobody; empty where it does, and for a user."""
        if not session:
            return ""
        role, command = self._role(name), f"eks-assets bootstrap {self._context.env.name} --apply"
        anchored = self._anchor.role(name) if self._anchor is not None else None
        if not role:
            return _unread(name)
        if is_pipeline_made(role) or is_stack_role(name, self._context.env.resource_prefix):
            return f"role {name} is one that stacks can make"
        if is_sso_role(role):
            return ""
        if anchored is None:
            return f"role {name} is not anchored: name it in approval.allow, and an administrator runs: {command}"
        if not anchored.fixes_session_name:
            return f"the session name {session} of role {name} is the caller's choice and proves no person"
        if role["RoleId"] != anchored.id:
            return f"role {name} was deleted and created again since it was anchored; an administrator runs: {command}"
        if trust_digest(role["AssumeRolePolicyDocument"]) != anchored.trust:
            return f"the trust policy of role {name} is not the anchored one; an administrator runs: {command}"
        return ""

    def _change_since_copy(self, name: str, at: dt.datetime) -> str:
        """Why the anchored copy of the role's trust policy says nothing of a decision at that time; empty where it
        does, and where CloudTrail knows nothing else: it is late, and may not be there."""
        anchored = self._anchor.role(name) if self._anchor is not None else None
        if anchored is None or anchored.since is None or is_sso_role(self._role(name)):
            return ""
        changes = (change for change in self._trust_changes() if change.role == name)
        change = next((change for change in changes if anchored.since < change.time <= at), None)
        if change is None:
            return ""
        command = f"eks-assets bootstrap {self._context.env.name} --apply"
        return (
            f"the trust policy of role {name} was changed between its anchored copy and this decision ({change}); "
            f"decide again after an administrator has run: {command}"
        )

    def _trust_changes(self) -> tuple[TrustChange, ...]:
        times = [role.since for role in (self._anchor.roles if self._anchor else ()) if role.since is not None]

        def read() -> tuple[TrustChange, ...]:
            try:
                return list_trust_changes(self._context.aws, min(times))
            except PipelineError as error:
                self._context.progress(f"decisions are judged by the anchored trust policies alone: {error.message}")
                return ()

        return self._context.cache.get(_TRUST_CHANGES, read)

    def _is_earlier(self, at: dt.datetime) -> bool:
        """Whether a decision of that time was written before there were anchors, or where there is none yet."""
        return self._anchor is None or (self._anchor.anchored_at is not None and at < self._anchor.anchored_at)

    def _fault_by_earlier_rule(self, arn: str) -> str:
        """The rule for decisions of before the anchor, which count until they expire: a role is judged by its trust
        policy as it is now, and one whose session name is free is one voice where a single approver is asked for."""
        name, session = _parts(arn)
        is_strict = self._approval.approvers > 1 or self._approval.exclude_initiator
        if self.key(arn).startswith("role:") and is_strict:
            return f"the session name {session} of role {name} is the caller's choice and proves no person"
        return ""

    def _person(self, arn: str) -> str | None:
        """The person to whom approval.people maps the identity."""
        identity = self._identity(arn) if self._approval.people else ""
        people = self._approval.people.items()
        return next((person for person, identities in people if covering_entry(identities, identity)), None)

    def _identity(self, arn: str) -> str:
        """The writer in a form of approval.allow: for a session of Identity Center the role's id and the user."""
        name, session = _parts(arn)
        role = self._role(name) if session else {}
        return f"{role['RoleId']}:{session}" if is_sso_role(role) else arn

    def _key_of_session(self, sender: str) -> str:
        """The key of a session that is named by its role's id; empty where nobody knows the role."""
        role_id, _, session = sender.partition(":")
        for person, identities in self._approval.people.items():
            if covering_entry(identities, sender):
                return person_key(person)
        if any(entry.role == role_id for entry in self._entries() if entry.kind == "permission set"):
            return f"sso:{session.lower()}"
        anchored = [role for role in (self._anchor.roles if self._anchor else ()) if role.id == role_id]
        return f"user:{session}" if anchored and anchored[0].fixes_session_name else ""

    def _user_id(self, name: str) -> str:
        def read() -> str:
            try:
                with aws_call(f"reading the user {name}"):
                    return self._context.aws.client("iam").get_user(UserName=name)["User"]["UserId"]
            except (NotFound, AccessDenied):
                return ""

        return self._context.cache.get(_USER_IDS, read, item=name)

    def _role(self, name: str) -> Mapping[str, Any]:
        """The role as IAM describes it; empty where there is none, or where we may not read it: it proves nobody."""

        def read() -> Mapping[str, Any]:
            try:
                with aws_call(f"reading the role {name}"):
                    return self._context.aws.client("iam").get_role(RoleName=name)["Role"]
            except (NotFound, AccessDenied):
                return {}

        return self._context.cache.get(_ROLES, read, item=name)


def _parts(arn: str) -> tuple[str, str]:
    """Name and session of an IAM or STS ARN; `("", "")` for the account's root and anything else."""
    kind, _, rest = arn.rpartition(":")[2].partition("/")
    if kind == "assumed-role":
        name, _, session = rest.partition("/")
        return name, session
    return (rest.rpartition("/")[2], "") if kind in ("user", "role") else ("", "")


def _unread(role: str) -> str:
    return f"its role {role} does not exist, or cannot be read"


def _own_roles(env: Environment) -> set[str]:
    roles = (pipeline_role(env), deployer_role(env), planner_role(env), cloudformation_role(env))
    return {role.name for role in roles if role is not None}
