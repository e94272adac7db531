"""What a unit wants to exist, as frozen data. Each class has one driver, found by its type (`drivers/registry.py`)."""

from __future__ import annotations

from typing import Any, ClassVar, Generic, Literal, TypeAlias, TypeVar

from pydantic import BaseModel, ConfigDict

from resources.model.outputs import NoOutputs, Outputs

O_co = TypeVar("O_co", bound=Outputs, covariant=True)


class Spec(BaseModel, Generic[O_co]):
    """Base of everything that a unit can return. The type argument is what it outputs: `Stack[VpcOutputs]`.

    `needs_cluster`: whether its driver speaks to the Kubernetes API. A unit that returns such a spec comes after the
    unit that gives access to the cluster (`graph/registry.py`)."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    needs_cluster: ClassVar[bool] = False

    @classmethod
    def outputs_type(cls) -> type[Outputs]:
        """The Outputs class between the brackets; raises TypeError where there is none."""
        for base in cls.__mro__:
            meta = getattr(base, "__pydantic_generic_metadata__", None)
            if meta and meta["args"] and isinstance(meta["args"][0], type) and issubclass(meta["args"][0], Outputs):
                outputs: type[Outputs] = meta["args"][0]
                return outputs
        raise TypeError(f"{cls.__name__} does not say what it outputs: write {cls.__name__}[SomeOutputs]")


class Stack(Spec[O_co], Generic[O_co]):
    """A CloudFormation stack.

    `name`: a unit leaves it out, and rendering calls the stack `<prefix>-<unit>` (`Environment.stack_name`).
    `template`: the template as a dictionary (troposphere's `to_dict()`), at most 51,200 bytes as JSON inline.
    Outputs are read from the stack: field `vpc_id` is output key `VpcId`; a tuple field is a comma-joined value.
    `on_failure`: what happens to a failed create (ExecuteChangeSet OnStackFailure).
    `may_replace`: logical ids whose replacement is harmless; every other replacement is refused in a plan.
    `policy`: stack policy, set once the stack exists. Tags propagate to every resource: keep them constant.
    `timeout`: seconds until a wait for the stack gives up.
    `lowers_version`: a cluster in it goes back one Kubernetes version where the template says so, in a rollback.
    """

    name: str = ""
    template: dict[str, Any]
    parameters: dict[str, str] = {}
    tags: dict[str, str] = {}
    on_failure: Literal["DELETE", "DO_NOTHING"] = "DELETE"
    may_replace: tuple[str, ...] = ()
    policy: dict[str, Any] | None = None
    protected: bool = True
    timeout: float = 1800.0
    lowers_version: bool = False


def output_key(field: str) -> str:
    """`vpc_id` is output key `VpcId`."""
    return "".join(part.capitalize() for part in field.split("_"))


class HelmRelease(Spec[NoOutputs]):
    """A Helm release. `repository`: oci:// or https:// address of the folder that holds the chart; an environment's
    `charts.mirror` takes its place. `digest`: sha256 of the chart package, checked where given. `timeout`: seconds
    until its workloads must be ready. `skip_crds`: leave the chart's crds/ folder out (another unit owns them)."""

    needs_cluster: ClassVar[bool] = True
    name: str
    namespace: str
    repository: str
    chart: str
    version: str
    digest: str | None = None
    values: dict[str, Any] = {}
    skip_crds: bool = False
    timeout: float = 300.0


class Manifests(Spec[NoOutputs]):
    """Kubernetes objects applied server-side under the field manager `eks-assets`, in the order given.
    CustomResourceDefinitions are waited for until Established. `timeout`: seconds for those waits."""

    needs_cluster: ClassVar[bool] = True
    objects: tuple[dict[str, Any], ...]
    timeout: float = 120.0


class Parameter(Spec[O_co], Generic[O_co]):
    """An SSM parameter of type String."""

    name: str
    value: str
    description: str = ""


class Restore(BaseModel):
    """Wants the content of an earlier commit of a branch: `commit`. It counts while neither of the branches has moved
    by anybody but us since `base` and `head` were their newest commits."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    commit: str
    base: str
    head: str


class GitTree(Spec[O_co], Generic[O_co]):
    """The environment's branch of the application repository, with the variables of its `applicationset.yaml` files
    filled in. Outputs are `commit` (the branch's head), `branch` and `repository`; name those that you need.

    `base`: the branch with the templates (None: the repository's default branch). `credentials`: name of the secret
    in Secrets Manager (None: git's own); `read_only_credentials`: of the planner's (None: it reads anonymously).
    `variables`: everything that a file may use; a value may be pending. `products`: folders that must have an
    ApplicationSet. `author`: `Name <address>`. `timeout`: seconds a git command.
    `pinned`: what is applied names the commit, not the branch; `commit` is our own newest one then, and what others
    push is a difference from it. `restore`: what is wanted, in a rollback, in place of the rendered base branch.
    """

    repository: str
    branch: str
    base: str | None = None
    credentials: str | None = None
    read_only_credentials: str | None = None
    variables: dict[str, str] = {}
    products: tuple[str, ...] = ()
    author: str = "eks-assets <eks-assets@localhost>"
    timeout: float = 120.0
    pinned: bool = False
    restore: Restore | None = None


AnyGitTree: TypeAlias = GitTree[Any]


class GitManifests(Spec[NoOutputs]):
    """Kubernetes objects from files of a GitTree, applied once its branch is at `commit`.

    `paths`: file names or patterns such as `projects/*.yaml`; one that matches nothing is an error. `group`: a label
    on what is applied; objects of the group that are no longer wanted are removed only with `prune`."""

    needs_cluster: ClassVar[bool] = True
    tree: AnyGitTree
    commit: str
    paths: tuple[str, ...]
    group: str
    prune: bool = False


class Probes(Spec[NoOutputs]):
    """Nothing to apply: the unit is its health checks."""


class Lookup(Spec[O_co], Generic[O_co]):
    """Something that is only read. `kind` names the reader (`drivers/read_only.py`), `query` its arguments."""

    kind: Literal["vpc", "hosted_zone", "eks_versions", "control_plane"]
    query: dict[str, str]


# All that a unit can return. What it outputs is nothing that names it.
SPEC_TYPES: tuple[type[Spec[Any]], ...] = (
    Stack[NoOutputs],
    HelmRelease,
    Manifests,
    Parameter[NoOutputs],
    GitTree[NoOutputs],
    GitManifests,
    Probes,
    Lookup[NoOutputs],
)
