"""What an environment's branch of the application repository holds, and what it should hold.

The templates stay on the base branch. The wanted tree is a three-way merge, made by git: the base branch as we last
rendered it, the branch as it is now, the base branch as we render it now. So people's commits on the branch stay, and
so do our variables. See docs/adr/0006-gitops-branch.md.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import yaml

from resources.config.sandbox_state import sandbox_state, with_addresses
from resources.context import Context
from resources.drivers.git.applicationsets import (
    check_files,
    check_products,
    fill_in_variables,
    is_application_set,
    is_applied,
    pending_marks,
    read_documents,
    unfilled_variables,
)
from resources.drivers.git.file_changes import gitops_files
from resources.drivers.git.nested_applications import nested_faults
from resources.drivers.git.objects import (
    Difference,
    compare_trees,
    list_files,
    merge_trees,
    read_texts,
    write_tree,
)
from resources.drivers.git.pinning import Pin, following_faults
from resources.drivers.git.renderings import Rendering, commits_of_others, last_rendering
from resources.drivers.git.repository import Git, Heads
from resources.drivers.git.restore import wanted_restore
from resources.kubernetes.objects import read_object
from resources.model.errors import AccessDenied, ConfigError, NotFound
from resources.model.outputs import plain_document, token_of
from resources.model.specs import AnyGitTree
from resources.support.cache import cached_json
from resources.support.memory_cache import CacheKey
from resources.support.yaml_loaders import Loader

_DEFINITIONS = {"ApplicationSet": "applicationset-crd.yaml", "AppProject": "appproject-crd.yaml"}


@dataclass(frozen=True)
class Reading:
    """The state of the repository at one time. `tree`: the id of the wanted tree; `start`: the commit that it is
    compared with: the branch's head, where that is pinned our newest commit (None: there is none); `current`, `wanted`:
    the GitOps files (AppProjects and ApplicationSets) by path, there and as they should be; `differences`: all files
    that differ; `notes`: what is wrong with files that are not applied here, a sentence each; `others`: the commits on
    the branch that others made since our last one; `adopted`: our newest commit, where it has no record yet;
    `template`: the commit of the base branch that the wanted tree comes from; `is_restored`: whether it is the one that
    the spec wants restored."""

    repository: str
    heads: Heads
    tree: str
    wanted: Mapping[str, str] = field(repr=False)
    current: Mapping[str, str] = field(repr=False)
    differences: tuple[Difference, ...]
    variables: Mapping[str, str]
    start: str | None = None
    notes: tuple[str, ...] = ()
    others: tuple[str, ...] = ()
    adopted: str | None = None
    template: str = ""
    is_restored: bool = False

    @property
    def is_done(self) -> bool:
        return self.start is not None and not self.differences and self.adopted is None


# To be invalidated by whoever pushes to a branch.
READINGS: CacheKey[Reading] = CacheKey("reading of the repository, by spec")
_ARGO_DEFINITIONS: CacheKey[dict[str, Mapping[str, Any]]] = CacheKey("Argo CD's CRDs by kind")


def load_reading(spec: AnyGitTree, context: Context) -> Reading:
    """What is there and what should be, read once for a context.

    Raises ConfigError for a template at fault and an unknown product, NotFound, AccessDenied, Transient, and
    OperationFailed where people's commits and the new rendering conflict."""
    return context.cache.get(READINGS, lambda: _read(spec, context), item=_item(spec))


def reload_reading(spec: AnyGitTree, context: Context) -> Reading:
    """As `load_reading`, after asking the repository whether a branch has moved."""
    earlier = load_reading(spec, context)
    with Git.open(spec, context) as git:
        if git.heads() == earlier.heads:
            return earlier
    context.cache.invalidate(READINGS)
    return load_reading(spec, context)


