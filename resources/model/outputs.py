"""Outputs of units, and values that nobody can know before apply.

An `Outputs` class is the dependency between two units: the unit that returns it owns it, the units that take it
as a parameter depend on that owner. Before the owner has been applied its outputs are `Pending`: they may be
stored and interpolated, and refuse to be inspected, so that no plan depends on a guess.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, NoReturn, TypeVar, cast, get_args, get_origin

from pydantic import BaseModel, ConfigDict

PENDING_MARKS = frozenset("⟦⟧")  # what people write may not hold them: it would be taken for a token
_TOKEN = re.compile("⟦([a-z0-9_]+)\\.([a-z0-9_]+)⟧")


class Outputs(BaseModel):
    """What a unit publishes once it exists. Fields are `str` or `tuple[str, ...]`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        for name, field in cls.model_fields.items():
            kind = field.annotation
            if kind is not str and not (get_origin(kind) is tuple and get_args(kind) == (str, ...)):
                raise TypeError(f"{cls.__name__}.{name}: an output is str or tuple[str, ...], not {kind}")


class NoOutputs(Outputs):
    """For units that nothing else reads from."""


OutputsT = TypeVar("OutputsT", bound=Outputs)


class Pending(str):
    """A str that may be interpolated or stored, never inspected; whoever handles documents takes its `token`."""

    unit: str
    field: str

    def __new__(cls, unit: str, field: str) -> Pending:
        self = super().__new__(cls, f"⟦{unit}.{field}⟧")
        self.unit, self.field = unit, field
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return (Pending, (self.unit, self.field))

    @property
    def token(self) -> str:
        """What stands for the value in a document until it is known, as a plain str: `⟦unit.field⟧`."""
        return token_of(self)

    def _refuse(self, *_: object, **__: object) -> NoReturn:
        raise TypeError(
            f"{self.unit}.{self.field} is known only after apply: interpolate it, "
            "or add an output that holds the part you need"
        )

    split = rsplit = partition = rpartition = replace = removeprefix = removesuffix = _refuse
    lower = upper = strip = lstrip = rstrip = startswith = endswith = find = rfind = index = rindex = count = _refuse
    encode = title = capitalize = casefold = swapcase = splitlines = translate = expandtabs = _refuse
    center = ljust = rjust = zfill = _refuse
    isalnum = isalpha = isascii = isdecimal = isdigit = isidentifier = islower = isnumeric = isprintable = _refuse
    isspace = istitle = isupper = _refuse
    __getitem__ = __len__ = __iter__ = __contains__ = __bool__ = _refuse
    __lt__ = __le__ = __gt__ = __ge__ = _refuse

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Pending):
            self._refuse()
        return str.__eq__(self, other)

    def __ne__(self, other: object) -> bool:
        return not self == other

    __hash__ = str.__hash__


class PendingTuple(tuple[str, ...]):
    """Some strings, nobody knows how many: may be joined or walked through (one `Pending` stands for all), never
    counted or picked from."""

    def _refuse(self, *_: object) -> NoReturn:
        (item,) = iter(self)
        raise TypeError(
            f"how many {token_of(item)} there are is known only after apply: join them, or add an output that "
            "holds the part you need"
        )

    __getitem__ = __len__ = __contains__ = __bool__ = index = count = _refuse
    __lt__ = __le__ = __gt__ = __ge__ = _refuse


def token_of(text: str) -> str:
    """The text as a plain str that may be inspected; of a `Pending` its token."""
    return str.__str__(text)


def pending_outputs(model: type[OutputsT], unit: str) -> OutputsT:
    """An instance of `model` whose every field is known only after `unit` has been applied."""

    def slot(name: str, kind: Any) -> Any:
        return Pending(unit, name) if kind is str else PendingTuple([Pending(unit, name)])

    slots: dict[str, Any] = {n: slot(n, f.annotation) for n, f in model.model_fields.items()}
    return cast(OutputsT, model.model_construct(None, **slots))


def value_of(pairs: tuple[str, ...], key: str) -> str:
    """The VALUE of `key` in an output of the form ("KEY=VALUE", ...); `Pending` while the output is.

    Raises KeyError where it is not in there."""
    if isinstance(pairs, PendingTuple):
        (item,) = iter(pairs)
        return item
    return dict(pair.split("=", 1) for pair in pairs)[key]


def known_values(values: tuple[str, ...]) -> tuple[str, ...]:
    """An output of several strings; none while it is pending, for what is as good as absent then."""
    return () if isinstance(values, PendingTuple) else values


def plain_document(document: Any) -> Any:
    """The document as plain JSON types (tuples become lists, `Pending` becomes its token, keys become text)."""
    if isinstance(document, Mapping):
        return {_key(k): plain_document(v) for k, v in document.items()}
    if isinstance(document, list | tuple):
        return [plain_document(v) for v in document]
    return token_of(document) if isinstance(document, str) else document


def _key(key: Any) -> str:
    """The text that helm makes of a key in YAML, such as a port: 8080, true, 1.5."""
    if isinstance(key, str):
        return token_of(key)
    return "null" if key is None else str(key).lower().removesuffix(".0")


def pending_fields(document: Any) -> tuple[str, ...]:
    """The sorted `unit.field` names that the document waits for."""
    text = json.dumps(plain_document(document), ensure_ascii=False)
    return tuple(sorted({f"{unit}.{field}" for unit, field in _TOKEN.findall(text)}))


def fill_in(document: Any, outputs: Mapping[str, Outputs]) -> Any:
    """The document with `outputs` (by unit) in place of their pending tokens; others stay, also those of
    an output that has another name by now. A text that is
    nothing but the token of several strings becomes their list; inside a longer text they are joined by commas."""

    def value(match: re.Match[str]) -> str | tuple[str, ...]:
        output: str | tuple[str, ...] = getattr(outputs.get(match[1]), match[2], match[0])
        return output

    if isinstance(document, Mapping):
        return {key: fill_in(item, outputs) for key, item in document.items()}
    if isinstance(document, list | tuple):
        return [fill_in(item, outputs) for item in document]
    if not isinstance(document, str):
        return document
    whole = _TOKEN.fullmatch(document)
    if whole and isinstance(alone := value(whole), tuple):
        return list(alone)
    return _TOKEN.sub(lambda m: text if isinstance(text := value(m), str) else ",".join(text), document)


def display_pending(text: str) -> str:
    """The text with each pending token in the words that a reader expects."""
    return _TOKEN.sub(r"${\1.\2} (known after apply)", text)
