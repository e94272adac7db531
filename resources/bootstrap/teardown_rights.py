"""What the destroyer may do: whoever tears an environment down, and nobody else.

It asks CloudFormation to delete the environment's stacks, and removes itself what CloudFormation leaves: data, where
that is asked for, and what the cluster's controllers made. Rights end at the environment's names, its tag, or the tags
by which controllers say for which cluster they made something.
"""

from __future__ import annotations

from resources.bootstrap.ownership import carries_tag, generated_names
from resources.bootstrap.stack_rights import loki_buckets
from resources.cloudformation import Document, allow, build_arn, cluster_arn
from resources.config.environment import Environment

# With change sets it lets data outlive its stack (docs/adr/0021).
TEARDOWN_ACTIONS = "CreateChangeSet DeleteChangeSet DeleteStack ExecuteChangeSet UpdateTerminationProtection"


def teardown_statements(env: Environment) -> list[Document]:
    """What is changed without CloudFormation, or by whoever asks it."""
    return [allow(["eks:UpdateClusterConfig"], cluster_arn(env)), *_data(env), *_network(env), *_orphans(env)]


def _data(env: Environment) -> list[Document]:
    """The data of the stacks; keys and secrets only wait for their deletion."""
    own, bucket = carries_tag(env), loki_buckets(env)
    groups = (generated_names(env.stack_name("network")), f"/aws/eks/{env.cluster_name}/*")
    logs = [f"log-group:{name}" for name in (*groups, f"/aws/containerinsights/{env.cluster_name}/*")]
    removing = ["s3:DeleteBucket", "s3:GetBucketTagging", "s3:ListBucket*"]
    objects = ["s3:AbortMultipartUpload", "s3:DeleteObject", "s3:DeleteObjectVersion"]
    files = ["elasticfilesystem:DeleteFileSystem", "elasticfilesystem:DeleteMountTarget"]
    secrets = build_arn(env, "secretsmanager", f"secret:{env.parameter_path('*')}")
    return [
        allow(
            [*files, "kms:ScheduleKeyDeletion", "secretsmanager:DeleteSecret"],
            [build_arn(env, "elasticfilesystem", "file-system/*"), build_arn(env, "kms", "key/*"), secrets],
            StringEquals=own,
        ),
        allow(removing, bucket),
        allow(objects, f"{bucket}/*"),
        allow(["logs:DeleteLogGroup"], [build_arn(env, "logs", name) for name in logs]),
        *_zone(env),
    ]


def _zone(env: Environment) -> list[Document]:
    """The records of the zone, where it is of this account; a zone that the file names by its id is somebody else's to
    delete, and one that the stack makes has no id before."""
    if env.hosted_zone.role:
        return []
    verbs = ["route53:ChangeResourceRecordSets", *(["route53:DeleteHostedZone"] if env.hosted_zone.create else [])]
    return [allow(verbs, f"arn:{env.partition}:route53:::hostedzone/{env.hosted_zone.id or '*'}")]


def _network(env: Environment) -> list[Document]:
    """What keeps a VPC; not all of it has a tag, and what has another environment's is denied."""
    verbs = "DeleteNetworkInterface DeleteSecurityGroup RevokeSecurityGroupEgress RevokeSecurityGroupIngress"
    return [allow([f"ec2:{verb}" for verb in verbs.split()], StringEquals={"aws:RequestedRegion": env.region})]


def _orphans(env: Environment) -> list[Document]:
    """What carries the tags of the environment's cluster."""
    cluster = env.cluster_name

    def tagged(**tags: str) -> dict[str, str]:
        return {f"aws:ResourceTag/{key}": value for key, value in tags.items()}

    owned = tagged(**{f"kubernetes.io/cluster/{cluster}": "owned"})
    profiles = (f"{cluster}_*", f"karpenter/{env.region}/{cluster}/*")
    provider = build_arn(env, "iam", f"oidc-provider/oidc.eks.{env.region}.*", region="")
    balancers = ["elasticloadbalancing:DeleteLoadBalancer", "elasticloadbalancing:DeleteTargetGroup"]
    return [
        allow(["ec2:DeleteSnapshot", "ec2:DeleteVolume", "ec2:TerminateInstances"], StringEquals=owned),
        allow(["ec2:DeleteLaunchTemplate"], StringEquals=tagged(**{"eks:eks-cluster-name": cluster})),
        allow(balancers, StringEquals=tagged(**{"elbv2.k8s.aws/cluster": cluster})),
        allow(
            ["iam:DeleteInstanceProfile", "iam:RemoveRoleFromInstanceProfile"],
            [build_arn(env, "iam", f"instance-profile/{name}", region="") for name in profiles],
        ),
        allow(
            ["iam:DeleteOpenIDConnectProvider"],
            provider,
            StringEquals=tagged(**{"alpha.eksctl.io/cluster-name": cluster}),
        ),
    ]
