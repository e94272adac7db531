"""The ledger on the embedded S3."""

from __future__ import annotations

import json

import pytest

from eks_assets.graph.unit import AnyUnit, unit
from resources.config.environment import Environment
from resources.config.names import ledger_bucket
from resources.context import Context
from resources.model.change import Change
from resources.model.outputs import NoOutputs
from resources.model.specs import Parameter
from resources.records.change_entry import change_entry, list_entries, record_change
from tests.helpers.materialization import Materialize

pytestmark = pytest.mark.sandbox


def noted(value: str) -> AnyUnit:
    @unit(wave="network")
    def ledger_test(env: Environment) -> Parameter[NoOutputs]:
        """A parameter."""
        return Parameter[NoOutputs](name=env.parameter_path("ledger/test"), value=value)

    return ledger_test


def mine(context: Context) -> list[dict[str, object]]:
    return [e for e in list_entries(context) if e["unit"] == "ledger_test"]


def test_ledger_entry_has_paths_and_no_values(materialize: Materialize, context: Context) -> None:
    """Every change has one entry with the paths that differed, and never a value."""
    assert materialize(noted("first-planted-value")).success
    assert materialize(noted("second-planted-value")).success
    assert materialize(noted("second-planted-value")).success

    newest, oldest = mine(context)
    assert (oldest["action"], newest["action"]) == ("create", "update")
    assert newest["fields"] == ["value"]
    assert newest["outcome"] == "done"
    assert newest["by"] != "no run"
    assert "planted" not in json.dumps(mine(context))


def test_ledger_entry_is_never_overwritten(context: Context) -> None:
    """Another entry of the same time and unit gets a name of its own, and the first one stays."""
    document = change_entry(context, "ledger_once", Change("create"), "done", 1.0)
    record_change(context, document)
    record_change(context, {**document, "outcome": "another"})
    kept = context.aws.client("s3").get_object(
        Bucket=ledger_bucket(context.env), Key=f"changes/{document['at']}-ledger_once.json"
    )
    assert json.loads(kept["Body"].read())["outcome"] == "done"
    outcomes = [entry["outcome"] for entry in list_entries(context) if entry["unit"] == "ledger_once"]
    assert sorted(map(str, outcomes)) == ["another", "done"]
