"""AWS as a role of one environment: sessions, clients, and who we are."""

from __future__ import annotations

import shutil
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import copy
from dataclasses import dataclass
from functools import cache, cached_property, partial
from multiprocessing.util import Finalize
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import botocore.session
from botocore.config import Config
from botocore.credentials import (
    AssumeRoleCredentialFetcher,
    DeferredRefreshableCredentials,
)
from botocore.hooks import HierarchicalEmitter
from botocore.loaders import Loader

from resources.aws.clients import ClientFactory
from resources.aws.errors import aws_call
from resources.aws.transcript import record_calls
from resources.config import names
from resources.config.environment import Environment
from resources.config.sandbox_state import sandbox_state
from resources.model.errors import AccessDenied, ConfigError, WrongAccount

if TYPE_CHECKING:
    from mypy_boto3_sts.type_defs import GetCallerIdentityResponseTypeDef

_CONFIG = Config(
    retries={"mode": "adaptive", "max_attempts": 6},
    connect_timeout=5,
    read_timeout=60,
    max_pool_connections=32,
    user_agent_extra="eks-assets",
)


_SERVICES = (
    "acm",
    "cloudformation",
    "dynamodb",
    "ec2",
    "eks",
    "iam",
    "route53",
    "s3",
    "secretsmanager",
    "sns",
    "sqs",
    "ssm",
    "sts",
)


@cache
def data_loader() -> Loader:
    """botocore's descriptions of AWS, read once in a process and shared by its sessions; they are large."""
    loader: Loader = botocore.session.Session().get_component("data_loader")
    return loader


def preload_service_models() -> None:
    """Read the descriptions of the services that we call, so that forked steps find them in memory."""
    loader = data_loader()
    for name in ("endpoints", "partitions", "sdk-default-configuration"):
        loader.load_data(name)
    for service in _SERVICES:
        loader.load_service_model(service, "service-2")
        loader.load_service_model(service, "endpoint-rule-set-1")
    _builtin_handlers()


@cache
def _builtin_handlers() -> HierarchicalEmitter:
    """What botocore does around each call; a session of its own would register all of it again."""
    handlers = HierarchicalEmitter()
    botocore.session.Session(event_hooks=handlers)
    return handlers


def new_core() -> botocore.session.Session:
    """A botocore session on the shared descriptions and a copy of the built-in handlers."""
    core = botocore.session.Session(event_hooks=copy(_builtin_handlers()), include_builtin_handlers=False)
    core.register_component("data_loader", data_loader())
    record_calls(core)
    return core


@dataclass(frozen=True)
class Source:
    """Where calls go and whose keys start the chain. Without keys, boto3's own credential chain finds them, and without
    a region its own settings say it."""

    region: str | None
    endpoint: str | None = None
    access_key_id: str | None = None
    secret_access_key: str | None = None
    session_token: str | None = None

    @classmethod
    def of(cls, env: Environment) -> Source:
        """The sandbox for an environment with `sandbox: true`, as root or as one of its people (ConfigError when it is
        down), else the real AWS."""
        if not env.sandbox:
            return cls(env.region)
        state = sandbox_state()
        keys = state.caller()
        return cls(env.region, state.aws_endpoint, keys.access_key_id, keys.secret_access_key, keys.session_token)

    def session(self) -> boto3.Session:
        return boto3.Session(
            botocore_session=new_core(),
            region_name=self.region,
            aws_access_key_id=self.access_key_id,
            aws_secret_access_key=self.secret_access_key,
            aws_session_token=self.session_token,
        )


