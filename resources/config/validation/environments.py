"""Checks across fields and files that no single field can make. They work on the raw documents, so that they run
even where other fields are at fault, and skip what they cannot use."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import combinations, filterfalse, product
from typing import Any
from urllib.parse import urlsplit

from resources.config import aws_catalog
from resources.config.names import derived_names, platform_name, resource_prefix
from resources.config.placeholders import placeholders_in
from resources.config.problems import EMPTY, Location, Problem, format_location, suggest_choices
from resources.config.settings.git import BUILT_IN_VARIABLES, NO_PRODUCTS
from resources.config.settings.network import CREATE_OR_LOOKUP, CREATED_OR_EXISTING
from resources.config.validation.approval import approval_checks, find_foreign_roles
from resources.config.validation.cluster import block_of, cluster_checks
from resources.config.yaml_document import Document
from resources.model.outputs import PENDING_MARKS

SANDBOX_ACCOUNT = "000000000000"
# The running sandbox's addresses, and where each may stand; `git.variables` takes both.
ADDRESSES: dict[str, Location] = {
    "SANDBOX_REGISTRY": ("charts", "mirror"),
    "SANDBOX_GIT": ("git", "repository"),
    "SANDBOX_EDGE": ("edge",),
}
# Bootstrap makes each of them in the account, with rights of its own.
ROLES_OF_THEIR_OWN: tuple[Location, ...] = (
    ("roles", "deployer", "arn"),
    ("roles", "planner"),
    ("roles", "destroyer", "arn"),
    ("roles", "cloudformation"),
)
# Below these anything may stand, such as Helm values and policy documents.
FREE_FORM = frozenset({"values", "permissionPolicy", "attachPolicy"})
WITH_PASSWORD = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^/?#\s]*:[^/?#\s]*@")
LARGEST = 2**53 - 1  # the largest whole number that every reader of JSON keeps exactly


def cross_checks(environment: Document, cluster: Document | None, units: Iterable[str] = ()) -> list[Problem]:
    """Every problem between the fields of an environment file and its ClusterConfig. `units`: the names of all."""
    checks = (_alternatives, _sandbox, _roles, _zones, _vpc_size, _placeholders, _git, _mirror, _versions, _once)
    problems = [problem for check in checks for problem in check(environment)]
    problems += [*_names(environment, units), *approval_checks(environment, cluster)]
    for document in (environment, cluster) if cluster else (environment,):
        problems += [*_empty(document), *beyond_json(document), *pending_marks(document), *_passwords(document)]
    return problems + (list(cluster_checks(environment, cluster)) if cluster else [])


def _empty(document: Document) -> Iterator[Problem]:
    """A key whose value has been commented out would silently mean `none`: no approval, no encryption."""
    for location, value in document.parts():
        if value is None and not FREE_FORM & set(location):
            yield document.problem(location, EMPTY)


def beyond_json(document: Document) -> Iterator[Problem]:
    """What YAML knows and JSON does not, in which values reach Helm and AWS, and are hashed."""
    for location, value in document.parts():
        keys = value if isinstance(value, dict) else ()
        for wrong in filterfalse(_is_in_json, (value, *keys)):
            allowed = f"text in quotes, or a number from -{LARGEST} to {LARGEST}"
            yield document.problem(location, f"{wrong} cannot be written as JSON; allowed: {allowed}")


def pending_marks(document: Document) -> Iterator[Problem]:
    """The characters around what is known after apply: written in a file, they would forge it in a plan."""
    for location, value in document.parts():
        texts = (*value, "") if isinstance(value, dict) else (value,)
        if any(isinstance(text, str) and not PENDING_MARKS.isdisjoint(text) for text in texts):
            allowed = "any other characters"
            yield document.problem(location, f"holds one of {' '.join(sorted(PENDING_MARKS))}; allowed: {allowed}")


def _passwords(document: Document) -> Iterator[Problem]:
    """Addresses with a password, which would be in plans, logs and lists of processes. The message does not repeat
    them; the repository's own check says more."""
    for location, text in document.texts():
        if location != ("git", "repository") and not FREE_FORM & set(location) and WITH_PASSWORD.search(text):
            allowed = "the address alone; secrets belong in Secrets Manager"
            yield document.problem(location, f"is an address with a password; allowed: {allowed}")


def _mirror(environment: Document) -> Iterator[Problem]:
    location: Location = ("charts", "mirror")
    host = (environment.at(location, str) or "").partition("://")[2].partition("/")[0]
    if "@" in host and ":" not in host.partition("@")[0]:
        yield environment.problem(location, "names a user; allowed: the address alone (helm has a login of its own)")


def _is_in_json(value: Any) -> bool:
    if isinstance(value, int):
        return abs(value) <= LARGEST
    return math.isfinite(value) if isinstance(value, float) else isinstance(value, str | dict | list | None)


def _alternatives(environment: Document) -> Iterator[Problem]:
    """What the models check too, seen here even where a field of theirs is at fault."""
    network = environment.at(("network",), dict)
    if network is not None and (network.get("create") is None) == (network.get("lookup") is None):
        yield environment.problem(("network",), CREATE_OR_LOOKUP)
    zone = environment.at(("hosted_zone",), dict)
    if zone is not None and (zone.get("create") is True) == (zone.get("id") is not None):
        yield environment.problem(("hosted_zone",), CREATED_OR_EXISTING)


