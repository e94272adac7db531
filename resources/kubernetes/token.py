"""An EKS token: a presigned `sts:GetCallerIdentity` URL that the API server sends to AWS to learn who calls.

Source: aws-iam-authenticator, "API Authorization from Outside a Cluster"; EKS accepts it for 15 minutes.
"""

from __future__ import annotations

import base64
import datetime as dt
from typing import Any

import boto3
from botocore.exceptions import NoCredentialsError
from botocore.model import ServiceId
from botocore.signers import RequestSigner

LIFETIME = dt.timedelta(minutes=14)


def eks_token(session: boto3.Session, region: str, cluster_name: str) -> str:
    """A bearer token for the cluster, signed with the session's credentials; worthless after 15 minutes.

    Raises botocore's NoCredentialsError where the session has none."""
    core, credentials = session._session, session.get_credentials()
    if credentials is None:
        raise NoCredentialsError
    signer = RequestSigner(ServiceId("STS"), region, "sts", "v4", credentials, core.get_component("event_emitter"))
    # The stubs leave out what botocore keeps to itself; nothing public tells the host of a service.
    resolver = core._get_internal_component("endpoint_resolver")  # type: ignore[attr-defined]
    host = resolver.construct_endpoint("sts", region)["hostname"]
    request = {
        "method": "GET",
        "url": f"https://{host}/?Action=GetCallerIdentity&Version=2011-06-15",
        "body": {},
        "headers": {"x-k8s-aws-id": cluster_name},
        "context": {},
    }
    url = signer.generate_presigned_url(request, region_name=region, expires_in=60, operation_name="")
    return "k8s-aws-v1." + base64.urlsafe_b64encode(url.encode()).decode().rstrip("=")


def exec_credential(token: str, made: dt.datetime) -> dict[str, Any]:
    """The answer of a kubectl exec plugin (client.authentication.k8s.io/v1) with a token of that age."""
    expires = made + LIFETIME
    return {
        "apiVersion": "client.authentication.k8s.io/v1",
        "kind": "ExecCredential",
        "status": {"token": token, "expirationTimestamp": expires.strftime("%Y-%m-%dT%H:%M:%SZ")},
    }
