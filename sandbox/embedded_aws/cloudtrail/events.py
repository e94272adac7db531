"""The events that the embedded CloudTrail keeps: the newest of each account and region, also across a restart."""

import json
import threading
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

KEPT = 5000  # of each account and region; about 2 KiB each


@dataclass(frozen=True)
class Event:
    """One call. `resources`: type and name of each; `text`: the whole record, as JSON, as AWS hands it out."""

    account: str
    region: str
    identifier: str
    name: str
    source: str
    time: float
    username: str
    access_key_id: str
    resources: tuple[tuple[str, str], ...]
    text: str


class Trail:
    """The newest events. With a `path`, each is appended to that file as one line of JSON as well."""

    def __init__(self, path: Path | None = None, kept: int = KEPT) -> None:
        self._path, self._kept = path, kept
        self._events: dict[tuple[str, str], deque[Event]] = {}
        self._lock = threading.Lock()
        self._lines = 0
        if path is not None and path.exists():
            for event in _read(path):
                self._keep(event)
            self._rewrite(path)

    def append(self, event: Event) -> None:
        """Keep one more event; where there are too many, the oldest goes."""
        with self._lock:
            self._keep(event)
            if self._path is None:
                return
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with self._path.open("a", encoding="utf-8") as file:
                file.write(_line(event))
            self._lines += 1
            if self._lines > 2 * self._kept:
                self._rewrite(self._path)

    def newest_first(self, account: str, region: str) -> list[Event]:
        """The events of one account in one region."""
        with self._lock:
            return list(reversed(self._events.get((account, region), ())))

    def _keep(self, event: Event) -> None:
        self._events.setdefault((event.account, event.region), deque(maxlen=self._kept)).append(event)

    def _rewrite(self, path: Path) -> None:
        lines = [_line(event) for events in self._events.values() for event in events]
        replacement = path.with_suffix(".new")
        replacement.write_text("".join(lines), encoding="utf-8")
        replacement.replace(path)
        self._lines = len(lines)


def _line(event: Event) -> str:
    return json.dumps(asdict(event)) + "\n"


def _read(path: Path) -> Iterator[Event]:
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            stored = json.loads(line)
            yield Event(**{**stored, "resources": _pairs(stored["resources"])})
        except (ValueError, KeyError, TypeError):
            continue  # the line at which a kill fell


def _pairs(resources: Iterable[Iterable[str]]) -> tuple[tuple[str, str], ...]:
    return tuple((kind, name) for kind, name in resources)
