"""Whether the account was bootstrapped by an earlier version, which gave other rights than this one would."""

from __future__ import annotations

import json
from functools import partial
from typing import Any

from botocore.exceptions import ClientError

from resources.aws.errors import aws_call
from resources.bootstrap.template import build_bootstrap_template
from resources.context import Context
from resources.model.errors import AccessDenied, PipelineError
from resources.model.outputs import plain_document
from resources.support.memory_cache import CacheKey

_OUTDATED: CacheKey[tuple[str, ...]] = CacheKey("rights that bootstrap would give today, and did not")
_RIGHTS = ("AWS::IAM::Role", "AWS::IAM::ManagedPolicy")


def lacks_new_rights(context: Context, error: AccessDenied) -> bool:
    """Whether AWS, not the cluster, refused whom we read as, and bootstrap would give that role other rights today than
    it did: it has not been applied since they were extended. False where that cannot be read; raises nothing."""
    if not isinstance(error.__cause__, ClientError):
        return False
    rights = {"PlannerRole" if context.aws.planning else "DeployerRole", "ReadRights"}
    try:
        return not rights.isdisjoint(list_outdated_rights(context))
    except PipelineError:
        return False


def list_outdated_rights(context: Context) -> tuple[str, ...]:
    """The logical ids of the roles and policies that bootstrap would make otherwise today; asked once in a context.

    Raises NotFound where there is no bootstrap, AccessDenied, Transient."""
    return context.cache.get(_OUTDATED, partial(_read, context))


def _read(context: Context) -> tuple[str, ...]:
    stack = context.env.stack_name("bootstrap")
    with aws_call(f"reading the template of stack {stack}"):
        body: Any = context.aws.client("cloudformation").get_template(StackName=stack)["TemplateBody"]
    live = (json.loads(body) if isinstance(body, str) else body).get("Resources", {})
    wanted = plain_document(build_bootstrap_template(context.env)["Resources"])
    titles = (title for title, resource in wanted.items() if resource["Type"] in _RIGHTS)
    return tuple(title for title in titles if plain_document(live.get(title)) != wanted[title])
