"""An environment: the user's input, one file `environments/<name>.yaml`, validated and frozen. The names that follow
from it are those of `resources/config/names.py`."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer, model_validator
from pydantic.json_schema import SkipJsonSchema

from resources.config import aws_catalog, names
from resources.config.allowed_identities import AllowedIdentities, Identity, PersonName
from resources.config.eksctl.cluster_config import ClusterConfig
from resources.config.field_types import (
    AccountId,
    Duration,
    HelmValues,
    KubernetesName,
    KubernetesVersionName,
    Label,
    Model,
    Owner,
    ParameterName,
    PolicyArn,
    Region,
    RoleArn,
    Seconds,
    duration_seconds,
)
from resources.config.settings.drift import Drift
from resources.config.settings.git import Git
from resources.config.settings.ledger import Ledger
from resources.config.settings.network import HostedZone, Network
from resources.config.settings.upgrade import Upgrade
from resources.config.waves import UnitWave


class DeployerRole(Model):
    """The role in the target account that every AWS call runs as."""

    arn: RoleArn
    external_id: str | None = None


class Roles(Model):
    """Who acts. `pipeline`: the identity that starts; `planner`: the role that `eks-assets plan` reads with, else the
    deployer's; `destroyer`: the role that `eks-assets destroy` acts as, else the deployer's; `cloudformation`: the
    service role of every stack; `permissions_boundary`: attached to each role that stacks create, instead of
    bootstrap's."""

    pipeline: RoleArn | None = None
    deployer: DeployerRole | None = None
    planner: RoleArn | None = None
    destroyer: DeployerRole | None = Field(default=None, exclude_if=lambda role: role is None)
    cloudformation: RoleArn | None = None
    permissions_boundary: PolicyArn | None = None


class Approval(Model):
    """A gate before a wave; absent means none. `before`: the first wave behind it, by default the first of all; changes
    of identity and reach are behind it wherever they are, once the environment has been through it. `expires`: hours
    ("24h") or minutes ("30m") that a grant holds. `allow`: who may decide; empty, where one approver is enough: every
    user and Identity Center session that AWS lets write. `people`: the identities of one person, by their name; where
    it is given, nobody else counts. `skip_when`: where nothing would change behind the gate it does not stop, since
    nobody can approve an empty plan.
    `clean`: `required` refuses code and environments with uncommitted changes, which otherwise are part of the plan."""

    before: UnitWave = "network"
    approvers: int = Field(default=1, ge=1, le=10)
    expires: Duration = "24h"
    exclude_initiator: bool = True
    allow: tuple[AllowedIdentities, ...] = ()
    people: dict[PersonName, tuple[Identity, ...]] = Field(default={}, exclude_if=lambda people: not people)
    ui: bool = False
    skip_when: Literal["no_changes"] = "no_changes"
    clean: Literal["required"] | None = Field(default=None, exclude_if=lambda clean: clean is None)

    @model_validator(mode="after")
    def _enough_approvers(self) -> Self:
        patterns = any({"*", "?"} & set(entry) for entry in self.allow)
        field, count = ("people", len(self.people)) if self.people else ("allow", len(set(self.allow)))
        if (self.people or (self.allow and not patterns)) and count < self.approvers:
            raise ValueError(f"{field} names {count} people, approvers demands {self.approvers}")
        return self

    @property
    def expires_seconds(self) -> int:
        """How long a grant holds, in seconds."""
        return duration_seconds(self.expires)


class Retry(Model):
    """How often, and after how many seconds, a transient failure is tried again."""

    attempts: int = Field(default=3, ge=1, le=10)
    seconds: float = Field(default=30.0, ge=0)


class Charts(Model):
    """Where charts come from. `mirror`: an OCI folder that holds all of them, as in an air-gapped account;
    `${SANDBOX_REGISTRY}` in it is the running sandbox's registry. `digests`: chart name to sha256."""

    mirror: str | None = Field(default=None, pattern=r"^oci://.+[^/]$", description="oci://HOST/FOLDER, no / last")
    plain_http: bool = False
    digests: dict[str, Annotated[str, Field(pattern=r"^sha256:[0-9a-f]{64}$")]] = Field(default={})


