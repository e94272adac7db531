"""Resources that CloudFormation deletes only when their service does: a bucket with objects, a zone with records.

MiniStack drops both with their contents. Sources: S3 API reference, DeleteBucket; Route 53 API reference,
DeleteHostedZone.
"""

from ministack.services import route53, s3

from ..resource_handlers import Delete, Properties, ResourceFailure, wrap_delete


def _delete_bucket(delete: Delete, bucket: str, props: Properties) -> None:
    if bucket in s3._buckets and (s3._buckets[bucket]["objects"] or s3._bucket_has_versions(bucket)):
        raise ResourceFailure(
            f'Resource handler returned message: "The bucket you tried to delete is not empty. You must delete all '
            f'versions in the bucket. (Service: S3, Status Code: 409)" (bucket {bucket})'
        )
    delete(bucket, props)


def _delete_zone(delete: Delete, zone_id: str, props: Properties) -> None:
    zone = route53._zones.get(zone_id)
    if zone is not None and any(
        record["Type"] not in ("NS", "SOA") or record["Name"] != zone["name"]
        for record in route53._records.get(zone_id, [])
    ):
        raise ResourceFailure(
            'Resource handler returned message: "The specified hosted zone contains non-required resource record sets '
            'and so cannot be deleted. (Service: Route53, Status Code: 400)"'
        )
    delete(zone_id, props)


def install() -> None:
    """Refuse in front of MiniStack's handlers."""
    wrap_delete("AWS::S3::Bucket", _delete_bucket)
    wrap_delete("AWS::Route53::HostedZone", _delete_zone)
