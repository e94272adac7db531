"""The type of a function that makes AWS clients: by the service's name, so that mypy sees calls and responses.

The stubs (boto3-stubs) are there for development only: nothing here is imported while the program runs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, Protocol, overload

if TYPE_CHECKING:
    from mypy_boto3_acm import ACMClient
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_ec2 import EC2Client
    from mypy_boto3_ecr import ECRClient
    from mypy_boto3_eks import EKSClient
    from mypy_boto3_elbv2 import ElasticLoadBalancingv2Client
    from mypy_boto3_iam import IAMClient
    from mypy_boto3_logs import CloudWatchLogsClient
    from mypy_boto3_route53 import Route53Client
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_secretsmanager import SecretsManagerClient
    from mypy_boto3_sns import SNSClient
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_ssm import SSMClient
    from mypy_boto3_sts import STSClient


class CloudTrailClient(Protocol):
    """What is called of CloudTrail, whose stubs are not among the development packages."""

    def lookup_events(self, **request: Any) -> dict[str, Any]: ...


class KmsClient(Protocol):
    """As `CloudTrailClient`, of KMS."""

    def describe_key(self, **request: Any) -> dict[str, Any]: ...

    def get_key_policy(self, **request: Any) -> dict[str, Any]: ...

    def list_grants(self, **request: Any) -> dict[str, Any]: ...


class ServiceQuotasClient(Protocol):
    """As `CloudTrailClient`, of Service Quotas."""

    def get_aws_default_service_quota(self, **request: Any) -> dict[str, Any]: ...

    def get_service_quota(self, **request: Any) -> dict[str, Any]: ...


class ClientFactory(Protocol):
    """`clients("eks")` is a boto3 client of EKS. A service that is missing here is added with its stubs."""

    @overload
    def __call__(self, service: Literal["acm"], /) -> ACMClient: ...

    # Of AWS Backup, which is asked for one thing only, there are no types.
    @overload
    def __call__(self, service: Literal["backup"], /) -> Any: ...

    @overload
    def __call__(self, service: Literal["cloudformation"], /) -> CloudFormationClient: ...

    @overload
    def __call__(self, service: Literal["cloudtrail"], /) -> CloudTrailClient: ...

    @overload
    def __call__(self, service: Literal["dynamodb"], /) -> DynamoDBClient: ...

    @overload
    def __call__(self, service: Literal["ec2"], /) -> EC2Client: ...

    @overload
    def __call__(self, service: Literal["ecr"], /) -> ECRClient: ...

    @overload
    def __call__(self, service: Literal["eks"], /) -> EKSClient: ...

    @overload
    def __call__(self, service: Literal["elbv2"], /) -> ElasticLoadBalancingv2Client: ...

    @overload
    def __call__(self, service: Literal["iam"], /) -> IAMClient: ...

    @overload
    def __call__(self, service: Literal["kms"], /) -> KmsClient: ...

    @overload
    def __call__(self, service: Literal["logs"], /) -> CloudWatchLogsClient: ...

    @overload
    def __call__(self, service: Literal["route53"], /) -> Route53Client: ...

    @overload
    def __call__(self, service: Literal["s3"], /) -> S3Client: ...

    @overload
    def __call__(self, service: Literal["secretsmanager"], /) -> SecretsManagerClient: ...

    @overload
    def __call__(self, service: Literal["service-quotas"], /) -> ServiceQuotasClient: ...

    @overload
    def __call__(self, service: Literal["sns"], /) -> SNSClient: ...

    @overload
    def __call__(self, service: Literal["sqs"], /) -> SQSClient: ...

    @overload
    def __call__(self, service: Literal["ssm"], /) -> SSMClient: ...

    @overload
    def __call__(self, service: Literal["sts"], /) -> STSClient: ...
