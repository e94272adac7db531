"""A git repository whose commits people sign with SSH keys."""

from __future__ import annotations

import subprocess
from pathlib import Path


class SignedCommits:
    """A repository with a folder `environments`; each person has a key of their own, made at the first use."""

    def __init__(self, folder: Path) -> None:
        self.environments, self._keys, self._count = folder / "repository" / "environments", folder / "keys", 0
        self.environments.mkdir(parents=True)
        self._keys.mkdir()
        self._git("init", "--quiet")

    def commit(self, signed_by: str) -> str:
        """The id of a new commit; with an empty name nobody signs it."""
        self._count += 1
        (self.environments / "prod.yaml").write_text(f"name: prod-{self._count}\n")
        self._git("add", ".")
        key = ("-c", "gpg.format=ssh", "-c", f"user.signingkey={self._key(signed_by)}.pub") if signed_by else ()
        sign = ("--gpg-sign",) if signed_by else ("--no-gpg-sign",)
        author = ("-c", "user.name=alice", "-c", "user.email=alice@example.com")  # which anybody can write
        self._git(*key, *author, "commit", "--quiet", *sign, "--message", "change")
        return self._git("rev-parse", "HEAD")

    def key_of(self, person: str) -> str:
        """The fingerprint of the person's key, `SHA256:...`."""
        return _output("ssh-keygen", "-l", "-f", f"{self._key(person)}.pub").split()[1]

    def _key(self, person: str) -> Path:
        key = self._keys / person
        if not key.exists():
            _output("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", person, "-f", str(key))
        return key

    def _git(self, *arguments: str) -> str:
        return _output("git", "-C", str(self.environments.parent), *arguments)


def _output(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
