"""Records which APIs each Kubernetes version serves, from the genuine API server: `make served-apis`.

It starts etcd and kube-apiserver once for each version that the binary can emulate, asks discovery and OpenAPI, and
reads every list once, since a deprecated API says so in the header `Warning`. The machine that upgrades needs none of
this: it reads the file.

An emulated version serves the kinds of that version; the fields in its OpenAPI are those of the binary.
"""

from __future__ import annotations

import json
import re
import tempfile
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from resources.config.aws_catalog import SANDBOX_KUBERNETES_VERSIONS
from resources.upgrade.served_apis import RECORD, ServedApis, build_record
from sandbox.install.catalog import KUBERNETES_VERSION
from sandbox.install.toolchain import ensure_tools
from sandbox.plane.control_plane import PORTS, ControlPlane, ControlPlaneConfig
from sandbox.plane.kubernetes_api import KubernetesApi, group_path
from sandbox.processes.ports import PortBook
from sandbox.processes.supervised import Launcher

_SERVICE_NETWORK = 200  # no sandbox counts so far
_WARNING = re.compile(r'299 \S+ "(?P<words>.*)"')
_KINDS = "x-kubernetes-group-version-kind"


def record_versions() -> None:
    """Write the file, dated. Raises SandboxError."""
    tools = ensure_tools(print)
    versions: dict[str, ServedApis] = {}
    for version in SANDBOX_KUBERNETES_VERSIONS:
        began = time.monotonic()
        versions[version] = read_version(version, tools)
        print(f"{version}: {len(versions[version].kinds)} kinds, {time.monotonic() - began:.1f} s")
    record = build_record(datetime.now(UTC).date().isoformat(), KUBERNETES_VERSION, versions)
    text = json.dumps(record.model_dump(mode="json"), indent=None, separators=(",", ":"), sort_keys=True)
    # A line for each type and kind: a new recording shows what has changed.
    RECORD.write_text(re.sub(r'(?<=[}"]),(?=")(?="io\.|"[a-z./0-9]*v\d)', ",\n", text) + "\n", encoding="utf-8")


def read_version(version: str, tools: Path) -> ServedApis:
    """What an API server that emulates the version serves. Raises SandboxError."""
    with tempfile.TemporaryDirectory() as folder:
        directory = Path(folder)
        config = ControlPlaneConfig(
            name="recorded",
            directory=directory,
            tools=tools,
            ports=PortBook(directory / "ports.json").claim(PORTS),
            version=version,
            service_network=_SERVICE_NETWORK,
            token_webhook_url="http://127.0.0.1:1/none",
            pod_seconds=0,
        )
        plane = ControlPlane(config, Launcher(directory / "processes.json"))
        try:
            plane.start_api_server()
            return _read(version, plane.api)
        finally:
            plane.stop()


def _read(version: str, api: KubernetesApi) -> ServedApis:
    schemas = _schemas(api)
    types_of = {
        "/".join(part for part in (named["group"], named["version"], named["kind"]) if part): name
        for name, schema in schemas.items()
        for named in schema.get(_KINDS, ())
    }
    kinds: dict[str, str] = {}
    deprecated: dict[str, str] = {}
    for api_version, entry in _resources(api):
        name = f"{api_version}/{entry['kind']}"
        kinds[name] = types_of[name]
        if words := _WARNING.search(api.warning_of(f"{group_path(api_version)}/{entry['name']}")):
            deprecated[name] = words["words"].replace('\\"', '"')
    types = {name: dict(_fields(schema)) for name, schema in schemas.items()}
    return ServedApis(version, kinds, deprecated, _needed(kinds.values(), types))


def _resources(api: KubernetesApi) -> Iterator[tuple[str, dict[str, Any]]]:
    """What can be listed, with the version in which it is served."""
    groups = api.request("GET", "/apis")["groups"]
    for api_version in ["v1", *(v["groupVersion"] for group in groups for v in group["versions"])]:
        for entry in api.kinds(api_version).values():
            if "list" in entry["verbs"]:
                yield api_version, entry


def _schemas(api: KubernetesApi) -> dict[str, dict[str, Any]]:
    schemas: dict[str, dict[str, Any]] = {}
    for place in api.request("GET", "/openapi/v3")["paths"].values():
        schemas |= api.request("GET", place["serverRelativeURL"])["components"].get("schemas", {})
    return schemas


def _fields(schema: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Each field with the type that it holds, directly or in a list; `*TYPE` in a map; empty for what has no fields of
    its own."""
    for name, field in schema.get("properties", {}).items():
        below = field.get("items", field)
        more = below.get("additionalProperties")
        yield name, f"*{_type(more)}" if isinstance(more, dict) and _type(more) else _type(below)


def _type(field: Mapping[str, Any]) -> str:
    refers = field if "$ref" in field else next(iter(field.get("allOf", ())), {})
    return str(refers.get("$ref", "")).rpartition("/")[2]


def _needed(roots: Any, types: dict[str, dict[str, str]]) -> dict[str, dict[str, str]]:
    """The types that objects hold, but for their status: nobody renders that."""
    needed: dict[str, dict[str, str]] = {}
    waiting = list(roots)
    while waiting:
        name = waiting.pop()
        if name in needed or not types.get(name):
            continue
        needed[name] = {field: "" if field == "status" else held for field, held in types[name].items()}
        waiting += [held.removeprefix("*") for held in needed[name].values()]
    return needed


if __name__ == "__main__":
    record_versions()
