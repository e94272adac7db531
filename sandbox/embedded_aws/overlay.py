"""Everything the embedded AWS changes in MiniStack, in the order in which it has to happen."""

import ministack.app as application

from . import (
    cloudformation_delete,
    cloudformation_ec2,
    cloudformation_eks,
    cloudformation_eks_access,
    cloudformation_engine,
    cloudformation_iam,
    cloudformation_secrets,
    drift,
    drift_reversal,
    ec2_guards,
    eks_api,
    iam_sessions,
    persistence,
    replacement,
    request_log,
    resource_graph,
    sns_mail,
    ssm_authorization,
    ssm_identity,
    stack_guards,
    stack_retry,
)


def install() -> None:
    """Put the overlay in place. Types come before the guards that wrap them."""
    eks_api.install()
    cloudformation_ec2.install()
    cloudformation_eks.install()
    cloudformation_eks_access.install()
    cloudformation_iam.install()
    cloudformation_secrets.install()
    ec2_guards.install()
    iam_sessions.install()
    ssm_authorization.install()
    ssm_identity.install()
    sns_mail.install()
    replacement.install()
    resource_graph.install()
    cloudformation_engine.install()
    cloudformation_delete.install()
    stack_retry.install()
    drift.install()
    drift_reversal.install()
    stack_guards.install()
    persistence.install()
    request_log.install()


def main() -> None:
    """Install the overlay and serve until SIGTERM."""
    install()
    application.main()
