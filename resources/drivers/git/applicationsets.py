"""The GitOps files of an application repository: which they are, their variables, and what is wrong with them. Pure.

The layout is the specification's: AppProjects in `projects/`, Istio in `istio/istio-app/applicationset.yaml`, a product
in `<product>/<product>-app/applicationset.yaml`. `$${NAME}` is the text `${NAME}`, for what other programs fill in: it
stays so on the branch, and is unescaped where the object is applied.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

import yaml

from resources.config.problems import format_location, suggest_choices
from resources.config.settings.git import BUILT_IN_VARIABLES, NO_PRODUCTS
from resources.drivers.git.crd_schema import find_schema_faults, schema_of
from resources.drivers.git.object_metadata import metadata_faults
from resources.model.errors import ConfigError
from resources.model.outputs import PENDING_MARKS, token_of
from resources.support.yaml_limits import InputTooLarge, load_documents, read_limits
from resources.support.yaml_loaders import Loader

FILE_NAME = "applicationset.yaml"
API_VERSION = "argoproj.io/v1alpha1"
_VARIABLE = re.compile(r"(?<!\$)\$\{([A-Za-z_][A-Za-z0-9_]*)\}|(?<!\$)\$([A-Za-z_][A-Za-z0-9_]*)")
_ESCAPED = re.compile(r"\$(\$\{[A-Za-z_][A-Za-z0-9_]*\})")
_MARK = re.compile(rf"[{''.join(PENDING_MARKS)}]|\\u27e[67]|\\U000027e[67]", re.IGNORECASE)
_PRODUCT = re.compile(r"^([^/]+)/\1-app/applicationset\.yaml$")


def is_application_set(path: str) -> bool:
    """Whether the file is one of the layout's, whose variables are filled in. Another of that name, such as a chart's
    template, is its owner's."""
    return _PRODUCT.match(path) is not None


def is_project(path: str) -> bool:
    """Whether the file holds AppProjects."""
    return bool(re.match(r"^projects/[^/]+\.ya?ml$", path))


def is_applied(path: str, products: Collection[str]) -> bool:
    """Whether an environment with these products applies what is in the file."""
    product = _PRODUCT.match(path)
    return is_project(path) or (product is not None and product[1] in {*products, *NO_PRODUCTS})


def fill_in_variables(text: str, variables: Mapping[str, str]) -> str:
    """The text with `${NAME}` and `$NAME` replaced for these variables and no other, as envsubst does it."""
    return _VARIABLE.sub(lambda m: variables.get(m[1] or m[2]) or m[0], text)


def read_documents(path: str, text: str) -> Iterator[Any]:
    """The YAML documents of a GitOps file as they are applied: what is escaped in an ApplicationSet is not any more.
    Raises yaml.YAMLError."""
    return load_documents(_ESCAPED.sub(r"\1", text) if is_application_set(path) else text, read_limits())


def unfilled_variables(path: str, text: str, variables: Mapping[str, str]) -> Iterator[str]:
    """A sentence for each `${NAME}` that is no variable or has no value, with file and line; comments may hold any.
    `$name` without braces is left to Argo CD, whose `$values/` it may be."""
    for match in _VARIABLE.finditer(text):
        if (name := match[1]) is None or token_of(variables.get(name, "")) != "":
            continue
        number = text.count("\n", 0, match.start()) + 1
        if _is_in_comment(text, match.start()):
            continue
        if name in variables or name in BUILT_IN_VARIABLES:
            yield f"{path}:{number}: ${{{name}}} has no value in this environment"
        else:
            allowed = suggest_choices(name, variables.keys() | set(BUILT_IN_VARIABLES))
            escape = f"or $${{{name}}} for the text ${{{name}}}, which another program fills in"
            yield f"{path}:{number}: ${{{name}}} is not a variable of this environment; {allowed}, {escape}"


