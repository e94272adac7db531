"""The units of the wave `infrastructure`, as an environment renders them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from eks_assets.units.infrastructure.certificate import certificate
from eks_assets.units.infrastructure.efs import efs
from eks_assets.units.infrastructure.secrets import secrets
from eks_assets.units.network.hosted_zone import HostedZoneOutputs
from eks_assets.units.network.network import NetworkOutputs
from eks_assets.units.network.security_groups import SecurityGroupsOutputs
from resources.config.environment import Environment, Parameters, Roles
from resources.config.settings.network import Network
from resources.model.outputs import pending_fields, pending_outputs
from resources.model.specs import Stack

Lint = Callable[[dict[str, Any]], list[str]]
NETWORK = NetworkOutputs(
    vpc_id="vpc-1",
    cidr_block="10.0.0.0/16",
    private_subnet_ids=("subnet-a", "subnet-b"),
    public_subnet_ids=(),
    zones=("us-west-2a", "us-west-2b"),
)
GROUPS = SecurityGroupsOutputs(
    efs_security_group_id="sg-efs", load_balancer_security_group_id="sg-lb", node_security_group_id="sg-node"
)
ZONE = HostedZoneOutputs(zone_id="ZMADE", name_servers=("ns-1",))


def resources_of(spec: Stack[Any]) -> dict[str, dict[str, Any]]:
    resources: dict[str, dict[str, Any]] = spec.template["Resources"]
    return resources


def properties_of(spec: Stack[Any], title: str) -> dict[str, Any]:
    properties: dict[str, Any] = resources_of(spec)[title]["Properties"]
    return properties


def test_efs_is_encrypted_backed_up_and_kept(sandbox_env: Environment) -> None:
    """The file system is encrypted, backed up, and kept when the stack is deleted."""
    spec = efs(sandbox_env, NETWORK, GROUPS)
    files = resources_of(spec)["FileSystem"]
    assert files["Properties"]["Encrypted"] is True
    assert files["Properties"]["BackupPolicy"] == {"Status": "ENABLED"}
    assert files["DeletionPolicy"].startswith("Retain")
    assert spec.parameters == {"SubnetIds": "subnet-a,subnet-b", "SecurityGroupId": "sg-efs"}
    assert set(spec.template["Outputs"]) == {"FileSystemId", "AccessPointId"}


def test_efs_has_a_mount_target_in_each_zone(sandbox_env: Environment, prod_env: Environment) -> None:
    """One mount target per zone, also in a VPC that is looked up."""

    def targets(env: Environment) -> dict[str, Any]:
        resources = resources_of(efs(env, NETWORK, GROUPS)).items()
        return {k: r["Properties"]["SubnetId"]["Fn::Select"] for k, r in resources if r["Type"].endswith("MountTarget")}

    subnets = {"Ref": "SubnetIds"}
    assert targets(sandbox_env) == {"MountTargetA": [0, subnets], "MountTargetB": [1, subnets]}
    assert list(targets(prod_env)) == ["MountTargetA", "MountTargetB", "MountTargetC"]
    three = Network.model_validate({"lookup": {"zones": 3}})
    assert len(targets(sandbox_env.model_copy(update={"network": three}))) == 3


def test_efs_renders_before_the_network_exists(sandbox_env: Environment) -> None:
    """The template is the same before the network is known; only parameters are pending."""
    spec = efs(
        sandbox_env,
        pending_outputs(NetworkOutputs, "network"),
        pending_outputs(SecurityGroupsOutputs, "security_groups"),
    )
    assert pending_fields(spec.parameters) == ("network.private_subnet_ids", "security_groups.efs_security_group_id")
    assert spec.template == efs(sandbox_env, NETWORK, GROUPS).template


def test_ids_are_published_in_parameters(sandbox_env: Environment) -> None:
    """The ids of EFS and the certificate are in SSM, under the default or the chosen names."""

    def names(env: Environment) -> tuple[str, str]:
        stored = properties_of(efs(env, NETWORK, GROUPS), "FileSystemParameter")
        assert stored["Value"] == {"Ref": "FileSystem"}
        certified = properties_of(certificate(env, ZONE), "CertificateParameter")
        assert certified["Value"] == {"Ref": "Certificate"}
        return stored["Name"], certified["Name"]

    assert names(sandbox_env) == ("/demo/sandbox/efs/file-system-id", "/demo/sandbox/acm/certificate-arn")
    chosen = Parameters(efs_file_system_id="/own/efs", certificate_arn="/own/acm")
    assert names(sandbox_env.model_copy(update={"parameters": chosen})) == ("/own/efs", "/own/acm")


def test_certificate_covers_the_domain_and_its_hosts(sandbox_env: Environment) -> None:
    """The certificate covers the application domain and its hosts, validated in the made zone."""
    spec = certificate(sandbox_env, ZONE)
    issued = properties_of(spec, "Certificate")
    assert issued["DomainName"] == "demo-sandbox.sandbox.test"
    assert issued["SubjectAlternativeNames"] == ["*.demo-sandbox.sandbox.test"]
    assert issued["DomainValidationOptions"][0]["HostedZoneId"] == {"Ref": "HostedZoneId"}
    assert spec.parameters == {"HostedZoneId": "ZMADE"}
    assert [check.name for check in certificate.checks] == ["stack_complete", "certificate_issued"]


def test_certificate_is_validated_in_zone_of_own_account(prod_env: Environment) -> None:
    """A named zone is used for validation unless it is in another account."""
    elsewhere = certificate(prod_env, None)
    assert elsewhere.parameters == {}
    assert "DomainValidationOptions" not in properties_of(elsewhere, "Certificate")
    zone = prod_env.hosted_zone.model_copy(update={"role": None})
    here = certificate(prod_env.model_copy(update={"hosted_zone": zone}), None)
    assert here.parameters == {"HostedZoneId": "Z0123456789PRODACME"}


def test_secrets_are_generated_and_kept(sandbox_env: Environment) -> None:
    """Passwords are generated by AWS and kept when the stack is deleted."""
    spec = secrets(sandbox_env)
    keycloak = resources_of(spec)["KeycloakSecret"]
    assert keycloak["Properties"]["Name"] == "/demo/sandbox/keycloak/admin-credentials"
    assert keycloak["Properties"]["GenerateSecretString"]["SecretStringTemplate"] == '{"username": "admin"}'
    assert "SecretString" not in keycloak["Properties"]
    assert keycloak["DeletionPolicy"].startswith("Retain")
    assert properties_of(spec, "GrafanaSecret")["Name"] == "/demo/sandbox/grafana/admin-credentials"
    assert set(spec.template["Outputs"]) == {"KeycloakSecretArn", "GrafanaSecretArn"}


def test_secrets_are_denied_to_every_role_of_the_pipeline(prod_env: Environment) -> None:
    """The resource policy denies reading to all of the pipeline's roles."""
    spec = secrets(prod_env)
    for title in ("KeycloakSecretPolicy", "GrafanaSecretPolicy"):
        (statement,) = properties_of(spec, title)["ResourcePolicy"]["Statement"]
        assert statement["Effect"] == "Deny"
        assert statement["Action"] == ["secretsmanager:GetSecretValue"]
        assert statement["Condition"]["ArnEquals"]["aws:PrincipalArn"] == [
            "arn:aws:iam::999900001111:role/eks-assets-pipeline",
            "arn:aws:iam::444455556666:role/eks-assets-deployer",
            "arn:aws:iam::444455556666:role/eks-assets-destroyer",
            "arn:aws:iam::444455556666:role/eks-assets-planner",
            "arn:aws:iam::444455556666:role/eks-assets-cloudformation",
        ]
    unnamed = secrets(prod_env.model_copy(update={"roles": Roles()}))
    assert not [r for r in resources_of(unnamed).values() if r["Type"].endswith("ResourcePolicy")]


@pytest.mark.parametrize("which", ["sandbox_env", "prod_env"])
def test_infrastructure_templates_pass_cfn_lint(which: str, request: pytest.FixtureRequest, lint: Lint) -> None:
    """cfn-lint has no findings in the wave's templates."""
    env: Environment = request.getfixturevalue(which)
    zone = ZONE if env.hosted_zone.create else None
    assert lint(efs(env, NETWORK, GROUPS).template) == []
    assert lint(certificate(env, zone).template) == []
    assert lint(secrets(env).template) == []
