"""Logs helm in to Amazon's chart registries, public and private, as the deployer role.

The token is on no command line and in nobody's own helm, docker or keychain settings: it stands in a file that only we
can read, and only while helm pulls. `helm registry login` would hand it to docker's keychain where there is one.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from tempfile import NamedTemporaryFile
from urllib.parse import urlsplit

from resources.aws_errors import aws_call
from resources.dagster_aws_clients import ecr_public_token
from resources.model.errors import PipelineError
from resources.world import World

_PUBLIC = "public.ecr.aws"
_PRIVATE = re.compile(r"\d{12}\.dkr\.ecr\.(?P<region>[a-z0-9-]+)\.amazonaws\.com(?:\.cn)?")


@contextmanager
def logged_in(repository: str, world: World) -> Iterator[list[str]]:
    """helm's flags with which it is logged in to the registry of `repository` (`oci://HOST/...`) while the context
    lasts; none for registries that are not Amazon's: helm finds the user's own logins to those.

    AWS is asked once a plan or step. The public registry also serves who is not logged in, so it goes on without where
    AWS refuses; for a private one that raises AccessDenied, ConfigError, OperationFailed or Transient."""
    host = urlsplit(repository).hostname or ""
    token = world.once(f"login to {host}", lambda: _token(host, world))
    if token is None:
        yield []
        return
    with NamedTemporaryFile("w", dir=world.aws.folder, prefix="registry-", suffix=".json", encoding="utf-8") as file:
        # Docker's format. Its `auth` is base64 of USER:PASSWORD, and so is the token of both services.
        json.dump({"auths": {host: {"auth": token}}}, file)
        file.flush()
        yield ["--registry-config", file.name]


def _token(host: str, world: World) -> str | None:
    if world.env.sandbox:
        return None  # the embedded account's tokens open nothing outside it
    if host == _PUBLIC:
        return _public_token(world)
    if private := _PRIVATE.fullmatch(host):
        return _private_token(host, private["region"], world)
    return None


def _public_token(world: World) -> str | None:
    try:
        with aws_call(f"asking for a login to {_PUBLIC}"):
            return ecr_public_token(world.aws)
    except PipelineError as error:
        world.progress(f"pulling from {_PUBLIC} without a login, which has lower limits: {error.message}")
        return None


def _private_token(host: str, region: str, world: World) -> str:
    with aws_call(f"asking for a login to {host}"):
        client = world.aws.session.client("ecr", region_name=region)
        (found,) = client.get_authorization_token()["authorizationData"]
    return str(found["authorizationToken"])
