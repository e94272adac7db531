"""How validation ended after a run, in the ledger: `validations/<time>-<run>.json`, one object a run."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

from pydantic import AwareDatetime, BaseModel, ConfigDict, ValidationError

from resources.context import Context
from resources.records.ledger import list_keys, read_key, write_once

PREFIX = "validations/"


class Validation(BaseModel):
    """`failed`: the checks that did not pass, of those that were looked at after the run had changed what it had to."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    environment: str
    at: AwareDatetime
    run: str
    failed: tuple[str, ...] = ()

    @property
    def is_green(self) -> bool:
        return not self.failed


def record_validation(context: Context, run: str, failed: tuple[str, ...]) -> None:
    """Raises NotFound where the environment has not been bootstrapped, AccessDenied, Transient."""
    at = dt.datetime.now(dt.UTC)
    validation = Validation(environment=context.env.name, at=at, run=run, failed=failed)
    key = f"{PREFIX}{at.isoformat(timespec='milliseconds')}-{run[:8]}.json"
    write_once(context, key, validation.model_dump(mode="json"))


def list_validations(context: Context) -> Iterator[Validation]:
    """All that can be read, the newest first. Raises NotFound, AccessDenied, Transient."""
    for key in reversed(list_keys(context, PREFIX)):
        try:
            yield Validation.model_validate_json(read_key(context, key))
        except ValidationError:
            context.progress(f"{key!a} is no record of a validation")
