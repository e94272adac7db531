"""Everything the embedded AWS changes in MiniStack, in the order in which it has to happen."""

import ministack.app as application

from . import (
    backup_jobs,
    ec2_filters,
    ec2_guards,
    ec2_interfaces,
    instance_types,
    instance_volumes,
    load_balancers,
    pending_deletions,
    persistence,
    request_log,
    sns_mail,
    stack_tags,
)
from .cloudformation import delete, early_validation, engine, guards, replacement, resource_graph, retry
from .cloudformation.types import deletions, ec2, eks, eks_access, eks_extensions, hosted_zones, iam, logs, s3, secrets
from .cloudtrail import install as cloudtrail
from .drift import readers as drift_readers
from .drift import reversal as drift_reversal
from .eks import api as eks_api
from .eks import audit_log
from .iam import (
    condition_keys,
    oidc_clients,
    resource_tags,
    role_trust,
    service_linked_roles,
    sessions,
    simulation,
    sqs_senders,
    ssm_authorization,
    ssm_identity,
    transport,
)
from .quotas import enforcement, service_quotas
from .s3 import conditional_writes, encryption_keys, object_lock
from .slowness import late, late_deletions, turned_away
from .ssm import parameter_policies, public_parameters, versions


def install() -> None:
    """Put the overlay in place. Types come before the guards that wrap them."""
    eks_api.install()
    ec2.install()
    eks.install()
    eks_access.install()
    eks_extensions.install()
    iam.install()
    logs.install()
    s3.install()
    secrets.install()
    deletions.install()
    hosted_zones.install()
    stack_tags.install()
    pending_deletions.install()
    backup_jobs.install()
    ec2_interfaces.install()
    ec2_guards.install()
    ec2_filters.install()
    enforcement.install()
    service_quotas.install()
    instance_types.install()
    instance_volumes.install()
    load_balancers.install()
    sessions.install()
    ssm_authorization.install()
    ssm_identity.install()
    role_trust.install()
    condition_keys.install()
    resource_tags.install()
    service_linked_roles.install()
    oidc_clients.install()
    simulation.install()
    sqs_senders.install()
    transport.install()
    versions.install()
    parameter_policies.install()
    public_parameters.install()
    encryption_keys.install()
    conditional_writes.install()
    object_lock.install()
    sns_mail.install()
    replacement.install()
    resource_graph.install()
    engine.install()
    delete.install()
    retry.install()
    drift_readers.install()
    drift_reversal.install()
    early_validation.install()
    guards.install()
    cloudtrail.install()
    late.install()
    late_deletions.install()
    turned_away.install()
    persistence.install()
    audit_log.install()
    request_log.install()


def main() -> None:
    """Install the overlay and serve until SIGTERM."""
    install()
    application.main()
