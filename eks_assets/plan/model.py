"""The plan that people read and sign: what `plan --json` prints, and what an approval's digest is made of. Pure.

`docs/plan.md` says what stands in it; `docs/plan.schema.json` is made from these models. A plan holds no secret: what
is sensitive is masked when an `Entry` is built (`document.py`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, JsonValue, SerializerFunctionWrapHandler, model_serializer
from pydantic import Field as Described
from pydantic.json_schema import GenerateJsonSchema

from eks_assets.graph.unit import Reversibility
from resources.config.waves import UnitWave
from resources.model.digests import digest_of
from resources.upgrade.findings import UpgradeReport

Digest = Annotated[str, Described(pattern="^sha256:[0-9a-f]{64}$", description="A SHA-256.")]
KeyedHash = Annotated[str, Described(pattern="^hmac-sha256:[0-9a-f]{64}$")]
Minutes = Annotated[float, Described(ge=0)]


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Field(_Model):
    """One field that differs."""

    path: str = Described(description="Where. Empty: nobody can tell yet.")
    before: JsonValue = Described(
        description="Any JSON; null: absent. Text of the form ⟦unit.output⟧ is known after apply."
    )
    after: JsonValue = Described(description="As before.")
    replaces: bool = Described(description="Whether it recreates a resource.")
    sensitive: bool = Described(description="Whether something in the values is masked, as (sensitive).")
    keyed_before: KeyedHash | None = Described(
        None,
        exclude_if=lambda value: value is None,
        description="The whole value under a mask, by HMAC with a key of the ledger; absent for who may not read that.",
    )
    keyed_after: KeyedHash | None = Described(
        None, exclude_if=lambda value: value is None, description="As keyed_before; absent until it is known, too."
    )


class Facts(_Model):
    """What would be applied, by its hash: of a stack its template; of a release its chart and what that renders to; of
    the application repository's branch its tree, of objects from it the commit that they are rendered from."""

    chart: str | None = Described(None, description="Of the packaged chart.")
    manifest: str | None = Described(
        None, description="Of what the chart renders to, hooks too; of what is volatile, where it is and of what type."
    )
    template: str | None = Described(None, description="Of the stack's template.")
    commit: str | None = Described(
        None, description="Of the environment's branch; absent while the branch still has to be pushed."
    )
    tree: str | None = Described(None, description="Of the branch: git's own id of the tree that its commit carries.")

    @model_serializer(mode="wrap")
    def _without_absent(self, handler: SerializerFunctionWrapHandler) -> dict[str, str]:
        return {name: value for name, value in handler(self).items() if value is not None}


class Entry(_Model):
    """What would change in one unit."""

    unit: str = Described(description="The unit's name, which is the asset's.")
    wave: UnitWave
    action: Literal["create", "update", "replace", "delete"] = Described(
        description="replace: at least one resource would be recreated."
    )
    reason: str = Described(description="Why, in one line.")
    fields: tuple[Field, ...] = Described(description="What differs.")
    reversibility: Reversibility = Described(description="What undoing it takes.")
    minutes: Minutes = Described(description="Typical minutes on AWS.")
    disrupts: tuple[str, ...] = Described(description="What restarts, is replaced or goes: a sentence each.")
    known_after_apply: tuple[str, ...] = Described(description="The outputs, `unit.output`, that nobody can know yet.")
    volatile: tuple[str, ...] = Described(
        description="Fields that differ at every render: left out of the comparison; in the digest by their type."
    )
    facts: Facts = Described(
        description="SHA-256 of what would be applied: template, or chart and rendered manifest; or its commit."
    )
    observed: Mapping[str, str] = Described(description="What the change starts from: a status, a revision.")


class Unplanned(_Model):
    """A unit that could not be planned, and why."""

    unit: str
    reason: str


class Note(_Model):
    """What there is to say of a unit that would not change, or of what AWS warns where it would."""

    unit: str
    note: str


