"""The service accounts of the ClusterConfig that nobody else creates: `iam.serviceAccounts`, and those of
`iam.podIdentityAssociations` with `createServiceAccount`."""

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
    when=lambda env: bool(_made_here(env)),
)
def service_accounts(env: Environment) -> Manifests:
    """Service accounts, those of `iam.serviceAccounts` with the annotation that gives their pods a role, and the
    namespaces they need."""
    accounts = _made_here(env)
    missing = {account["metadata"]["namespace"] for account in accounts} - {*env.namespaces, *_ALWAYS_THERE}
    namespace_objects: list[dict[str, Any]] = [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}} for name in sorted(missing)
    ]
    return Manifests(objects=(*namespace_objects, *accounts))


def _made_here(env: Environment) -> list[dict[str, Any]]:
    own = [_annotated(env, account) for account in env.cluster.iam.service_accounts if not account.role_only]
    associated = [a for a in env.cluster.iam.pod_identity_associations if a.create_service_account]
    return own + [_service_account({"name": a.service_account_name, "namespace": a.namespace}) for a in associated]


def _annotated(env: Environment, account: ServiceAccount) -> dict[str, Any]:
    about = account.metadata
    annotations = {**about.annotations, "eks.amazonaws.com/role-arn": role_arn(env, account)}
    metadata: dict[str, Any] = {"name": about.name, "namespace": about.namespace, "annotations": annotations}
    if about.labels:
        metadata["labels"] = dict(about.labels)
    return _service_account(metadata)


def _service_account(metadata: dict[str, Any]) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata}
