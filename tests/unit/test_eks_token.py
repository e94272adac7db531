"""The token that the API server sends to AWS."""

from __future__ import annotations

import base64
import datetime as dt
import json
from urllib.parse import parse_qs, urlsplit

import boto3
import pytest

from eks_assets.cli.token import print_token
from resources.eks_token import eks_token, exec_credential
from resources.handed_token import handed, taken


def url_of(token: str) -> str:
    head, _, body = token.partition(".")
    assert head == "k8s-aws-v1"
    assert "=" not in body, "the authenticator refuses padding"
    return base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)).decode()


def session(**more: str) -> boto3.Session:
    return boto3.Session(aws_access_key_id="AKIDEXAMPLE", aws_secret_access_key="secret-key", **more)


def test_a_token_is_a_presigned_call_that_names_the_cluster() -> None:
    parts = urlsplit(url_of(eks_token(session(), "eu-west-1", "acme-prod-cluster")))
    query = parse_qs(parts.query)
    assert (parts.scheme, parts.hostname, parts.path) == ("https", "sts.eu-west-1.amazonaws.com", "/")
    assert query["Action"] == ["GetCallerIdentity"]
    assert query["X-Amz-Expires"] == ["60"]
    assert query["X-Amz-SignedHeaders"] == ["host;x-k8s-aws-id"]
    assert query["X-Amz-Credential"][0].startswith("AKIDEXAMPLE/")
    assert query["X-Amz-Credential"][0].endswith("/eu-west-1/sts/aws4_request")


@pytest.mark.parametrize(
    ("region", "host"),
    [
        ("us-east-1", "sts.us-east-1.amazonaws.com"),
        ("us-gov-west-1", "sts.us-gov-west-1.amazonaws.com"),
        ("cn-north-1", "sts.cn-north-1.amazonaws.com.cn"),
        ("cn-northwest-1", "sts.cn-northwest-1.amazonaws.com.cn"),
    ],
)
def test_a_token_goes_to_the_regions_own_endpoint(region: str, host: str) -> None:
    assert urlsplit(url_of(eks_token(session(), region, "x"))).hostname == host


def test_a_token_of_another_cluster_has_another_signature() -> None:
    one, other = (
        parse_qs(urlsplit(url_of(eks_token(session(), "eu-west-1", name))).query)["X-Amz-Signature"]
        for name in ("one", "other")
    )
    assert one != other


def test_a_token_carries_no_secret_but_the_session() -> None:
    url = url_of(eks_token(session(aws_session_token="session-token"), "eu-west-1", "x"))
    assert "secret-key" not in url
    assert parse_qs(urlsplit(url).query)["X-Amz-Security-Token"] == ["session-token"]


def test_the_answer_to_kubectl_ends_before_the_token_does() -> None:
    answer = exec_credential("k8s-aws-v1.x", dt.datetime.now(dt.UTC))
    assert answer["apiVersion"] == "client.authentication.k8s.io/v1"
    assert answer["status"]["token"] == "k8s-aws-v1.x"
    expires = dt.datetime.strptime(answer["status"]["expirationTimestamp"], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=dt.UTC)
    assert dt.timedelta(minutes=13) < expires - dt.datetime.now(dt.UTC) < dt.timedelta(minutes=15)


def test_a_program_that_we_start_is_handed_a_token_and_needs_neither_files_nor_aws(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    credential = exec_credential("k8s-aws-v1.x", dt.datetime.now(dt.UTC))
    for name, value in handed("no-such-environment", credential).items():
        monkeypatch.setenv(name, value)
    assert print_token(["no-such-environment"]) == 0
    assert json.loads(capsys.readouterr().out) == credential


@pytest.mark.parametrize(
    ("environment", "minutes", "value"),
    [("other", 0, None), ("no-such-environment", 14, None), ("no-such-environment", 0, "}"), ("x", 0, "[]")],
)
def test_a_token_of_another_environment_or_that_ends_is_not_answered_with(
    environment: str, minutes: int, value: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = dt.datetime.now(dt.UTC) - dt.timedelta(minutes=minutes)
    (name, written), *_ = handed(environment, exec_credential("k8s-aws-v1.x", made)).items()
    monkeypatch.setenv(name, value or written)
    assert taken("no-such-environment") is None
    assert print_token(["no-such-environment"]) == 2
