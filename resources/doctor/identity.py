"""Who we are in AWS, which roles there are to act as, and whether this file may."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from email.utils import parsedate_to_datetime

from resources.aws.errors import aws_call
from resources.aws.session import Aws, caller_arn
from resources.config.environment import Environment
from resources.context import Context
from resources.doctor.checks import Line, account_check
from resources.model.errors import NotFound, PipelineError
from resources.records.platform import check_incumbent, platform_of

# AWS refuses a signature that is more than 5 minutes off (IAM user guide, "Signature Version 4"); S3, 15.
_MOST_OFF = dt.timedelta(minutes=4)


@account_check()
def check_caller(context: Context) -> Iterator[Line]:
    """Who calls, before any role is taken."""
    arn = caller_arn(context.env)
    if arn.endswith(":root"):
        fix = "use a role: aws sso login, or aws sts assume-role"
        line = (
            Line.ok(f"you are {arn}")
            if context.env.sandbox
            else Line.warning(f"you are the account's root: {arn}", fix)
        )
        yield line
    else:
        yield Line.ok(f"you are {arn}")


@account_check()
def check_roles(context: Context) -> Iterator[Line]:
    """The roles that the file names exist; the deployer can be taken from here."""
    for what, arn in _named_roles(context.env).items():
        if arn.split(":")[4] != context.env.account:
            yield Line.ok(f"{what} {arn} is of another account, and was not looked for")
            continue
        try:
            with aws_call(f"reading {what}"):
                context.aws.client("iam").get_role(RoleName=arn.rpartition("/")[2])
        except NotFound:
            yield Line.error(f"{what} {arn} does not exist", f"eks-assets bootstrap {context.env.name} --apply")
        else:
            yield _deployer(context) if what == "the deployer role" else Line.ok(f"{what} {arn} exists")


def _named_roles(env: Environment) -> dict[str, str]:
    roles = {
        "the pipeline role": env.roles.pipeline,
        "the deployer role": env.roles.deployer.arn if env.roles.deployer else None,
        "the planner role": env.roles.planner,
        "the destroyer role": env.roles.destroyer.arn if env.roles.destroyer else None,
        "CloudFormation's role": env.roles.cloudformation,
    }
    return {what: arn for what, arn in roles.items() if arn}


def _deployer(context: Context) -> Line:
    try:
        return Line.ok(f"the deployer role can be taken: {Aws(context.env, context.aws.source).check_account()}")
    except PipelineError as error:
        # Somebody else may be the one who deploys.
        message = f"the deployer role exists, and you cannot deploy: {error.message}"
        return Line.warning(message, error.next_step or "deploy as the pipeline role, which it trusts")


@account_check()
def check_platform(context: Context) -> Iterator[Line]:
    """No other file describes the same platform."""
    check_incumbent(context)
    yield Line.ok(f"{context.env.name} is the file of {platform_of(context.env)}")


@account_check()
def check_clock(context: Context) -> Iterator[Line]:
    """This machine's clock is AWS's: with another one no signature holds."""
    with aws_call("asking AWS for the time"):
        answer = context.aws.client("sts").get_caller_identity()
    now = dt.datetime.now(dt.UTC)
    off = abs(now - parsedate_to_datetime(answer["ResponseMetadata"]["HTTPHeaders"]["date"]))
    if off > _MOST_OFF:
        message = f"this machine's clock is {off.total_seconds():.0f} s off AWS's, which soon refuses every signature"
        yield Line.warning(message, "timedatectl set-ntp true")
    else:
        yield Line.ok(f"this machine's clock is AWS's, within {off.total_seconds():.0f} s")
