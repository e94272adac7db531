"""Pydantic's errors in our words: what is wrong, what is allowed, and the nearest thing that was probably meant."""

from __future__ import annotations

import re
import types
from typing import Any, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic.json_schema import SkipJsonSchema
from pydantic_core import ErrorDetails

from resources.config.eksctl.cluster_config import ClusterConfig
from resources.config.eksctl.unsupported import way_out
from resources.config.problems import EMPTY, Location, suggest_choices
from resources.config.yaml_document import Document

_KINDS = {dict: "a mapping", list: "a list", str: "text", bool: "true or false", int: "a number", float: "a number"}

_USER = re.compile(r"://[^/?#\s]*@")  # of an address, with its password

_EXPECTED = {
    "model_type": "a mapping",
    "dict_type": "a mapping",
    "tuple_type": "a list",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
}


def explain_error(error: ErrorDetails, root: type[BaseModel], document: Document) -> str:
    """The message for an error whose `loc` is a location in the document, a file that the model `root` describes."""
    location, kind, context = error["loc"], error["type"], error.get("ctx", {})
    value, described = error["input"], description_at(root, location)
    if kind == "missing":
        return "is required" + (f"; allowed: {described}" if described else "")
    if kind == "extra_forbidden":
        return _unknown_field(location, root)
    if value is None:
        return EMPTY
    if kind == "value_error":
        return str(context["error"])
    if kind == "literal_error":
        allowed = [_plain(word) for word in list_literals(annotation_at(root, location))]
        return f"{_quoted(value)} is not possible; {way_out(location) or suggest_choices(_plain(value), allowed)}"
    if kind == "string_pattern_mismatch":
        return f"{_quoted(value)} does not fit; allowed: {described or context['pattern']}"
    if kind == "string_type":
        return _not_text(value, document.written(location), described)
    if kind in ("too_short", "too_long"):
        bound = f"at least {context['min_length']}" if kind == "too_short" else f"at most {context['max_length']}"
        return f"has {context['actual_length']}; allowed: {_both(bound, described)}"
    if kind in _EXPECTED:
        wrong = f"{_quoted(value)} is not possible" if isinstance(value, str | int | float) else f"is {_kind(value)}"
        return f"{wrong}; allowed: {_both(_EXPECTED[kind], described or _form_of(annotation_at(root, location)))}"
    return f"{_quoted(value)} is not possible; allowed: {_both(_bound(error), described)}"


def annotation_at(root: Any, location: Location) -> Any:
    """The type of the value at the location; None where the models do not know it."""
    at = _at(root, location)
    return at[0] if at else None


def description_at(root: Any, location: Location) -> str:
    """The words that describe the value at the location; empty where there are none."""
    at = _at(root, location)
    return at[1] if at else ""


def list_literals(annotation: Any) -> list[Any]:
    """The words that a type allows: the arguments of each Literal in it."""
    nested = [word for part in get_args(annotation) for word in list_literals(part)]
    return list(get_args(annotation)) if str(get_origin(annotation)) == "typing.Literal" else nested


def _at(annotation: Any, location: Location, described: str = "") -> tuple[Any, str] | None:
    annotation, described = _bare(annotation, described)
    if not location:
        return annotation, described
    step, rest = location[0], location[1:]
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        for name, field in annotation.model_fields.items():
            if step == (field.alias or name):
                return _at(field.annotation, rest, _described(field))
        return None
    if get_origin(annotation) is tuple:
        return _at(get_args(annotation)[0], rest)
    if get_origin(annotation) is dict:
        return _at(get_args(annotation)[1], rest)
    return None


def _bare(annotation: Any, described: str) -> tuple[Any, str]:
    """The type without Annotated and without None, and its description."""
    if hasattr(annotation, "__metadata__"):
        texts = [m.description for m in annotation.__metadata__ if isinstance(m, FieldInfo) and m.description]
        return _bare(annotation.__origin__, described or (texts[0] if texts else ""))
    if get_origin(annotation) in (Union, types.UnionType):
        parts = [part for part in get_args(annotation) if part is not type(None)]
        if len(parts) == 1:
            return _bare(parts[0], described)
    return annotation, described


def _form_of(annotation: Any) -> str:
    """How a mapping, or a list of them, is written: `such as {key: ..., effect: ...}`, with the fields that it needs;
    all of them where none is needed. Empty for other types."""
    annotation = _bare(annotation, "")[0]
    if get_origin(annotation) is tuple:
        inner = _form_of(get_args(annotation)[0])
        return inner.replace("such as {", "of mappings such as {", 1)
    if not (isinstance(annotation, type) and issubclass(annotation, BaseModel)):
        return ""
    fields = annotation.model_fields.items()
    needed = [field.alias or name for name, field in fields if field.is_required()]
    shown = needed or [field.alias or name for name, field in fields][:4]
    return f"such as {{{', '.join(f'{name}: ...' for name in shown)}}}"


def _described(field: FieldInfo) -> str:
    return field.description or ""


def _unknown_field(location: Location, root: type[BaseModel]) -> str:
    instead = way_out(location)
    if instead:
        return f"is not supported; instead: {instead}"
    model = annotation_at(root, location[:-1])
    fields = model.model_fields.items() if isinstance(model, type) and issubclass(model, BaseModel) else ()
    allowed = {field.alias or name for name, field in fields if not _set_by_loader(field)}
    what = "a field that this pipeline supports" if root is ClusterConfig else "a field"
    return f"is not {what}; {suggest_choices(str(location[-1]), allowed)}"


def _set_by_loader(field: FieldInfo) -> bool:
    # mypy sees the alias that it stands for in a type.
    return any(isinstance(mark, SkipJsonSchema) for mark in field.metadata)  # type: ignore[misc]


def _not_text(value: Any, written: str | None, described: str) -> str:
    if written is None:
        return f"is {_kind(value)}; allowed: {described or 'text'}"
    read = "" if _plain(value) == written else f" and becomes {_plain(value)}"
    return f'{written} without quotes is {_kind(value)}{read}; allowed: {described or "text"}; write "{written}"'


def _bound(error: ErrorDetails) -> str:
    """What pydantic says a value should be: `at least 1`."""
    text = error["msg"].removeprefix("Input should be ")
    return text.replace("greater than or equal to", "at least").replace("less than or equal to", "at most")


def _both(first: str, second: str) -> str:
    return f"{first} ({second})" if second else first


def _kind(value: Any) -> str:
    return _KINDS.get(type(value), f"a {type(value).__name__}")


def _quoted(value: Any) -> str:
    return f'"{_USER.sub("://***@", value)}"' if isinstance(value, str) else _plain(value)


def _plain(value: Any) -> str:
    """As YAML writes it."""
    return str(value).lower() if isinstance(value, bool) else str(value)