def rendered_files(spec: AnyGitTree, context: Context) -> dict[str, str]:
    """The AppProjects (`projects/*.yaml`) and ApplicationSets by path, with variables filled in, as the branch has them
    once the tree is applied. Raises what `load_reading` raises."""
    return dict(load_reading(spec, context).wanted)


def _item(spec: AnyGitTree) -> str:
    return json.dumps(plain_document(spec.model_dump()), sort_keys=True)


def _read(spec: AnyGitTree, context: Context) -> Reading:
    with Git.open(spec, context) as git:
        return read_with(git, spec, context)


def read_with(git: Git, spec: AnyGitTree, context: Context) -> Reading:
    """The reading, with a temporary repository that is open already."""
    heads = git.heads()
    if heads.branch == heads.base:
        raise ConfigError(
            f"git.branch is {heads.branch}, which holds the templates", next_step="choose another git.branch"
        )
    git.fetch(heads)
    variables = variables_of(spec, context)
    last = last_rendering(git, heads, spec, context)
    restored = wanted_restore(git, heads, last, spec, context)
    tree = restored[0] if restored else _wanted_tree(git, heads, last, variables, spec)
    wanted = gitops_files(git, tree)
    check_products(spec.products, wanted, git.repository, spec.branch)
    notes = (*_unfilled(wanted, variables, spec), *check_files(wanted, spec.products, _definitions(context)))
    if spec.pinned:
        _refuse_following(git, tree, wanted, spec)
    start = (last.commit if last else None) if spec.pinned else heads.branch_commit
    return Reading(
        repository=git.repository,
        heads=heads,
        tree=tree,
        wanted=wanted,
        current=gitops_files(git, start) if start else {},
        differences=compare_trees(git, start or heads.base_commit, tree),
        variables=restored[1].variables if restored else variables,
        start=start,
        notes=notes,
        others=commits_of_others(git, heads, last),
        adopted=last.commit if last and not last.is_recorded else None,
        template=restored[1].template if restored else heads.base_commit,
        is_restored=restored is not None,
    )


def variables_of(spec: AnyGitTree, context: Context) -> dict[str, str]:
    """The variables as text, the sandbox's addresses filled in; one that is not known yet is its token."""
    return {
        name: with_addresses(token_of(value), sandbox=context.env.sandbox, where=f"git.variables.{name}")
        for name, value in spec.variables.items()
    }


def _unfilled(files: Mapping[str, str], variables: Mapping[str, str], spec: AnyGitTree) -> Iterator[str]:
    """A sentence for each variable without a value in files that are not applied here."""
    for path, text in files.items():
        if is_application_set(path) and not is_applied(path, spec.products):
            yield from unfilled_variables(path, text, variables)


def _wanted_tree(git: Git, heads: Heads, last: Rendering | None, variables: Mapping[str, str], spec: AnyGitTree) -> str:
    for commit in filter(None, (heads.base_commit, heads.branch_commit)):
        files = gitops_files(git, commit)
        _refuse_pending_marks({path: text for path, text in files.items() if is_applied(path, spec.products)})
    new = _rendered(git, heads.base_commit, variables, spec)
    if heads.branch_commit is None:
        return new
    # People write variables on the branch, or merge the base branch into it: rendered, what is the base branch's is the
    # same on both sides, and no conflict.
    ours = _rendered(git, heads.branch_commit, variables)
    tree = merge_trees(git, _last_tree(git, heads, last, variables), ours, new)
    return _rendered(git, tree, variables, spec)


