"""Where the projects publish binaries of the tools, and what those must be: `sandbox/tools/releases.json`.

A binary is pinned by version, size and SHA-256. One without a pin of the version in go.mod is not downloaded: it is
compiled. `make tool-checksums` writes the pins.
"""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field

from sandbox.errors import InvalidRequest, SandboxError
from sandbox.install.catalog import MODULE, GoTool, locked_version

RELEASES = MODULE / "releases.json"
WAY, MIRROR = "SANDBOX_TOOLS", "SANDBOX_TOOLS_MIRROR"
WAYS = ("build", "download", "path")
_ARCHITECTURES = {"x86_64": "amd64", "amd64": "amd64", "aarch64": "arm64", "arm64": "arm64"}
_MEGABYTE = 1_000_000
_USUAL_SPEED = 10 * _MEGABYTE  # bytes a second, of which the sentence says that it assumes them


class Pin(BaseModel):
    """What a download must be. `version`: the one that the sum is of."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    version: str
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    size: int = Field(gt=0)


class Release(BaseModel):
    """The binary of a tool as its project publishes it. `member`: its name in the archive, where it is one.
    `checksums`: the project's own file of sums, where it publishes one. `pins`: by platform, `linux/amd64`."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    module: str
    url: str
    member: str | None = None
    checksums: str | None = None
    pins: dict[str, Pin] = {}


@dataclass(frozen=True)
class Download:
    """A pinned binary to be had."""

    tool: GoTool
    url: str
    member: str | None
    pin: Pin


@dataclass(frozen=True)
class Decision:
    """Which tools are downloaded and which are compiled, and the sentence that says so."""

    downloads: tuple[Download, ...]
    builds: tuple[GoTool, ...]
    sentence: str


def chosen_way() -> str | None:
    """What $SANDBOX_TOOLS says; None where it says nothing. Raises InvalidRequest for another word."""
    way = os.environ.get(WAY) or None
    if way is not None and way not in WAYS:
        raise InvalidRequest(
            f"{WAY}={way} is none of {', '.join(WAYS)}: unset it to download what is pinned and compile the rest."
        )
    return way


def load_releases(file: Path | None = None) -> dict[str, Release]:
    """The releases by name of the tool. Raises ValueError for a file that is none."""
    content = json.loads((file or RELEASES).read_bytes())
    return {name: Release.model_validate(entry) for name, entry in content.items()}


def this_architecture() -> str:
    """As Go and the projects call it. Raises SandboxError for one that nobody publishes binaries for."""
    machine = platform.machine()
    if machine not in _ARCHITECTURES:
        raise SandboxError(f"There are no published binaries for {machine}: set {WAY}=build.")
    return _ARCHITECTURES[machine]


def address_of(template: str, version: str, architecture: str) -> str:
    """The address with its version filled in, at $SANDBOX_TOOLS_MIRROR where that is set: MIRROR/HOST/PATH."""
    url = template.format(version=version, arch=architecture)
    mirror = os.environ.get(MIRROR)
    if not mirror:
        return url
    place = urlsplit(url)
    return f"{mirror.rstrip('/')}/{place.netloc}{place.path}"


def decide(way: str | None, missing: Iterable[GoTool]) -> Decision:
    """How the missing tools are had. Raises SandboxError where `download` is asked for and a tool has no pin."""
    missing = tuple(missing)
    if way == "build":
        return Decision((), missing, _sentence((), missing, f"as {WAY}=build asks"))
    releases, unpinned, downloads = load_releases(), [], []
    for tool in missing:
        release = releases.get(tool.name)
        if release is None:
            continue
        version, architecture = locked_version(release.module), this_architecture()
        pin = release.pins.get(f"linux/{architecture}")
        if pin is None or pin.version != version:
            unpinned.append(f"{tool.name} {version}")
            continue
        member = release.member and release.member.format(version=version, arch=architecture)
        downloads.append(Download(tool, address_of(release.url, version, architecture), member, pin))
    reason = f"{RELEASES.name} has no checksum of {', '.join(unpinned)}" if unpinned else ""
    if unpinned and way == "download":
        raise SandboxError(
            f"{WAY}=download, and {reason} for linux/{this_architecture()}: nothing runs that cannot be verified. "
            f"`make tool-checksums` writes the checksums; without {WAY} these tools are compiled."
        )
    fetched = {one.tool.name for one in downloads}
    builds = tuple(tool for tool in missing if tool.name not in fetched)
    return Decision(tuple(downloads), builds, _sentence(tuple(downloads), builds, reason))


def _sentence(downloads: tuple[Download, ...], builds: tuple[GoTool, ...], reason: str) -> str:
    parts = []
    if downloads:
        size = sum(one.pin.size for one in downloads)
        seconds = max(1, round(size / _USUAL_SPEED))
        parts.append(f"downloading {len(downloads)} ({size // _MEGABYTE} MB, {seconds} s at 10 MB/s)")
    if builds:
        share = sum(tool.share for tool in builds)
        minutes = max(1, round(share * 15 / 100))
        names = ", ".join(tool.name for tool in builds)
        time = f"about {minutes} minute{'s'[: minutes > 1]} on two cores"
        parts.append(f"compiling {names} ({time}{'; ' + reason if reason else ''})")
    return f"the sandbox's tools, once: {'; '.join(parts)}"
