"""Clients of the embedded AWS, and what its calls may lack."""

from __future__ import annotations

import threading
from functools import partial
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from resources.aws.clients import ClientFactory

UNSUPPORTED = frozenset({"InvalidAction", "UnknownOperationException", "NotImplemented", "UnsupportedOperation", "501"})


class Aws:
    """boto3 clients of one endpoint, by service and region; credentials come from the environment."""

    def __init__(self, endpoint: str, region: str) -> None:
        self.region = region
        self._endpoint = endpoint
        self._session = boto3.Session(region_name=region)
        self._clients: dict[tuple[str, str], Any] = {}
        self._lock = threading.Lock()

    @property
    def client(self) -> ClientFactory:
        """Makes the client of a service in the cluster's region, for example `client("ec2")`."""
        return self.clients_in(self.region)

    def clients_in(self, region: str) -> ClientFactory:
        """The same in another region."""
        return partial(self._client, region)

    def _client(self, region: str, service: str) -> Any:
        key = (service, region)
        with self._lock:
            if key not in self._clients:
                config = Config(retries={"max_attempts": 2}, connect_timeout=5, read_timeout=20)
                make_client: Any = self._session.client
                self._clients[key] = make_client(
                    service, region_name=region, endpoint_url=self._endpoint, config=config
                )
            return self._clients[key]


def error_code(error: ClientError) -> str:
    """The AWS error code, such as `ResourceNotFoundException`."""
    return str(error.response.get("Error", {}).get("Code", ""))


def unsupported(error: ClientError) -> bool:
    """Whether the embedded AWS lacks the call altogether."""
    return error_code(error) in UNSUPPORTED


def tags(values: dict[str, str]) -> list[Any]:
    """Tags as most services want them; each has its own type for the same."""
    return [{"Key": key, "Value": value} for key, value in values.items()]
