"""Credentials of a git repository: read from Secrets Manager by reference, given to git through its environment.

A password never is in an argument, in the repository's address or in git's configuration: a credential helper,
which only knows the names of two environment variables, answers git for this one host. A private key is a file in the
temporary folder, as ssh takes it no other way.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from resources.aws.dagster_clients import secrets_client
from resources.aws.errors import aws_call
from resources.context import Context
from resources.model.errors import AccessDenied, ConfigError, NotShown
from resources.support.memory_cache import CacheKey

# What hosts of git take as the user beside a token.
TOKEN_USER = "x-access-token"
_USER, _PASSWORD = "EKS_ASSETS_GIT_USERNAME", "EKS_ASSETS_GIT_PASSWORD"
_HELPER = f'!f() {{ test "$1" = get && printf "username=%s\\npassword=%s\\n" "${_USER}" "${_PASSWORD}"; }}; f'
_ALLOWED = "JSON with username and password, token, or sshPrivateKey and knownHosts; or a token or private key alone"
_LOOPBACK = ("127.0.0.1", "localhost", "::1")


@dataclass(frozen=True)
class Credentials:
    """Either `password` (with `username`) for http, or `ssh_key` for ssh. Neither is shown by repr."""

    username: str = TOKEN_USER
    password: str = field(default="", repr=False)
    ssh_key: str = field(default="", repr=False)
    known_hosts: str = ""

    def redacted(self, text: str) -> str:
        """The text without the password, should a server or a tool have repeated it."""
        return text.replace(self.password, "***") if self.password else text

    def check(self, repository: str) -> None:
        """Raises ConfigError where they do not fit the repository's address, or would travel unencrypted."""
        address = urlsplit(repository)
        is_http = address.scheme in ("http", "https")
        if self.ssh_key and is_http:
            raise ConfigError(
                f"the repository {repository} is reached by http, and its secret holds an ssh key",
                next_step="use the repository's ssh address, or put a token into the secret",
            )
        if self.password and not is_http:
            raise ConfigError(
                f"the repository {repository} is reached by ssh, and its secret holds no sshPrivateKey",
                next_step="put an sshPrivateKey into the secret, or use the repository's https address",
            )
        if self.password and address.scheme == "http" and address.hostname not in _LOOPBACK:
            raise ConfigError(
                f"the repository {repository} would receive its password unencrypted", next_step="use https"
            )

    def settings(self, repository: str) -> dict[str, str]:
        """The git settings that make git ask our helper, for this repository's host and for no other."""
        if not self.password:
            return {}
        address = urlsplit(repository)
        # The empty helper first: the user's own ones would be asked before ours, and store what ours says.
        return {"credential.helper": "", f"credential.{address.scheme}://{address.netloc}.helper": _HELPER}

    def environment(self, folder: Path) -> dict[str, str]:
        """The variables that the helper answers from, or the ssh command. A private key is a file in the folder."""
        if self.ssh_key:
            return {"GIT_SSH_COMMAND": self._ssh_command(folder)}
        return {_USER: self.username, _PASSWORD: self.password} if self.password else {}

    def _ssh_command(self, folder: Path) -> str:
        key, hosts = folder / "ssh-key", folder / "known-hosts"
        key.touch(mode=0o600)
        key.write_text(self.ssh_key.rstrip("\n") + "\n")
        command = f"ssh -i '{key}' -o IdentitiesOnly=yes -o BatchMode=yes -o StrictHostKeyChecking=yes"
        if self.known_hosts:
            hosts.write_text(self.known_hosts.rstrip("\n") + "\n")
            command += f" -o UserKnownHostsFile='{hosts}'"
        return command


_CREDENTIALS: CacheKey[Credentials] = CacheKey("git credentials, by secret")


def credentials_of(secret: str | None, context: Context) -> Credentials | None:
    """What the secret holds, read once for a context; None where the environment names none (git's own helpers and the
    ssh agent then answer). Raises NotFound, AccessDenied, or ConfigError for content that we cannot use."""
    if secret is None:
        return None
    return context.cache.get(_CREDENTIALS, lambda: _read(secret, context), item=secret)


def reading_credentials(secret: str | None, context: Context) -> Credentials | None:
    """As `credentials_of`, for the planner, who may be refused the secret. Raises NotShown then."""
    try:
        return credentials_of(secret, context)
    except AccessDenied as error:
        raise NotShown(
            error.message, next_step=f"let the planner read it: eks-assets bootstrap {context.env.name} --apply"
        ) from error


def _read(secret: str, context: Context) -> Credentials:
    with aws_call(f"reading the git credentials in the secret {secret}"):
        response = secrets_client(context.aws).get_secret_value(SecretId=secret)
    return parse_credentials(str(response.get("SecretString") or ""), secret)


def parse_credentials(text: str, secret: str) -> Credentials:
    """The credentials in a secret's text. Raises ConfigError, which names the secret and never its content."""
    text = text.strip()
    if "PRIVATE KEY-----" in text.partition("\n")[0]:
        return Credentials(ssh_key=text)
    if not text.startswith("{"):
        content: Mapping[str, Any] = {"token": text}
    else:
        try:
            content = json.loads(text)
        except ValueError:  # its message and its cause would quote the secret
            raise _unusable(secret) from None
    values = {key: value for key, value in content.items() if isinstance(value, str) and value}
    password = values.get("password") or values.get("token") or ""
    username = values.get("username") or TOKEN_USER
    if "sshPrivateKey" in values:
        return Credentials(ssh_key=values["sshPrivateKey"], known_hosts=values.get("knownHosts", ""))
    if not password or any(mark in password + username for mark in "\r\n\0"):
        raise _unusable(secret)
    return Credentials(username, password)


def _unusable(secret: str) -> ConfigError:
    return ConfigError(f"the secret {secret} holds no git credentials", next_step=f"put into it {_ALLOWED}")
