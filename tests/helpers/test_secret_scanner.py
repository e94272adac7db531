"""The scanner for secrets finds one wherever it was leaked on purpose: only then does its silence say something.

The places that are in AWS or the cluster are in tests/e2e/test_secrets.py.
"""

import base64
import io
import json
import sqlite3
import subprocess
import sys
from pathlib import Path
from urllib.parse import quote

import dagster as dg
import pytest

from eks_assets.cli.runs.event_log import Event, JsonLines
from eks_assets.units import load_registry
from resources.model.errors import OperationFailed
from tests.helpers.secret_scanner import Finding, SecretScanner, folder, raised, repository, said

SECRET = 'planted/pass+word "7f3a91c2"'
SCANNER = SecretScanner({"password": SECRET})


def found(*places: tuple[str, bytes]) -> list[str]:
    return [finding.place for finding in SCANNER.find(places)]


@pytest.mark.parametrize("around", [("", ""), ("x", "y"), ("xy", "z"), ("user:", "@host")])
def test_in_base64_at_every_offset(around: tuple[str, str]) -> None:
    text = f"{around[0]}{SECRET}{around[1]}".encode()
    assert found(("here", base64.b64encode(text)), ("there", base64.urlsafe_b64encode(text))) == ["here", "there"]


def test_in_an_address_and_in_json() -> None:
    address, document = f"https://user:{quote(SECRET, safe='')}@host/path", json.dumps({"password": SECRET})
    assert found(("address", address.encode()), ("document", document.encode())) == ["address", "document"]


def test_not_where_it_is_not() -> None:
    assert SCANNER.find([("here", b"planted/password"), ("there", b"")]) == []


def test_a_secret_that_is_like_other_text_is_refused() -> None:
    with pytest.raises(AssertionError, match="too short"):
        SecretScanner({"password": "admin"})


def test_in_what_a_command_says() -> None:
    script = f"import sys; print({SECRET!r}); print({SECRET!r}, file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", script, "deploy", "demo"], capture_output=True, text=True, check=True)
    assert found(*said(done)) == ["stderr of deploy demo", "stdout of deploy demo"]


def test_in_the_json_log() -> None:
    stream = io.StringIO()
    JsonLines(stream, "demo", load_registry())(Event("progress", f"logging in with {SECRET}", unit="argo_cd"))
    assert found(("log", stream.getvalue().encode())) == ["log"]


def test_in_an_exception_and_its_causes() -> None:
    def leak() -> None:
        try:
            raise ValueError(SECRET)
        except ValueError as error:
            raise OperationFailed("logging in failed") from error

    with pytest.raises(OperationFailed) as caught:
        leak()
    assert found(*raised(caught.value)) == ["OperationFailed"]
    assert "attributes of OperationFailed" in found(*raised(OperationFailed("failed", next_step=SECRET)))


def test_in_dagsters_storage(tmp_path: Path) -> None:
    @dg.asset
    def leaking(context: dg.AssetExecutionContext) -> dg.MaterializeResult[None]:
        context.log.info(f"logging in with {SECRET}")
        print(SECRET)
        return dg.MaterializeResult(metadata={"password": SECRET})

    with dg.DagsterInstance.local_temp(str(tmp_path)) as instance:
        assert dg.materialize([leaking], instance=instance).success
    places = found(*folder(tmp_path))
    assert any("table event_logs" in place for place in places)
    assert any(place.endswith(".out") for place in places)


def test_in_a_database_where_pages_split_it(tmp_path: Path) -> None:
    """A row longer than a page goes on elsewhere in the file, so a search of the file alone can miss it."""
    with sqlite3.connect(tmp_path / "runs.db") as database:
        database.execute("pragma page_size = 512")
        database.execute("create table runs (body text)")
        rows = [("x" * length + SECRET + "y" * 2000,) for length in range(400, 1000, 7)]
        database.executemany("insert into runs values (?)", rows)
    assert "runs.db, table runs" in found(*folder(tmp_path))


def test_in_a_git_repository_even_off_its_branches(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "--quiet", "--bare", str(tmp_path)], check=True)
    command = ["git", "hash-object", "-w", "--stdin"]
    subprocess.run(command, input=SECRET, cwd=tmp_path, check=True, capture_output=True, text=True)
    assert found(*folder(tmp_path)) == [], "git compresses its objects"
    assert SCANNER.find(repository(tmp_path)) == [Finding("git objects", "password")]
