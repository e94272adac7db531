"""An environment whose file is gone is removed by what the ledger keeps of it. On an embedded AWS without a cluster."""

from __future__ import annotations

import itertools
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
from typer.testing import CliRunner

from eks_assets.cli.app import app
from eks_assets.cli.commands import destroy as command
from eks_assets.engine.kept_environment import load_kept_environment
from eks_assets.engine.runner import run_unit
from eks_assets.graph.registry import Registry
from eks_assets.graph.unit import unit
from eks_assets.orchestration import destroy_job
from resources.bootstrap.stack import apply_bootstrap
from resources.config.environment import Addon, Environment, Roles
from resources.config.loader import find_folder, list_environments, load_environment
from resources.config.recorded_environment import environment_document, environment_of
from resources.context import Context
from resources.model.change import Change
from resources.model.errors import ConfigError, Refused
from resources.model.outputs import NoOutputs
from resources.model.specs import Parameter
from resources.records.change_entry import change_entry, list_entries, record_change
from resources.records.ledger import read_key
from sandbox.account import ACCOUNT
from sensors.environments import environments_sensor
from tests.helpers.embedded_gate import GateAccount, gate_account

NUMBERS = itertools.count()
PASSWORD = "hunter22-secret-of-grafana"


@unit(wave="network")
def only(env: Environment) -> Parameter[NoOutputs]:
    """A parameter."""
    return Parameter[NoOutputs](name=env.parameter_path("only"), value="1")


REGISTRY = Registry.of([only])


@pytest.fixture(scope="module")
def account(sandbox_env: Environment, tmp_path_factory: pytest.TempPathFactory) -> Iterator[GateAccount]:
    with gate_account(sandbox_env.region, tmp_path_factory.mktemp("account")) as own_account:
        yield own_account


@pytest.fixture
def env(sandbox_env: Environment, account: GateAccount, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Environment:
    """One that is bootstrapped, whose file nobody has, for a caller with credentials in variables."""
    variables = {"AWS_ENDPOINT_URL": f"http://127.0.0.1:{account.server.port}", "AWS_DEFAULT_REGION": "eu-west-1"}
    keys = {"AWS_ACCESS_KEY_ID": "AKIAROOT", "AWS_SECRET_ACCESS_KEY": "root-secret"}
    for name, value in {**variables, **keys}.items():
        monkeypatch.setenv(name, value)
    (tmp_path / "environments").mkdir()
    (tmp_path / "dagster").mkdir()
    monkeypatch.setenv("EKS_ASSETS_ENVIRONMENTS", str(tmp_path / "environments"))
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "dagster"))
    name = f"lost{next(NUMBERS)}"
    addons = {"prometheus": Addon(values={"grafana": {"adminPassword": PASSWORD}})}
    own = {"name": name, "target_env": name, "account": ACCOUNT, "roles": Roles(), "addons": addons}
    made = sandbox_env.model_copy(update=own)
    apply_bootstrap(made)
    return made


def deploy(env: Environment) -> None:
    run_unit(REGISTRY, only, Context.of(env, run_id="run-1"))


def is_there(env: Environment) -> bool:
    pages = Context.of(env).aws.client("ssm").get_paginator("describe_parameters").paginate()
    return env.parameter_path("only") in {p["Name"] for page in pages for p in page["Parameters"]}


@pytest.mark.parametrize("name", list_environments(find_folder()))
def test_environment_comes_back_from_its_document(name: str) -> None:
    """With all that it says of what it has made, the values of its add-ons wherever they were written."""
    env = load_environment(name)
    back = environment_of(environment_document(env))
    without_files = {"addons": {n: addon.model_copy(update={"values_file": None}) for n, addon in env.addons.items()}}
    ours = {"addons": {n: addon.model_copy(update={"values_file": None}) for n, addon in back.addons.items()}}
    assert back.model_copy(update=ours).model_dump() == env.model_copy(update=without_files).model_dump()
    assert (back.protected, back.cluster) == (env.protected, env.cluster)


