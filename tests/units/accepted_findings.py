"""What checkov finds in our templates and stays as it is: by check, the resources and the reason.

A finding that is not listed fails a test, and so does a line that checkov no longer finds.
"""

from __future__ import annotations

from typing import NamedTuple


class Accepted(NamedTuple):
    """`resources`: logical ids, in the templates of whichever unit or of bootstrap."""

    resources: frozenset[str]
    reason: str


def accept(resources: str, reason: str) -> Accepted:
    return Accepted(frozenset(resources.split()), reason)


_BOUNDARY = (
    "a permissions boundary gives no rights: it says which of those that a role has count, and is the union of all "
    "that the environment's roles need, with the denials of docs/roles.md"
)
ACCEPTED = {
    "CKV2_AWS_71": accept(
        "Certificate", "the applications' names are not known: they are those below the environment's own"
    ),
    "CKV_AWS_107": accept(
        "PermissionsBoundary ReadRights",
        f"{_BOUNDARY}; planner and deployer log in to ECR Public, for charts (ecr-public:GetAuthorizationToken)",
    ),
    "CKV_AWS_108": accept("PermissionsBoundary", _BOUNDARY),
    "CKV_AWS_109": accept("PermissionsBoundary", _BOUNDARY),
    "CKV_AWS_110": accept("PermissionsBoundary", _BOUNDARY),
    "CKV_AWS_111": accept(
        "LoadBalancerControllerRole NamesStackRights PermissionsBoundary",
        f"{_BOUNDARY}; the controller's policy is the one that it publishes; actions of CloudFormation's role on * are "
        "those for which IAM knows no resource",
    ),
    "CKV_AWS_119": accept(
        "LeaseTable", "who holds the environment is no secret; AWS's own key encrypts it, and costs no call"
    ),
    "CKV_AWS_149": accept(
        "GrafanaSecret KeycloakSecret",
        "encrypted with AWS's key for Secrets Manager; who may read them is limited by the secrets' own policies",
    ),
    "CKV_AWS_158": accept(
        "ClusterLogs FlowLogGroup",
        "CloudWatch encrypts logs with a key of its own; another one costs a key a region, for those whose rules "
        "ask for it",
    ),
    "CKV_AWS_18": accept(
        "LedgerBucket LokiBucket",
        "access to the ledger is in CloudTrail's data events, where an account has them; where access logs go is a "
        "bucket of the account's, not of an environment's",
    ),
    "CKV_AWS_21": accept("LokiBucket", "Loki never writes an object twice, and deletes what its retention ends"),
    "CKV_AWS_260": accept(
        "LoadBalancerSecurityGroup", "the Internet reaches the applications' load balancer: on 80 it is sent to 443"
    ),
    "CKV_AWS_27": accept(
        "DeadLetterQueue KarpenterInterruptionQueue Queue",
        "encrypted with SQS's own key (SqsManagedSseEnabled), as Karpenter's template has it; checkov asks for KMS",
    ),
    "CKV_AWS_61": accept(
        "PipelineRole", "in the sandbox alone, where everybody is the account's root: elsewhere people name who may"
    ),
}
