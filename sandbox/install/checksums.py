"""`make tool-checksums`: writes the pins of `releases.json` for the versions in go.mod, for both platforms.

Needs the projects' download hosts, over TLS. Each binary is downloaded, and its sum compared with the one that its
project publishes beside it; a maintainer reads the difference in git before it is committed.
"""

from __future__ import annotations

import hashlib
import http.client
import json
import os
import sys
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

from sandbox.errors import SandboxError
from sandbox.install.catalog import locked_version
from sandbox.install.releases import RELEASES, Pin, Release, address_of, load_releases

ARCHITECTURES = ("amd64", "arm64")
_CHUNK = 1 << 20


def write_pins(file: Path, architectures: Sequence[str] = ARCHITECTURES) -> None:
    """Pin every release in the file that has no pin of go.mod's version yet; the file is written once all are known.
    Raises SandboxError where a sum differs from the published one, or a host is not asked over TLS; OSError."""
    releases = load_releases(file)
    for name, release in releases.items():
        version = locked_version(release.module)
        pins = {key: pin for key, pin in release.pins.items() if pin.version == version}
        for architecture in architectures:
            if f"linux/{architecture}" not in pins:
                pins[f"linux/{architecture}"] = _pin(name, release, version, architecture)
        releases[name] = release.model_copy(update={"pins": pins})
    content = {name: release.model_dump(exclude_none=True) for name, release in releases.items()}
    draft = file.with_name(f".{file.name}.{os.getpid()}")
    draft.write_text(json.dumps(content, indent=2) + "\n")
    draft.replace(file)


def _pin(name: str, release: Release, version: str, architecture: str) -> Pin:
    url = address_of(release.url, version, architecture)
    print(f"{name} {version} linux/{architecture}: {url}", file=sys.stderr)
    digest, size = hashlib.sha256(), 0
    with _open(url) as answer:
        while chunk := answer.read(_CHUNK):
            digest.update(chunk)
            size += len(chunk)
    actual = digest.hexdigest()
    if release.checksums is None:
        print(f"  its project publishes no sum to compare with: pinned is what came, {actual}", file=sys.stderr)
    else:
        published = _published(address_of(release.checksums, version, architecture), url)
        if published != actual:
            raise SandboxError(f"{url} has the SHA-256 {actual}, its project publishes {published}: nothing is pinned.")
    return Pin(version=version, sha256=actual, size=size)


def _published(address: str, url: str) -> str:
    """The sum of a file in its project's list: a line `SUM NAME`, or a sum alone."""
    with _open(address) as answer:
        lines = [line.split() for line in answer.read(_CHUNK).decode().splitlines() if line.strip()]
    name = urlsplit(url).path.rpartition("/")[2]
    for words in lines:
        if len(words) == 1 or words[-1].lstrip("*") == name:
            return words[0]
    raise SandboxError(f"{address} names no {name}: correct {RELEASES.name}.")


def _open(url: str) -> http.client.HTTPResponse:
    place = urlsplit(url)
    if place.scheme != "https" and place.hostname not in ("127.0.0.1", "localhost"):
        raise SandboxError(f"{url} is not asked over TLS: what it says pins nothing.")
    answer: http.client.HTTPResponse = urllib.request.urlopen(url, timeout=60)
    return answer


if __name__ == "__main__":
    try:
        write_pins(RELEASES)
    except (SandboxError, OSError) as error:
        sys.exit(f"error: {error}")
