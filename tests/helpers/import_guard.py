"""Imports every module of a package and fails where one reaches out; `test_imports.py` runs it in its own process.

Arguments: the package, and `--connect` or `--read` to do on purpose what is forbidden.
"""

from __future__ import annotations

import importlib
import os
import pkgutil
import socket
import subprocess
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any, NoReturn

# What these libraries do while they are imported is not ours: they are there before the guards go up.
import boto3
import dagster  # noqa: F401
import kubernetes.client
import rich.console  # noqa: F401
import troposphere  # noqa: F401
import typer  # noqa: F401

FOLDER = os.getcwd()
OURS = tuple(os.path.join(FOLDER, name, "") for name in ("eks_assets", "resources", "sensors"))
faults: list[str] = []


class WatchedEnvironment(os._Environ):  # type: ignore[type-arg]
    """os.environ, noting what our own modules read of it."""

    def __getitem__(self, key: str) -> str:
        frame: FrameType | None = sys._getframe(1)
        while frame and frame.f_code.co_filename.startswith("<frozen"):  # os and collections.abc
            frame = frame.f_back
        if frame and frame.f_code.co_filename.startswith(OURS):
            faults.append(f"{frame.f_code.co_filename}:{frame.f_lineno} reads the variable {key}")
        return str(super().__getitem__(key))


def refuse(what: str) -> Callable[..., NoReturn]:
    def guard(*_: Any, **__: Any) -> NoReturn:
        raise AssertionError(f"{what} while importing")

    return guard


def put_up_guards() -> None:
    socket.socket.connect = socket.socket.connect_ex = refuse("a connection")  # type: ignore[method-assign]
    socket.getaddrinfo = refuse("a name lookup")
    subprocess.Popen.__init__ = refuse("a process")  # type: ignore[method-assign]
    boto3.client = boto3.resource = refuse("an AWS client")
    boto3.Session.client = refuse("an AWS client")  # type: ignore[method-assign]
    kubernetes.client.ApiClient.__init__ = refuse("a client of the cluster")  # type: ignore[method-assign]
    inner: Any = os.environ
    watched = WatchedEnvironment(inner._data, inner.encodekey, inner.decodekey, inner.encodevalue, inner.decodevalue)
    setattr(os, "environ", watched)  # noqa: B010


def main(package: str, *options: str) -> None:
    put_up_guards()
    before = dict(os.environ)
    root = importlib.import_module(package)
    names = [info.name for info in pkgutil.walk_packages(root.__path__, f"{package}.")]
    for name in names:
        if not name.endswith("__main__"):
            importlib.import_module(name)
    if "--connect" in options:
        socket.create_connection(("localhost", 1))
    if "--read" in options:
        importlib.import_module("resources.config.loader").find_folder()
    if dict(os.environ) != before:
        faults.append(f"importing {package} changed the environment")
    print(len(names))
    sys.exit("\n".join(faults) or 0)


if __name__ == "__main__":
    main(*sys.argv[1:])