def _last_tree(git: Git, heads: Heads, last: Rendering | None, variables: Mapping[str, str]) -> str:
    """The tree that we rendered last, rendered again from what our newest commit on the branch says; from a newer
    commit of the base branch, where somebody has merged that since. A branch that we never wrote to began as the base
    branch was."""
    assert heads.branch_commit is not None
    common = git("merge-base", operands=[heads.base_commit, heads.branch_commit], accept=(0, 1)).strip()
    if last is not None:
        git.fetch_commit(last.template)
        is_newer = (
            common and git("merge-base", operands=[last.template, common], accept=(0, 1)).strip() == last.template
        )
        return _rendered(git, common if is_newer else last.template, last.variables)
    if not common:
        raise ConfigError(
            f"the branches {heads.branch} and {heads.base} of {git.repository} have no commit in common",
            next_step=f"delete the branch {heads.branch} if nobody needs it, or set git.branch to another name",
        )
    return _rendered(git, common, variables)


def _refuse_following(git: Git, tree: str, wanted: Mapping[str, str], spec: AnyGitTree) -> None:
    """Raises ConfigError for an application that would change without an approval."""
    applied = {p: text for p, text in wanted.items() if is_application_set(p) and is_applied(p, spec.products)}
    pin = Pin(git.repository, spec.branch)
    faults = [
        f"{path}: {fault}"
        for path, text in applied.items()
        for document in read_documents(path, text)
        for fault in following_faults(document, pin)
    ]
    faults += nested_faults(git, tree, spec.products, applied, Pin(git.repository, None))
    if faults:
        raise ConfigError(
            "\n".join(faults),
            next_step="correct the file in the repository; nothing was pushed. Where plans are approved nothing may "
            "follow a branch: docs/approvals.md",
        )


def _rendered(git: Git, tree: str, variables: Mapping[str, str], spec: AnyGitTree | None = None) -> str:
    """The tree with its variables filled in. `spec`: raise ConfigError where one can't be in a file that it applies."""
    files = {p: e for p, e in list_files(git, tree).items() if is_application_set(p)}
    texts = read_texts(git, files)
    applied = {path: text for path, text in texts.items() if spec and is_applied(path, spec.products)}
    if problems := [p for path, text in applied.items() for p in unfilled_variables(path, text, variables)]:
        raise ConfigError(
            "\n".join(problems),
            next_step="correct the file, or add the variable under git.variables of the environment",
        )
    filled = {path: fill_in_variables(text, variables) for path, text in texts.items()}
    changed = {path: (files[path], text) for path, text in filled.items() if text != texts[path]}
    return write_tree(git, tree, changed)


def _refuse_pending_marks(files: Mapping[str, str]) -> None:
    """Before variables are filled in: ours may be known after apply, and have the marks."""
    problems = [problem for path, text in files.items() for problem in pending_marks(path, text)]
    if problems:
        raise ConfigError("\n".join(problems), next_step="correct the file in the repository; nothing was pushed")


def _definitions(context: Context) -> dict[str, Mapping[str, Any]]:
    """Argo CD's CRDs by kind: the cluster's own, in the sandbox else those of its Argo CD; none before Argo CD is
    installed elsewhere."""

    def read_all() -> dict[str, Mapping[str, Any]]:
        definitions = {kind: _definition(kind, context) for kind in _DEFINITIONS}
        return {kind: definition for kind, definition in definitions.items() if definition}

    return context.cache.get(_ARGO_DEFINITIONS, read_all)


def _definition(kind: str, context: Context) -> Mapping[str, Any] | None:
    name = f"{kind.lower()}s.argoproj.io"
    wanted = {"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": name}}
    definition: Mapping[str, Any] | None
    try:
        definition = read_object(context.cluster, wanted)
    except (NotFound, AccessDenied):  # no cluster yet, or not ours to ask: the API server checks when it is applied
        definition = None
    if definition is None and context.env.sandbox:
        definition = _definition_in(Path(sandbox_state().tools) / "crds" / _DEFINITIONS[kind])
    return definition


def _definition_in(file: Path) -> Mapping[str, Any] | None:
    """The definition in a file, which is long: read as YAML once, and as JSON from then on."""
    if not file.exists():
        return None
    definition: Mapping[str, Any] = cached_json("definitions", file.read_text(), partial(yaml.load, Loader=Loader))
    return definition
