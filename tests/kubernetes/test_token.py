"""The token that the API server sends to AWS."""

from __future__ import annotations

import base64
import datetime as dt
from urllib.parse import parse_qs, urlsplit

import boto3
import pytest

from resources.kubernetes.token import eks_token, exec_credential


def url_of(token: str) -> str:
    head, _, body = token.partition(".")
    assert head == "k8s-aws-v1"
    assert "=" not in body, "the authenticator refuses padding"
    return base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)).decode()


def session(token: str | None = None) -> boto3.Session:
    return boto3.Session(aws_access_key_id="AKIDEXAMPLE", aws_secret_access_key="secret-key", aws_session_token=token)


def test_token_is_presigned_call_that_names_cluster() -> None:
    """The token is a GetCallerIdentity call, presigned for 60 seconds, with the cluster in a signed header."""
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
def test_token_uses_endpoint_of_region(region: str, host: str) -> None:
    """The presigned call goes to the region's own STS endpoint, in every partition."""
    assert urlsplit(url_of(eks_token(session(), region, "x"))).hostname == host


def test_token_signature_differs_by_cluster() -> None:
    """A token for another cluster has another signature."""
    one, other = (
        parse_qs(urlsplit(url_of(eks_token(session(), "eu-west-1", name))).query)["X-Amz-Signature"]
        for name in ("one", "other")
    )
    assert one != other


def test_token_contains_no_secret_key() -> None:
    """The token contains the session token, but never the secret key."""
    url = url_of(eks_token(session("session-token"), "eu-west-1", "x"))
    assert "secret-key" not in url
    assert parse_qs(urlsplit(url).query)["X-Amz-Security-Token"] == ["session-token"]


def test_exec_credential_expires_before_token() -> None:
    """The answer to kubectl expires a minute before the API server would refuse the token."""
    answer = exec_credential("k8s-aws-v1.x", dt.datetime.now(dt.UTC))
    assert answer["apiVersion"] == "client.authentication.k8s.io/v1"
    assert answer["status"]["token"] == "k8s-aws-v1.x"
    expires = dt.datetime.strptime(answer["status"]["expirationTimestamp"], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=dt.UTC)
    assert dt.timedelta(minutes=13) < expires - dt.datetime.now(dt.UTC) < dt.timedelta(minutes=15)
