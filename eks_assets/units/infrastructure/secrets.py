"""Credentials that AWS generates and that the pipeline itself can never read."""

from __future__ import annotations

import json

from troposphere import Ref, Template, secretsmanager

from eks_assets.graph.unit import unit
from resources.cloudformation import Document, add_outputs, policy_document, stack_tags
from resources.config.environment import Environment
from resources.model.outputs import Outputs
from resources.model.specs import Stack


class SecretsOutputs(Outputs):
    """ARNs of the secrets; their values stay in Secrets Manager."""

    keycloak_secret_arn: str
    grafana_secret_arn: str


@unit(wave="infrastructure", minutes=1, reversibility="forward-only")
def secrets(env: Environment) -> Stack[SecretsOutputs]:
    """Admin credentials of Keycloak and Grafana, generated in Secrets Manager and denied to the pipeline's roles."""
    template = Template(Description=f"Generated credentials of {env.cluster_name}")
    keycloak = _secret("KeycloakSecret", env.keycloak_secret, "Admin of Keycloak")
    grafana = _secret("GrafanaSecret", env.parameter_path("grafana/admin-credentials"), "Admin of Grafana")
    for secret in (keycloak, grafana):
        template.add_resource(secret)
        if readers := _pipeline_roles(env):
            template.add_resource(
                secretsmanager.ResourcePolicy(
                    f"{secret.title}Policy",
                    SecretId=Ref(secret),
                    BlockPublicPolicy=True,
                    ResourcePolicy=_denial(readers),
                )
            )
    add_outputs(template, SecretsOutputs, keycloak_secret_arn=Ref(keycloak), grafana_secret_arn=Ref(grafana))
    return Stack[SecretsOutputs](template=template.to_dict(), tags=stack_tags(env))


def _secret(title: str, name: str, description: str) -> secretsmanager.Secret:
    return secretsmanager.Secret(
        title,
        Name=name,
        Description=description,
        GenerateSecretString=secretsmanager.GenerateSecretString(
            SecretStringTemplate=json.dumps({"username": "admin"}),
            GenerateStringKey="password",
            PasswordLength=32,
            ExcludePunctuation=True,
        ),
        DeletionPolicy="RetainExceptOnCreate",
        UpdateReplacePolicy="Retain",
    )


def _pipeline_roles(env: Environment) -> list[str]:
    """The CloudFormation role is among them: a template's dynamic reference would otherwise copy the secret out."""
    roles = env.roles
    acting = [role.arn for role in (roles.deployer, roles.destroyer) if role]
    return [arn for arn in (roles.pipeline, *acting, roles.planner, roles.cloudformation) if arn is not None]


def _denial(roles: list[str]) -> Document:
    # A condition instead of a principal: it holds for roles that are created later, or recreated under the same name.
    return policy_document(
        {
            "Effect": "Deny",
            "Principal": "*",
            "Action": ["secretsmanager:GetSecretValue"],
            "Resource": "*",
            "Condition": {"ArnEquals": {"aws:PrincipalArn": roles}},
        }
    )
