"""What a registry has under a chart's version now, without pulling it: the package's digest stands in its manifest.

Source: OCI distribution specification, "Pulling manifests"; helm, "Use OCI-based registries", for the media type; the
token protocol of Docker's registries for those that answer who is not logged in.
"""

from __future__ import annotations

import json
import re
from typing import Any
from urllib.parse import urlsplit

import urllib3
from urllib3.exceptions import HTTPError

from resources.context import Context
from resources.drivers.helm.charts import chart_reference, login_token
from resources.model.errors import AccessDenied, NotFound, OperationFailed, Transient
from resources.model.specs import HelmRelease

_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
_PACKAGE = "application/vnd.cncf.helm.chart.content.v1.tar+gzip"
_CHALLENGE = re.compile(r'(\w+)="([^"]*)"')
_TIMEOUT = urllib3.Timeout(connect=5, read=10)


def is_in_registry(spec: HelmRelease, context: Context) -> bool:
    """Whether the chart comes from an OCI registry; others have an index of all their charts, which is long."""
    return chart_reference(spec, context)[0].startswith("oci://")


def registry_digest(spec: HelmRelease, context: Context) -> str:
    """`sha256:...` of the package under the spec's version now. Raises NotFound where there is none, AccessDenied,
    OperationFailed, Transient."""
    place = urlsplit(chart_reference(spec, context)[0])
    scheme = "http" if context.env.charts.plain_http else "https"
    # A tag has no +, which helm writes as _.
    url = f"{scheme}://{place.netloc}/v2{place.path}/manifests/{spec.version.replace('+', '_')}"
    token = login_token(place.hostname or "", context)
    headers = {"Accept": _MANIFEST, **({"Authorization": f"Basic {token}"} if token else {})}
    what = f"asking {place.netloc} for chart {spec.chart} {spec.version}"
    with urllib3.PoolManager(retries=False, timeout=_TIMEOUT) as pool:
        answer = _get(pool, url, headers, what)
        if answer.status == 401 and (challenge := _challenge(answer.headers.get("WWW-Authenticate", ""))):
            headers["Authorization"] = f"Bearer {_anonymous_token(pool, challenge, what)}"
            answer = _get(pool, url, headers, what)
    if answer.status == 404:
        raise NotFound(f"{what}: there is none")
    if answer.status in (401, 403):
        raise AccessDenied(f"{what}: it answers {answer.status}")
    return _package_digest(answer, what)


def _get(pool: urllib3.PoolManager, url: str, headers: dict[str, str], what: str) -> urllib3.BaseHTTPResponse:
    try:
        return pool.request("GET", url, headers=headers, redirect=False)
    except HTTPError as error:
        raise Transient(f"{what}: {error}") from error


def _challenge(header: str) -> dict[str, str]:
    scheme, _, rest = header.partition(" ")
    return dict(_CHALLENGE.findall(rest)) if scheme.lower() == "bearer" else {}


def _anonymous_token(pool: urllib3.PoolManager, challenge: dict[str, str], what: str) -> str:
    fields = {key: value for key, value in challenge.items() if key in ("service", "scope")}
    realm = challenge.get("realm", "")
    if not realm.startswith("https://"):
        raise AccessDenied(f"{what}: it wants a login")
    try:
        answer = pool.request("GET", realm, fields=fields, redirect=False)
        document: Any = json.loads(answer.data)
        return str(document.get("token") or document["access_token"])
    except HTTPError as error:
        raise Transient(f"{what}: {error}") from error
    except (ValueError, KeyError, AttributeError) as error:
        raise AccessDenied(f"{what}: it wants a login") from error


def _package_digest(answer: urllib3.BaseHTTPResponse, what: str) -> str:
    try:
        layers = json.loads(answer.data)["layers"]
        return str(next(layer["digest"] for layer in layers if layer["mediaType"] == _PACKAGE))
    except (ValueError, KeyError, TypeError, StopIteration) as error:
        raise OperationFailed(f"{what}: it answers {answer.status}, with no manifest of a chart") from error
