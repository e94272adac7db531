"""Charts in Amazon's registries, pulled with the real helm by their real addresses: a proxy on this machine stands in
for the registry (a genuine one behind it) and asks for the login. AWS's answers alone are made up: the embedded AWS
knows no ECR Public."""

from __future__ import annotations

import base64
import threading
import traceback
import urllib.request
from collections.abc import Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import botocore.client
import pytest
from botocore.exceptions import ClientError

from resources.aws.session import Aws
from resources.config.environment import Charts, Environment
from resources.config.loader import load_environment
from resources.context import Context
from resources.drivers.helm.charts import logged_in, package_of
from resources.model.errors import AccessDenied, OperationFailed
from resources.model.specs import HelmRelease
from sandbox.charts.packaging import package
from sandbox.charts.registry import push
from sandbox.paths import PROJECT

PASSWORD = "correct-horse-battery"
TOKEN = base64.b64encode(f"AWS:{PASSWORD}".encode()).decode()
PUBLIC = "oci://public.ecr.aws/charts"
PRIVATE = "oci://444455556666.dkr.ecr.eu-central-1.amazonaws.com/charts"
NAMES = ("karpenter-crd", "nvidia-device-plugin")


class Registry:
    """What helm asked for, and with which logins; `open` serves those without one too."""

    def __init__(self, behind: str) -> None:
        self.hosts: set[str] = set()
        self.logins: set[str | None] = set()
        self.open = False
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Handler, self, f"http://{behind}"))
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


