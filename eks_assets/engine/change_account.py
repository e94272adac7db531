"""What the ledger says of a change beside what changed: who, by which plan and spec, under which grant, from which
commits (docs/ledger.md)."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from eks_assets.engine.kept_environment import keep_environment
from eks_assets.engine.kept_specs import keep_spec
from eks_assets.engine.provenance import commits_at_start, source_of
from eks_assets.engine.redacted import Redaction
from eks_assets.graph.unit import AnyUnit
from eks_assets.plan.document import Source, build_entry
from eks_assets.plan.unit_plan import UnitPlan
from resources.approval.rules import ApprovalRequest
from resources.context import Context
from resources.drivers.helm.charts import pulled_package
from resources.model.digests import digest_of
from resources.model.errors import PipelineError
from resources.model.specs import HelmRelease, Spec
from resources.records.digest_key import load_digest_key

_LONGEST = 200  # characters of what CloudFormation or helm says of a status


def account_for_change(
    context: Context,
    unit: AnyUnit,
    pending: UnitPlan,
    spec: Spec[Any],
    who: str,
    grant: ApprovalRequest | None,
    redaction: Redaction,
    why: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """The account of a change that was just tried, when what becomes part of Secrets is known. `who`: the ARN that
    started the run; `grant`: what it was approved by, where it had to be; `why`: the `repair` that it was, where nobody
    asked for it, and the run that a `rollback` goes back to. Keeps spec and environment. Raises nothing of AWS."""
    environments, code = _commits(context, grant)
    account: dict[str, Any] = {
        "who": who,
        "before": {name: redaction.redact_text(text)[:_LONGEST] for name, text in pending.observed.items()},
        "spec": keep_spec(context, spec, redaction.secrets()),
        "version": getattr(spec, "version", None),
        "plan": _plan_digest(context, unit, pending),
        "grant": {"request": grant.id, "digest": grant.digest} if grant else None,
        "chart": _chart_digest(context, spec),
        **(why or {}),
        "file": keep_environment(context),
        "commit": environments,
        "code_commit": code,
    }
    return {name: value for name, value in account.items() if value not in (None, {})}


def _chart_digest(context: Context, spec: Spec[Any]) -> str | None:
    """Of the package that was installed, which this context has pulled."""
    package = pulled_package(spec, context) if isinstance(spec, HelmRelease) else None
    return package.digest if package else None


def _commits(context: Context, grant: ApprovalRequest | None) -> tuple[str | None, str | None]:
    """Of the environments' folder and of the code: as the gate has seen them, or as the run began with them."""
    if grant is None:
        return commits_at_start()
    source = source_of(context)
    return source.commit, source.code_commit


def _plan_digest(context: Context, unit: AnyUnit, pending: UnitPlan) -> str | None:
    """The digest of the unit's own part of a plan; None for one that has none."""
    source = Source(None, None, read_key=partial(load_digest_key, context))
    try:
        entry: Mapping[str, Any] = build_entry(pending, unit, source).model_dump(mode="json")
        return digest_of(entry)
    except (PipelineError, ValueError):
        return None