class Aws:
    """Clients of one environment, made once each and safe to share between threads.

    Every call runs as `roles.deployer` (through `roles.pipeline` where given), with external id and session tags;
    `planning`: as `roles.planner`, `destroying`: as `roles.destroyer`, where the environment names one; `run_id`: the
    run that acts, which the names of its sessions carry into CloudTrail and the cluster's audit log. The credentials
    refresh before the hour that a chained session lasts is over.
    """

    def __init__(
        self,
        env: Environment,
        source: Source | None = None,
        *,
        as_deployer: bool = True,
        planning: bool = False,
        destroying: bool = False,
        run_id: str | None = None,
    ) -> None:
        self.env = env
        self._session_name = names.session_name(env.name, run_id)
        self.planning = planning and env.roles.planner is not None
        self.source = source or Source.of(env)
        self._chain = _chain(env, planning, destroying) if as_deployer else []
        self._lock = threading.RLock()
        self._clients: dict[tuple[str, str], Any] = {}
        self._session: boto3.Session | None = None

    @property
    def session(self) -> boto3.Session:
        with self._lock:
            if self._session is None:
                session = self.source.session()
                for arn, external_id in self._chain:
                    session = self._assume(session, arn, external_id)
                self._session = session
            return self._session

    @cached_property
    def folder(self) -> Path:
        """A private folder that goes away with the process."""
        path = Path(tempfile.mkdtemp(prefix="eks-assets-"))
        # A step forked by the forkserver ends without atexit, but not without its finalizers.
        Finalize(None, shutil.rmtree, args=(path,), kwargs={"ignore_errors": True}, exitpriority=0)
        return path

    @property
    def client(self) -> ClientFactory:
        """Makes the boto3 client of a service, for example `client("cloudformation")`."""
        return self.clients_in(self.env.region)

    def clients_in(self, region: str) -> ClientFactory:
        """The same in another region."""
        return partial(self._client, region)

    def _client(self, region: str, service: str) -> Any:
        key = (service, region)
        with self._lock:
            if key not in self._clients:
                # Its overloads take a service's name as written, not as held by a variable.
                make_client: Callable[..., Any] = self.session.client
                self._clients[key] = make_client(
                    service, region_name=region, endpoint_url=self.source.endpoint, config=_CONFIG
                )
            return self._clients[key]

    def check_account(self) -> str:
        """The ARN we act as. Raises WrongAccount when it belongs to another account than the environment names,
        AccessDenied or ConfigError when we cannot act at all."""
        identity = self._identity()
        if identity["Account"] != self.env.account:
            raise WrongAccount(
                f"environment {self.env.name} is account {self.env.account}, but the credentials are {identity['Arn']}",
                next_step=f"use credentials of account {self.env.account}, or a deployer role in it",
            )
        return identity["Arn"]

    def credentials(self) -> Any:
        """botocore's credentials of whom we act as, fresh. Raises ConfigError where there are none, AccessDenied where
        we cannot act as the role."""
        with self._acting("asking for AWS credentials"):
            credentials = _found(self.session.get_credentials())
            credentials.get_frozen_credentials()
            return credentials

    def _identity(self) -> GetCallerIdentityResponseTypeDef:
        with self._acting(f"asking who we are in account {self.env.account}"):
            return self.client("sts").get_caller_identity()

    @contextmanager
    def _acting(self, doing: str) -> Iterator[None]:
        """As `aws_call`; where AWS refuses, it says as which role we cannot act."""
        try:
            with aws_call(doing):
                yield
        except AccessDenied as error:
            if not self._chain:
                raise
            arn, external_id = self._chain[-1]
            trusts = (
                "does it trust you, and is its external id the environment's?"
                if external_id
                else "are you allowed to assume it?"
            )
            raise AccessDenied(
                f"cannot act as {arn}: {error.message}",
                next_step=f"does the role exist (eks-assets bootstrap {self.env.name} --apply), {trusts}",
                bad_input=True,
            ) from error

    def _assume(self, session: boto3.Session, arn: str, external_id: str | None) -> boto3.Session:
        extra: dict[str, Any] = {
            "RoleSessionName": self._session_name,
            "DurationSeconds": 3600,
            "Tags": [{"Key": "eks-assets:environment", "Value": self.env.name}],
        }
        if external_id:
            extra["ExternalId"] = external_id
        make_client: Callable[..., Any] = partial(
            session._session.create_client, endpoint_url=self.source.endpoint, region_name=self.env.region
        )
        source = _found(session.get_credentials())
        fetcher = AssumeRoleCredentialFetcher(make_client, source, arn, extra_args=extra)
        core = new_core()
        # Botocore's own setter takes keys alone, none that refresh.
        core._credentials = DeferredRefreshableCredentials(  # type: ignore[attr-defined]
            fetcher.fetch_credentials, "assume-role"
        )
        core.set_config_variable("region", self.env.region)
        return boto3.Session(botocore_session=core)


def _found(credentials: Any) -> Any:
    if credentials is None:
        raise ConfigError("no AWS credentials were found", next_step="log in to AWS, or set AWS_PROFILE")
    return credentials


def caller_arn(env: Environment) -> str:
    """The ARN that we are before any role is assumed: who started this. Raises ConfigError, AccessDenied."""
    with aws_call("asking who we are"):
        return Aws(env, as_deployer=False).client("sts").get_caller_identity()["Arn"]


def _chain(env: Environment, planning: bool, destroying: bool) -> list[tuple[str, str | None]]:
    """The roles to assume one after the other, with their external ids."""
    roles = env.roles
    if planning and roles.planner:
        return [(roles.planner, None)]
    chain: list[tuple[str, str | None]] = []
    if roles.pipeline and env.sandbox:
        chain.append((roles.pipeline, None))
    acting = roles.destroyer if destroying and roles.destroyer else roles.deployer
    if acting:
        chain.append((acting.arn, acting.external_id))
    return chain
