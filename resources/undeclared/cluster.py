"""Objects in the cluster that nobody declared: in our namespaces, and of the kinds by which rights and admission reach
all of them.

Declared is what a unit's manifests, a unit's release, its hooks, or an Application of Argo CD has, and what belongs to
such an object by its owner references. A release that no unit has is one finding, whatever it is made of.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from resources.context import Context
from resources.drivers.git.applied_objects import live_applications
from resources.drivers.git.manifest_files import GROUP_LABEL
from resources.drivers.helm.live_objects import live_kind
from resources.drivers.helm.shown_secrets import NOT_SHOWN, is_hidden
from resources.drivers.helm.storage import Release, newest_release, release_secrets
from resources.kubernetes.live_diff import object_title
from resources.kubernetes.metadata import ServedKind, list_metadata, served_kinds
from resources.kubernetes.objects import FIELD_MANAGER, Object
from resources.model.change import FieldChange
from resources.model.drift import EXISTS, Drift, Finding, Unchecked
from resources.model.errors import AccessDenied, NotFound, OperationFailed
from resources.model.specs import GitManifests, HelmRelease, Manifests, Spec
from resources.undeclared.known_accounts import CONTROLLER_ACCOUNTS, NAMESPACE
from resources.undeclared.known_objects import UNLISTED, known_reason

_WIDTH = 8
_SECRET = ("", "Secret")
_ACCOUNTS = ServedKind("", "v1", "ServiceAccount", "serviceaccounts", is_namespaced=True)
_EKS = "eks"  # the field manager of add-ons
_RBAC, _ADMISSION = "rbac.authorization.k8s.io", "admissionregistration.k8s.io"
# Of what belongs to no namespace, what reaches into ours. A CRD or a StorageClass does nothing by itself.
_CLUSTER_WIDE = {
    ("", "Namespace"),
    (_RBAC, "ClusterRole"),
    (_RBAC, "ClusterRoleBinding"),
    ("apiregistration.k8s.io", "APIService"),
}
Key = tuple[str, str, str, str]


@dataclass
class Declared:
    """What the environment's units have in the cluster. `keys`: objects by group, kind, namespace and name; `accounts`:
    the service accounts, as `namespace/name`, that they have or that their pods name; `groups`: the groups of objects
    from the application repository; `namespaces`: where any of it lives; `released`: by group and kind, the version in
    which releases have objects of it."""

    keys: set[Key] = field(default_factory=set)
    accounts: set[str] = field(default_factory=set)
    groups: set[str] = field(default_factory=set)
    namespaces: set[str] = field(default_factory=set)
    released: dict[tuple[str, str], str] = field(default_factory=dict)

    def add_release(self, release: Release) -> None:
        """What helm applied and runs."""
        for obj in release.objects:
            self.released[(_group(obj["apiVersion"]), str(obj["kind"]))] = str(obj["apiVersion"])
        for obj in [*release.objects, *release.hooks]:
            self.add(obj, release.namespace)

    def add(self, obj: Mapping[str, Any], namespace: str = "") -> None:
        """An object of a manifest. `namespace`: of one that names none, unless its kind has none."""
        meta = obj["metadata"]
        own = str(meta.get("namespace") or "")
        for where in {own} if own else {"", namespace}:
            self.keys.add((_group(obj["apiVersion"]), str(obj["kind"]), where, str(meta["name"])))
        named = {str(meta["name"])} if obj["kind"] == "ServiceAccount" else _accounts_in(obj.get("spec"))
        self.accounts |= {f"{own or namespace}/{name}" for name in named}
        self.namespaces |= {own} - {""}
        if obj["kind"] == "Namespace":
            self.namespaces.add(str(meta["name"]))


def undeclared_objects(specs: Collection[Spec[Any]], context: Context) -> Drift:
    """The objects and releases that belong to none of these specs, which are all of the environment's.

    A kind that may not be listed is unchecked. Raises NotFound while there is no cluster, AccessDenied, Transient."""
    declared, findings = _declared(specs, context)
    hidden = sorted(namespace for namespace in declared.namespaces if is_hidden(context, namespace))
    unchecked = [Unchecked(f"undeclared secrets and releases in {', '.join(hidden)}", NOT_SHOWN)] if hidden else []
    kinds = [kind for kind in served_kinds(context.cluster) if _is_listed(kind)]

    def look(kind: ServedKind) -> list[Finding] | Unchecked:
        try:
            return [_finding(obj) for obj in _metadata(kind, declared, context) if is_undeclared(obj, declared)]
        except NotFound:  # its CRD has gone since
            return []
        except AccessDenied as error:
            return Unchecked(f"undeclared {kind.resource}", error.message)

    with ThreadPoolExecutor(_WIDTH, thread_name_prefix="undeclared") as pool:
        for result in pool.map(look, kinds):
            if isinstance(result, Unchecked):
                unchecked.append(result)
            else:
                findings += result
    return Drift(tuple(findings), tuple(unchecked))


def _metadata(kind: ServedKind, declared: Declared, context: Context) -> Iterator[Object]:
    """Of every object of the kind. What is compared with releases anyway is not listed once more, and of Secrets
    those alone that we may see."""
    name = (kind.group, kind.kind)
    if name in declared.released or name == _SECRET:
        return live_kind(declared.released.get(name, kind.api_version), kind.kind, context).metadata()
    return list_metadata(context.cluster, kind)


def declared_accounts(specs: Collection[Spec[Any]], context: Context) -> frozenset[str]:
    """The service accounts, as `namespace/name`, that act for what these specs have, for Applications, for EKS's
    add-ons, and for Kubernetes itself. Raises NotFound while there is no cluster, AccessDenied, Transient."""
    declared, _ = _declared(specs, context)
    of_addons = (obj["metadata"] for obj in list_metadata(context.cluster, _ACCOUNTS) if maker_of(obj)[0] == _EKS)
    return frozenset(
        {
            *declared.accounts,
            *(f"{meta['namespace']}/{meta['name']}" for meta in of_addons),
            *(f"{NAMESPACE}/{name}" for name in CONTROLLER_ACCOUNTS),
        }
    )


def _accounts_in(node: Any) -> set[str]:
    """The service accounts that pods of an object run as: its own, or those that an operator makes of it."""
    if isinstance(node, list):
        return {name for item in node for name in _accounts_in(item)}
    if not isinstance(node, dict):
        return set()
    own = node.get("serviceAccountName")
    return {name for item in node.values() for name in _accounts_in(item)} | ({own} if isinstance(own, str) else set())


def _is_listed(kind: ServedKind) -> bool:
    if kind.kind in UNLISTED:
        return False
    return kind.is_namespaced or (kind.group, kind.kind) in _CLUSTER_WIDE or kind.group == _ADMISSION


def is_undeclared(obj: Object, declared: Declared) -> bool:
    """Whether the object, of which metadata is enough, belongs to nothing that is declared."""
    meta = obj["metadata"]
    namespace = str(meta.get("namespace") or "")
    if namespace and namespace not in declared.namespaces:
        return False
    if meta.get("ownerReferences"):
        return False  # it goes with its owner, and is no finding beside it
    if (_group(obj["apiVersion"]), obj["kind"], namespace, meta["name"]) in declared.keys:
        return False
    manager, _ = maker_of(obj)
    is_ours = manager == FIELD_MANAGER and (meta.get("labels") or {}).get(GROUP_LABEL) in declared.groups
    return not (is_ours or _is_aggregated(obj) or known_reason(obj, manager))


def maker_of(obj: Object) -> tuple[str, str]:
    """The field manager that made the object, by what the API server notes, and when."""
    entries: list[Mapping[str, Any]] = [
        e for e in obj["metadata"].get("managedFields") or [] if not e.get("subresource")
    ]
    first = min(entries, key=lambda entry: str(entry.get("time") or ""), default={})
    return str(first.get("manager") or ""), str(obj["metadata"].get("creationTimestamp") or "")


def _is_aggregated(obj: Object) -> bool:
    """Whether it is an APIService that the API server keeps for a group of its own or of a CRD."""
    labels = obj["metadata"].get("labels") or {}
    return obj["kind"] == "APIService" and "kube-aggregator.kubernetes.io/automanaged" in labels


def _declared(specs: Collection[Spec[Any]], context: Context) -> tuple[Declared, list[Finding]]:
    """What the specs have, and the releases that are none of theirs."""
    declared = Declared()
    releases = {(spec.namespace, spec.name) for spec in specs if isinstance(spec, HelmRelease)}
    for namespace, _ in releases:
        declared.add({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})
    for spec in specs:
        if isinstance(spec, Manifests):
            for obj in spec.objects:
                declared.add(obj)
        elif isinstance(spec, GitManifests):
            declared.groups.add(spec.group)
    findings = []
    there = release_secrets(context)
    for namespace, name in there.keys() - releases:
        manager, since = maker_of(there[namespace, name])
        findings.append(_undeclared(f"release {namespace}/{name}", manager, since, layer="helm"))
    for namespace, name in there.keys() | releases:
        try:
            release = newest_release(context, namespace, name)
        except OperationFailed:
            continue  # its own unit says so
        if release:
            declared.add_release(release)
    for application in live_applications(context):
        for resource in (application.get("status") or {}).get("resources") or ():
            _add_synced(declared, resource)
    return declared, findings


def _add_synced(declared: Declared, resource: Mapping[str, Any]) -> None:
    """An object that Argo CD says belongs to an Application."""
    key = group, kind, namespace, name = _resource_key(resource)
    declared.keys.add(key)
    declared.namespaces |= {namespace} - {""}
    if (group, kind) == ("", "ServiceAccount"):
        declared.accounts.add(f"{namespace}/{name}")


def _resource_key(resource: Mapping[str, Any]) -> Key:
    group, kind = str(resource.get("group") or ""), str(resource["kind"])
    return group, kind, str(resource.get("namespace") or ""), str(resource["name"])


def _finding(obj: Object) -> Finding:
    return _undeclared(object_title(obj, obj["metadata"].get("namespace")), *maker_of(obj))


def _undeclared(title: str, culprit: str, since: str, layer: str = "kubernetes") -> Finding:
    return Finding(layer, title, FieldChange("", None, EXISTS), "undeclared", culprit, since)


def _group(api_version: str) -> str:
    return api_version.rpartition("/")[0]
