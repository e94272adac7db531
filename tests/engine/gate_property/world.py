"""What the random tests of the gate act in: the embedded AWS alone, an environment with a gate, everybody's keys."""

from __future__ import annotations

import functools
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from eks_assets.graph.registry import Registry
from eks_assets.graph.unit import unit
from resources.aws import dagster_clients
from resources.aws.session import Aws, Source
from resources.bootstrap.stack import apply_bootstrap
from resources.config.environment import Approval, Environment
from resources.config.loader import load_environment
from resources.config.names import ledger_bucket
from resources.context import Context
from resources.model.outputs import NoOutputs
from resources.model.specs import Parameter
from resources.records.ledger import write_once
from sandbox.account import ACCOUNT, REGION, ROOT_KEY, ROOT_SECRET
from sandbox.paths import PROJECT, StateDirectory, read_json, write_json
from sandbox.people import APPROVERS, ensure_people, role_arn
from tests.engine.gate_property.shifted_aws import MODULE, SHIFT_FILE
from tests.helpers.embedded_aws_server import Aws as Server

LIFE = 60  # minutes that a grant holds
SESSION_SECONDS = 1500.0  # after which sessions are begun again; AWS ends them after an hour
SSO = "AWSReservedSSO_Approver_0123456789abcdef"
# What a file may ask for instead of what is anchored: less, which nothing is done with, or more.
LESS: dict[str, dict[str, Any] | None] = {
    "no gate": None,
    "one approver": {"approvers": 1},
    "initiators": {"exclude_initiator": False},
    "a later wave": {"before": "observability"},
    "a longer life": {"expires": f"{2 * LIFE}m"},
    "the UI": {"ui": True},
}
MORE: dict[str, dict[str, Any]] = {"as anchored": {}, "three approvers": {"approvers": 3}}
# `early` lies in a wave before the gate, and is behind it since the environment has been through its gate.
WAVES: dict[str, Any] = {"early": "configuration", "first": "applications", "second": "observability"}
UNITS = tuple(WAVES)


def gate_of(permission_set: str) -> Approval:
    """The gate that is anchored: users, sessions and a permission set, and who of them is who. `dave` is nobody, since
    the name of an `oncall` session is its caller's choice."""
    user, session = f"arn:aws:iam::{ACCOUNT}:user", f"arn:aws:sts::{ACCOUNT}:assumed-role"
    people: dict[str, tuple[str, ...]] = {
        name: (f"{user}/{name}", f"{session}/oncall-named/{name}", f"{permission_set}:{name}") for name in APPROVERS
    }
    allow = (f"{user}/*", f"{session}/oncall-named/*", f"{session}/oncall/*", f"{permission_set}:*")
    people["dave"] = (f"{session}/oncall/dave",)
    return Approval(before="applications", approvers=2, expires=f"{LIFE}m", allow=allow, people=people)


