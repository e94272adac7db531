"""The sandbox's git host: one repository over HTTP on loopback, by git's own http-backend, for two users with a token
each: one may push, the other may only read.

    python -m sandbox.git.server --folder DIR --port PORT

DIR gets `argocd-app-config.git`, made from `sandbox/git/argocd_app_config/` the first time;
DIR/credentials.json and DIR/read-only-credentials.json hold the users and the tokens.
"""

from __future__ import annotations

import argparse
import base64
import hmac
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import IO

from sandbox.paths import SANDBOX, read_json, write_json

REPOSITORY = "argocd-app-config.git"
TEMPLATE, HOOKS = SANDBOX / "git" / "argocd_app_config", SANDBOX / "git"
USER, READER = "eks-assets", "eks-assets-reader"
HEALTH = "/healthz"
_CHUNK = 65536
# Git's own way to say no to a push.
_READ_ONLY = {
    "REMOTE_USER": READER,
    "GIT_CONFIG_COUNT": "1",
    "GIT_CONFIG_KEY_0": "http.receivepack",
    "GIT_CONFIG_VALUE_0": "false",
}


def credentials(folder: Path) -> dict[str, str]:
    """The user (`username`) who may push and the token (`password`) of the host in this folder, made the first time."""
    return _login(folder / "credentials.json", USER)


def read_only_credentials(folder: Path) -> dict[str, str]:
    """As `credentials`, of the user who may only read."""
    return _login(folder / "read-only-credentials.json", READER)


def _login(file: Path, user: str) -> dict[str, str]:
    if not file.exists():
        write_json(file, {"username": user, "password": secrets.token_urlsafe(32)})
    return read_json(file)


def prepare(folder: Path) -> Path:
    """The bare repository, made from the template the first time: one commit on `main`, which is protected from then
    on. Raises CalledProcessError where git fails."""
    repository = folder / REPOSITORY
    if repository.exists():
        return repository
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="making-", dir=folder) as draft:
        work, bare = Path(draft, "work"), Path(draft, REPOSITORY)
        shutil.copytree(TEMPLATE, work)
        _git(work, "init", "--quiet", "--initial-branch=main")
        _git(work, "add", "--all")
        _git(work, "commit", "--quiet", "--message=The example applications")
        _git(work, "clone", "--quiet", "--bare", ".", str(bare))
        for setting in ("http.receivepack true", "uploadpack.allowFilter true", "uploadpack.allowAnySHA1InWant true"):
            _git(bare, "config", *setting.split())
        _git(bare, "config", "core.hooksPath", str(HOOKS))
        bare.rename(repository)
    return repository


def _git(folder: Path, *arguments: str) -> None:
    who = {"NAME": "Sandbox", "EMAIL": "sandbox@localhost"}
    identity = {f"GIT_{role}_{key}": value for role in ("AUTHOR", "COMMITTER") for key, value in who.items()}
    plain = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    subprocess.run(["git", *arguments], cwd=folder, env={**_own_environment(), **identity, **plain}, check=True)


def _own_environment() -> dict[str, str]:
    """Ours, without what would point git at another repository."""
    return {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}


def _expected(login: dict[str, str]) -> str:
    return base64.b64encode(f"{login['username']}:{login['password']}".encode()).decode()


class GitServer(ThreadingHTTPServer):
    """Serves the repositories below a folder to whoever knows a token. `port` 0 takes a free one."""

    daemon_threads = True

    def __init__(self, folder: Path, port: int) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.expected = _expected(credentials(folder))
        self.expected_of_reader = _expected(read_only_credentials(folder))
        prepare(folder)
        super().__init__(("127.0.0.1", port), GitHandler)

    @property
    def address(self) -> str:
        """Where the repository is."""
        return f"http://127.0.0.1:{self.server_port}/{REPOSITORY}"


class GitHandler(BaseHTTPRequestHandler):
    """One request: checks the token, then it is git http-backend's (a CGI program)."""

    protocol_version = "HTTP/1.1"
    server: GitServer

    def do_GET(self) -> None:
        """Every method of git's protocol, and the health address, which needs no token."""
        if self.path == HEALTH:
            self._answer(HTTPStatus.OK, b"ok\n")
        elif not (self._is(self.server.expected) or self._is(self.server.expected_of_reader)):
            self._answer(HTTPStatus.UNAUTHORIZED, b"user and token are needed\n")
        else:
            self._backend()

    do_POST = do_GET

    def log_message(self, format: str, *args: object) -> None:
        """One line a request; the request line never holds the token."""
        sys.stderr.write(f"{self.log_date_time_string()} {format % args}\n")

    def _is(self, user: str) -> bool:
        kind, _, given = self.headers.get("Authorization", "").partition(" ")
        return kind.lower() == "basic" and hmac.compare_digest(given.strip().encode(), user.encode())

    def _answer(self, status: HTTPStatus, body: bytes) -> None:
        self.send_response(status)
        if status == HTTPStatus.UNAUTHORIZED:
            self.send_header("WWW-Authenticate", 'Basic realm="sandbox git"')
            self.send_header("Connection", "close")  # what was sent along has not been read
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _backend(self) -> None:
        with tempfile.TemporaryFile() as request:
            for part in self._body():
                request.write(part)
            length = request.tell()
            request.seek(0)
            command, environment = ["git", "http-backend"], self._cgi_environment(length)
            with subprocess.Popen(command, stdin=request, stdout=subprocess.PIPE, env=environment) as backend:
                assert backend.stdout is not None
                self._relay(backend.stdout)

    def _body(self) -> Iterator[bytes]:
        """What was sent, also in chunks, as git sends what is large."""
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            while size := int(self.rfile.readline().split(b";")[0], 16):
                yield self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
            return
        left = int(self.headers.get("Content-Length") or 0)
        while left and (part := self.rfile.read(min(left, _CHUNK))):
            left -= len(part)
            yield part

    def _cgi_environment(self, length: int) -> dict[str, str]:
        path, _, query = self.path.partition("?")
        return {
            **_own_environment(),
            "GIT_PROJECT_ROOT": str(self.server.folder),
            "GIT_HTTP_EXPORT_ALL": "1",
            "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
            "GIT_CONFIG_GLOBAL": os.devnull,
            "REQUEST_METHOD": self.command,
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "REMOTE_USER": USER,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "CONTENT_LENGTH": str(length),
            "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
            **({} if self._is(self.server.expected) else _READ_ONLY),
            "REMOTE_ADDR": self.client_address[0],
        }

    def _relay(self, output: IO[bytes]) -> None:
        """CGI's answer as HTTP; its length is not known, so the connection ends with it."""
        headers = []
        while line := output.readline().rstrip(b"\r\n"):
            name, _, value = line.decode("latin-1").partition(":")
            headers.append((name, value.strip()))
        status = next((value for name, value in headers if name.lower() == "status"), "200 OK")
        self.send_response(int(status.split()[0]))
        for name, value in headers:
            if name.lower() != "status":
                self.send_header(name, value)
        self.send_header("Connection", "close")
        self.end_headers()
        shutil.copyfileobj(output, self.wfile)


def main() -> int:
    """Serve until it is ended."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--folder", required=True, type=Path)
    parser.add_argument("--port", required=True, type=int)
    given = parser.parse_args()
    GitServer(given.folder, given.port).serve_forever()
    return 0


if __name__ == "__main__":
    sys.exit(main())