def _sandbox(environment: Document) -> Iterator[Problem]:
    account, sandbox = environment.at(("account",), str), environment.at(("sandbox",), bool) or False
    if account is not None and (account == SANDBOX_ACCOUNT) != sandbox:
        allowed = f'account "{SANDBOX_ACCOUNT}" with sandbox: true, or an account of AWS without it'
        yield environment.problem(("account",), f"{account} with sandbox: {str(sandbox).lower()}; allowed: {allowed}")
    version = environment.at(("kubernetes_version",), str)
    offered = version is not None and (
        version in aws_catalog.KUBERNETES_VERSIONS or aws_catalog.may_be_new_version(version)
    )
    if sandbox and offered and version not in aws_catalog.SANDBOX_KUBERNETES_VERSIONS:
        allowed = ", ".join(aws_catalog.SANDBOX_KUBERNETES_VERSIONS)
        yield environment.problem(("kubernetes_version",), f"the sandbox cannot run {version}; allowed: {allowed}")


def _roles(environment: Document) -> Iterator[Problem]:
    """Roles that act in the account must lie in it; the pipeline's own may lie elsewhere. No role has two tasks."""
    account, region = environment.at(("account",), str), environment.at(("region",), str)
    for location in (*ROLES_OF_THEIR_OWN, ("roles", "permissions_boundary")):
        parts = (environment.at(location, str) or "").split(":", 5)
        if len(parts) < 6 or account is None:
            continue
        if parts[4] not in (account, "aws"):
            yield environment.problem(location, f"lies in account {parts[4]}; allowed: the environment's, {account}")
        elif region in aws_catalog.REGIONS and parts[1] != aws_catalog.partition_of(region):
            wanted = aws_catalog.partition_of(region)
            yield environment.problem(location, f"is of partition {parts[1]}; allowed: {wanted}, as {region} is")
    roles = [(location, environment.at(location, str)) for location in (*ROLES_OF_THEIR_OWN, ("roles", "pipeline"))]
    for (first, arn), (second, other) in combinations(roles, 2):
        if arn is not None and arn == other:
            yield environment.problem(second, f"is {format_location(first)} too; allowed: a role of its own")


def _zones(environment: Document) -> Iterator[Problem]:
    location = ("network", "create", "zones")
    zones = environment.at(location, list) or []
    zone_names = aws_catalog.zones_of(environment.at(("region",), str) or "")
    for index, zone in enumerate(zones):
        if zone in zones[:index]:
            allowed = "two or more different zones"
            yield environment.problem((*location, index), f"{zone} is written twice; allowed: {allowed}")
        elif zone_names and isinstance(zone, str) and zone not in zone_names:
            message = f"{zone} is not a zone of the environment's region; {suggest_choices(zone, zone_names)}"
            yield environment.problem((*location, index), message)


def _vpc_size(environment: Document) -> Iterator[Problem]:
    location = ("network", "create", "cidr")
    block = block_of(environment.at(location, str))
    if block is None:
        return
    if not 16 <= block.prefixlen <= 22:
        message = f"/{block.prefixlen} does not fit; allowed: /16 (AWS's largest) to /22 (room for pods in each zone)"
        yield environment.problem(location, message)
    if not block.is_private or block.is_loopback or block.is_link_local:
        allowed = "a block in 10.0.0.0/8, 172.16.0.0/12 or 192.168.0.0/16"
        yield environment.problem(location, f"{block} is not a private network; allowed: {allowed}")


def _placeholders(environment: Document) -> Iterator[Problem]:
    """The only placeholders of an environment file are the sandbox's addresses; Helm values may hold what they like."""
    sandbox = environment.at(("sandbox",), bool)
    for location, text in environment.texts():
        if location[:1] == ("addons",) and location[2:3] == ("values",):
            continue
        for name in placeholders_in(text):
            if name not in ADDRESSES or (location != ADDRESSES[name] and location[:2] != ("git", "variables")):
                places = " and ".join(f"${{{name}}} in {format_location(place)}" for name, place in ADDRESSES.items())
                allowed = f"{places}; the others belong in the cluster's file"
                yield environment.problem(location, f"${{{name}}} would stay as it is; allowed: {allowed}")
            elif not sandbox:
                yield environment.problem(location, f"${{{name}}} is only known in the sandbox; allowed: an address")


def _git(environment: Document) -> Iterator[Problem]:
    """What would be found out only after the cluster is there: no repository, a password in its address."""
    settings = environment.at(("git",), dict)
    if settings is None:
        if environment.at(("products_purchased",), list):
            allowed = "git.repository, which has a folder for each product"
            yield environment.problem(("products_purchased",), f"needs a repository; allowed: {allowed}")
        return
    yield from _repository(environment)
    if settings.get("branch") is not None and settings.get("branch") == settings.get("base"):
        yield environment.problem(("git", "branch"), "is the branch with the templates; allowed: another branch")
    if settings.get("follow") == "branch" and environment.at(("approval",), dict) is not None:
        allowed = "commit, as nobody approves what is pushed to a branch"
        yield environment.problem(("git", "follow"), f"is branch in an environment with approval; allowed: {allowed}")
    for name in environment.at(("git", "variables"), dict) or {}:
        if name in BUILT_IN_VARIABLES:
            allowed = "other names, as this one follows from the environment"
            yield environment.problem(("git", "variables", name), f"is set by the pipeline; allowed: {allowed}")