def _is_in_comment(text: str, position: int) -> bool:
    """Whether the place is part of no token of the YAML. In what is no YAML nothing is a comment."""
    line = text.count("\n", 0, position)
    place = (line, position - (text.rfind("\n", 0, position) + 1))
    try:
        for token in yaml.scan(text, Loader=Loader):
            if (token.start_mark.line, token.start_mark.column) > place:
                return True
            if place < (token.end_mark.line, token.end_mark.column):
                return False
    except yaml.YAMLError:
        return False
    return True


def pending_marks(path: str, text: str) -> Iterator[str]:
    """A sentence for a template that holds the characters around what is known after apply, as they are or escaped:
    they would forge it in a plan."""
    for number, line in enumerate(text.splitlines(), 1):
        if _MARK.search(line):
            yield f"{path}:{number}: holds one of {' '.join(sorted(PENDING_MARKS))}; allowed: any other characters"


def list_products(paths: Iterable[str]) -> tuple[str, ...]:
    """The products that have a folder, sorted."""
    folders = {match[1] for path in paths if (match := _PRODUCT.match(path))}
    return tuple(sorted(folders - NO_PRODUCTS))


def check_products(wanted: Collection[str], paths: Iterable[str], repository: str, branch: str) -> None:
    """Raises ConfigError, listing those that exist, for a product that has no folder."""
    present = list_products(paths)
    if missing := [product for product in wanted if product not in present]:
        folders = ", ".join(f"{product}/{product}-app/{FILE_NAME}" for product in missing)
        raise ConfigError(
            f"products_purchased: {', '.join(missing)} has no {folders} in {repository} (for {branch}); "
            f"{suggest_choices(missing[0], present)}",
            next_step="correct products_purchased, or add the product's folder to the repository",
        )


def check_files(
    files: Mapping[str, str], products: Collection[str], definitions: Mapping[str, Mapping[str, Any]]
) -> tuple[str, ...]:
    """What is wrong with rendered files that an environment with these products does not apply, a sentence a fault;
    it concerns nobody here. Raises ConfigError with everything that is wrong with the others. `definitions`: the known
    CRDs by kind; without them YAML, kind and apiVersion are checked."""
    problems = {path: list(_check_file(path, text, definitions)) for path, text in files.items()}
    if wrong := [fault for path, faults in problems.items() if is_applied(path, products) for fault in faults]:
        raise ConfigError("\n".join(wrong), next_step="correct the file in the repository; nothing was pushed")
    return tuple(fault for faults in problems.values() for fault in faults)


def _check_file(path: str, text: str, definitions: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    kind = "ApplicationSet" if is_application_set(path) else "AppProject"
    try:
        text.encode()
        documents = [document for document in read_documents(path, text) if document is not None]
    except InputTooLarge as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        yield f"{path}:{line}: {error.problem}"
        return
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        yield f"{path}:{mark.line + 1 if mark else 1}: is not valid YAML: {error.problem or error.context}"
        return
    except (yaml.YAMLError, ValueError):
        yield f"{path}:1: is not YAML in UTF-8"
        return
    except RecursionError:
        yield f"{path}:1: is nested too deeply"
        return
    if not documents:
        yield f"{path}:1: is empty; allowed: an {kind}"
    for document in documents:
        yield from (f"{path}: {problem}" for problem in _check_object(document, kind, definitions.get(kind)))


def _check_object(document: Any, kind: str, definition: Mapping[str, Any] | None) -> Iterator[str]:
    if not isinstance(document, dict):
        yield f"is not a mapping; allowed: an {kind}"
        return
    actual, version = document.get("kind"), document.get("apiVersion")
    if (actual, version) != (kind, API_VERSION):
        yield f"is {actual} of {version}; allowed: {kind} of {API_VERSION}"
        return
    metadata = document.get("metadata")
    name = metadata.get("name") if isinstance(metadata, dict) else None
    if not isinstance(name, str) or not name:
        yield "has no metadata.name"
    yield from metadata_faults(document)
    schema = schema_of(definition, API_VERSION) if definition else None
    for location, message in find_schema_faults(document, schema) if schema else ():
        yield f"{name}: {format_location(location)} {message}"
