"""A temporary repository beside a remote one, worked by git itself; thrown away afterwards.

Commits come without their files' contents (a partial clone), git fetches those that it needs. What git says is
translated into the project's errors here.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from email.utils import parseaddr
from pathlib import Path

from resources.config.sandbox_state import with_addresses
from resources.context import Context
from resources.drivers.git.credentials import Credentials, credentials_of, reading_credentials
from resources.drivers.programs import find_program, run_program
from resources.model.errors import (
    AccessDenied,
    CommandFailed,
    ConfigError,
    NotFound,
    NotShown,
    OperationFailed,
    PipelineError,
    Transient,
)
from resources.model.specs import AnyGitTree

# Of the branch; one in whose newest commits none is ours is fetched whole.
NEWEST_COMMITS = 50
_OBJECT_ID = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_SETTINGS = {"core.hooksPath": "/dev/null", "commit.gpgSign": "false", "gc.auto": "0"}
# It answers where the environment names no credentials.
_SSH_AGENT = ("SSH_AUTH_SOCK",)
_DENIED = re.compile(
    r"Authentication failed|could not read (Username|Password)|terminal prompts disabled|Permission denied|"
    r"Host key verification failed|returned error: 40[13]|HTTP 40[13]|[Aa]ccess denied"
)
_MISSING = re.compile(r"returned error: 404|[Rr]epository .*not found|does not appear to be a git repository")
_PASSING = re.compile(
    r"Could not resolve|Couldn't connect|Failed to connect|Connection (refused|reset|timed out|closed)|[Tt]imed out|"
    r"returned error: (429|5\d\d)|hung up unexpectedly|early EOF|no output within|Network is unreachable|RPC failed"
)
_MOVED = re.compile(
    r"\[rejected\].*\((fetch first|non-fast-forward)\)|"
    r"\[remote rejected\].*(cannot lock ref|failed to update ref|incorrect old value|already exists|non-fast-forward)"
)


class BranchMoved(OperationFailed):
    """Someone else pushed to the branch in the meantime."""


@dataclass(frozen=True)
class Heads:
    """Where the remote is: its base branch with the templates, and the environment's branch (None: not there yet)."""

    base: str
    base_commit: str
    branch: str
    branch_commit: str | None


