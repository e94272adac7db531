"""What the embedded AWS has been asked: its request log, one line a call."""

from __future__ import annotations

import json
from collections import Counter

from sandbox.paths import StateDirectory

READING = ("Describe", "Detect", "Get", "List", "Head", "AssumeRole")


class RequestLog:
    """The calls since it was made, by the pipeline or whoever started it."""

    def __init__(self, state: StateDirectory) -> None:
        self._file = state.embedded_aws / "state" / "requests.log"
        self._start = self._file.stat().st_size

    def calls(self) -> Counter[str]:
        """`service:Action`, and how often."""
        with self._file.open("rb") as file:
            file.seek(self._start)
            entries = [json.loads(line) for line in file]
        # The sandbox's stand-ins for the cluster's controllers act with the account's number as their key.
        return Counter(f"{e['service']}:{e['action']}" for e in entries if not e["access_key_id"].isdigit())

    def writes(self) -> dict[str, int]:
        """Those calls that may change something: all but the ones that are known to read."""
        return {call: n for call, n in self.calls().items() if not call.partition(":")[2].startswith(READING)}
