"""Health checks as data. A unit lists them; `resources/probes/runner.py` looks; the factory makes each an asset check.

`deadline`: seconds until a check that is not yet true counts as failed (None: the environment's `deadlines.probe`).
`interval`: seconds between two looks.
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Check(BaseModel):
    """Base of all. Every check knows its spec and outputs when it is looked at, so most need no fields."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    says: str
    deadline: float | None = None
    interval: float = 1.0


class StackComplete(Check):
    """The stack is complete; after a rollback, only if what it went back to is what the unit wants."""

    name: str = "stack_complete"
    says: str = "The CloudFormation stack is complete, as the unit wants it."


class ClusterActive(Check):
    """The EKS cluster is ACTIVE."""

    name: str = "cluster_active"
    says: str = "The EKS cluster is ACTIVE."


class EndpointAnswers(Check):
    """The API server answers /readyz with our own token."""

    name: str = "endpoint_answers"
    says: str = "The cluster's API server is ready and accepts our token."


class NodesReady(Check):
    """Every node of the managed node groups is Ready, and there is at least one."""

    name: str = "nodes_ready"
    says: str = "Every node is Ready."


class AddonsActive(Check):
    """Every EKS add-on of the stack is ACTIVE."""

    name: str = "addons_active"
    says: str = "Every EKS add-on is ACTIVE."


class WorkloadsReady(Check):
    """Every Deployment, DaemonSet and StatefulSet of the release is Ready at its observed generation."""

    name: str = "workloads_ready"
    says: str = "Every workload of the release is Ready at its observed generation."


class CrdsEstablished(Check):
    """Every CustomResourceDefinition of the release or manifests is Established."""

    name: str = "crds_established"
    says: str = "Every CustomResourceDefinition is Established."


class ObjectsExist(Check):
    """Every object of the manifests is in the cluster (and a namespace Active)."""

    name: str = "objects_exist"
    says: str = "Every object is in the cluster."


class ObjectsReady(Check):
    """Every custom resource of the manifests has the condition Ready=True."""

    name: str = "objects_ready"
    says: str = "Every custom resource reports Ready."


class CertificateIssued(Check):
    """The ACM certificate is ISSUED."""

    name: str = "certificate_issued"
    says: str = "The ACM certificate is issued."


class ZoneServed(Check):
    """The hosted zone exists and has name servers."""

    name: str = "zone_served"
    says: str = "The hosted zone has its name servers."


class ParameterStored(Check):
    """The SSM parameter holds the value."""

    name: str = "parameter_stored"
    says: str = "The SSM parameter holds the expected value."


class LookupFound(Check):
    """The thing looked up exists, once."""

    name: str = "found"
    says: str = "The lookup finds exactly one."


class BranchHead(Check):
    """The environment's branch of the application repository holds what its templates and variables make."""

    name: str = "branch_head"
    says: str = "The GitOps branch holds the rendered applications."
    interval: float = 2.0


class PodsReady(Check):
    """Every pod with the label in the namespace is Ready, and there is one. `auto_mode`: whether the check holds for
    EKS Auto Mode too, which runs some parts outside of the cluster."""

    namespace: str
    label: str
    auto_mode: bool = True


class ReleasesReady(Check):
    """Every Helm release in the cluster is deployed with its workloads ready at their observed generation."""

    name: str = "releases_ready"
    says: str = "Every release's workloads are ready."


class ApplicationsHealthy(Check):
    """The Argo CD applications of the unit's ApplicationSets are Healthy and Synced at the pushed commit.
    `every`: all applications in the cluster, at whatever commit their branch has."""

    name: str = "applications_healthy"
    says: str = "The Argo CD applications are Healthy and Synced."
    every: bool = False
    interval: float = 2.0


class ApplicationEndpoint(Check):
    """`https://<APP_DOMAIN>/health` answers 200 with a certificate that verifies."""

    name: str = "application_endpoint"
    says: str = "The application's address answers 200 with a valid certificate."
    interval: float = 2.0


class InSync(Check):
    """What exists is what the unit wants."""

    name: str = "in_sync"
    says: str = "What exists is what the unit wants."