class Surroundings(_Model):
    """What a plan is a plan of, beside its changes: an approval is an approval of that too."""

    version: Literal[1] = Described(
        default=1,
        description="The version of this form. It grows when a reader of the old one could misread the new one.",
    )
    kind: Literal["deploy", "destroy", "destroy with data", "remove", "remove with data"] = Described(
        default="deploy",
        exclude_if=lambda kind: kind == "deploy",
        description="What it is a plan for; absent for a deploy.",
    )
    environment: str = Described(description="The environment's name.")
    account: str = Described(pattern="^[0-9]{12}$", description="The AWS account.")
    region: str = Described(description="The AWS region.")
    commit: str | None = Described(
        description="The git commit of the environments' folder, followed by + and a hash of what differs where its "
        "working tree differs in what can change what runs; null outside of git."
    )
    code_commit: str | None = Described(
        None,
        exclude_if=lambda commit: commit is None,
        description="The git commit of the code that runs, in the same form; absent outside of git and in plans of "
        "older versions.",
    )
    inputs: Digest = Described(description="Of all that the environment's files say.")
    cluster_version: str | None = Described(
        description="The Kubernetes version of the cluster; null while there is none."
    )


class Plan(Surroundings):
    """The changes of some units, and everything else that an approval of them covers. Same environment, same state:
    the same plan, and so the same digest."""

    changes: tuple[Entry, ...] = Described(
        description="The units that would change, in dependency order. Empty: nothing to do."
    )
    unknown: tuple[Unplanned, ...] = Described(description="The units that could not be planned.")
    observed: Digest = Described(description="Of what the changes start from.")

    @property
    def units(self) -> tuple[str, ...]:
        """The names of the units that would change, in dependency order."""
        return tuple(entry.unit for entry in self.changes)

    def entry(self, unit: str) -> Entry | None:
        """The change of one unit; None where it would not change."""
        return next((entry for entry in self.changes if entry.unit == unit), None)

    def document(self) -> dict[str, JsonValue]:
        """The plan as it is stored under its digest: JSON types, every key present."""
        document: dict[str, JsonValue] = json.loads(self.model_dump_json(include=set(Plan.model_fields)))
        return document

    def compute_digest(self) -> str:
        """What names it: the SHA-256 of its document as RFC 8785 JSON."""
        return digest_of(self.document())


class Gated(_Model):
    """What of a plan waits behind the approval gate."""

    before: str = Described(description="The wave that the gate stands before.")
    approvers: int = Described(ge=1, description="How many approvals it takes.")
    units: tuple[str, ...] = Described(description="The changing units behind the gate.")
    reach: Mapping[str, tuple[str, ...]] = Described(
        default={},
        exclude_if=lambda reach: not reach,
        description="Of each unit of a wave before the gate that is behind it: what it changes of identity and reach. "
        "Left out where there is none.",
    )
    digest: Digest | None = Described(
        description="The digest that a deploy submits for approval; null while something before the gate is pending, "
        "or not all behind it was planned."
    )


class PlanReport(Plan):
    """A plan as it is handed out: with its digest, and what else people want to know of it."""

    model_config = ConfigDict(
        title="Plan",
        json_schema_extra={
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "description": "What a deploy of one environment would change: the output of `eks-assets plan ENV --json`, "
            "version 1. See plan.md.",
        },
    )

    digest: Digest = Described(description="Of this document as RFC 8785 JSON, without this field and those below.")
    minutes: Minutes = Described(description="Typical minutes on the critical path of the units that change.")
    planned: int = Described(ge=0, description="How many units were planned.")
    disabled: tuple[str, ...] = Described(description="The units that the environment switches off.")
    notes: tuple[Note, ...] = Described(
        description="What there is to say of units that would not change, such as objects that are kept though no "
        "longer wanted, and what CloudFormation's checks and the account's hooks warn of where one would."
    )
    release: Gated | None = Described(description="What of it waits behind the approval gate; null without a gate.")
    upgrade: UpgradeReport | None = Described(
        None,
        exclude_if=lambda upgrade: upgrade is None,
        description="Where the file asks for a higher Kubernetes version than the cluster runs: whether it can get it. "
        "Absent otherwise. The digest does not cover it: it is about the cluster at one time, not about the change.",
    )
    # For people alone: who checks the digest of a printed plan leaves out the fields above, and no others.
    pushes: str | None = Described(None, exclude=True)
    unwanted: tuple[str, ...] = Described((), exclude=True)


class _Untitled(GenerateJsonSchema):
    """Titles that only repeat a field's name say nothing."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False


def plan_schema() -> dict[str, Any]:
    """The JSON Schema of `plan --json`, as it stands in docs/plan.schema.json."""
    return PlanReport.model_json_schema(mode="serialization", schema_generator=_Untitled)
