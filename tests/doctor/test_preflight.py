"""What `deploy` refuses before anything changes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

from resources.doctor.preflight import refuse_certain_failures
from resources.model.errors import ConfigError
from sandbox.paths import PROJECT
from tests.doctor.conftest import ADDRESSES, GPUS, VPCS, DoctorsAccount, lines_of
from tests.helpers.embedded_aws_server import NETWORK, policy
from tests.helpers.published import configured

UNITS = ("access_entries", "cluster", "karpenter_stack", "network", "node_groups")
ACCOUNT = "arn:aws:iam::000000000000"


def test_healthy_account_is_asked_within_a_second(account: DoctorsAccount) -> None:
    context = account.context()
    context.aws.check_account()
    # Of this process, since others may have the cores; what AWS takes comes side by side.
    began = time.process_time()
    refuse_certain_failures(context, UNITS)
    assert time.process_time() - began < 1


def test_everything_that_aws_would_refuse_is_said_at_once(account: DoctorsAccount) -> None:
    """In one error of the user's input, with every way out, and only for the units that are to change."""
    account.limit(quotas={ADDRESSES: 0, VPCS: 1, GPUS: 0}, not_offered={"us-west-2a": ["m7i.large"]})
    env = configured(
        account.env,
        accessConfig={"accessEntries": [{"principalARN": f"{ACCOUNT}:role/nobody"}]},
        managedNodeGroups=[
            {"name": "system", "instanceType": "m7i.large", "availabilityZones": ["us-west-2a"]},
            {"name": "gpu", "instanceType": "g6.xlarge"},
        ],
    )
    with pytest.raises(ConfigError) as caught:
        refuse_certain_failures(account.context(env), UNITS)
    for part in ("role/nobody", "Elastic IPs", "VPCs", "family G and VT", "m7i.large"):
        assert part in caught.value.message
    assert caught.value.exit_code == 2
    assert "all of it: eks-assets doctor sandbox" in caught.value.next_step
    refuse_certain_failures(account.context(env), ["certificate"])
    with pytest.raises(ConfigError, match="role/nobody") as caught:
        refuse_certain_failures(account.context(env), ["access_entries"])
    assert "VPCs" not in caught.value.message


def test_deploy_stops_before_it_makes_anything(account: DoctorsAccount, tmp_path: Path) -> None:
    """Bad input, with the way out; no stack was begun."""
    account.limit(quotas={VPCS: 1})
    done = _deploy(tmp_path)
    assert done.returncode == 2, done.stdout + done.stderr
    assert "VPCs: 1 of 1 are used, and 1 more is needed: AWS refuses them" in done.stderr
    assert "aws service-quotas request-service-quota-increase --service-code vpc" in done.stderr
    stacks = account.server.client("cloudformation").describe_stacks()["Stacks"]
    assert [stack["StackName"] for stack in stacks] == ["demo-sandbox-bootstrap"]


def test_deploy_makes_no_cluster_that_lets_nobody_in(
    account: DoctorsAccount, environments: Path, tmp_path: Path
) -> None:
    """Private and without a rule: EKS would make it, and then nothing inside of it could be deployed from anywhere."""
    file = environments / "clusters/sandbox.yaml"
    document = yaml.safe_load(file.read_text())
    document["vpc"]["clusterEndpoints"] = {"publicAccess": False, "privateAccess": True}
    file.write_text(yaml.safe_dump(document))
    done = _deploy(tmp_path, EKS_ASSETS_ENVIRONMENTS=str(environments))
    assert done.returncode == 2, done.stdout + done.stderr
    assert "no rule lets this machine in" in done.stderr
    assert "vpc.extraCIDRs" in done.stderr
    assert len(account.server.client("cloudformation").describe_stacks()["Stacks"]) == 1


def _deploy(folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "eks_assets.cli", "deploy", "sandbox"],
        cwd=PROJECT,
        env={**os.environ, "DAGSTER_HOME": str(folder), **variables},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_what_is_there_already_needs_no_quota(account: DoctorsAccount) -> None:
    """An environment whose network stands is not stopped by an account that others have filled since."""
    env = account.env.model_copy(update={"target_env": "stands"})
    vpc = {"Type": "AWS::EC2::VPC", "Properties": {"CidrBlock": "10.7.0.0/16"}}
    account.server.deploy(env.stack_name("network"), {"Vpc": vpc})
    account.limit(quotas={ADDRESSES: 0, VPCS: 0})
    refuse_certain_failures(account.context(env), UNITS)


def test_entry_of_somebody_who_left_stops_nothing(account: DoctorsAccount) -> None:
    """EKS keeps the access entry of a role that was deleted since."""
    iam, eks = account.iam(), account.server.client("eks")
    values = account.server.deploy("net-of-leaver", NETWORK)
    trust = json.dumps(policy(Principal={"Service": "eks.amazonaws.com"}))
    role = iam.create_role(RoleName="leaver", AssumeRolePolicyDocument=trust)["Role"]["Arn"]
    env = account.env
    subnets = {"subnetIds": [values["A"], values["B"]]}
    eks.create_cluster(
        name=env.cluster_name,
        version="1.34",
        roleArn=role,
        resourcesVpcConfig=subnets,
        accessConfig={"authenticationMode": "API"},
    )
    eks.create_access_entry(clusterName=env.cluster_name, principalArn=role)
    iam.delete_role(RoleName="leaver")
    named = configured(env, accessConfig={"accessEntries": [{"principalARN": role}]})
    refuse_certain_failures(account.context(named), ["access_entries"])
    (line,) = lines_of(account.examine(named), "warning")["access entries"]
    assert line.message == f"the access entry {role} is for nobody any more"
