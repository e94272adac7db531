"""A private git repository over HTTP with basic authentication, for tests: genuine git behind a small server."""

from __future__ import annotations

import base64
import os
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

USER, TOKEN = "argo", "correct-horse"
NAME = "config.git"


class GitHost:
    """One repository, served from a loopback port of the kernel's choice; `commit` adds to its branch `main`."""

    def __init__(self, folder: Path) -> None:
        self._work = folder / "work"
        self._git("init", "--quiet", "--initial-branch=main", str(self._work), folder=folder)
        self._git("clone", "--quiet", "--bare", str(self._work), str(folder / NAME), folder=folder)

        class Handler(_Handler):
            root = folder

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/{NAME}"
        self._bare = folder / NAME
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def commit(self, files: dict[str, str]) -> str:
        """Writes files, commits and pushes them; returns the commit's SHA."""
        for name, content in files.items():
            path = self._work / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content)
        self._git("add", ".")
        self._git("-c", "user.name=test", "-c", "user.email=test@example.com", "commit", "--quiet", "-m", "change")
        self._git("push", "--quiet", str(self._bare), "main")
        return self._git("rev-parse", "HEAD").strip()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _git(self, *arguments: str, folder: Path | None = None) -> str:
        return subprocess.run(
            ["git", *arguments], cwd=folder or self._work, check=True, capture_output=True, text=True, timeout=30
        ).stdout


class _Handler(BaseHTTPRequestHandler):
    root: Path

    def _answer(self) -> None:
        expected = "Basic " + base64.b64encode(f"{USER}:{TOKEN}".encode()).decode()
        if self.headers.get("Authorization") != expected:
            self.send_response(401)
            self.send_header("WWW-Authenticate", 'Basic realm="git"')
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        path, _, query = self.path.partition("?")
        environment = {
            **os.environ,
            "GIT_PROJECT_ROOT": str(self.root),
            "GIT_HTTP_EXPORT_ALL": "1",
            "REMOTE_USER": USER,
            "REQUEST_METHOD": self.command,
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
            "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
        }
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        output = subprocess.run(
            ["git", "http-backend"], env=environment, input=body, capture_output=True, check=True, timeout=30
        ).stdout
        head, _, content = output.partition(b"\r\n\r\n")
        headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n"))
        self.send_response(int(headers.pop("Status", "200").split()[0]))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = _answer

    def log_message(self, format: str, *arguments: object) -> None:
        """Quiet."""
