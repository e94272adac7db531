"""Each place that the pipeline writes to is scanned: a secret that was leaked on purpose is found there."""

from __future__ import annotations

import base64
import gzip
import json
import subprocess
from collections.abc import Iterator

import pytest

from resources.aws.session import Aws
from resources.config.environment import Environment
from resources.config.names import ledger_bucket
from resources.context import Context
from resources.kubernetes.errors import kubernetes_call
from sandbox.git.server import REPOSITORY
from sandbox.paths import StateDirectory
from tests.helpers import secret_scanner
from tests.helpers.secret_scanner import Place, SecretScanner

pytestmark = pytest.mark.sandbox


class TestSecretScanner:
    SECRET = "leaked-on-purpose-5d1f"
    SCANNER = SecretScanner({"password": SECRET})

    def places_of_secret(self, places: Iterator[Place]) -> list[str]:
        return [finding.place for finding in self.SCANNER.find(places)]

    def test_scanner_finds_secret_in_ledger(self, account: Environment, admin: Aws) -> None:
        """The scanner finds a secret that was leaked into the ledger."""
        bucket, client = ledger_bucket(account), admin.client("s3")
        client.put_object(Bucket=bucket, Key="leaked.json", Body=json.dumps({"password": self.SECRET}).encode())
        try:
            assert self.places_of_secret(secret_scanner.ledger(admin)) == ["ledger leaked.json"]
        finally:
            client.delete_object(Bucket=bucket, Key="leaked.json")

    def test_scanner_finds_secret_in_stack_and_parameter(self, account: Environment, admin: Aws) -> None:
        """The scanner finds a secret that was leaked into a template and a parameter."""
        properties = {"Type": "String", "Name": "/leaked/password", "Value": self.SECRET}
        resources = {"Password": {"Type": "AWS::SSM::Parameter", "Properties": properties}}
        client = admin.client("cloudformation")
        client.create_stack(StackName="leaking", TemplateBody=json.dumps({"Resources": resources}))
        client.get_waiter("stack_create_complete").wait(StackName="leaking", WaiterConfig={"Delay": 1})
        try:
            assert "template of leaking" in self.places_of_secret(secret_scanner.stacks(admin))
            assert self.places_of_secret(secret_scanner.parameters(admin)) == ["parameter /leaked/password"]
        finally:
            client.delete_stack(StackName="leaking")

    def test_scanner_finds_secret_in_repository(self, account: Environment, sandbox: StateDirectory) -> None:
        """The scanner finds a secret that was leaked into git, even in an object that no branch has."""
        command, bare = ["git", "hash-object", "-w", "--stdin"], sandbox.git / REPOSITORY
        subprocess.run(command, input=self.SECRET, cwd=bare, check=True, capture_output=True, text=True)
        assert self.places_of_secret(secret_scanner.repository(bare)) == ["git objects"]

    def test_scanner_finds_secret_in_helm_storage(self, platform: Environment, context: Context) -> None:
        """The scanner finds a secret that was leaked into the values of an old revision."""
        release = {
            "name": "leaking",
            "namespace": "default",
            "version": 1,
            "info": {"status": "deployed"},
            "chart": {"metadata": {"name": "leaking", "version": "1.0.0"}},
            "config": {"password": self.SECRET},
        }
        packed = base64.b64encode(base64.b64encode(gzip.compress(json.dumps(release).encode()))).decode()
        labels = {"owner": "helm", "name": "leaking", "version": "1", "status": "superseded"}
        meta = {"name": "sh.helm.release.v1.leaking.v1", "namespace": "default", "labels": labels}
        body = {"apiVersion": "v1", "kind": "Secret", "metadata": meta, "data": {"release": packed}}
        secrets = context.cluster.kind("v1", "Secret")
        with kubernetes_call("leaking"):
            secrets.create(body=body, namespace="default")
        try:
            assert self.places_of_secret(secret_scanner.helm_storage(context)) == [
                "helm values of default/leaking revision 1"
            ]
        finally:
            secrets.delete(name=meta["name"], namespace="default")