class Addon(Model):
    """One unit's switch and overrides; `off` alone is short for `enabled: false`. `values_file` is relative to the
    environment file; the loader puts its content below `values`, which win. `timeout`: seconds until the add-on must
    be ready."""

    enabled: bool = True
    version: str | None = None
    values: HelmValues = Field(default={})
    values_file: str | None = None
    timeout: Seconds | None = None

    @model_validator(mode="before")
    @classmethod
    def _switch_alone(cls, value: Any) -> Any:
        return {"enabled": value} if isinstance(value, bool) else value

    @model_serializer(mode="wrap")
    def _as_in_recorded_digests(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        # Plans and sensors keep digests of this form: values from a file have always had a place of their own in it.
        document: dict[str, Any] = write(self)
        values = document["values"]
        return document | ({"values": {}, "file_values": values} if self.values_file else {"file_values": {}})


class Parameters(Model):
    """Other SSM names than the specification's `/<tenant>/<env>/...`."""

    certificate_arn: ParameterName | None = None
    efs_file_system_id: ParameterName | None = None
    oidc_id: ParameterName | None = None


class Deadlines(Model):
    """Seconds that waits may take."""

    stack: Seconds = 1800
    cluster: Seconds = 2700
    release: Seconds = 300
    probe: Seconds = 300


ENVIRONMENT_NAME = r"^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$"
DEFAULT_NAMESPACES = ("istio-system", "argocd", "observability", "keycloak")


class Environment(Model):
    """What one file in `environments/` says, with the files it refers to already read."""

    # Set by the loader: no field of the file, so neither the schema nor a list of allowed fields has it.
    name: SkipJsonSchema[str] = Field(description="The file's name without .yaml", pattern=ENVIRONMENT_NAME)
    # Set by bootstrap at a rename: the platform's resources carry it until they have been deployed under the new name.
    former_name: SkipJsonSchema[str | None] = Field(default=None, exclude=True)
    tenant: Label
    target_env: Label
    account: AccountId
    region: Region
    # Who is responsible. Left out of the digest where nobody is named: such an environment has nothing new to deploy.
    owner: Owner | None = Field(default=None, exclude_if=lambda owner: owner is None)
    sandbox: bool = Field(default=False, description="AWS is the local sandbox; the real one is never called")
    roles: Roles = Roles()
    hosted_zone: HostedZone
    kubernetes_version: KubernetesVersionName
    karpenter_version: str = Field(pattern=r"^\d+\.\d+\.\d+$", description='a release, such as "1.14.1"')
    cluster: ClusterConfig
    network: Network
    email_subscriptions: tuple[
        Annotated[str, Field(pattern=r"^[^@\s]+@[^@\s]+$", description="an e-mail address")], ...
    ] = ()
    products_purchased: tuple[KubernetesName, ...] = ()
    prune_products: bool = Field(default=False, description="Remove the applications of products no longer purchased")
    edge: str | None = Field(
        default=None,
        pattern=r"^([a-zA-Z0-9.-]+:\d+|\$\{SANDBOX_EDGE\})$",
        description="HOST:PORT that answers for the application domain, instead of DNS, as curl --resolve does",
    )
    deploy: Literal["automatic", "manual"] = Field(
        default="automatic", description="Whether a change of this file, or of a unit's code, starts a deploy by itself"
    )
    # Left out of the digest: it says what becomes of a deploy that failed, and is nothing to deploy.
    on_failure: Literal["stop", "rollback"] = Field(
        default="stop", exclude=True, description="What becomes of what a failed deploy has changed: see rollback.md"
    )
    approval: Approval | None = None
    # Left out of the digest: what may not be destroyed is nothing to deploy.
    protected: bool | None = Field(
        default=None,
        exclude=True,
        description="Whether `destroy` refuses this environment; by default one with an approval gate",
    )
    # Left out of the digest: what is looked for or ignored, how a version is reached, and what bootstrap makes.
    drift: Drift | None = Field(default=None, exclude=True)
    upgrade: Upgrade | None = Field(default=None, exclude=True)
    ledger: Ledger = Field(default=Ledger(), exclude=True)
    retry: Retry = Retry()
    charts: Charts = Charts()
    git: Git | None = None
    namespaces: tuple[KubernetesName, ...] = DEFAULT_NAMESPACES
    parameters: Parameters = Parameters()
    deadlines: Deadlines = Deadlines()
    addons: dict[str, Annotated[Addon, Field(description="or on or off alone")]] = Field(
        default={}, description="by unit name"
    )

    @property
    def resource_prefix(self) -> str:
        return names.resource_prefix(self.tenant, self.target_env)

    @property
    def cluster_name(self) -> str:
        return names.cluster_name(self.resource_prefix)

    @property
    def vpc_name(self) -> str:
        return names.vpc_name(self.resource_prefix)

    @property
    def app_domain(self) -> str:
        return names.app_domain(self.resource_prefix, self.hosted_zone.name)

    @property
    def certificate_parameter(self) -> str:
        return self.parameters.certificate_arn or self.parameter_path("acm/certificate-arn")

    @property
    def efs_parameter(self) -> str:
        return self.parameters.efs_file_system_id or self.parameter_path("efs/file-system-id")

    @property
    def oidc_parameter(self) -> str:
        return self.parameters.oidc_id or self.parameter_path("eks/oidc-id")

    @property
    def git_branch(self) -> str:
        """The environment's branch of the application repository."""
        return (self.git and self.git.branch) or f"develop/{self.resource_prefix}"

    @property
    def pins_commit(self) -> bool:
        """Whether Argo CD is told the commit that was deployed, instead of the branch."""
        default = "commit" if self.approval else "branch"
        return self.git is not None and (self.git.follow or default) == "commit"

    @property
    def runs_gpus(self) -> bool:
        """Whether nodes have GPUs that a plugin offers to pods: those of a node group, or the file says so. Auto Mode
        has its own."""
        has_some = any(group.gpu for group in self.cluster.node_groups) or "nvidia_device_plugin" in self.addons
        return has_some and not self.cluster.auto_mode

    @property
    def keycloak_secret(self) -> str:
        """Name of the Secrets Manager secret; the value is generated there and never read by the pipeline."""
        return self.parameter_path("keycloak/admin-credentials")

    def parameter_path(self, tail: str) -> str:
        """The specification's path builder: `/<tenant>/<target_env>/<tail>`."""
        return f"/{self.tenant}/{self.target_env}/{tail}"

    def stack_name(self, unit: str) -> str:
        """The name of the stack of a unit, for example `acme-dev-network`."""
        return names.stack_name(self.resource_prefix, unit)

    def addon(self, unit: str) -> Addon:
        """The switch and overrides of a unit; the defaults where the file says nothing."""
        return self.addons.get(unit, Addon())

    @property
    def partition(self) -> str:
        """The region's partition: `aws`, `aws-cn` or `aws-us-gov`."""
        return aws_catalog.partition_of(self.region)

    @property
    def is_protected(self) -> bool:
        """Whether nobody may destroy the environment before its file says otherwise."""
        return self.approval is not None if self.protected is None else self.protected

    @property
    def karpenter_stack(self) -> str:
        return names.karpenter_stack(self.resource_prefix)

    @property
    def expires_seconds(self) -> int:
        return (self.approval or Approval()).expires_seconds


def merge_mappings(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    """`below` overlaid with `above`: mappings are merged at every depth, anything else is taken from `above`."""
    result = dict(below)
    for key, value in above.items():
        under = result.get(key)
        both = isinstance(under, dict) and isinstance(value, dict)
        result[key] = merge_mappings(under, value) if both else value  # type: ignore[arg-type]
    return result
