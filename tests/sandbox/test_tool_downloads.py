"""The sandbox's tools, downloaded from a server on this machine that has what the projects' hosts would have."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tarfile
import threading
import time
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from eks_assets.cli.commands import sandbox as command
from sandbox.errors import InvalidRequest, SandboxError, ToolMissing
from sandbox.install import releases, toolchain
from sandbox.install.catalog import CUSTOM_RESOURCE_DEFINITIONS, TOOLS, GoTool, locked_version
from sandbox.install.checksums import write_pins
from sandbox.install.downloads import download_all
from sandbox.install.releases import MIRROR, WAY, Download, Pin, decide, load_releases, this_architecture
from sandbox.paths import SANDBOX, cache_directory

ARCHITECTURE = this_architecture()
KUBECTL = next(tool for tool in TOOLS if tool.name == "kubectl")
CONTENT = bytes(range(256)) * 40_000


class Handler(SimpleHTTPRequestHandler):
    """Serves files, and the rest of one where it is asked for; `cut` ends the first answers after so many bytes."""

    protocol_version = "HTTP/1.1"
    cut: list[int]
    asked: list[str]

    def __init__(self, *args: object, cut: list[int], asked: list[str], directory: str) -> None:
        self.cut, self.asked = cut, asked
        super().__init__(*args, directory=directory)  # type: ignore[arg-type]

    def do_GET(self) -> None:
        file, wanted = Path(self.translate_path(self.path)), self.headers.get("Range", "")
        self.asked.append(wanted)
        if not file.is_file():
            return self.send_error(404)
        begin = int(wanted.removeprefix("bytes=").removesuffix("-") or 0)
        size = file.stat().st_size
        self.send_response(206 if wanted else 200)
        self.send_header("Content-Length", str(size - begin))
        self.send_header("Content-Range", f"bytes {begin}-{size - 1}/{size}")
        self.end_headers()
        with file.open("rb") as opened:
            opened.seek(begin)
            if self.cut:
                self.wfile.write(opened.read(self.cut.pop()))
                self.close_connection = True
            else:
                while chunk := opened.read(1 << 20):
                    self.wfile.write(chunk)
        return None

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: tests show their own."""


class Host:
    """The server; `folder` is what it serves, `HOST/PATH` below it."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.cut, self.asked = folder, list[int](), list[str]()
        handler = partial(Handler, cut=self.cut, asked=self.asked, directory=str(folder))
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def wants(self, content: bytes = CONTENT, *, sha256: str | None = None) -> Download:
        """kubectl with that content, pinned by its sum or another."""
        (self.folder / "kubectl").write_bytes(content)
        pin = Pin(version="v1", sha256=sha256 or hashlib.sha256(CONTENT).hexdigest(), size=len(CONTENT))
        return Download(KUBECTL, f"{self.url}/kubectl", None, pin)


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    folder = tmp_path / "host"
    folder.mkdir()
    host = Host(folder)
    yield host
    host.server.shutdown()
    host.server.server_close()


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    folder = tmp_path / "cache"
    folder.mkdir()
    return folder


@pytest.fixture
def pins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of releases.json that stands for it; kubectl alone is pinned."""
    file = tmp_path / "releases.json"
    content = json.loads((SANDBOX / "tools" / "releases.json").read_text())
    for name, release in content.items():
        pin = {"version": locked_version(release["module"]), "sha256": "0" * 64, "size": 70_000_000}
        release["pins"] = {f"linux/{ARCHITECTURE}": pin} if name == "kubectl" else {}
    file.write_text(json.dumps(content))
    monkeypatch.setattr(releases, "RELEASES", file)
    return file


