"""Whether AWS refuses a read only because the account was bootstrapped by an earlier version."""

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

_IS_BEHIND: CacheKey[bool] = CacheKey("whether bootstrap is of an earlier version")


def lacks_new_rights(context: Context, error: AccessDenied) -> bool:
    """Whether AWS, not the cluster, refused whom we read as, and bootstrap would give that role other rights today than
    it did: it has not been applied since they were extended. False where that cannot be read; raises nothing."""
    if not isinstance(error.__cause__, ClientError):
        return False
    try:
        return context.cache.get(_IS_BEHIND, partial(_is_behind, context))
    except PipelineError:
        return False


def _is_behind(context: Context) -> bool:
    stack = context.env.stack_name("bootstrap")
    with aws_call(f"reading the template of stack {stack}"):
        body: Any = context.aws.client("cloudformation").get_template(StackName=stack)["TemplateBody"]
    live = (json.loads(body) if isinstance(body, str) else body).get("Resources", {})
    wanted = plain_document(build_bootstrap_template(context.env)["Resources"])
    rights = ("PlannerRole" if context.aws.planning else "DeployerRole", "ReadRights")
    return any(plain_document(live.get(title)) != wanted[title] for title in rights)
