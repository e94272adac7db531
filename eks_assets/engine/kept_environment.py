"""The environment's file as it was validated, in the ledger under its own digest: `environments/<sha256>.json`, what an
entry of a change refers to. By it an environment whose file is gone can be removed. Secrets stand there as their keyed
hashes.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

from eks_assets.plan.keyed import secrets_in, without_secrets
from resources.config.environment import Environment
from resources.config.loader import find_folder, is_environment_name, list_environments
from resources.config.recorded_environment import environment_document, environment_of
from resources.context import Context
from resources.model.digests import hex_digest_of
from resources.model.errors import ConfigError, NotFound, PipelineError
from resources.records.chain import ENTRIES
from resources.records.digest_key import create_digest_key, load_digest_key
from resources.records.ledger import write_once
from resources.records.ledger_search import FoundLedger, find_ledger
from resources.support.memory_cache import CacheKey

_PREFIX = "environments/"
_KEPT: CacheKey[str | None] = CacheKey("the environment as the ledger keeps it")
_LOOKED_AT = 500  # entries, the newest first


def keep_environment(context: Context) -> str | None:
    """Keep the environment of a change, once in a context, and return its digest. None, and said, where it cannot be
    kept: what was changed is changed all the same."""

    def keep() -> str | None:
        try:
            document = _without_secrets(context)
            digest = hex_digest_of(document)
            write_once(context, f"{_PREFIX}{digest}.json", document)
        except (PipelineError, ValueError) as error:  # ValueError: RFC 8785 has no form for a number of 20 digits
            reason = error.message if isinstance(error, PipelineError) else "it is no RFC 8785 JSON"
            context.progress(f"the ledger does not keep this environment: {reason}")
            return None
        return f"sha256:{digest}"

    return context.cache.get(_KEPT, keep)


def load_kept_environment(name: str, region: str | None) -> Environment:
    """The environment of that name, whose file is gone, as the last change was made of it. As whoever calls, who reads
    the ledger that bootstrap has made in the region, by default the one of the caller's settings.

    Raises ConfigError where the file is there, for no ledger or several, and where an earlier version wrote it;
    AccessDenied, Transient."""
    _refuse_existing(name)
    ledger = find_ledger(name, region)
    commit = ""
    for entry in islice(_entries(ledger), _LOOKED_AT):
        commit = commit or str(entry.get("commit") or "").partition("+")[0]
        if digest := str(entry.get("file") or "").removeprefix("sha256:"):
            return _environment(name, ledger, digest)
    found = f"git show {commit}:environments/{name}.yaml" if commit else f"git log --all -- environments/{name}.yaml"
    raise ConfigError(
        f"the ledger {ledger.bucket} does not say what {name} is: no change was made since versions that keep it",
        next_step=f"put the file back, with those that it refers to: {found}; then without --from-ledger",
    )


def _refuse_existing(name: str) -> None:
    if not is_environment_name(name):
        raise ConfigError(f"{name[:100]!a} is not the name of an environment")
    try:
        is_there = name in list_environments(find_folder())
    except ConfigError:  # no folder either
        return
    if is_there:
        raise ConfigError(
            f"the file of {name} is there, and says what it is", next_step="run it again without --from-ledger"
        )


def _entries(ledger: FoundLedger) -> Iterator[Mapping[str, Any]]:
    """Those of changes, the newest first."""
    for key in ledger.list_keys(ENTRIES)[::-1]:
        entry = json.loads(ledger.read(key))
        if isinstance(entry, dict):
            yield entry


def _environment(name: str, ledger: FoundLedger, digest: str) -> Environment:
    try:
        document = json.loads(ledger.read(f"{_PREFIX}{digest}.json"))
    except NotFound as error:
        raise ConfigError(f"the ledger {ledger.bucket} has lost what {name} is: {error.message}") from error
    if hex_digest_of(document) != digest:
        raise ConfigError(f"what the ledger {ledger.bucket} keeps of {name} is not what was written: {digest[:12]}")
    env = environment_of(document)
    if (env.name, env.account, env.region) != (name, ledger.account, ledger.region):
        raise ConfigError(
            f"the ledger {ledger.bucket} keeps {env.name} in {env.account} {env.region}, not {name} in "
            f"{ledger.account} {ledger.region}"
        )
    return env


def _without_secrets(context: Context) -> dict[str, Any]:
    document = environment_document(context.env)
    if not secrets_in(document):
        return document
    if load_digest_key(context) is None:
        create_digest_key(context)
    hidden: dict[str, Any] = without_secrets(document, load_digest_key(context))
    return hidden
