"""The keys of the people of a running sandbox, and sessions of the roles that they may assume; for tests."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sandbox.account import REGION
from sandbox.errors import UnknownName
from sandbox.lifecycle import keys_of, required_state
from sandbox.paths import StateDirectory
from sandbox.people import ROLES, role_arn

if TYPE_CHECKING:
    from resources.aws.clients import ClientFactory


@dataclass(frozen=True)
class Keys:
    """Keys of one identity of the embedded AWS at `endpoint`; worthless anywhere else. A session has a token too."""

    access_key_id: str
    secret_access_key: str
    endpoint: str
    session_token: str | None = None

    def variables(self) -> dict[str, str]:
        """As the environment variables that AWS tools read."""
        token = {"AWS_SESSION_TOKEN": self.session_token} if self.session_token else {}
        return {
            "AWS_ACCESS_KEY_ID": self.access_key_id,
            "AWS_SECRET_ACCESS_KEY": self.secret_access_key,
            "AWS_ENDPOINT_URL": self.endpoint,
            **token,
        }

    @property
    def client(self) -> ClientFactory:
        """Makes boto3 clients as this identity, for example `client("ssm")`."""
        return self._client

    def _client(self, service: str) -> Any:
        import boto3

        make_client: Any = boto3.client
        return make_client(
            service,
            region_name=REGION,
            endpoint_url=self.endpoint,
            aws_access_key_id=self.access_key_id,
            aws_secret_access_key=self.secret_access_key,
            aws_session_token=self.session_token,
        )


def credentials(name: str, state: StateDirectory | None = None) -> Keys:
    """The keys of `root` or of a person (sandbox/people.py).

    Raises SandboxError when the sandbox is down, UnknownName.
    """
    running = required_state(state or StateDirectory.default())
    return Keys(**keys_of(running, name), endpoint=running["aws_endpoint"])


def session(role: str, person: str, name: str | None = None, state: StateDirectory | None = None) -> Keys:
    """The keys of a session of a role (people.ROLES), as `aws sts assume-role` gives them to a person.

    `name` is the session's, by default the person's. Raises SandboxError when the sandbox is down, UnknownName, and
    botocore's ClientError where IAM refuses.
    """
    if role not in ROLES:
        raise UnknownName(f"The sandbox has no role {role!r}; it has: {', '.join(ROLES)}.")
    own = credentials(person, state)
    made = own.client("sts").assume_role(RoleArn=role_arn(role), RoleSessionName=name or person)["Credentials"]
    return Keys(made["AccessKeyId"], made["SecretAccessKey"], own.endpoint, made["SessionToken"])
