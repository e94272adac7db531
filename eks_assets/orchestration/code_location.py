"""What one installation of the code location says of itself: who owns its assets, and where its source is read."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg

import eks_assets

OWNERS_VARIABLE = "EKS_ASSETS_OWNERS"
SOURCE_URL_VARIABLE = "EKS_ASSETS_SOURCE_URL"
DEFAULT_OWNERS = ("team:platform",)

_PROJECT = Path(eks_assets.__file__).resolve().parents[1]


@dataclass(frozen=True)
class CodeLocation:
    """`owners` of every asset, as Dagster writes them: `team:NAME` or an e-mail address; Dagster refuses others when it
    loads the definitions. `source_url`: where a browser finds the project's files at the version that runs, such as
    `https://github.com/ORG/REPO/blob/COMMIT`; None: only the files of this machine are known."""

    owners: tuple[str, ...] = DEFAULT_OWNERS
    source_url: str | None = None

    def code_reference(self, function: Callable[..., Any]) -> dict[str, dg.CodeReferencesMetadataValue]:
        """The metadata that the UI shows as a link to the function: in the repository where its URL is known, else in
        the reader's editor.

        Dagster's own `with_source_code_references` would link the body of the asset, which is the same for all units.
        """
        # The compiled function knows its line; reading it from the source takes 50 ms for all units.
        code = inspect.unwrap(function).__code__
        file, line = Path(code.co_filename), code.co_firstlineno
        reference: dg.UrlCodeReference | dg.LocalFileCodeReference
        if self.source_url and file.is_relative_to(_PROJECT):
            path = file.relative_to(_PROJECT).as_posix()
            reference = dg.UrlCodeReference(url=f"{self.source_url}/{path}#L{line}", label=function.__name__)
        else:
            reference = dg.LocalFileCodeReference(file_path=str(file), line_number=line, label=function.__name__)
        return {"dagster/code_references": dg.CodeReferencesMetadataValue(code_references=[reference])}


def read_code_location() -> CodeLocation:
    """The settings in the variables EKS_ASSETS_OWNERS (several with commas between) and EKS_ASSETS_SOURCE_URL, which
    `dagster dev` and `dg` also read from the file `.env`."""
    owners = tuple(owner.strip() for owner in os.environ.get(OWNERS_VARIABLE, "").split(",") if owner.strip())
    source_url = os.environ.get(SOURCE_URL_VARIABLE, "").rstrip("/")
    return CodeLocation(owners or DEFAULT_OWNERS, source_url or None)
