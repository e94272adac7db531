"""Takes known secrets out of what helm, Kubernetes, CloudFormation and git say: pure.

A system that refuses a value quotes it. Which values are secret is known from the spec (`masking.py`) and from the
Secrets that are made of it; here they are replaced in a text, in every form in which such a system writes them.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import quote

from eks_assets.plan.masking import mask_known_forms
from resources.model.change import MASK
from resources.model.errors import CommandFailed, PipelineError

SHORT = 6  # characters below which a value is masked only where it stands alone
# Words that messages are full of, numbers, regions: masked only where they stand alone, too.
_ORDINARY = re.compile(r"[a-z]{1,12}|[A-Z][a-z]{1,11}|[A-Z]{1,12}|\d+|[a-z]{2,4}(?:-[a-z]+)+-\d[a-z]?")
_BEFORE, _AFTER = r"(?<![\w./@:-])", r"(?![\w/@-]|[.:]\w)"


class Redactor:
    """Replaces secrets in texts. `secrets`: the values, as texts."""

    def __init__(self, secrets: Iterable[str]) -> None:
        known = {text for secret in secrets for text in _parts(secret)}
        whole = {form for text in known if _is_telling(text) for form in _forms(text)}
        alone = {form for text in known if not _is_telling(text) for form in (text, *_numbers(text))}
        self._whole = _alternatives(whole, "", "")
        self._alone = _alternatives({text for text in alone if len(text) > 2}, _BEFORE, _AFTER)
        self._quoted = _alternatives(alone, r"""(?<=["'`])""", r"""(?=\\?["'`])""")

    def redact_text(self, text: str) -> str:
        """The text with a mask in place of each secret."""
        for pattern in (self._whole, self._quoted, self._alone):
            if pattern is not None:
                text = pattern.sub(MASK, text)
        return mask_known_forms(text)

    def redact_error(self, error: BaseException) -> None:
        """Take the secrets out of the error, of its next step and of all that it carries; what it was raised from goes
        where that holds one, since a traceback shows it."""
        if isinstance(error, PipelineError):
            error.message = self.redact_text(error.message)
            error.next_step = self.redact_text(error.next_step)
            error.args = (error.message,)
        if isinstance(error, CommandFailed):
            error.stderr_tail = self.redact_text(error.stderr_tail)
            error.argv = tuple(map(self.redact_text, error.argv))
        if any(self._holds_secret(cause) for cause in _causes(error)):
            error.__cause__ = error.__context__ = None
            error.__suppress_context__ = True

    def holds_secret(self, text: str) -> bool:
        """Whether a secret stands in the text."""
        return self.redact_text(text) != text

    def _holds_secret(self, error: BaseException) -> bool:
        notes = getattr(error, "__notes__", ())
        return self.holds_secret("\n".join([str(error), repr(error), repr(vars(error)), *notes]))


def _causes(error: BaseException) -> Iterator[BaseException]:
    known: set[int] = {id(error)}
    waiting = [error]
    while waiting:
        one = waiting.pop()
        for cause in (one.__cause__, one.__context__):
            if cause is not None and id(cause) not in known:
                known.add(id(cause))
                waiting.append(cause)
                yield cause


def _is_telling(text: str) -> bool:
    """Whether the text can be nothing but the secret, wherever it stands."""
    return len(text) >= SHORT and not _ORDINARY.fullmatch(text)


def _parts(secret: str) -> Iterator[str]:
    """The secret, and the lines of one that has several: what quotes it may quote one."""
    secret = secret.strip()
    if secret:
        yield secret
    lines = [line.strip() for line in secret.splitlines()]
    if len(lines) > 1:
        yield from (line for line in lines if len(line) >= 2 * SHORT and " " not in line and "---" not in line)


def _forms(text: str) -> Iterator[str]:
    """The text as it is, in JSON and as Go quotes it, in an address, and in base64."""
    yield text
    yield json.dumps(text)[1:-1]
    yield json.dumps(text, ensure_ascii=False)[1:-1]
    yield repr(text)[1:-1]
    yield quote(text, safe="")
    yield text.replace("'", "''")
    plain = text.encode(errors="surrogatepass")
    for offset, leading in ((0, 0), (1, 2), (2, 3)):
        encoded = base64.b64encode(bytes(offset) + plain)[leading : (offset + len(plain)) * 8 // 6].decode()
        yield encoded
        yield encoded.replace("+", "-").replace("/", "_")


def _numbers(text: str) -> Iterator[str]:
    """A number as Go writes one that it has read from JSON: 48151623 is 4.8151623e+07."""
    if text.isascii() and text.isdigit() and len(text) > 1:
        digits = text.rstrip("0") or "0"
        yield f"{digits[0]}{'.' if digits[1:] else ''}{digits[1:]}e+{len(text) - 1:02d}"


def _alternatives(texts: Iterable[str], before: str, after: str) -> re.Pattern[str] | None:
    ordered = sorted({text for text in texts if text}, key=lambda text: (-len(text), text))
    if not ordered:
        return None
    return re.compile(f"{before}(?:{'|'.join(map(re.escape, ordered))}){after}", re.IGNORECASE)


def secrets_of(values: Iterable[Any]) -> frozenset[str]:
    """Values as texts, those left out that say nothing: empty ones, true and false."""
    texts = (str(value) for value in values if value is not None and not isinstance(value, bool))
    return frozenset(text for text in texts if text.strip() and text.lower() not in ("true", "false", "null", MASK))
