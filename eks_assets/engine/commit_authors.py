"""Who wrote the commits that a plan deploys, as far as signatures prove it.

A commit's author is text that anybody can write; its signature is not. `approval.people` may name keys beside AWS's
identities (`git:` and the fingerprint): whoever signed a commit with one of them has asked for what it changes.
Sources: git-log (`%G?`, `%GF`), git-config (`gpg.ssh.allowedSignersFile`).
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

from eks_assets.engine.provenance import code_folder, source_of
from eks_assets.engine.working_tree import WorkingTree, run_git
from resources.approval.rules import Authors
from resources.config.allowed_identities import signing_keys
from resources.config.environment import Approval
from resources.config.loader import find_folder
from resources.context import Context
from resources.records.change_entry import list_entries

# Good signatures, whether or not the machine trusts the key: whose it is, approval.people says.
_GOOD = ("G", "U")
# Without a list of signers git only checks that the signature is the key's, and names the key.
_NO_SIGNERS = ("-c", "gpg.ssh.allowedSignersFile=/dev/null")


def deployed_authors(context: Context, approval: Approval) -> Authors:
    """The people whose signed commits are deployed for the first time, of the environments' folder and of the code, and
    how many such commits, and uncommitted changes, prove nobody. Nothing of both where approval.people names no key.

    Raises NotFound, AccessDenied, Transient where the ledger cannot be read."""
    keys = signing_keys(approval.people)
    if not keys:
        return Authors()
    last = next(iter(list_entries(context, limit=1)), {})
    source, people, strangers = source_of(context), set[str](), 0
    for folder, now, field in (
        (find_folder(), source.commit, "commit"),
        (code_folder(), source.code_commit, "code_commit"),
    ):
        if folder is None or now is None or now == last.get(field):
            continue
        for signer in _signers(folder, str(last.get(field) or ""), now, keys):
            people |= {signer} - {""}
            strangers += not signer
        if field == "commit" and source.commit == source.code_commit:
            break  # one repository: its commits count once
    return Authors(tuple(sorted(people)), strangers)


def _signers(folder: Path, before: str, now: str, keys: Mapping[str, str]) -> Iterator[str]:
    """Of each commit since, and of what is not committed, the person who signed it; empty for nobody. Where it is not
    known what was deployed last, or git fails, that is one more that proves nobody."""
    commit, _, dirty = now.partition("+")
    if dirty:
        yield ""
    tree, (base, _, _) = WorkingTree.of(folder), before.partition("+")
    if tree is None:
        yield ""
        return
    since = f"{base}..{commit}" if base else f"{commit}^!"
    if not base:
        yield ""
    try:
        answer = run_git(tree.root, *_NO_SIGNERS, "log", "--format=%G? %GF", "--end-of-options", since)
    except (OSError, subprocess.SubprocessError):
        yield ""
        return
    for line in os.fsdecode(answer).splitlines():
        verdict, _, key = line.partition(" ")
        yield keys.get(key, "") if verdict in _GOOD else ""
