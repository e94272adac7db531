"""Probes of what users of the platform see: Argo CD's applications and the application's own address."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from itertools import zip_longest
from typing import Any

import urllib3
from urllib3.exceptions import HTTPError

from resources.config.sandbox_state import sandbox_state, with_addresses
from resources.context import Context
from resources.drivers.git.applicationsets import API_VERSION
from resources.drivers.git.manifests import load_objects
from resources.drivers.git.pinning import Pin, kept_revisions, place_of
from resources.drivers.git.repository import address_of
from resources.kubernetes.objects import Object, list_objects
from resources.model import checks
from resources.model.checks import Check
from resources.model.errors import NotFound
from resources.model.outputs import plain_document
from resources.model.specs import GitManifests, Spec
from resources.probes.result import CheckResult


def applications_healthy(check: checks.ApplicationsHealthy, spec: Spec[Any], context: Context) -> CheckResult:
    """Whether the applications are Healthy and Synced; else what the first one that is not says."""
    sets = _application_sets(spec, context)
    names = {obj["metadata"]["name"] for obj in sets}
    applications = list_objects(context.cluster, API_VERSION, "Application", namespace="argocd")
    if not check.every:
        applications = [a for a in applications if names & _owners(a)]
        missing = names - {owner for a in applications for owner in _owners(a)}
        if missing:
            return CheckResult(False, f"ApplicationSet {', '.join(sorted(missing))} has made no application yet")
    commit = plain_document(spec.commit) if isinstance(spec, GitManifests) else None
    followed = (address_of(spec.tree, context), spec.tree.branch) if isinstance(spec, GitManifests) else None
    kept = _kept(sets, spec, followed)
    for application in applications:
        if reason := application_fault(application, followed, commit, kept):
            name = application["metadata"]["name"]
            return CheckResult(False, f"application {name}: {reason}", _last_health_change(application))
    detail = f"{len(applications)} applications Healthy and Synced" + (f" at {commit[:12]}" if commit else "")
    return CheckResult(True, detail, max(map(_last_health_change, applications), default=""))


def _application_sets(spec: Spec[Any], context: Context) -> list[Object]:
    """The unit's ApplicationSets, as they should be."""
    if not isinstance(spec, GitManifests):
        return []
    return [dict(obj) for obj in load_objects(spec, context).objects if obj["kind"] == "ApplicationSet"]


def _kept(sets: Collection[Object], spec: Spec[Any], followed: tuple[str, str] | None) -> set[str] | None:
    """The revisions that ApplicationSets name themselves; None where what they name is the branch."""
    if followed is None or not isinstance(spec, GitManifests) or not spec.tree.pinned:
        return None
    commit = plain_document(spec.commit)
    return {revision for obj in sets for revision in kept_revisions(obj, Pin(*followed))} - {commit}


def _last_health_change(application: Object) -> str:
    """When the application's health last changed; empty where Argo CD does not say."""
    return str(((application.get("status") or {}).get("health") or {}).get("lastTransitionTime") or "")


def _owners(application: Object) -> set[str]:
    return {o["name"] for o in application["metadata"].get("ownerReferences", []) if o["kind"] == "ApplicationSet"}


def application_fault(
    application: Object,
    followed: tuple[str, str] | None,
    commit: str | None,
    kept: Collection[str] | None = None,
) -> str:
    """What is wrong with an Application; empty when nothing is. `followed`: address and branch of the repository whose
    `commit` it has to be at, with those of its sources that follow it; others (a chart, a product's own repository)
    have revisions of their own. `kept`: where the commit is pinned, the revisions of that repository that stay as they
    are. Source: Argo CD, "Multiple Sources for an Application"."""
    status, spec = application.get("status") or {}, application.get("spec") or {}
    health, sync = status.get("health", {}), status.get("sync", {})
    conditions = "; ".join(str(c.get("message", "")) for c in status.get("conditions", []))
    sources = spec.get("sources") or [spec.get("source") or {}]
    revisions = sync.get("revisions") or [] if spec.get("sources") else [sync.get("revision")]
    # A source that was added a moment ago has none yet, and is at no commit then.
    pairs = zip_longest(sources, revisions[: len(sources)])
    ours = [revision for source, revision in pairs if _is_at_commit(source, followed, kept)]
    if sync.get("status") != "Synced" or any(revision != commit for revision in ours):
        revision = next((r for r in ours if r != commit), None) or next((r for r in revisions if r), "no commit")
        where = f"{sync.get('status', 'unknown')} at {revision[:12]}"
        return ": ".join(part for part in (where, conditions) if part)
    if health.get("status") != "Healthy":
        bad = [r for r in status.get("resources", []) if (r.get("health") or {}).get("status") not in (None, "Healthy")]
        reasons = "; ".join(
            f"{r['kind']} {r['name']}: {r['health'].get('message', r['health']['status'])}" for r in bad
        )
        return ": ".join(part for part in (str(health.get("status", "unknown")), reasons, conditions) if part)
    return ""


def _is_at_commit(source: Mapping[str, Any], followed: tuple[str, str] | None, kept: Collection[str] | None) -> bool:
    """Whether the commit is what the source has to be at."""
    if followed is None or source.get("chart"):
        return False
    address, branch = followed
    if place_of(str(source.get("repoURL"))) != place_of(address):
        return False
    # One that is pinned names the commit before for a moment, until its ApplicationSet has been read again.
    revision = source.get("targetRevision")
    return revision == branch if kept is None else revision not in kept


def application_endpoint(_check: Check, _spec: Spec[Any], context: Context) -> CheckResult:
    """Whether `https://<APP_DOMAIN>/health` answers 200. The name is resolved to the environment's `edge` where it has
    one; the certificate must verify for the domain in any case."""
    env = context.env
    url = f"https://{env.app_domain}/health"
    host, port = env.app_domain, 443
    if env.edge:
        host, _, text = with_addresses(env.edge, sandbox=env.sandbox, where="edge").rpartition(":")
        port = int(text)
    pool = urllib3.HTTPSConnectionPool(
        host,
        port,
        timeout=5,
        retries=False,
        ca_certs=sandbox_state().variables.get("SANDBOX_CA") if env.sandbox else None,
        server_hostname=env.app_domain,
        assert_hostname=env.app_domain,
    )
    try:
        with pool:
            answer = pool.request("GET", "/health", headers={"Host": env.app_domain})
    except HTTPError as error:
        raise NotFound(f"{url} does not answer: {error}") from error
    if answer.status == 200:
        return CheckResult(True, f"{url} answers 200")
    return CheckResult(False, f"{url} answers {answer.status}: {answer.data[:200].decode(errors='replace').strip()}")
