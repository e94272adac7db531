"""Downloads pinned binaries: several at once, continued where they were interrupted, verified before they get a name.

A file that is not what its pin says is deleted and an error; it is never replaced by another way of having it.
"""

from __future__ import annotations

import hashlib
import http.client
import os
import shutil
import tarfile
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event, Lock
from typing import BinaryIO

from sandbox.errors import SandboxError
from sandbox.install.releases import RELEASES, WAY, Download

Progress = Callable[[str], None]

_AT_ONCE = 4
_ATTEMPTS, _PAUSE = 3, 1.0
_SECONDS = 15.0  # without a byte
_CHUNK = 1 << 20
_STEP = 5  # percent between two lines


class HostUnavailable(SandboxError):
    """The download host does not answer, or does not serve the file."""


class _Meter:
    """Says in percent of all bytes how far the downloads are."""

    def __init__(self, total: int, progress: Progress) -> None:
        self.total, self.progress = total, progress
        self.stopped = Event()
        self._bytes, self._shown, self._lock = 0, 0, Lock()

    def add(self, count: int) -> None:
        """Count bytes that are there; those that are dropped again are negative."""
        with self._lock:
            self._bytes += count
            percent = self._bytes * 100 // self.total
            if percent >= self._shown + _STEP:
                self._shown = percent - percent % _STEP
                self.progress(f"downloading: {self._shown} % of {self.total // 1_000_000} MB")


def download_all(downloads: Sequence[Download], directory: Path, progress: Progress) -> list[tuple[Download, str]]:
    """Put the binaries into the folder, and return those that could not be had, each with the reason.

    Ctrl-C ends it within a chunk; what is there is kept, and the next call goes on from it. Raises SandboxError for a
    file that is not the pinned one."""
    meter = _Meter(sum(one.pin.size for one in downloads), progress)
    failed: list[tuple[Download, str]] = []
    with ThreadPoolExecutor(_AT_ONCE, "download") as pool:
        started = [(one, pool.submit(_download, one, directory, meter)) for one in downloads]
        try:
            for one, future in started:
                try:
                    future.result()
                except HostUnavailable as error:
                    failed.append((one, str(error)))
        except BaseException:
            meter.stopped.set()
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return failed


def _download(wanted: Download, directory: Path, meter: _Meter) -> None:
    part = directory / f".{wanted.tool.name}.{wanted.pin.sha256[:16]}.part"
    if part.exists():
        meter.add(part.stat().st_size)
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            if _fetch(wanted, part, meter):
                break
            reason = "the connection ended early"
        except urllib.error.HTTPError as error:
            error.close()
            if error.code < 500:
                raise HostUnavailable(f"{wanted.url}: HTTP {error.code}") from error
            reason = f"HTTP {error.code}"
        except (OSError, http.client.HTTPException) as error:
            reason = str(getattr(error, "reason", error)) or type(error).__name__
        if attempt == _ATTEMPTS or meter.stopped.wait(_PAUSE):
            raise HostUnavailable(f"{wanted.url}: {reason}")
    _verify(wanted, part)
    _install(wanted, part, directory)


def _fetch(wanted: Download, part: Path, meter: _Meter) -> bool:
    """Read on from what is there; whether the whole file was read. One byte more than pinned is enough to see that it
    is another file."""
    have = part.stat().st_size if part.exists() else 0
    if have >= wanted.pin.size:
        return True
    request = urllib.request.Request(wanted.url, headers={"Range": f"bytes={have}-"} if have else {})
    with urllib.request.urlopen(request, timeout=_SECONDS) as answer:
        continues = answer.status == 206 and answer.headers.get("Content-Range", "").startswith(f"bytes {have}-")
        if have and not continues:
            meter.add(-have)
            have = 0
        length = answer.headers.get("Content-Length")
        end = have + int(length) if length else wanted.pin.size
        with part.open("ab" if have else "wb") as file:
            have += _copy(answer, file, wanted.pin.size + 1 - have, meter)
    return have >= min(end, wanted.pin.size)


def _copy(source: http.client.HTTPResponse, target: BinaryIO, at_most: int, meter: _Meter) -> int:
    copied = 0
    while copied < at_most and (chunk := source.read(min(_CHUNK, at_most - copied))):
        target.write(chunk)
        copied += len(chunk)
        meter.add(len(chunk))
        if meter.stopped.is_set():
            raise HostUnavailable("interrupted")
    return copied


def _verify(wanted: Download, part: Path) -> None:
    with part.open("rb") as file:
        actual = hashlib.file_digest(file, "sha256").hexdigest()
    if actual == wanted.pin.sha256:
        return
    part.unlink()
    raise SandboxError(
        f"The download of {wanted.tool.name} {wanted.pin.version} is not the pinned one: {wanted.url} has the SHA-256 "
        f"{actual}, {RELEASES.name} has {wanted.pin.sha256}. It was deleted and never ran. Run the command again; if "
        f"the sum stays, find out who changed the file. `{WAY}=build` compiles the tools instead."
    )


def _install(wanted: Download, part: Path, directory: Path) -> None:
    draft = directory / f".{wanted.tool.name}.{os.getpid()}"
    if wanted.member is None:
        part.replace(draft)
    else:
        try:
            with tarfile.open(part) as archive, draft.open("wb") as target:
                source = archive.extractfile(wanted.member)
                if source is None:
                    raise KeyError(wanted.member)
                shutil.copyfileobj(source, target)
        except (tarfile.TarError, KeyError) as error:
            raise SandboxError(f"{wanted.url} holds no {wanted.member}: correct {RELEASES.name}.") from error
        part.unlink()
    draft.chmod(0o755)
    draft.replace(directory / wanted.tool.name)
