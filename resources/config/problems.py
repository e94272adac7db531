"""A problem in the user's input: where it is, what is wrong and what is allowed instead."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

Location = tuple[str | int, ...]
LISTED_AT_MOST = 24
MOST_EXPLAINED = 200  # faults of one kind: each takes milliseconds, and a file may have 100,000 wrong fields
EMPTY = "is empty; allowed: a value, or leave the field out"


@dataclass(frozen=True, order=True)
class Problem:
    """One fault. `line` counts from 1; `path` is the place inside the document, such as `network.create.zones[0]`.
    `warning`: it may be right, and only AWS can say so; the input is used all the same."""

    file: str
    line: int
    path: str
    message: str
    warning: bool = False

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.path}: {'warning: ' if self.warning else ''}{self.message}"


def format_location(location: Location) -> str:
    """The location as people write it; `(document)` for the document itself."""
    text = ""
    for step in location:
        if isinstance(step, int):
            text += f"[{step}]"
        elif not step or any(mark in step for mark in ".[]/ "):
            text += f'["{step}"]'
        else:
            text += f".{step}" if text else step
    return text or "(document)"


def display_path(file: Path) -> str:
    """The file's name as the reader would type it: relative to the current folder where it lies below it."""
    full, here = file.resolve(), Path.cwd()
    return str(full.relative_to(here)) if full.is_relative_to(here) else str(full)


def is_misspelt(word: str, allowed: Iterable[str]) -> bool:
    """Whether the word is an allowed one but for its capitals and one letter: missing, added, replaced, or swapped
    with its neighbour."""
    return any(_one_letter_apart(word.casefold(), known.casefold()) for known in allowed)


def _one_letter_apart(one: str, other: str) -> bool:
    while one[:1] == other[:1] != "":
        one, other = one[1:], other[1:]
    while one[-1:] == other[-1:] != "":
        one, other = one[:-1], other[:-1]
    return (len(one) < 2 and len(other) < 2) or (len(one) == 2 and one == other[::-1])


def did_you_mean(wrong: str, allowed: Iterable[str]) -> str:
    """` (did you mean "x"?)`, or nothing where no allowed word is close."""
    by_folded = {word.casefold(): word for word in allowed}
    close = difflib.get_close_matches(wrong.casefold(), by_folded, n=1, cutoff=0.6)
    return f' (did you mean "{by_folded[close[0]]}"?)' if close else ""


def suggest_choices(wrong: str, allowed: Iterable[str]) -> str:
    """`allowed: a, b, c (did you mean "b"?)`. A long list is cut short to the words that look most alike."""
    choices = sorted(allowed)
    if len(choices) <= LISTED_AT_MOST:
        return f"allowed: {', '.join(choices) or 'nothing'}{did_you_mean(wrong, choices)}"
    alike = difflib.get_close_matches(wrong, choices, n=8, cutoff=0.3) or choices[:8]
    return f"allowed: {', '.join(alike)} and {len(choices) - len(alike)} others{did_you_mean(wrong, choices)}"
