"""The sandbox's git host, with genuine git as its client."""

from __future__ import annotations

import subprocess
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.git.server import HEALTH, GitServer, credentials, read_only_credentials

PERSON = ("-c", "user.name=Pat", "-c", "user.email=pat@acme.example", "-c", "credential.helper=")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[GitServer]:
    made = GitServer(tmp_path / "host", 0)
    thread = threading.Thread(target=made.serve_forever, daemon=True)
    thread.start()
    yield made
    made.shutdown()
    made.server_close()
    thread.join()


def git(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["git", *PERSON, *arguments], cwd=folder, capture_output=True, text=True, timeout=60)


def with_token(server: GitServer) -> str:
    known = credentials(server.folder)
    return server.address.replace("://", f"://{known['username']}:{known['password']}@")


@pytest.fixture
def clone(server: GitServer, tmp_path: Path) -> Path:
    done = git(tmp_path, "clone", with_token(server), "clone")
    assert done.returncode == 0, done.stderr
    return tmp_path / "clone"


def test_example_repository_has_specified_layout(clone: Path) -> None:
    """The example repository has the specified files and the branch main."""
    application_sets = {str(path.relative_to(clone)) for path in clone.rglob("applicationset.yaml")}
    products = {f"{name}/{name}-app/applicationset.yaml" for name in ("storefront", "payments")}
    assert application_sets == {"istio/istio-app/applicationset.yaml", *products}
    assert sorted(path.name for path in (clone / "projects").iterdir()) == ["platform.yaml", "products.yaml"]
    assert git(clone, "branch", "--show-current").stdout == "main\n"


def test_push_to_main_is_refused(clone: Path) -> None:
    """A push to main is refused with a hint; a push to another branch is taken."""
    assert git(clone, "commit", "--allow-empty", "--message", "By hand").returncode == 0
    refused = git(clone, "push", "origin", "HEAD:main")
    assert refused.returncode != 0
    assert "main is protected: push to a branch of your own" in refused.stderr
    assert git(clone, "push", "origin", "HEAD:develop/acme-dev").returncode == 0
    commit = git(clone, "rev-parse", "HEAD").stdout.strip()
    listed = git(clone, "ls-remote", "origin", "develop/acme-dev").stdout
    assert listed.split() == [commit, "refs/heads/develop/acme-dev"]


def test_large_push_in_chunks_is_taken(clone: Path) -> None:
    """A push that git sends in chunks is taken."""
    (clone / "large").write_bytes(bytes(range(256)) * 16384)
    git(clone, "add", "large")
    git(clone, "commit", "--message", "Large")
    done = git(clone, "-c", "http.postBuffer=65536", "-c", "core.compression=0", "push", "origin", "HEAD:large")
    assert done.returncode == 0, done.stderr


def test_partial_clone_has_no_file_contents(server: GitServer, tmp_path: Path) -> None:
    """A shallow clone without blobs is served."""
    arguments = ("--filter=blob:none", "--depth=1", "--bare", with_token(server), "partial")
    assert git(tmp_path, "clone", *arguments).returncode == 0
    missing = git(tmp_path / "partial", "rev-list", "--objects", "--all", "--missing=print").stdout
    assert sum(line.startswith("?") for line in missing.splitlines()) > 10


@pytest.mark.parametrize("who", ["", "eks-assets:wrong@", "someone:wrong@"])
def test_git_request_without_token_is_refused(server: GitServer, tmp_path: Path, who: str) -> None:
    """Without the right token neither a clone nor a request gets an answer."""
    done = git(tmp_path, "-c", "core.askPass=true", "clone", server.address.replace("://", f"://{who}"), "clone")
    assert done.returncode != 0
    assert "Authentication failed" in done.stderr
    with pytest.raises(urllib.error.HTTPError, match="401") as caught:
        urllib.request.urlopen(f"{server.address}/info/refs?service=git-upload-pack", timeout=10)
    caught.value.close()


def test_reader_clones_and_git_refuses_the_push(server: GitServer, tmp_path: Path) -> None:
    """The second user reads all branches and pushes to none, in the words of git's own http-backend."""
    login = read_only_credentials(server.folder)
    address = server.address.replace("://", f"://{login['username']}:{login['password']}@")
    assert git(tmp_path, "clone", address, "clone").returncode == 0
    refused = git(tmp_path / "clone", "push", "origin", "HEAD:develop/acme-dev")
    assert refused.returncode != 0
    assert "The requested URL returned error: 403" in refused.stderr
    assert not git(tmp_path / "clone", "ls-remote", "origin", "develop/acme-dev").stdout
    assert git(tmp_path / "clone", "-c", "protocol.version=0", "fetch", "origin").returncode == 0


def test_git_health_needs_no_token(server: GitServer) -> None:
    """The health address answers without a token."""
    with urllib.request.urlopen(f"http://127.0.0.1:{server.server_port}{HEALTH}", timeout=10) as answer:
        assert answer.status == 200


def test_git_server_keeps_repository_and_token_over_restart(server: GitServer, clone: Path) -> None:
    """After a restart the branches and the token are the same."""
    git(clone, "push", "origin", "HEAD:develop/acme-dev")
    again = GitServer(server.folder, 0)
    thread = threading.Thread(target=again.serve_forever, daemon=True)
    thread.start()
    try:
        assert again.expected == server.expected
        branches = git(clone, "ls-remote", "--heads", with_token(again)).stdout
        assert "refs/heads/develop/acme-dev" in branches
    finally:
        again.shutdown()
        again.server_close()
        thread.join()


def test_git_token_file_is_private(server: GitServer) -> None:
    """The file with the token is readable by its owner alone, and the token is long."""
    assert (server.folder / "credentials.json").stat().st_mode & 0o077 == 0
    assert len(credentials(server.folder)["password"]) >= 32