def _repository(environment: Document) -> Iterator[Problem]:
    location: Location = ("git", "repository")
    try:
        address = urlsplit(environment.at(location, str) or "")
    except ValueError as error:
        yield environment.problem(location, f"is not an address ({error}); allowed: https://HOST/PATH or ssh")
        return
    if address.password is not None or (address.username and address.scheme in ("http", "https")):
        allowed = "the address alone, with git.credentials.secret naming a secret"
        yield environment.problem(location, f"holds a user or password; allowed: {allowed}")
    if address.scheme == "http" and address.hostname not in ("127.0.0.1", "localhost"):
        yield environment.problem(location, "would receive its credentials unencrypted; allowed: https or ssh")


def _versions(environment: Document) -> Iterator[Problem]:
    for unit in ("karpenter", "karpenter_crds"):
        location: Location = ("addons", unit, "version")
        version, own = environment.at(location, str), environment.at(("karpenter_version",), str)
        if version is not None and own is not None and version != own:
            message = f"{version} is not karpenter_version, {own}, of which its CRDs and policies are"
            yield environment.problem(location, f"{message}; allowed: karpenter_version alone")
    kubernetes = aws_catalog.KUBERNETES_VERSIONS.get(environment.at(("kubernetes_version",), str) or "")
    parts = (environment.at(("karpenter_version",), str) or "").split(".")
    if kubernetes is None or len(parts) != 3 or not all(part.isdigit() for part in parts):
        return
    if (int(parts[0]), int(parts[1])) < kubernetes.karpenter:
        oldest = ".".join(map(str, kubernetes.karpenter))
        message = f"does not know Kubernetes {environment.data['kubernetes_version']}; allowed: {oldest} or newer"
        yield environment.problem(("karpenter_version",), message)


def _once(environment: Document) -> Iterator[Problem]:
    """Lists in which nothing stands twice, and folders of the application repository that are no product's."""
    for field in ("products_purchased", "email_subscriptions", "namespaces"):
        entries = environment.at((field,), list) or []
        for index, entry in enumerate(entries):
            if entry in entries[:index]:
                yield environment.problem((field, index), f"{entry} is written twice; allowed: each once")
            elif field == "products_purchased" and entry in NO_PRODUCTS:
                message = f"{entry} is a folder of every environment; allowed: names of products"
                yield environment.problem((field, index), message)


def _names(environment: Document, units: Iterable[str]) -> Iterator[Problem]:
    tenant, target = environment.at(("tenant",), str), environment.at(("target_env",), str)
    zone = environment.at(("hosted_zone", "name"), str)
    if tenant is None or target is None:
        return
    for derived in derived_names(resource_prefix(tenant, target), zone, units):
        if len(derived.name) > derived.longest:
            location: Location = ("hosted_zone", "name") if derived.of_zone else ("tenant",)
            allowed = f"{derived.longest} characters; shorten tenant, target_env" + (
                " or the zone" if derived.of_zone else ""
            )
            message = f"gives the {derived.what} {derived.name} of {len(derived.name)} characters; allowed: {allowed}"
            yield environment.problem(location, message)


def platform_in(document: Document) -> str | None:
    """The platform that an environment file describes; None where a field that says so is missing."""
    fields = (document.at((key,), str) for key in ("account", "region", "tenant", "target_env"))
    account, region, tenant, target = fields
    if account is None or region is None or tenant is None or target is None:
        return None
    return platform_name(account, region, resource_prefix(tenant, target))


def _in_iam(document: Document) -> tuple[str, str] | None:
    """The account, and the prefix of every name in its IAM; None where a field that says so is missing."""
    fields = (document.at((key,), str) for key in ("account", "tenant", "target_env"))
    account, tenant, target = fields
    return None if account is None or tenant is None or target is None else (account, resource_prefix(tenant, target))


def find_clashes(files: list[Document], others: Sequence[Document] = ()) -> list[Problem]:
    """Environments that would fight over names, as they describe one platform, or one of which could make an approver
    of the other. `others`: files that are not checked themselves."""
    problems = []
    for first, second in (*combinations(files, 2), *product(others, files)):
        platform = platform_in(second)
        if platform is not None and platform == platform_in(first):
            message = f"describes the platform of {first.file.stem} too, {platform}; allowed: another target_env"
            problems.append(second.problem(("target_env",), message))
        elif (names := _in_iam(second)) is not None and names == _in_iam(first):
            message = f"gives IAM the names of {first.file.stem}, in whose account it is: IAM knows no regions"
            problems.append(second.problem(("target_env",), f"{message}; allowed: another target_env"))
    return [*problems, *find_foreign_roles(files)]
