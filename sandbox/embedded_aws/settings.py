"""What the embedded AWS reads from its environment, once."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path


@dataclass(frozen=True)
class Settings:
    """Settings of this process.

    `supervisor_url` is empty when no control plane stands behind a cluster; every EKS object is then ACTIVE at
    once. `delays` are the seconds that creating a resource takes at least, by type or `type/logical id`.
    `limits` is a file of quotas and offerings (`quotas/limits.py`).
    `decisions` is the file to which what IAM is asked about CloudFormation's handlers is appended, JSON lines.
    `addon_deadline` is how many seconds an add-on may take to become ready before it is CREATE_FAILED.
    """

    supervisor_url: str = ""
    delays: Mapping[str, float] = field(default_factory=dict)
    state_dir: Path | None = None
    addon_deadline: float = 120.0
    save_interval: float = 2.0
    gateway_url: str = ""
    limits: Path | None = None
    decisions: Path | None = None


def _read_delays(path: str) -> dict[str, float]:
    if not path:
        return {}
    delays = json.loads(Path(path).read_text(encoding="utf-8"))
    return {str(kind): float(seconds) for kind, seconds in delays.items()}


@lru_cache(maxsize=1)
def settings() -> Settings:
    """The settings, read on first use.

    Raises OSError or ValueError when EKS_ASSETS_DELAYS names no readable JSON file of numbers.
    """
    environment = os.environ
    state_dir, decisions = environment.get("STATE_DIR", ""), environment.get("EKS_ASSETS_DECISIONS", "")
    host = environment.get("MINISTACK_HOST", "127.0.0.1")
    return Settings(
        supervisor_url=environment.get("EKS_ASSETS_SUPERVISOR_URL", "").rstrip("/"),
        delays=_read_delays(environment.get("EKS_ASSETS_DELAYS", "")),
        state_dir=Path(state_dir) if state_dir else None,
        addon_deadline=float(environment.get("EKS_ASSETS_ADDON_DEADLINE", "120")),
        limits=Path(environment["EKS_ASSETS_LIMITS"]) if environment.get("EKS_ASSETS_LIMITS") else None,
        decisions=Path(decisions) if decisions else None,
        gateway_url=f"http://{host}:{environment.get('GATEWAY_PORT', '4566')}",
    )