class _Handler(BaseHTTPRequestHandler):
    def __init__(self, registry: Registry, behind: str, *connection: Any) -> None:
        self.registry, self.behind = registry, behind
        self.direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        super().__init__(*connection)

    def do_GET(self) -> None:
        asked, login = urlsplit(self.path), self.headers.get("Authorization")
        self.registry.hosts.add(asked.netloc)
        if login is None and not self.registry.open:
            self._answer(401, {"WWW-Authenticate": 'Basic realm="charts"'}, b"")
            return
        self.registry.logins.add(login)
        if login not in (None, f"Basic {TOKEN}"):
            self._answer(403, {}, b"")
            return
        headers = {"Accept": self.headers.get("Accept", "*/*")}
        request = urllib.request.Request(self.behind + asked.path, headers=headers, method=self.command)
        with self.direct.open(request) as answer:
            self._answer(answer.status, dict(answer.headers), answer.read())

    do_HEAD = do_GET

    def _answer(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.send_response(status)
        for name, value in ({"Content-Length": str(len(body))} | headers).items():
            if name not in ("Connection", "Date", "Transfer-Encoding"):
                self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        pass


class FakeEcr:
    """AWS's two services of that call; `refusal` is what they answer instead."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, str, str]] = []
        self.refusal = ""
        self.token = TOKEN

    def call(self, client: Any, operation: str, _: dict[str, Any]) -> dict[str, Any]:
        service, region = client.meta.service_model.service_name, client.meta.region_name
        key = client._request_signer._credentials.access_key
        assert operation == "GetAuthorizationToken"
        self.calls.append((service, region, key))
        if self.refusal:
            raise ClientError({"Error": {"Code": self.refusal, "Message": "not you"}}, operation)
        data = {"authorizationToken": self.token}
        return {"authorizationData": data if service == "ecr-public" else [data]}


@pytest.fixture
def ecr(monkeypatch: pytest.MonkeyPatch) -> FakeEcr:
    fake = FakeEcr()
    monkeypatch.setattr(botocore.client.BaseClient, "_make_api_call", lambda *call: fake.call(*call))
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIADEPLOYER")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    return fake


@pytest.fixture
def remote(registry: str, tools: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Registry]:
    """The registry with two charts in it, reached by helm through a proxy; `argv.log` has how helm was called."""
    (made := tmp_path / "made").mkdir()
    for name in NAMES:
        push(registry, package(name, tools, made), tools)
    remote = Registry(registry)
    (bin := tmp_path / "bin").mkdir()
    (bin / "helm").write_text(f'#!/bin/sh\n(echo "$@"; env) >> {tmp_path}/argv.log\nexec {tools}/helm "$@"\n')
    (bin / "helm").chmod(0o755)
    monkeypatch.setenv("PATH", str(bin), prepend=":")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for name in ("HTTP_PROXY", "http_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{remote.server.server_port}")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    yield remote
    remote.server.shutdown()
    remote.server.server_close()


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def context(ecr: FakeEcr, said: list[str]) -> Context:
    """ACME's development account, whose charts come from their own repositories."""
    env = load_environment("acme-dev", PROJECT / "environments")
    env = env.model_copy(update={"charts": Charts(plain_http=True)})
    return Context(env, Aws(env, as_deployer=False), said.append)


def mirrored(context: Context, mirror: str) -> Context:
    env: Environment = context.env.model_copy(update={"charts": Charts(plain_http=True, mirror=mirror)})
    return Context(env, Aws(env, as_deployer=False), context.progress)


def chart(name: str) -> HelmRelease:
    versions = {"karpenter-crd": "1.14.1", "nvidia-device-plugin": "0.20.0"}
    return HelmRelease(name=name, namespace="n", repository=PUBLIC, chart=name, version=versions[name])


def files_that_hold(secret: str, *folders: Path) -> list[Path]:
    files = [file for folder in folders for file in folder.rglob("*") if file.is_file()]
    return [file for file in files if secret.encode() in file.read_bytes()]


def test_public_charts_are_pulled_with_one_login(
    context: Context, ecr: FakeEcr, remote: Registry, said: list[str]
) -> None:
    """Charts of public.ecr.aws are pulled with a login that is requested once for all of them."""
    for name in NAMES:
        assert package_of(chart(name), context).path.stat().st_size > 1000
    assert ecr.calls == [("ecr-public", "us-east-1", "AKIADEPLOYER")]
    assert (remote.hosts, remote.logins) == ({"public.ecr.aws"}, {f"Basic {TOKEN}"})
    assert said == []


def test_private_mirror_is_pulled_with_login_of_its_region(context: Context, ecr: FakeEcr, remote: Registry) -> None:
    """A private ECR mirror is pulled with a login requested in the mirror's own region."""
    package_of(chart("karpenter-crd"), mirrored(context, PRIVATE))
    assert ecr.calls == [("ecr", "eu-central-1", "AKIADEPLOYER")]
    assert remote.hosts == {"444455556666.dkr.ecr.eu-central-1.amazonaws.com"}
    assert remote.logins == {f"Basic {TOKEN}"}


def test_public_charts_are_pulled_without_login_if_refused(
    context: Context, ecr: FakeEcr, remote: Registry, said: list[str]
) -> None:
    """Where AWS refuses the login, public charts are pulled without it, and the progress says so once."""
    ecr.refusal, remote.open = "AccessDeniedException", True
    for name in NAMES:
        package_of(chart(name), context)
    assert remote.logins == {None}
    assert len(ecr.calls) == 1
    (line,) = said
    assert line.startswith("pulling from public.ecr.aws without a login, which has lower limits: ")
    assert "AccessDeniedException: not you" in line


def test_private_mirror_without_login_fails_with_reason(context: Context, ecr: FakeEcr) -> None:
    """Where AWS refuses the login, a private mirror fails with AWS's reason."""
    ecr.refusal = "AccessDeniedException"
    with pytest.raises(AccessDenied, match=r"login to 444455556666\.dkr\.ecr\.eu-central-1\.amazonaws\.com: AWS says"):
        package_of(chart("karpenter-crd"), mirrored(context, PRIVATE))


def test_registry_password_is_only_in_helm_file_while_it_runs(
    context: Context, ecr: FakeEcr, remote: Registry, tmp_path: Path
) -> None:
    """The password is in helm's registry file alone, readable by its owner, and gone afterwards."""
    package_of(chart("karpenter-crd"), context)
    assert "--registry-config" in (tmp_path / "argv.log").read_text()
    for secret in (PASSWORD, TOKEN):
        assert files_that_hold(secret, tmp_path, context.aws.folder) == []
    with logged_in(PUBLIC, context) as flags:
        (file,) = files_that_hold(TOKEN, tmp_path, context.aws.folder)
        assert flags == ["--registry-config", str(file)]
        assert file.stat().st_mode & 0o077 == 0
    assert TOKEN not in repr(context)


def test_refused_registry_login_is_in_no_message(context: Context, ecr: FakeEcr, remote: Registry) -> None:
    """An error about a refused login does not contain the login."""
    ecr.token = base64.b64encode(b"AWS:old-horse").decode()
    with pytest.raises(OperationFailed, match="403") as raised:
        package_of(chart("karpenter-crd"), context)
    assert "docker login" in raised.value.next_step
    shown = "".join(traceback.format_exception(raised.value))
    assert "old-horse" not in shown
    assert ecr.token not in shown


def test_other_registries_and_sandbox_get_no_login(context: Context, ecr: FakeEcr, sandbox_env: Environment) -> None:
    """Registries that are not Amazon's, and the sandbox, get no login."""
    for repository in ("oci://registry.test/charts", "oci://444455556666.dkr.ecr.example.com/charts", "external-dns"):
        with logged_in(repository, context) as flags:
            assert flags == []
    with logged_in(PUBLIC, Context(sandbox_env, context.aws)) as flags:
        assert flags == []
    assert ecr.calls == []
