"""Where the sandbox keeps things: the project, the cache shared by all check-outs, and one state folder per sandbox."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).resolve().parents[1]
SANDBOX = PROJECT / "sandbox"


def cache_directory() -> Path:
    """The folder of what is built once and shared: the Go tools and the embedded AWS's virtual environment."""
    return Path.home() / ".cache" / "eks-assets"


def read_json(path: Path) -> dict[str, Any]:
    """The JSON object in a file, or an empty one where the file does not exist. Raises ValueError on broken JSON."""
    if not path.exists():
        return {}
    content: dict[str, Any] = json.loads(path.read_text())
    return content


def write_atomically(path: Path, content: str, mode: int = 0o600) -> None:
    """Write a file so that a reader sees the old content or the new, never a part."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.write_text(content)
    draft.chmod(mode)
    draft.replace(path)


def write_json(path: Path, content: object) -> None:
    """Write an object as JSON, atomically, readable by its owner only."""
    write_atomically(path, json.dumps(content, indent=2) + "\n")


@dataclass(frozen=True)
class StateDirectory:
    """The layout of one sandbox's state folder. Making one touches nothing on disk."""

    root: Path

    @classmethod
    def default(cls) -> StateDirectory:
        """$EKS_ASSETS_SANDBOX_DIR, else `.sandbox` in the project root."""
        return cls(Path(os.environ.get("EKS_ASSETS_SANDBOX_DIR") or PROJECT / ".sandbox").absolute())

    @property
    def state(self) -> Path:
        """What runs and where; exists only while the sandbox is up."""
        return self.root / "state.json"

    @property
    def ports(self) -> Path:
        return self.root / "ports.json"

    @property
    def options(self) -> Path:
        return self.root / "options.json"

    @property
    def delays(self) -> Path:
        """Seconds that the embedded AWS takes, by CloudFormation type."""
        return self.root / "delays.json"

    @property
    def limits(self) -> Path:
        """Quotas and offerings that are not AWS's own; absent where nobody has written it."""
        return self.root / "limits.json"

    @property
    def processes(self) -> Path:
        """The process ids of the last supervisor and its children, to end what a crash left behind."""
        return self.root / "processes.json"

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    @property
    def embedded_aws(self) -> Path:
        return self.root / "embedded-aws"

    @property
    def mail(self) -> Path:
        """The e-mails that SNS would have sent, one JSON object a line."""
        return self.embedded_aws / "state" / "mail.jsonl"

    @property
    def people(self) -> Path:
        """The keys of the people of the embedded AWS, by name."""
        return self.root / "people.json"

    @property
    def edge(self) -> Path:
        """The edge's certificate authority (`ca.crt`, `ca.key`) and the certificates that it issued."""
        return self.root / "edge"

    @property
    def git(self) -> Path:
        """The git host's repository and its token."""
        return self.root / "git"

    @property
    def snapshots(self) -> Path:
        """The folder of named snapshots, which `reset` leaves."""
        return self.root / "snapshots"

    @property
    def draft_state(self) -> Path:
        """Where the state is copied to while a snapshot is made."""
        return self.snapshots / ".draft" / "state"

    @property
    def draft_restore(self) -> Path:
        """A copy of a snapshot that may become the state."""
        return self.root / ".restoring"

    @property
    def restoring(self) -> Path:
        """The same, once decided: what is in it is to take the state's place."""
        return self.root / "restoring"

    @property
    def clusters(self) -> Path:
        return self.root / "clusters"

    def cluster(self, name: str) -> Path:
        """The folder of one cluster's control plane."""
        return self.clusters / name
