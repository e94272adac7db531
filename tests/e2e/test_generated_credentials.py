"""Nobody of the pipeline reads the credentials that it has Secrets Manager generate."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from resources.aws.session import Aws, Source
from resources.config.environment import Environment
from resources.config.names import cloudformation_role, pipeline_role
from resources.context import Context
from tests.conftest import Cli

pytestmark = pytest.mark.sandbox


class TestGeneratedCredentials:
    SECRETS = ("/demo/sandbox/keycloak/admin-credentials", "/demo/sandbox/grafana/admin-credentials")

    @pytest.fixture(autouse=True)
    def made(self, account: Environment, eks_assets: Cli, admin: Aws) -> None:
        done = eks_assets("deploy", "sandbox", "--only", "secrets")
        assert done.returncode == 0, done.stdout + done.stderr
        # The administrator can: so a refusal below is about who asks.
        for name in self.SECRETS:
            assert "password" in admin.client("secretsmanager").get_secret_value(SecretId=name)["SecretString"]

    def refused(self, client: Any) -> None:
        for name in self.SECRETS:
            with pytest.raises(ClientError) as caught:
                client.get_secret_value(SecretId=name)
            assert caught.value.response["Error"]["Code"] == "AccessDeniedException"

    def test_deployer_cannot_read_generated_credentials(self, context: Context) -> None:
        """AWS refuses the deployer the generated credentials."""
        assert ":assumed-role/eks-assets-deployer/" in context.aws.check_account()
        self.refused(context.aws.client("secretsmanager"))

    def test_pipeline_role_cannot_read_generated_credentials(self, account: Environment, admin: Aws) -> None:
        """AWS refuses the pipeline's role the generated credentials."""
        role = pipeline_role(account)
        assert role is not None
        arn = f"arn:aws:iam::{account.account}:role{role.path}{role.name}"
        keys = admin.client("sts").assume_role(RoleArn=arn, RoleSessionName="test")["Credentials"]
        source = Source.of(account)
        acting = Source(
            source.region, source.endpoint, keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"]
        )
        self.refused(Aws(account, acting, as_deployer=False).client("secretsmanager"))

    def test_nobody_can_assume_role_of_cloudformation(self, account: Environment, context: Context, admin: Aws) -> None:
        """Neither the deployer nor the administrator may assume CloudFormation's role."""
        role = cloudformation_role(account)
        arn = f"arn:aws:iam::{account.account}:role{role.path}{role.name}"
        for aws in (context.aws, admin):
            with pytest.raises(ClientError, match="AccessDenied"):
                aws.client("sts").assume_role(RoleArn=arn, RoleSessionName="test")
