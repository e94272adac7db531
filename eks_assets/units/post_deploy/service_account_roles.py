"""The roles of the add-ons' service accounts, and what Loki stores its logs in."""

from __future__ import annotations

from troposphere import GetAtt, Ref, Sub, Template, s3

from eks_assets.graph.unit import unit
from eks_assets.units.post_deploy._load_balancer_policy import load_balancer_controller_statements
from resources.bootstrap.stack_rights import git_secrets
from resources.cloudformation import (
    Document,
    add_outputs,
    add_private_bucket,
    allow,
    aws_policy,
    build_arn,
    build_role,
    pod_identity_trust,
    stack_tags,
)
from resources.config.environment import Environment
from resources.model.outputs import Outputs
from resources.model.specs import Stack


class ServiceAccountRolesOutputs(Outputs):
    """One role a service account; each is assumed through EKS Pod Identity."""

    external_secrets_role_arn: str
    load_balancer_controller_role_arn: str
    efs_csi_role_arn: str
    ebs_csi_role_arn: str
    loki_role_arn: str
    loki_bucket_name: str


@unit(wave="post_deploy", minutes=1)
def service_account_roles(env: Environment) -> Stack[ServiceAccountRolesOutputs]:
    """Roles of External Secrets, the load balancer controller, the CSI drivers and Loki, with Loki's bucket."""
    template = Template(Description=f"Roles of the service accounts in {env.cluster_name}")
    bucket = _add_loki_bucket(template, env)

    def add(title: str, statements: list[Document] | None = None, managed: str | None = None) -> GetAtt:
        policies = [aws_policy(env, managed)] if managed else []
        added = template.add_resource(build_role(env, title, pod_identity_trust(env), statements or [], policies))
        return GetAtt(added, "Arn")

    add_outputs(
        template,
        ServiceAccountRolesOutputs,
        external_secrets_role_arn=add("ExternalSecretsRole", _external_secrets(env)),
        load_balancer_controller_role_arn=add(
            "LoadBalancerControllerRole", load_balancer_controller_statements(env.partition)
        ),
        efs_csi_role_arn=add("EfsCsiRole", managed="service-role/AmazonEFSCSIDriverPolicy"),
        ebs_csi_role_arn=add("EbsCsiRole", managed="service-role/AmazonEBSCSIDriverPolicy"),
        loki_role_arn=add("LokiRole", _loki(bucket)),
        loki_bucket_name=Ref(bucket),
    )
    return Stack[ServiceAccountRolesOutputs](template=template.to_dict(), tags=stack_tags(env))


def _external_secrets(env: Environment) -> list[Document]:
    """Read-only, and only what belongs to the environment: by its name, or as the secret with its git credentials."""
    read = ["DescribeSecret", "GetResourcePolicy", "GetSecretValue", "ListSecretVersionIds"]
    path = env.parameter_path("*")
    own = build_arn(env, "secretsmanager", f"secret:{path}")
    # The first of them is what Argo CD gets.
    elsewhere = [git for git in git_secrets(env)[:1] if not git.startswith(own.removesuffix("*"))]
    return [
        allow([f"secretsmanager:{verb}" for verb in read], [own, *elsewhere] if elsewhere else own),
        allow(
            ["ssm:GetParameter", "ssm:GetParameters", "ssm:GetParametersByPath"],
            build_arn(env, "ssm", f"parameter{path}"),
        ),
    ]


def _loki(bucket: s3.Bucket) -> list[Document]:
    """Source: Grafana Loki, "Storage: AWS deployment (S3 single store)"."""
    objects = ["s3:GetObject", "s3:PutObject", "s3:DeleteObject"]
    return [
        allow(["s3:ListBucket"], GetAtt(bucket, "Arn")),
        allow(objects, Sub(f"${{{bucket.title}.Arn}}/*")),
    ]


def _add_loki_bucket(template: Template, env: Environment) -> s3.Bucket:
    abandoned = s3.LifecycleRule(
        Id="abandoned-uploads",
        Status="Enabled",
        AbortIncompleteMultipartUpload=s3.AbortIncompleteMultipartUpload(DaysAfterInitiation=7),
    )
    return add_private_bucket(
        template,
        env,
        "LokiBucket",
        s3.ServerSideEncryptionByDefault(SSEAlgorithm="AES256"),
        LifecycleConfiguration=s3.LifecycleConfiguration(Rules=[abandoned]),
    )
