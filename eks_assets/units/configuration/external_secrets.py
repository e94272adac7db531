"""The External Secrets Operator."""

from eks_assets.graph.unit import unit
from eks_assets.units.cluster.identity import identity
from eks_assets.units.cluster.pod_addons import pod_addons
from resources.model.checks import CrdsEstablished
from resources.model.specs import HelmRelease


@unit(wave="configuration", minutes=1, after=[pod_addons, identity], checks=[CrdsEstablished()])
def external_secrets() -> HelmRelease:
    """Brings secrets from AWS Secrets Manager into the cluster, so that the pipeline never reads one."""
    return HelmRelease(
        name="external-secrets",
        namespace="external-secrets",
        repository="https://charts.external-secrets.io",
        chart="external-secrets",
        version="2.9.0",
        values={"installCRDs": True, "serviceAccount": {"create": True, "name": "external-secrets"}},
    )