class Git:
    """One temporary repository. Every method raises PipelineError only; no message holds a credential."""

    def __init__(self, spec: AnyGitTree, context: Context, folder: Path, credentials: Credentials | None) -> None:
        self.folder = folder
        self.repository = address_of(spec, context)
        self._spec = spec
        self._credentials = credentials or Credentials()
        # Not even with what the machine's own git would use.
        self._is_anonymous = credentials is None and context.aws.planning and spec.credentials is not None
        self._git = find_program("git", context.env)
        self._credentials.check(self.repository)
        name, email = parseaddr(spec.author)
        self._environment = {
            **self._credentials.environment(folder),
            **_settings(self._is_anonymous, self._credentials, self.repository),
            "GIT_DIR": str(folder / "repository.git"),
            "GIT_INDEX_FILE": str(folder / "index"),
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_ASKPASS": "true",
            "GIT_AUTHOR_NAME": name,
            "GIT_AUTHOR_EMAIL": email,
            "GIT_COMMITTER_NAME": name,
            "GIT_COMMITTER_EMAIL": email,
            "LC_ALL": "C",
        }

    @classmethod
    @contextmanager
    def open(cls, spec: AnyGitTree, context: Context) -> Iterator[Git]:
        """An empty repository that knows its remote, in a private folder that goes away afterwards."""
        if context.aws.planning and spec.credentials is not None:
            credentials = reading_credentials(spec.read_only_credentials, context)
        else:
            credentials = credentials_of(spec.credentials, context)
        with tempfile.TemporaryDirectory(prefix="git-", dir=context.aws.folder) as folder:
            git = cls(spec, context, Path(folder), credentials)
            git("init", "--quiet", "--bare")
            yield git

    def __call__(self, *arguments: str, operands: Sequence[str] = (), accept: Collection[int] = (0,)) -> str:
        """The output of `git ARGUMENTS --end-of-options OPERANDS`: no operand (an object, a remote, a branch) is ever
        an option."""
        try:
            return run_program(
                [self._git, *arguments, *(["--end-of-options", *operands] if operands else [])],
                extra_env=self._environment,
                inherit=() if self._is_anonymous else _SSH_AGENT,
                cwd=self.folder,
                timeout=self._spec.timeout,
                accept=accept,
                interval=0.2,
            )
        except CommandFailed as error:
            message = self._credentials.redacted(error.stderr_tail.strip())
        failure = _translated(f"git {arguments[0]} of {self.repository}", message)
        if self._is_anonymous and isinstance(failure, AccessDenied | NotFound):
            raise NotShown(
                f"the planner reads the repository anonymously, which it refuses: {failure.message}",
                next_step="name credentials that may only read in git.credentials.read_only_secret",
            )
        raise failure

    def heads(self) -> Heads:
        """Asks the remote. Raises NotFound for a repository without commits or without the base branch."""
        branch = f"refs/heads/{self._spec.branch}"
        base = f"refs/heads/{self._spec.base}" if self._spec.base else "HEAD"
        references: dict[str, str] = {}
        # What has no default branch yet (an empty repository) has no symbolic reference either.
        for line in self("ls-remote", "--symref", operands=("origin", base, branch)).splitlines():
            value, _, name = line.partition("\t")
            if value.startswith("ref: "):
                references["symbolic"] = value.removeprefix("ref: ")
            else:
                references[name] = check_object_id(value, f"{name} of {self.repository}")
        if base not in references:
            raise NotFound(
                f"the repository {self.repository} has no {self._spec.base or 'default branch'}",
                next_step="push the applications' templates to it, or correct git.repository and git.base",
            )
        name = self._spec.base or references.get("symbolic", "refs/heads/HEAD").removeprefix("refs/heads/")
        return Heads(name, references[base], self._spec.branch, references.get(branch))

    def fetch(self, heads: Heads) -> None:
        """Brings the newest commits of both branches here."""
        wanted = [heads.base_commit, *([heads.branch_commit] if heads.branch_commit else [])]
        self._fetch(f"--depth={NEWEST_COMMITS}", wanted)

    def fetch_all(self, heads: Heads) -> None:
        """Brings the whole history of both branches here."""
        if self("rev-parse", "--is-shallow-repository").strip() == "true":
            self._fetch("--unshallow", [heads.base_commit, *([heads.branch_commit] if heads.branch_commit else [])])

    def fetch_commit(self, commit: str) -> None:
        """Brings one commit here, unless it is. Raises NotFound where the repository no longer has it."""
        if self._missing([commit]):
            try:
                self._fetch("--depth=1", [commit])
            except OperationFailed as error:
                raise NotFound(
                    f"the repository {self.repository} no longer has the commit {commit}: {error.message}",
                    next_step="bring it back (someone has rewritten the base branch), or delete the environment's "
                    "branch if nobody has committed to it",
                ) from error

    def fetch_blobs(self, blobs: Collection[str]) -> None:
        """Brings these files' contents here in one request; git by itself would make one for each."""
        if missing := self._missing(blobs):
            self._fetch("--no-write-fetch-head", missing)

    def _missing(self, objects: Collection[str]) -> list[str]:
        """Those of the objects that are not here. rev-list is told not to ask the remote for them, as others do."""
        if not objects:
            return []
        options = ("--objects", "--no-object-names", "--no-walk", "--ignore-missing", "--missing=allow-any")
        return sorted(set(objects) - set(self("rev-list", *options, operands=list(objects)).split()))

    def push(self, commit: str) -> None:
        """Moves the branch forward to the commit, never by force. Raises BranchMoved where that needs force."""
        try:
            self("push", "--quiet", operands=("origin", f"{commit}:refs/heads/{self._spec.branch}"))
        except OperationFailed as error:
            if _MOVED.search(error.message):
                raise BranchMoved(error.message) from None
            raise OperationFailed(
                f"the repository does not take a push to {self._spec.branch}: {error.message}",
                next_step="let the pipeline's user push to that branch (branch protection), or set git.branch",
            ) from None

    def _fetch(self, option: str, objects: Sequence[str]) -> None:
        self("fetch", "--quiet", "--no-tags", "--filter=blob:none", option, operands=("origin", *objects))


def _settings(is_anonymous: bool, credentials: Credentials, repository: str) -> dict[str, str]:
    """Git's configuration as environment variables, which nothing shows in a list of processes."""
    nobody = {"credential.helper": ""} if is_anonymous else {}
    pairs = list(({**_SETTINGS, "remote.origin.url": repository} | nobody | credentials.settings(repository)).items())
    numbered = {f"GIT_CONFIG_KEY_{n}": key for n, (key, _) in enumerate(pairs)}
    numbered |= {f"GIT_CONFIG_VALUE_{n}": value for n, (_, value) in enumerate(pairs)}
    return {**numbered, "GIT_CONFIG_COUNT": str(len(pairs))}


def check_object_id(text: str, what: str) -> str:
    """The text, which came from outside and names an object of git. Raises ConfigError for anything but an id: git
    would read it as an option, a range or another revision."""
    if not _OBJECT_ID.fullmatch(text):
        raise ConfigError(
            f"{what} is {text[:80]!r}, which is no object of git; allowed: 40 or 64 hexadecimal digits",
            next_step="correct what names it; nothing was read from it",
        )
    return text


def address_of(spec: AnyGitTree, context: Context) -> str:
    """The repository's address, the sandbox's filled in."""
    return with_addresses(spec.repository, sandbox=context.env.sandbox, where="git.repository")


def _translated(doing: str, message: str) -> PipelineError:
    text = f"{doing}: {message}"
    if _DENIED.search(message):
        return AccessDenied(text, next_step="check git.credentials: the secret it names, and what its user may do")
    if _MISSING.search(message):
        return NotFound(text, next_step="check git.repository, and that the user of git.credentials may see it")
    if _PASSING.search(message):
        return Transient(text, next_step="check that the repository's host can be reached from here")
    return OperationFailed(text)
