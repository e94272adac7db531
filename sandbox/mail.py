"""The e-mails that the embedded AWS's SNS would have sent."""

from __future__ import annotations

import json
from typing import Any

from sandbox.paths import StateDirectory


def messages(last: int | None = None, state: StateDirectory | None = None) -> list[dict[str, Any]]:
    """The e-mails, oldest first, or only the `last` ones: {"time", "topic", "to", "subject", "message"}."""
    file = (state or StateDirectory.default()).mail
    lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
    return [json.loads(line) for line in (lines if last is None else lines[max(0, len(lines) - last) :])]
