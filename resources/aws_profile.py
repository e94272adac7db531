"""The deployer role as an AWS config profile, for tools that take a profile name: dagster-aws's resources, the AWS CLI.

The profile's `credential_process` is ours (`eks-assets token ENV --aws`), so external id and session tags are the
same as in `resources/aws.py`. No key is written anywhere.
"""

from __future__ import annotations

import configparser
import os
import shlex
import sys
from pathlib import Path
from typing import Any

from resources.aws import Aws


def profile_name(environment: str) -> str:
    """The profile of an environment."""
    return f"eks-assets-{environment}"


def use_profile(aws: Aws, folder: Path) -> str:
    """Write a config file that holds the user's own profiles and ours, and point AWS_CONFIG_FILE of this process at
    it; returns the profile's name."""
    merged = configparser.RawConfigParser()
    original = os.environ.get("EKS_ASSETS_USER_AWS_CONFIG") or os.environ.get("AWS_CONFIG_FILE") or "~/.aws/config"
    merged.read(Path(original).expanduser())
    name = profile_name(aws.env.name)
    command = [sys.executable, "-m", "eks_assets.cli", "token", aws.env.name, "--aws"]
    merged[f"profile {name}"] = {"region": aws.env.region, "credential_process": shlex.join(command)}
    path = folder / f"aws-config-{aws.env.name}"
    with path.open("w") as file:
        merged.write(file)
    path.chmod(0o600)
    os.environ.setdefault("EKS_ASSETS_USER_AWS_CONFIG", original)
    os.environ["AWS_CONFIG_FILE"] = str(path)
    return name


def ssm_client(aws: Aws) -> Any:
    """dagster-aws's SSM client, as the deployer role."""
    # Imported late: it brings Dagster along, which most commands do not need.
    from dagster_aws.ssm import SSMResource

    return SSMResource(
        profile_name=use_profile(aws, aws.folder), region_name=aws.env.region, endpoint_url=aws.source.endpoint
    ).get_client()


def s3_client(aws: Aws) -> Any:
    """dagster-aws's S3 client, as the deployer role."""
    from dagster_aws.s3 import S3Resource

    return S3Resource(
        profile_name=use_profile(aws, aws.folder), region_name=aws.env.region, endpoint_url=aws.source.endpoint
    ).get_client()
