"""Logs. The specification's chart `grafana/loki-distributed` is deprecated; this is its successor, under the same
release name (docs/observability.md says how to come from the old one)."""

from eks_assets.graph.unit import unit
from eks_assets.units.cluster.identity import identity
from eks_assets.units.cluster.pod_addons import pod_addons
from eks_assets.units.configuration.namespaces import namespaces
from eks_assets.units.configuration.storage_classes import storage_classes
from eks_assets.units.post_deploy.service_account_roles import ServiceAccountRolesOutputs
from resources.config.environment import Environment
from resources.model.specs import HelmRelease

_SCHEMA = {
    "from": "2026-01-01",
    "store": "tsdb",
    "object_store": "s3",
    "schema": "v13",
    "index": {"prefix": "loki_index_", "period": "24h"},
}


@unit(wave="observability", minutes=2, after=[namespaces, storage_classes, pod_addons, identity])
def loki(env: Environment, roles: ServiceAccountRolesOutputs) -> HelmRelease:
    """Loki as a single binary on S3, with a role of its own through pod identity."""
    buckets = dict.fromkeys(("chunks", "ruler", "admin"), roles.loki_bucket_name)
    return HelmRelease(
        name="loki",
        namespace="observability",
        repository="https://grafana-community.github.io/helm-charts",
        chart="loki",
        version="18.11.0",
        values={
            "deploymentMode": "SingleBinary",
            "serviceAccount": {"create": True, "name": "loki"},
            "loki": {
                "auth_enabled": False,
                "commonConfig": {"replication_factor": 1},
                "storage": {"type": "s3", "bucketNames": buckets, "s3": {"region": env.region}},
                "schemaConfig": {"configs": [_SCHEMA]},
            },
            "singleBinary": {"replicas": 1, "persistence": {"storageClass": "gp3"}},
            # The chart's 8 GiB (it asks for a fifth more) fit on none of the usual nodes.
            "chunksCache": {"allocatedMemory": 1024},
            "read": {"replicas": 0},
            "write": {"replicas": 0},
            "backend": {"replicas": 0},
        },
    )
