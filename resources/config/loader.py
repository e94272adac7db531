"""Reads `environments/<name>.yaml` and the files that it refers to, and says everything that is wrong with them."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterable, Iterator, Set
from datetime import date
from itertools import takewhile
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from resources.config.eksctl.cluster_config import ClusterConfig
from resources.config.environment import ENVIRONMENT_NAME, Environment, merge_mappings
from resources.config.explanations import explain_error
from resources.config.fields_left_out import leave_out_fields
from resources.config.names import platform_name
from resources.config.placeholders import (
    CLUSTER_VARIABLES,
    cluster_variables,
    placeholders_in,
    substitute_placeholders,
)
from resources.config.problems import MOST_EXPLAINED, Location, Problem, display_path, suggest_choices
from resources.config.referred_files import find_referred_file
from resources.config.storage_drivers import add_storage_drivers
from resources.config.validation.catalog import catalog_warnings
from resources.config.validation.environments import beyond_json, cross_checks, find_clashes, pending_marks, platform_in
from resources.config.validation.units import (
    KnownUnits,
    missing_namespaces,
    pods_without_nodes,
    unknown_units,
    users_left_on,
)
from resources.config.yaml_document import Document, read_yaml
from resources.model.errors import ConfigError
from resources.model.outputs import plain_document
from resources.support.private_folders import is_open_to_others

FOLDER_VARIABLE = "EKS_ASSETS_ENVIRONMENTS"


def find_folder(start: Path | None = None) -> Path:
    """The folder of the environment files: $EKS_ASSETS_ENVIRONMENTS, else the nearest `environments/` from `start`
    (default: the current folder) upwards, else the one beside the program. The way up ends where others can write, as
    what lies there may be planted. Raises ConfigError where there is none."""
    named = os.environ.get(FOLDER_VARIABLE)
    if named:
        folder = Path(named).expanduser()
        if not folder.is_dir():
            raise ConfigError(
                f"{FOLDER_VARIABLE} names {named}, which is not a folder", next_step="Correct or unset it."
            )
        return folder
    here = (start or Path.cwd()).resolve()
    beside_program = Path(__file__).resolve().parents[2]
    for parent in (*_searched(here), beside_program):
        if (parent / "environments").is_dir():
            return parent / "environments"
    raise ConfigError(
        f"there is no folder environments/ in {here} or above it",
        next_step=f"Change to the project's folder, or set {FOLDER_VARIABLE}.",
    )


def _searched(here: Path) -> Iterator[Path]:
    """The folder and those above it, up to one that others can write to. Somebody who stands in another user's folder
    means it; a folder in which everybody can write is not searched even then."""
    if not here.stat().st_mode & stat.S_IWOTH:
        yield here
    if not is_open_to_others(here):
        yield from takewhile(lambda folder: not is_open_to_others(folder), here.parents)


def list_environments(folder: Path | None = None) -> tuple[str, ...]:
    """The names of the environments in the folder, sorted. Hidden files are none."""
    files = (folder or find_folder()).glob("*.yaml")
    return tuple(sorted(file.stem for file in files if not file.name.startswith(".")))


def is_environment_name(text: str) -> bool:
    """Whether a file may have this name; a path is none."""
    return re.fullmatch(ENVIRONMENT_NAME.strip("^$"), text) is not None


def load_environment(
    name_or_path: str | Path, folder: Path | None = None, known_units: KnownUnits | None = None
) -> Environment:
    """The environment of that name in the folder (default: `find_folder()`). A text is a name and never a path, since
    it may come from anybody who can start a run; only a `Path` names a file somewhere else.
    `known_units`: the units of the graph by name, which may stand under `addons` and need their namespaces; None
    leaves both unchecked. Raises ConfigError with every problem; warnings are left to `check_environment_file`."""
    is_path = isinstance(name_or_path, Path)
    file = environment_file(name_or_path) if is_path else _file_in_folder(str(name_or_path), folder or find_folder())
    environment, problems = read_environment(file, known_units)
    if environment is None:
        raise ConfigError("\n".join(str(problem) for problem in problems if not problem.warning))
    return environment


def environment_file(name_or_path: str | Path, folder: Path | None = None) -> Path:
    """The file that a name or a path means, both as a person types them. Raises ConfigError where there is no such
    file."""
    text = str(name_or_path)
    if isinstance(name_or_path, Path) or text.endswith((".yaml", ".yml")) or os.sep in text:
        file = Path(name_or_path)
        if not file.is_file():
            raise ConfigError(f"there is no file {file}")
        return file
    return _file_in_folder(text, folder or find_folder())


def _file_in_folder(name: str, folder: Path) -> Path:
    """The file of that name in the folder, and nothing outside of it: no path, no link that leads away. Raises
    ConfigError."""
    if not is_environment_name(name):
        allowed = f"the name of a file in {display_path(folder)}, without .yaml"
        raise ConfigError(
            f"{name[:100]!a} is not the name of an environment; allowed: {allowed}",
            next_step="eks-assets validate takes paths of files, too" if os.sep in name else "",
        )
    file = folder / f"{name}.yaml"
    if not file.is_file():
        choices = suggest_choices(name, list_environments(folder))
        raise ConfigError(f"there is no environment {name} in {display_path(folder)}; {choices}")
    if not file.resolve().is_relative_to(folder.resolve()):
        raise ConfigError(f"the file of environment {name} is a link out of {display_path(folder)}; allowed: a file")
    return file


def list_namesakes(env: Environment, folder: Path | None = None) -> tuple[str, ...]:
    """The names of the other files in the folder that describe the environment's platform, sorted. Only the fields that
    say so are read; a file that cannot be read is none of them, since it must hold up nobody else."""
    try:
        folder = folder or find_folder()
    except ConfigError:
        return ()
    documents = _read_files(folder / f"{name}.yaml" for name in list_environments(folder) if name != env.name)
    own = platform_name(env.account, env.region, env.resource_prefix)
    return tuple(document.file.stem for document in documents if platform_in(document) == own)


def _read_files(files: Iterable[Path]) -> list[Document]:
    """What those of the files hold that can be read."""
    documents = (read_yaml(file)[0] for file in files if file.is_file())
    return [document for document in documents if document is not None]


def check_environment_file(
    file: Path, known_units: KnownUnits | None = None, today: date | None = None
) -> list[Problem]:
    """Everything that is wrong with an environment file and the files that it refers to, in the order of lines,
    warnings included."""
    return read_environment(file, known_units, today)[1]


def check_all(names: Iterable[str], known_units: KnownUnits | None = None, today: date | None = None) -> list[Problem]:
    """Everything that is wrong with the environments of these names or files, each problem once, and with any two of
    them together or with another file in their folder, warnings included. A name without a file is a problem too."""
    problems: list[Problem] = []
    documents: list[Document] = []
    for name in names:
        try:
            file = environment_file(name)
        except ConfigError as error:
            problems.append(Problem(name, 1, "(document)", error.message))
            continue
        problems += check_environment_file(file, known_units, today)
        document, _ = read_yaml(file)
        documents += [document] if document else []
    own = {document.file.resolve() for document in documents}
    folders = {document.file.parent for document in documents}
    neighbours = [folder / f"{name}.yaml" for folder in sorted(folders) for name in list_environments(folder)]
    others = _read_files(file for file in neighbours if file.resolve() not in own)
    return sorted({*problems, *find_clashes(documents, others)})


def read_environment(
    file: Path, known_units: KnownUnits | None = None, today: date | None = None
) -> tuple[Environment | None, list[Problem]]:
    """The environment, or None where anything but a warning is wrong with it, and every problem. `today`: a Kubernetes
    version whose support has ended by then is one."""
    document, problems = read_yaml(file)
    if document is None:
        return None, problems
    if not isinstance(document.data, dict):
        return None, [document.problem((), "is not a mapping; allowed: the fields of an environment, such as tenant")]
    if document.data.get("kind") == "ClusterConfig":
        allowed = "an environment file; it names its ClusterConfig under cluster"
        return None, [document.problem((), f"is a ClusterConfig; allowed: {allowed}")]
    if "name" in document.data:
        problems.append(document.problem(("name",), "is not a field; the name is the file's name without .yaml"))
    if "former_name" in document.data:
        problems.append(document.problem(("former_name",), "is not a field; bootstrap --renamed-from sets it"))
    data: dict[str, Any] = {**document.data, "name": file.stem}
    cluster, cluster_problems = _read_cluster(document)
    problems += cluster_problems
    data["cluster"] = cluster.data if cluster else {}
    data["addons"], values_problems = _with_values_files(document)
    problems += values_problems + unknown_units(document, known_units or {})
    environment: Environment | None = None
    try:
        environment = Environment.model_validate(data)
        problems += missing_namespaces(document, environment, known_units or {})
        problems += users_left_on(document, environment, known_units or {})
        problems += pods_without_nodes(cluster, environment, known_units or {}) if cluster else []
    except ValidationError as error:
        problems += _explained(error, document, cluster)
    problems += [*cross_checks(document, cluster, known_units or ()), *catalog_warnings(document, cluster, today)]
    usable = all(problem.warning for problem in problems)
    return (environment if usable else None), sorted(set(problems))


def _explained(error: ValidationError, document: Document, cluster: Document | None) -> list[Problem]:
    problems = []
    errors = error.errors(include_url=False)
    valueless = CLUSTER_VARIABLES - cluster_variables(document.data).keys()
    for detail in errors[:MOST_EXPLAINED]:
        detail["loc"] = location = tuple(step for step in detail["loc"] if step != "[key]")
        if location[:1] != ("cluster",):
            problems.append(document.problem(location, explain_error(detail, Environment, document)))
        elif cluster is not None and not _is_left_open(detail["input"], valueless):
            detail["loc"] = location[1:]
            problems.append(cluster.problem(location[1:], explain_error(detail, ClusterConfig, cluster)))
    if len(errors) > MOST_EXPLAINED:
        problems.append(document.problem((), f"has {len(errors) - MOST_EXPLAINED} more faults"))
    return problems


def _is_left_open(value: Any, valueless: Set[str]) -> bool:
    """Whether a text cannot be right before another field, which has been reported, is."""
    return isinstance(value, str) and not valueless.isdisjoint(placeholders_in(value))


def _read_cluster(document: Document) -> tuple[Document | None, list[Problem]]:
    """The cluster file with its placeholders replaced."""
    name = document.data.get("cluster")
    if not isinstance(name, str):
        what = "is required" if "cluster" not in document.data else "is not a path"
        return None, [document.problem(("cluster",), f"{what}; allowed: a ClusterConfig file, such as clusters/x.yaml")]
    file, missing = find_referred_file(document, ("cluster",), name)
    if file is None:
        return None, missing
    cluster, problems = read_yaml(file)
    if cluster is None:
        return None, problems
    if not isinstance(cluster.data, dict):
        return None, [*problems, cluster.problem((), "is not a mapping; allowed: a ClusterConfig")]
    data, faults = substitute_placeholders(cluster.data, cluster_variables(document.data))
    problems += [cluster.problem(location, message) for location, message in faults]
    cluster, left_out = leave_out_fields(cluster.with_data(data))
    cluster, added = add_storage_drivers(document, cluster)
    return cluster, problems + left_out + added


def _with_values_files(document: Document) -> tuple[Any, list[Problem]]:
    """The `addons` of the file with the content of each values file below the unit's own values."""
    addons = document.data.get("addons", {})
    if not isinstance(addons, dict):
        return addons, []
    problems: list[Problem] = []
    result = dict(addons)
    for unit, addon in addons.items():
        settings = addon if isinstance(addon, dict) else {}
        name, own = settings.get("values_file"), settings.get("values", {})
        if not isinstance(name, str):
            continue
        location: Location = ("addons", str(unit), "values_file")
        file, missing = find_referred_file(document, location, name)
        problems += missing
        if file is None:
            continue
        values, faults = read_yaml(file)
        problems += faults
        if values and not isinstance(values.data, dict | None):
            problems.append(values.problem((), "is not a mapping; allowed: Helm values"))
        elif values:
            problems += [*beyond_json(values), *pending_marks(values)]
            if isinstance(own, dict):
                # As plain JSON, so that a port is one key whether it is written as 8080 or "8080".
                result[unit] = {
                    **settings,
                    "values": merge_mappings(plain_document(values.data or {}), plain_document(own)),
                }
    return result, problems
