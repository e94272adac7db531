"""`eks-assets token`: credentials for other programs, created on each call and never stored."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from typing import Any

from resources.kubernetes.exec_credential import take_credential


def token() -> None:
    """Print a token of an environment's cluster, as kubectl's exec plugin does (eks-assets token ENV [--aws])."""
    # `eks_assets.cli.main` answers the command itself; typer only lists it.


def print_token(argv: Sequence[str]) -> int:
    """Print an ExecCredential for kubectl and helm, or with `--aws` the answer of an AWS `credential_process`.
    Exit 0, or that of the error, which goes to stderr."""
    parser = argparse.ArgumentParser(prog="eks-assets token", description=print_token.__doc__)
    parser.add_argument("environment", help="name of the environment")
    parser.add_argument("--aws", action="store_true", help="AWS credentials of the deployer role")
    arguments = parser.parse_args(argv)
    answer = None if arguments.aws else take_credential(arguments.environment)
    if answer is not None:
        print(json.dumps(answer))
        return 0
    return _print_fresh(arguments.environment, for_aws=arguments.aws)


def _print_fresh(environment: str, *, for_aws: bool) -> int:
    from resources.config.loader import load_environment
    from resources.context import Context
    from resources.model.errors import PipelineError
    from resources.records.platform import check_incumbent

    try:
        context = Context.of(load_environment(environment))
        answer = process_credentials(context.aws) if for_aws else context.cluster.credential()
        check_incumbent(context)
    except PipelineError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    print(json.dumps(answer))
    return 0


def process_credentials(aws: Any) -> dict[str, Any]:
    """Source: AWS SDKs and Tools reference, "Process credential provider"."""
    credentials = aws.credentials()
    keys = credentials.get_frozen_credentials()
    answer = {
        "Version": 1,
        "AccessKeyId": keys.access_key,
        "SecretAccessKey": keys.secret_key,
        "SessionToken": keys.token,
    }
    expires = getattr(credentials, "_expiry_time", None)
    if expires is not None:
        answer["Expiration"] = expires.isoformat()
    return answer
