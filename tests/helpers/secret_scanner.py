"""Looks for planted secrets in everything that the pipeline says, writes and keeps.

A *place* is a name and the bytes that stand there. Places that are compressed or structured (SQLite, git objects,
Helm's storage) are read by their own rules, as a search of the raw bytes would miss what is in them.
"""

from __future__ import annotations

import base64
import json
import sqlite3
import subprocess
import traceback
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import quote

from resources.aws.session import Aws
from resources.config.names import ledger_bucket
from resources.context import Context
from resources.drivers.helm.storage import decode_release
from resources.kubernetes.objects import list_objects

Place: TypeAlias = tuple[str, bytes]


@dataclass(frozen=True, order=True)
class Finding:
    """A secret (by the name it was planted under) and where it stands."""

    place: str
    secret: str


class SecretScanner:
    """Knows the planted secrets by name."""

    def __init__(self, planted: Mapping[str, str]) -> None:
        short = [name for name, value in planted.items() if len(value) < 12]
        assert not short, f"too short to be told from other text: {short}"
        self._forms = {name: forms(value) for name, value in planted.items()}

    def find(self, places: Iterable[Place]) -> list[Finding]:
        """Every secret in every place, in whatever form it was written."""
        return sorted(
            Finding(place, name)
            for place, content in places
            for name, written in self._forms.items()
            if any(form in content for form in written)
        )


def forms(value: str) -> set[bytes]:
    """The value as it is, in JSON, in an address, and inside a longer base64 text, at any of its three offsets."""
    plain = value.encode()
    found = {plain, json.dumps(value)[1:-1].encode(), quote(value, safe="").encode()}
    for offset, leading in ((0, 0), (1, 2), (2, 3)):
        whole = (offset + len(plain)) * 8 // 6
        encoded = base64.b64encode(bytes(offset) + plain)[leading:whole]
        found |= {encoded, encoded.replace(b"+", b"-").replace(b"/", b"_")}
    return found


def said(done: subprocess.CompletedProcess[str]) -> Iterator[Place]:
    """What a command has said."""
    verb = " ".join(str(word) for word in done.args[3:5])
    yield f"stdout of {verb}", done.stdout.encode()
    yield f"stderr of {verb}", done.stderr.encode()


def raised(error: BaseException) -> Iterator[Place]:
    """An exception and everything that it was raised from, as a traceback shows it, and what it carries."""
    yield f"{type(error).__name__}", "".join(traceback.format_exception(error)).encode()
    yield f"attributes of {type(error).__name__}", repr(vars(error)).encode()


def folder(path: Path) -> Iterator[Place]:
    """Every file below a folder (Dagster's home: databases, compute logs, our own log); databases row by row too."""
    for file in sorted(path.rglob("*")):
        if not file.is_file():
            continue
        content = file.read_bytes()
        yield str(file.relative_to(path)), content
        if content.startswith(b"SQLite format 3"):
            yield from _tables(file, path)


def _tables(file: Path, below: Path) -> Iterator[Place]:
    with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as database:
        names = [name for (name,) in database.execute("select name from sqlite_master where type = 'table'")]
        for name in names:
            cells = (cell for row in database.execute(f'select * from "{name}"') for cell in row)
            content = b"\n".join(cell if isinstance(cell, bytes) else str(cell).encode() for cell in cells)
            yield f"{file.relative_to(below)}, table {name}", content


def ledger(admin: Aws) -> Iterator[Place]:
    """Every object in the ledger's bucket."""
    bucket, client = ledger_bucket(admin.env), admin.client("s3")
    for page in client.get_paginator("list_objects_v2").paginate(Bucket=bucket):
        for item in page.get("Contents", []):
            yield f"ledger {item['Key']}", client.get_object(Bucket=bucket, Key=item["Key"])["Body"].read()


def stacks(admin: Aws) -> Iterator[Place]:
    """Template, parameters, outputs and events of every stack."""
    client = admin.client("cloudformation")
    for stack in client.describe_stacks()["Stacks"]:
        name = stack["StackName"]
        yield f"template of {name}", _text(client.get_template(StackName=name)["TemplateBody"])
        yield f"parameters and outputs of {name}", _text(stack)
        yield f"events of {name}", _text(client.describe_stack_events(StackName=name)["StackEvents"])


def parameters(admin: Aws) -> Iterator[Place]:
    """Every SSM parameter's value."""
    client = admin.client("ssm")
    for page in client.get_paginator("describe_parameters").paginate():
        for found in page["Parameters"]:
            yield f"parameter {found['Name']}", _text(client.get_parameter(Name=found["Name"])["Parameter"])


def repository(bare: Path) -> Iterator[Place]:
    """Every object of a git repository (files, commits, also of no branch), and its settings."""
    command = ["git", "cat-file", "--batch-all-objects", "--batch"]
    yield "git objects", subprocess.run(command, cwd=bare, check=True, capture_output=True).stdout
    yield "git config", (bare / "config").read_bytes()


def helm_storage(context: Context) -> Iterator[Place]:
    """The user's values and the rendered manifest of every revision of every release."""
    for secret in list_objects(context.cluster, "v1", "Secret", labels="owner=helm"):
        release = decode_release(secret)
        name = f"{release.namespace}/{release.name} revision {release.revision}"
        yield f"helm values of {name}", _text(release.values)
        yield f"helm manifest of {name}", release.manifest.encode()


def _text(content: Any) -> bytes:
    return content.encode() if isinstance(content, str) else json.dumps(content, default=str).encode()