@dataclass
class World:
    """The running embedded AWS, bootstrapped, and sessions of everybody in it."""

    server: Server
    env: Environment
    keys: dict[str, dict[str, str]]
    shift_file: Path
    minutes: float = 0.0  # that AWS's clock has been moved
    _sessions: dict[str, tuple[float, Aws]] = field(default_factory=dict)

    @classmethod
    def start(cls, folder: Path) -> World:
        """Start it in the folder that EKS_ASSETS_SANDBOX_DIR names; whoever calls stops `server`."""
        shift_file, state = folder / "shift", StateDirectory(folder)
        shift_file.write_text("0")
        variables = {SHIFT_FILE: str(shift_file)}
        server = Server(folder, module=MODULE, root=(ROOT_KEY, ROOT_SECRET), variables=variables).start()
        endpoint = f"http://127.0.0.1:{server.port}"
        ensure_people(state, endpoint)
        root = {"access_key_id": ROOT_KEY, "secret_access_key": ROOT_SECRET}
        keys = {"root": root, **read_json(state.people)}
        places = {"aws_endpoint": endpoint, "region": REGION, "account": ACCOUNT, "credentials": keys}
        write_json(state.state, {"supervisor_url": "", "registry": "", "tools": "", **places})
        env = load_environment("sandbox-gated", PROJECT / "environments")
        role = server.client("iam", ROOT_KEY, ROOT_SECRET).get_role(RoleName=SSO)["Role"]
        env = env.model_copy(update={"approval": gate_of(role["RoleId"])})
        apply_bootstrap(env)
        write_once(Context(env, Aws(env)), "uses/earlier/all.done.json", {"by": "an earlier run"})
        return cls(server, env, keys, shift_file)

    def pass_time(self, minutes: float) -> None:
        """Move AWS's clock forward."""
        self.minutes += minutes
        self.shift_file.write_text(str(self.minutes * 60))

    def session(self, who: str) -> Aws:
        """A session of `deployer`, `planner`, root, a person, or `ROLE/PERSON/SESSION` that a person assumes."""
        begun, aws = self._sessions.get(who, (0.0, None))
        if aws is None or time.monotonic() - begun > SESSION_SECONDS:
            aws = self._new_session(who)
            self._sessions[who] = (time.monotonic(), aws)
        return aws

    def _new_session(self, who: str) -> Aws:
        if who in ("deployer", "planner"):
            return Aws(self.env, planning=who == "planner")
        return Aws(self.env, self._source(who), as_deployer=False)

    def _source(self, who: str) -> Source:
        endpoint = f"http://127.0.0.1:{self.server.port}"
        if "/" not in who:
            return Source(REGION, endpoint, **self.keys[who])
        role, person, name = who.split("/")
        sts = self.session(person).client("sts")
        made = sts.assume_role(RoleArn=role_arn(role), RoleSessionName=name)["Credentials"]
        return Source(REGION, endpoint, made["AccessKeyId"], made["SecretAccessKey"], made["SessionToken"])

    @contextmanager
    def acting_as(self, who: str) -> Iterator[None]:
        """Within it the process has the keys of that identity, as in its shell."""
        source = self.session(who).source
        named = {
            "AWS_ENDPOINT_URL": source.endpoint,
            "AWS_ACCESS_KEY_ID": source.access_key_id,
            "AWS_SECRET_ACCESS_KEY": source.secret_access_key,
            "AWS_SESSION_TOKEN": source.session_token,
        }
        before = {name: os.environ.pop(name, None) for name in named}
        os.environ.update({name: value for name, value in named.items() if value})
        try:
            yield
        finally:
            for name, value in before.items():
                os.environ.pop(name, None)
                if value is not None:
                    os.environ[name] = value

    def overwrite(self, key: str, body: str) -> bool:
        """The account's root writes over an object of the ledger: whether AWS let it."""
        s3 = self.session("root").client("s3")
        try:
            s3.put_object(Bucket=ledger_bucket(self.env), Key=key, Body=body)
        except s3.exceptions.ClientError:
            return False
        return True


@contextmanager
def running_world(folder: Path) -> Iterator[World]:
    """A world in that folder, and the process pointed at it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EKS_ASSETS_SANDBOX_DIR", str(folder))
        # A client for each write would take half of the time; those of one session write the same.
        patch.setattr(dagster_clients, "_client", functools.cache(dagster_clients._client))
        world = World.start(folder)
        yield world
        world.server.stop()


@dataclass
class Project:
    """One example's own units and files: the values that the units should have, a setting that no unit reads, the
    commit of the code, and what the file asks for as its gate (LESS, MORE)."""

    world: World
    name: str
    values: dict[str, str]
    setting: int = 0
    commit: int = 0
    terms: str = "as anchored"

    @property
    def env(self) -> Environment:
        anchored, terms = self.world.env.approval, {**LESS, **MORE}[self.terms]
        assert anchored is not None
        approval = None if terms is None else anchored.model_copy(update=terms)
        emails = (f"team-{self.setting}@example.com",)
        return self.world.env.model_copy(update={"email_subscriptions": emails, "approval": approval})

    def registry(self) -> Registry:
        """The units as the files have them now: parameters."""

        def build(name: str) -> Any:
            def render(env: Environment) -> Parameter[NoOutputs]:
                """A parameter."""
                return Parameter[NoOutputs](name=self.path(name), value=self.values[name])

            render.__name__ = render.__qualname__ = name
            return unit(wave=WAVES[name])(render)

        return Registry.of([build(name) for name in WAVES])

    def path(self, name: str) -> str:
        return self.world.env.parameter_path(f"gate-test/{self.name}/{name}")

    def context(self, who: str = "deployer") -> Context:
        return Context(self.env, self.world.session(who), run_id="run-1")

    def live(self, name: str) -> tuple[str, int] | None:
        """The parameter's value and version, as root reads it."""
        ssm = self.world.session("root").client("ssm")
        (*parameters,) = ssm.get_parameters(Names=[self.path(name)])["Parameters"]
        return (str(parameters[0]["Value"]), int(parameters[0]["Version"])) if parameters else None

    def write_by_hand(self, name: str, value: str | None) -> None:
        """Root writes the parameter, or deletes it."""
        ssm = self.world.session("root").client("ssm")
        if value is not None:
            ssm.put_parameter(Name=self.path(name), Value=value, Type="String", Overwrite=True)
        elif self.live(name) is not None:
            ssm.delete_parameter(Name=self.path(name))
