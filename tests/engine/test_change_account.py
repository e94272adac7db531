"""What the ledger says of a change beside what changed, and the specs that it keeps: on an embedded AWS."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator

import pytest

from eks_assets.engine.kept_specs import is_kept_spec, keep_spec
from eks_assets.engine.runner import run_unit
from eks_assets.graph.registry import Registry
from eks_assets.graph.unit import AnyUnit, unit
from resources.config.environment import Environment
from resources.drivers.secrets import known_secrets, learn_secrets
from resources.model.change import MASK
from resources.model.digests import digest_of
from resources.model.errors import OperationFailed
from resources.model.outputs import NoOutputs
from resources.model.specs import HelmRelease, Parameter, Stack
from resources.records.change_entry import list_entries
from resources.records.ledger import list_versions, read_key, write_once
from sandbox.account import ACCOUNT
from tests.helpers.embedded_aws_server import resource
from tests.helpers.embedded_gate import EmbeddedGate, GateAccount, gate_account
from tests.helpers.gate import Gate

pytestmark = pytest.mark.sandbox
NUMBERS = itertools.count()
NAMED, BECOMES, DECODED = "planted-by-its-name", "planted-into-a-secret", "planted-and-decoded"


@pytest.fixture(scope="module")
def account(sandbox_env: Environment, tmp_path_factory: pytest.TempPathFactory) -> Iterator[GateAccount]:
    with gate_account(sandbox_env.region, tmp_path_factory.mktemp("account")) as own_account:
        yield own_account


@pytest.fixture
def gate(sandbox_env: Environment, account: GateAccount) -> EmbeddedGate:
    """A bootstrapped environment of which nothing is deployed."""
    return account.gate(sandbox_env, f"n{next(NUMBERS)}")


def everything(gate: EmbeddedGate) -> str:
    """All that was ever written to the ledger, but the key of hashes."""
    keys = [key for key, _ in list_versions(gate.context(), "") if not key.startswith("keys/")]
    return "\n".join(read_key(gate.context(), key).decode() for key in keys)


def run(gate: EmbeddedGate, *units: AnyUnit) -> None:
    registry = Registry.of(units)
    for each in units:
        run_unit(registry, each, gate.context())


def test_entry_says_who_did_what_under_which_grant(gate: EmbeddedGate, monkeypatch: pytest.MonkeyPatch) -> None:
    """Behind the gate the request is named, with the plan that people signed."""
    monkeypatch.setattr(EmbeddedGate, "registry", Gate.registry)
    gate.values["second"] = "1"
    request = gate.request()
    gate.decide(request, "alice", "bob")
    gate.run("first")
    (entry,) = list_entries(gate.context())
    assert entry["grant"] == {"request": request.id, "digest": request.digest}
    assert (entry["who"], entry["by"]) == (f"arn:aws:iam::{ACCOUNT}:root", "run-1")
    assert entry["before"] == {"status": "absent"}
    assert entry["plan"].startswith("sha256:")
    assert len(entry["code_commit"].partition("+")[0]) == 40
    spec = json.loads(read_key(gate.context(), f"specs/{entry['spec'].removeprefix('sha256:')}.json"))
    assert (digest_of(spec), spec["type"]) == (entry["spec"], "Parameter")


def test_failure_has_its_account_too(gate: EmbeddedGate) -> None:
    """What was tried and failed is told as what was done."""

    @unit(wave="network")
    def refused(env: Environment) -> Stack[NoOutputs]:
        """A queue that AWS refuses."""
        return Stack[NoOutputs](template={"Resources": {"Queue": resource("SQS::Queue", VisibilityTimeout=-1)}})

    with pytest.raises(OperationFailed):
        run(gate, refused)
    (entry,) = list_entries(gate.context())
    assert entry["outcome"] != "done"
    assert entry["spec"].startswith("sha256:")
    assert entry["who"]


def test_no_secret_reaches_the_ledger(gate: EmbeddedGate) -> None:
    """A value under a sensitive name is a keyed hash in what is kept, the same for the same value."""

    @unit(wave="network")
    def planted(env: Environment) -> Parameter[NoOutputs]:
        """A parameter that holds a password."""
        return Parameter[NoOutputs](name=env.parameter_path("db-password"), value=NAMED)

    @unit(wave="network")
    def queue(env: Environment) -> Stack[NoOutputs]:
        """A stack with a password among its parameters."""
        template = {"Parameters": {"DbPassword": {"Type": "String", "NoEcho": True}}}
        template["Resources"] = {"Queue": resource("SQS::Queue")}
        return Stack[NoOutputs](template=template, parameters={"DbPassword": NAMED})

    run(gate, planted, queue)
    assert NAMED not in everything(gate)
    of_queue, of_parameter = list_entries(gate.context())
    assert "grant" not in of_queue
    for entry in (of_queue, of_parameter):
        text = read_key(gate.context(), f"specs/{entry['spec'].removeprefix('sha256:')}.json").decode()
        assert "hmac-sha256:" in text
        assert MASK not in text


def test_value_that_becomes_part_of_a_secret_is_hashed(gate: EmbeddedGate) -> None:
    """Whatever it is called in the values, and what else the chart puts into its Secrets."""
    context = gate.context()
    values = {"motto": BECOMES, "replicas": 2, "banner": f"say {DECODED} twice"}
    spec = HelmRelease(name="r", namespace="n", repository="oci://here", chart="c", version="1", values=values)
    made = {"kind": "Secret", "stringData": {"a": f"x{BECOMES}y"}, "data": {"b": "cGxhbnRlZC1hbmQtZGVjb2RlZA=="}}
    learn_secrets(spec, [made, {"kind": "Deployment", "spec": {"replicas": 2}}], context)
    digest = keep_spec(context, spec, known_secrets(spec, context))
    assert digest is not None
    kept = json.loads(read_key(context, f"specs/{digest.removeprefix('sha256:')}.json"))
    assert (kept["type"], kept["spec"]["version"], kept["spec"]["values"]["replicas"]) == ("HelmRelease", "1", 2)
    assert kept["spec"]["values"]["motto"].startswith("hmac-sha256:")
    for secret in (BECOMES, DECODED):
        assert secret not in everything(gate)
    assert keep_spec(gate.context(), spec, known_secrets(spec, context)) == digest


def test_spec_that_cannot_be_kept_stops_nobody(gate: EmbeddedGate) -> None:
    """A number that RFC 8785 has no form for: the entry is written without it."""
    lines: list[str] = []
    context = gate.context()
    context.progress = lines.append
    assert keep_spec(context, Stack[NoOutputs](template={"Number": 2**70}), ()) is None
    (line,) = lines
    assert "the ledger does not keep this spec" in line


def test_kept_spec_is_known_again(gate: EmbeddedGate) -> None:
    """With what was a secret when it was kept, and without what says how long to wait; nothing else may differ."""
    context = gate.context()
    values = {"motto": BECOMES, "password": NAMED, "nested": {"items": [1, True, None]}, "banner": f"say {DECODED}"}
    spec = HelmRelease(name="r", namespace="n", repository="oci://here", chart="c", version="1", values=values)
    digest = keep_spec(context, spec, [BECOMES, DECODED])
    assert digest is not None
    assert is_kept_spec(context, digest, spec.model_copy(update={"timeout": 7.0}))
    others = [{**values, "motto": "other"}, {**values, "password": "other"}, {**values, "more": None}, {}]
    for other in (*others, {**values, "nested": {"items": [1, True]}}):
        assert not is_kept_spec(context, digest, spec.model_copy(update={"values": other}))
    assert not is_kept_spec(context, digest, spec.model_copy(update={"version": "2"}))
    assert not is_kept_spec(context, digest, Parameter[NoOutputs](name="r", value="1"))
    shorter = json.loads(read_key(context, f"specs/{digest.removeprefix('sha256:')}.json"))
    del shorter["spec"]["skip_crds"]
    write_once(context, "specs/shorter.json", shorter)
    assert is_kept_spec(context, "sha256:shorter", spec), "an earlier version knew no such field"
    assert not is_kept_spec(context, "sha256:shorter", spec.model_copy(update={"skip_crds": True}))
