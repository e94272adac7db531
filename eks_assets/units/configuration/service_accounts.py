"""The service accounts of the ClusterConfig (`iam.serviceAccounts`) that nobody else creates."""

from typing import Any

from eks_assets.graph.unit import unit
from eks_assets.units.cluster.irsa_roles import irsa_roles, role_arn
from eks_assets.units.configuration.namespaces import namespaces
from resources.config.eksctl.iam import ServiceAccount
from resources.config.environment import Environment
from resources.model.specs import Manifests

_ALWAYS_THERE = ("default", "kube-system", "kube-public", "kube-node-lease")


@unit(
    wave="configuration",
    minutes=0.1,
    after=[irsa_roles, namespaces],
    when=lambda env: any(not account.role_only for account in env.cluster.iam.service_accounts),
)
def service_accounts(env: Environment) -> Manifests:
    """Service accounts with the annotation that gives their pods a role, and the namespaces they need."""
    accounts = [account for account in env.cluster.iam.service_accounts if not account.role_only]
    missing = {account.metadata.namespace for account in accounts} - {*env.namespaces, *_ALWAYS_THERE}
    namespace_objects: list[dict[str, Any]] = [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}} for name in sorted(missing)
    ]
    return Manifests(objects=(*namespace_objects, *(_service_account(env, account) for account in accounts)))


def _service_account(env: Environment, account: ServiceAccount) -> dict[str, Any]:
    about = account.metadata
    annotations = {**about.annotations, "eks.amazonaws.com/role-arn": role_arn(env, account)}
    metadata: dict[str, Any] = {"name": about.name, "namespace": about.namespace, "annotations": annotations}
    if about.labels:
        metadata["labels"] = dict(about.labels)
    return {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata}