def test_ledger_keeps_the_environment_without_its_secrets(env: Environment) -> None:
    deploy(env)
    (entry,) = [e for e in list_entries(Context.of(env)) if e["unit"] == "only"]
    kept = read_key(Context.of(env), f"environments/{entry['file'].removeprefix('sha256:')}.json").decode()
    assert PASSWORD not in kept
    back = load_kept_environment(env.name, env.region)
    assert (back.resource_prefix, back.account) == (env.resource_prefix, env.account)
    assert str(back.addons["prometheus"].values["grafana"]["adminPassword"]).startswith("hmac-sha256:")


def test_the_command_that_the_sensor_names_removes_it(
    env: Environment, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """First what it names, which only shows; then what that shows is removed, with the name typed."""
    for module in (command, destroy_job):
        monkeypatch.setattr(module, "load_registry", lambda: REGISTRY)
    deploy(env)
    file = tmp_path / "environments" / f"{env.name}.yaml"
    file.write_text(f"tenant: {env.tenant}\n")
    monkeypatch.setattr("sensors.environments.read_bounded_environment", lambda *_: env)
    with dg.instance_for_test() as instance:
        with dg.build_sensor_context(instance=instance) as context:
            first = environments_sensor(context)
        instance.add_dynamic_partitions("environments", [env.name])
        file.unlink()
        with dg.build_sensor_context(instance=instance, cursor=first.cursor) as context:  # type: ignore[union-attr]
            said = str(environments_sensor(context).skip_reason.skip_message)  # type: ignore[union-attr]
    named = re.search(r"eks-assets (destroy .* --plan)", said)
    assert named is not None, said
    words = shlex.split(named[1])
    shown = CliRunner().invoke(app, words)
    assert shown.exit_code == 4, shown.output
    assert f"AWS::SSM::Parameter {env.parameter_path('only')}" in shown.output
    assert is_there(env)
    unconfirmed = CliRunner().invoke(app, words[:-1]).exception
    assert "is not confirmed" in str(unconfirmed)
    done = CliRunner().invoke(app, [*words[:-1], "--confirm", env.name])
    assert done.exit_code == 0, done.output
    assert not is_there(env)
    again = CliRunner().invoke(app, words)
    assert (again.exit_code, "nothing to remove" in again.output) == (0, True)


def test_protected_environment_stays_protected(env: Environment) -> None:
    """Its file has to be put back to say otherwise."""
    deploy(env.model_copy(update={"protected": True}))
    words = ["destroy", env.name, "--from-ledger", "--region", env.region, "--confirm", env.name]
    error = CliRunner().invoke(app, words).exception
    assert isinstance(error, Refused)
    assert "is protected" in error.message
    assert is_there(env)


def test_ledger_of_an_earlier_version_says_what_to_do(env: Environment) -> None:
    """It has the commit of the file."""
    context = Context.of(env, run_id="run-1")
    record_change(context, change_entry(context, "only", Change("create"), "done", 1.0, {"commit": "8f31c2a+77"}))
    with pytest.raises(ConfigError, match="does not say what") as error:
        load_kept_environment(env.name, env.region)
    assert f"git show 8f31c2a:environments/{env.name}.yaml" in error.value.next_step


def test_no_ledger_and_several_are_refused(env: Environment) -> None:
    """With the names of those that are there."""
    with pytest.raises(ConfigError, match=rf"bootstrapped there: .*{env.name}"):
        load_kept_environment("nobody", env.region)
    apply_bootstrap(env.model_copy(update={"tenant": "other"}))
    with pytest.raises(ConfigError, match=f"demo-{env.name}-bootstrap, other-{env.name}-bootstrap"):
        load_kept_environment(env.name, env.region)


def test_file_that_is_there_counts(env: Environment, tmp_path: Path) -> None:
    (tmp_path / "environments" / f"{env.name}.yaml").write_text("tenant: x\n")
    with pytest.raises(ConfigError, match="is there"):
        load_kept_environment(env.name, env.region)
