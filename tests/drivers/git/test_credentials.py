"""What the secret with the git credentials may hold, and whom git shows them to."""

from __future__ import annotations

from pathlib import Path

import pytest

from resources.drivers.git.credentials import Credentials, parse_credentials
from resources.model.errors import ConfigError

KEY = "-----BEGIN OPENSSH PRIVATE KEY-----\nabc\n-----END OPENSSH PRIVATE KEY-----"


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ('{"username": "u", "password": "p"}', Credentials("u", "p")),
        ('{"token": "t"}', Credentials("x-access-token", "t")),
        ("t\n", Credentials("x-access-token", "t")),
        ('{"sshPrivateKey": "k", "knownHosts": "h"}', Credentials(ssh_key="k", known_hosts="h")),
        (KEY, Credentials(ssh_key=KEY)),
    ],
)
def test_credentials_are_read_from_json_token_or_key(text: str, wanted: Credentials) -> None:
    """A secret may hold a user and password, a token or an SSH key."""
    assert parse_credentials(text, "/acme/dev/git") == wanted


@pytest.mark.parametrize("text", ["", "{}", '{"password": 1}', '{"password": "hunter2', '{"token": "hunter2\\nx"}'])
def test_secret_without_credentials_is_named_but_not_quoted(text: str) -> None:
    """The error names the secret and shows nothing of its content."""
    with pytest.raises(ConfigError, match="the secret /acme/dev/git holds no git credentials") as caught:
        parse_credentials(text, "/acme/dev/git")
    assert "hunter2" not in str(caught.value) + repr(caught.value.__cause__)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize(
    ("credentials", "repository", "words"),
    [
        (Credentials(password="p"), "http://git.acme.example/x.git", "unencrypted"),
        (Credentials(password="p"), "git@git.acme.example:x.git", "holds no sshPrivateKey"),
        (Credentials(ssh_key="k"), "https://git.acme.example/x.git", "holds an ssh key"),
    ],
)
def test_credentials_that_do_not_fit_the_address_are_refused(
    credentials: Credentials, repository: str, words: str
) -> None:
    """An SSH key needs an ssh address, a password an encrypted one."""
    with pytest.raises(ConfigError, match=words):
        credentials.check(repository)


def test_token_is_for_one_host_and_in_no_setting() -> None:
    """Git gets the token from a helper for one host alone."""
    settings = Credentials("user", "hunter2").settings("https://git.acme.example:8443/x/y.git")
    assert list(settings) == ["credential.helper", "credential.https://git.acme.example:8443.helper"]
    assert "hunter2" not in str(settings)
    assert "hunter2" not in repr(Credentials("user", "hunter2"))


def test_private_key_is_in_a_file_of_mode_600(tmp_path: Path) -> None:
    """The key's file is readable by its owner alone, and the host's key is verified."""
    environment = Credentials(ssh_key=KEY, known_hosts="git.acme.example ssh-ed25519 AAAA").environment(tmp_path)
    assert (tmp_path / "ssh-key").stat().st_mode & 0o777 == 0o600
    assert "StrictHostKeyChecking=yes" in environment["GIT_SSH_COMMAND"]
    assert f"UserKnownHostsFile='{tmp_path / 'known-hosts'}'" in environment["GIT_SSH_COMMAND"]
