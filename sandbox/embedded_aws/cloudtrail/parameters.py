"""A call's requestParameters as CloudTrail writes them: names in lower camel case, what is sensitive left out."""

import json
import re
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qs, unquote
from xml.etree import ElementTree

from ministack.core import iam_actions

Parameters = dict[str, Any]

HIDDEN = "HIDDEN_DUE_TO_SECURITY_REASONS"
_LEFT_OUT = frozenset({"clientRequestToken", "secretBinary", "secretString", "stackPolicyBody", "templateBody"})
_SENSITIVE = re.compile(r"password|secretaccesskey|sessiontoken|privatekey|plaintext", re.IGNORECASE)
_PROTOCOL = frozenset({"Action", "Version", "AUTHPARAMS"})


def request_parameters(
    service: str, action: str, path: str, headers: dict[str, str], body: bytes, query: dict[str, Any]
) -> Parameters:
    """What a request asked for. `query`: the parameters of its URL."""
    content_type = headers.get("content-type", "")
    found: Parameters = _in_path(service, action, path)
    if content_type.startswith("application/x-www-form-urlencoded"):
        found |= _nested({**parse_qs(body.decode(errors="replace"), keep_blank_values=True), **query})
    elif service == "s3":
        found["bucketName"] = unquote(path.strip("/").split("/")[0])
    elif body.lstrip().startswith(b"<"):
        found |= _xml(body)
    elif body:
        try:
            content = json.loads(body)
        except ValueError:
            content = {}
        found |= content if isinstance(content, dict) else {}
    return _shown(service, {_lower(name): _camel(value) for name, value in found.items()})


def _shown(service: str, parameters: Parameters) -> Parameters:
    """The parameters without what AWS does not write down."""
    if service == "ssm" and "value" in parameters:
        parameters["value"] = HIDDEN
    if service == "cloudformation" and isinstance(parameters.get("parameters"), list):
        parameters["parameters"] = [{"parameterKey": p.get("parameterKey")} for p in parameters["parameters"]]
    return {
        name: HIDDEN if _SENSITIVE.search(name) else value
        for name, value in parameters.items()
        if name not in _LEFT_OUT
    }


def _lower(name: str) -> str:
    return name[:1].lower() + name[1:]


def _camel(value: Any) -> Any:
    if isinstance(value, dict):
        return {_lower(name): _camel(member) for name, member in value.items()}
    return [_camel(member) for member in value] if isinstance(value, list) else value


def _nested(form: dict[str, list[str]]) -> Parameters:
    """The Query protocol's `IpPermissions.1.FromPort=22` as lists and maps."""
    tree: Parameters = {}
    for name, values in form.items():
        if name in _PROTOCOL or name.startswith("X-Amz-"):
            continue
        *parents, last = [part for part in name.split(".") if part not in ("member", "entry")]
        node = tree
        for part in parents:
            below = node.setdefault(part, {})
            node = below if isinstance(below, dict) else {}
        node[last] = values[0] if isinstance(values, list) else values
    listed: Parameters = _listed(tree)
    return listed


def _listed(node: Any) -> Any:
    if not isinstance(node, dict):
        return node
    if node and all(key.isdigit() for key in node):
        return [_listed(node[key]) for key in sorted(node, key=int)]
    return {key: _listed(value) for key, value in node.items()}


def _xml(body: bytes) -> Parameters:
    try:
        content = _element(ElementTree.fromstring(body))
    except ElementTree.ParseError:
        return {}
    return content if isinstance(content, dict) else {}


def _element(element: ElementTree.Element) -> Any:
    children = list(element)
    if not children:
        return element.text or ""
    names = [child.tag.rpartition("}")[2] for child in children]
    if len(names) > 1 and len(set(names)) == 1:
        return [_element(child) for child in children]
    return {name: _element(child) for name, child in zip(names, children, strict=True)}


def _in_path(service: str, action: str, path: str) -> Parameters:
    """The values that a REST call has in its path, such as the cluster's name."""
    pattern = _paths(service).get(action)
    match = pattern.fullmatch(path.rstrip("/")) if pattern else None
    return {name: unquote(value) for name, value in match.groupdict().items()} if match else {}


@lru_cache(maxsize=16)
def _paths(service: str) -> dict[str, re.Pattern[str]]:
    """The path of each operation of a REST service, its labels as groups."""
    patterns = {}
    for model_name in iam_actions._BOTOCORE_SERVICE_MAP.get(service, []):
        for name, operation in iam_actions._load_botocore_model(model_name).get("operations", {}).items():
            uri = operation.get("http", {}).get("requestUri", "").partition("?")[0].rstrip("/")
            parts = re.split(r"\{(\w+)\+?\}", uri)
            pattern = "".join(f"(?P<{part}>.+?)" if index % 2 else re.escape(part) for index, part in enumerate(parts))
            patterns[name] = re.compile(pattern)
    return patterns