class TestDecision:
    def test_another_word_is_bad_input(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv(WAY, "fetch")
        with pytest.raises(InvalidRequest, match="SANDBOX_TOOLS=fetch is none of build, download, path"):
            toolchain.ensure_tools(print)
        with pytest.raises(SystemExit) as ended, command._errors():
            toolchain.ensure_tools(print)
        assert ended.value.code == 2

    def test_what_has_no_pin_is_compiled_and_named(self, pins: Path) -> None:
        decision = decide(None, TOOLS)
        assert [one.tool.name for one in decision.downloads] == ["kubectl"]
        assert {tool.name for tool in decision.builds} == {tool.name for tool in TOOLS} - {"kubectl"}
        assert "downloading 1 (70 MB, 7 s at 10 MB/s)" in decision.sentence
        assert "releases.json has no checksum of kube-apiserver v1.37.2, etcd" in decision.sentence

    def test_download_refuses_what_has_no_pin(self, pins: Path) -> None:
        with pytest.raises(SandboxError, match=r"no checksum of helm .*nothing runs that cannot be verified"):
            decide("download", [GoTool("helm", "", 1)])

    def test_a_pin_of_another_version_is_none(self, pins: Path) -> None:
        pins.write_text(pins.read_text().replace('"version": "v1.37.2"', '"version": "v1.37.1"'))
        assert decide(None, [KUBECTL]).builds == (KUBECTL,)

    def test_build_downloads_nothing(self, pins: Path) -> None:
        decision = decide("build", TOOLS)
        assert decision.downloads == ()
        assert decision.sentence.startswith("the sandbox's tools, once: compiling kube-apiserver, etcd")
        assert "about 15 minutes on two cores; as SANDBOX_TOOLS=build asks" in decision.sentence

    def test_every_tool_but_the_registry_has_a_release(self) -> None:
        assert load_releases().keys() == {tool.name for tool in TOOLS} - {"registry"}


class TestDownload:
    def test_shows_percent_of_all_bytes(self, host: Host, cache: Path) -> None:
        lines: list[str] = []
        assert download_all([host.wants()], cache, lines.append) == []
        assert (cache / "kubectl").read_bytes() == CONTENT
        assert os.access(cache / "kubectl", os.X_OK)
        assert lines[-1] == "downloading: 100 % of 10 MB"

    def test_another_checksum_is_an_error_with_both_and_leaves_nothing(
        self, host: Host, cache: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        actual = hashlib.sha256(CONTENT).hexdigest()
        with pytest.raises(SystemExit) as ended, command._errors():
            download_all([host.wants(sha256="0" * 64)], cache, print)
        assert ended.value.code == 1
        assert f"has the SHA-256 {actual}, releases.json has {'0' * 64}" in capsys.readouterr().err
        assert list(cache.iterdir()) == []

    def test_a_longer_file_is_not_read_to_its_end(self, host: Host, cache: Path) -> None:
        with pytest.raises(SandboxError, match="is not the pinned one"):
            download_all([host.wants(CONTENT + bytes(50_000_000))], cache, print)
        assert list(cache.iterdir()) == []

    def test_an_interrupted_download_goes_on(self, host: Host, cache: Path) -> None:
        host.cut.append(3_000_000)
        assert download_all([host.wants()], cache, print) == []
        assert host.asked == ["", "bytes=3000000-"]
        assert (cache / "kubectl").read_bytes() == CONTENT

    def test_ctrl_c_keeps_what_is_there(self, host: Host, cache: Path) -> None:
        def interrupt(line: str) -> None:
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            download_all([host.wants()], cache, interrupt)
        (part,) = cache.iterdir()
        have = part.stat().st_size
        assert 0 < have < len(CONTENT)
        assert download_all([host.wants()], cache, print) == []
        assert host.asked[-1] == f"bytes={have}-"
        assert (cache / "kubectl").read_bytes() == CONTENT

    def test_a_file_that_is_not_there_is_left_to_the_compiler(self, host: Host, cache: Path) -> None:
        wanted = host.wants()
        (host.folder / "kubectl").unlink()
        assert [(one, "HTTP 404" in why) for one, why in download_all([wanted], cache, print)] == [(wanted, True)]


class TestWithoutTheHost:
    def test_download_fails(self, pins: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv(MIRROR, "http://127.0.0.1:1")
        with pytest.raises(SandboxError, match="download, and 1 of the sandbox's tools could not be downloaded"):
            toolchain._download([KUBECTL], tmp_path, "download", print)

    def test_otherwise_it_is_compiled(self, pins: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv(MIRROR, "http://127.0.0.1:1")
        lines: list[str] = []
        assert toolchain._download([KUBECTL], tmp_path, None, lines.append) == [KUBECTL]
        assert lines[-1].startswith(
            "compiling kubectl as well, which could not be downloaded: http://127.0.0.1:1/dl.k8s"
        )


class TestWholeSet:
    def test_all_come_verified_within_two_minutes(
        self, tools: Path, host: Host, pins: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        _publish(tools, host.folder)
        monkeypatch.setenv(MIRROR, host.url)
        unpinned = json.loads(pins.read_text())
        for release in unpinned.values():
            release["pins"] = {}
        pins.write_text(json.dumps(unpinned))
        write_pins(pins, [ARCHITECTURE])
        monkeypatch.setenv("HOME", str(tmp_path))
        directory = toolchain.tools_directory()
        assert directory.is_relative_to(tmp_path)
        directory.mkdir(parents=True)
        for name in ("registry", "crds"):  # which are compiled, or taken from a module
            (directory / name).symlink_to(tools / name)

        lines: list[str] = []
        monkeypatch.setenv(WAY, "download")
        began = time.monotonic()
        assert toolchain.ensure_tools(lines.append) == directory
        assert time.monotonic() - began < 60
        assert lines[0].startswith("the sandbox's tools, once: downloading 8 (")
        for tool in TOOLS:
            assert _sum(directory / tool.name) == _sum(tools / tool.name)

        # They are on PATH then; what was compiled here shows no version of helm's and Argo CD's own.
        monkeypatch.setenv(WAY, "path")
        monkeypatch.setenv("PATH", str(directory), prepend=os.pathsep)
        with pytest.raises(ToolMissing) as raised:
            toolchain.ensure_tools(print)
        assert str(raised.value).count(" is not v") == 2
        shutil.rmtree(directory)


class TestPath:
    def test_links_what_has_the_version(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("HOME", str(tmp_path))
        own = toolchain.tools_directory()
        (own / "crds").mkdir(parents=True)
        for name in (Path(file).name for files in CUSTOM_RESOURCE_DEFINITIONS.values() for file in files):
            (own / "crds" / name).touch()
        (own / "registry").touch()
        folder = tmp_path / "bin"
        folder.mkdir()
        for name, release in load_releases().items():
            (folder / name).write_text(f"#!/bin/sh\necho {name} {locked_version(release.module)}+g1\n")
            (folder / name).chmod(0o755)
        monkeypatch.setenv("PATH", str(folder), prepend=os.pathsep)
        monkeypatch.setenv(WAY, "path")
        linked = toolchain.ensure_tools(print)
        assert linked.parent == cache_directory() / "tools"
        assert {path.name for path in linked.iterdir()} == {*(tool.name for tool in TOOLS), "crds"}
        assert (linked / "helm").resolve() == folder / "helm"
        (folder / "helm").write_text("#!/bin/sh\necho v4.3.10\n")
        with pytest.raises(ToolMissing, match=r"bin/helm is not v4\.3\.1"):
            toolchain.ensure_tools(print)


class TestChecksums:
    def test_a_sum_that_is_not_the_published_one_pins_nothing(
        self, host: Host, pins: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv(MIRROR, host.url)
        content = {"kubectl": {**json.loads(pins.read_text())["kubectl"], "pins": {}}}
        pins.write_text(json.dumps(content))
        folder = host.folder / f"dl.k8s.io/release/v1.37.2/bin/linux/{ARCHITECTURE}"
        folder.mkdir(parents=True)
        (folder / "kubectl").write_bytes(CONTENT)
        (folder / "kubectl.sha256").write_text("0" * 64)
        before = pins.read_bytes()
        with pytest.raises(SandboxError, match=f"its project publishes {'0' * 64}: nothing is pinned"):
            write_pins(pins, [ARCHITECTURE])
        assert pins.read_bytes() == before

    def test_only_tls_is_asked(self, pins: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv(MIRROR, "http://mirror.example")
        with pytest.raises(SandboxError, match="is not asked over TLS"):
            write_pins(pins, [ARCHITECTURE])


def _publish(tools: Path, folder: Path) -> None:
    """Lay the compiled tools out as the projects lay out their releases, with their files of sums."""
    for name, release in load_releases().items():
        version = {"version": locked_version(release.module), "arch": ARCHITECTURE}
        file = folder / release.url.format(**version).removeprefix("https://")
        file.parent.mkdir(parents=True, exist_ok=True)
        if release.member:
            with tarfile.open(file, "w:gz", compresslevel=1) as archive:
                archive.add(tools / name, release.member.format(**version))
        else:
            file.symlink_to(tools / name)
        if release.checksums:
            listed = folder / release.checksums.format(**version).removeprefix("https://")
            with listed.open("a") as lines:
                lines.write(f"{_sum(file)}  {file.name}\n")


def _sum(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()
