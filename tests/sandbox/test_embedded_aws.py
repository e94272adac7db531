"""Contract of the embedded AWS: what the pipeline relies on and MiniStack alone does not give."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.helpers.embedded_aws_server import (
    DELAYS,
    NAMES,
    Aws,
    cluster,
    get,
    node_group,
    policy,
    prepare,
    read,
    ref,
    refused,
    resource,
    wait_for,
)


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Aws]:
    server = Aws(tmp_path_factory.mktemp("embedded-aws")).start()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def values(aws: Aws) -> dict[str, Any]:
    return prepare(aws)


def test_network_in_use_cannot_be_deleted(aws: Aws, values: dict[str, Any]) -> None:
    """A network made by a stack exists as EC2 describes it; what is in use cannot be deleted."""
    ec2 = aws.client("ec2")
    (group,) = ec2.describe_security_groups(GroupIds=[values["Group"]])["SecurityGroups"]
    assert [r["CidrIp"] for p in group["IpPermissions"] for r in p["IpRanges"]] == ["10.0.0.0/16"]
    (gateway,) = ec2.describe_nat_gateways(NatGatewayIds=[values["Nat"]])["NatGateways"]
    assert (gateway["State"], gateway["SubnetId"]) == ("available", values["A"])
    (address,) = [a for a in ec2.describe_addresses()["Addresses"] if a["PublicIp"] == values["Address"]]
    assert address["AllocationId"].startswith("eipalloc-")
    assert "DependencyViolation" in refused(ec2.delete_vpc, VpcId=values["Vpc"])
    assert "DependencyViolation" in refused(ec2.delete_subnet, SubnetId=values["A"])
    conflict = {"VpcId": values["Vpc"], "CidrBlock": "10.0.1.128/25"}
    assert "InvalidSubnet.Conflict" in refused(ec2.create_subnet, **conflict)


def test_generated_secret_is_random_and_referenced_by_arn(aws: Aws) -> None:
    """A generated secret follows its template and length, is random, and its reference is the ARN."""
    generate = {
        "SecretStringTemplate": '{"user": "admin"}',
        "GenerateStringKey": "password",
        "PasswordLength": 40,
        "ExcludePunctuation": True,
    }
    outputs = aws.deploy(
        "secrets", {name: resource("SecretsManager::Secret", GenerateSecretString=generate) for name in ("One", "Two")}
    )
    manager = aws.client("secretsmanager")
    contents = [json.loads(manager.get_secret_value(SecretId=outputs[name])["SecretString"]) for name in ("One", "Two")]
    assert outputs["One"].startswith("arn:aws:secretsmanager:")
    assert contents[0]["user"] == "admin"
    assert len(contents[0]["password"]) == 40
    assert contents[0]["password"].isalnum()
    assert contents[0]["password"] != contents[1]["password"]


def test_cluster_made_by_stack_is_complete(aws: Aws, values: dict[str, Any]) -> None:
    """A cluster made by a stack has the attributes of a real one and refuses what EKS refuses."""
    eks = aws.client("eks")
    attributes = {"issuer": get("Cluster", "OpenIdConnectIssuerUrl"), "group": get("Cluster", "ClusterSecurityGroupId")}
    outputs = aws.deploy(
        "demo",
        {
            "Cluster": cluster("demo", values, DeletionProtection=True),
            "Oidc": resource("IAM::OIDCProvider", Url=get("Cluster", "OpenIdConnectIssuerUrl"), ClientIdList=["sts"]),
            "Workers": node_group(values, ClusterName=ref("Cluster")),
            "Dns": resource("EKS::Addon", ClusterName=ref("Cluster"), AddonName="coredns"),
        },
        outputs=attributes,
    )
    described = eks.describe_cluster(name="demo")["cluster"]
    assert described["status"] == "ACTIVE"
    assert described["resourcesVpcConfig"]["vpcId"] == values["Vpc"]
    assert described["resourcesVpcConfig"]["clusterSecurityGroupId"] == outputs["group"]
    assert described["upgradePolicy"] == {"supportType": "STANDARD"}
    assert described["kubernetesNetworkConfig"]["serviceIpv4Cidr"] == "172.20.0.0/16"
    assert described["deletionProtection"] is True
    assert outputs["Oidc"].endswith(described["identity"]["oidc"]["issuer"].removeprefix("https://"))
    assert outputs["Workers"] == "demo/workers"
    again = {"name": "demo", "roleArn": values["role"], "resourcesVpcConfig": {"subnetIds": [values["A"], values["B"]]}}
    assert "ResourceInUseException" in refused(eks.create_cluster, **again)
    assert "deletion protection" in refused(eks.delete_cluster, name="demo")
    eks.update_cluster_config(name="demo", deletionProtection=False)
    assert "nodegroups attached" in refused(eks.delete_cluster, name="demo")
    nobody = "arn:aws:iam::000000000000:role/nobody"
    assert "invalid principal" in refused(eks.create_access_entry, clusterName="demo", principalArn=nobody)


def test_cluster_version_moves_one_minor_up_or_back(aws: Aws, values: dict[str, Any]) -> None:
    """A cluster is upgraded by one minor, may go back by one, and refuses other versions."""
    eks = aws.client("eks")
    aws.deploy("steps", {"Cluster": cluster("steps", values)})
    assert "Unsupported" in refused(eks.update_cluster_version, name="steps", version="1.36")
    assert "only return" in refused(eks.update_cluster_version, name="steps", version="1.33")
    aws.deploy("steps", {"Cluster": cluster("steps", values, Version="1.35")}, "UPDATE")
    assert eks.describe_cluster(name="steps")["cluster"]["version"] == "1.35"
    (upgrade,) = eks.list_updates(name="steps")["updateIds"]
    assert eks.describe_update(name="steps", updateId=upgrade)["update"]["status"] == "Successful"
    assert "cannot be cancelled" in refused(eks.cancel_update, name="steps", updateId=upgrade)
    rollback = eks.update_cluster_version(name="steps", version="1.34")["update"]
    assert (rollback["type"], rollback["status"]) == ("VersionRollback", "Successful")
    insights = eks.list_insights(clusterName="steps", filter={"categories": ["UPGRADE_READINESS"]})["insights"]
    assert {insight["insightStatus"]["status"] for insight in insights} == {"PASSING"}
    both = cluster("steps", values, Version="1.36", UpgradePolicy={"SupportType": "EXTENDED"})
    assert aws.execute(aws.change("steps", {"Cluster": both}, "UPDATE"))["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
    assert "cannot be combined" in " ".join(aws.failures("steps"))


def test_insight_names_the_addon_versions_that_fit_the_next_version(aws: Aws, values: dict[str, Any]) -> None:
    """kube-proxy of 1.31 fits 1.34 and not 1.35; EKS says so, and that it would be too old."""
    eks = aws.client("eks")
    proxy = {"AddonName": "kube-proxy", "AddonVersion": "v1.31.3-eksbuild.2"}
    addon = resource("EKS::Addon", ClusterName=ref("Cluster"), **proxy)
    aws.deploy("insights", {"Cluster": cluster("insights", values), "Proxy": addon})
    insights = eks.list_insights(clusterName="insights", filter={"statuses": ["WARNING", "ERROR"]})["insights"]
    statuses = {insight["name"]: insight["insightStatus"]["status"] for insight in insights}
    assert statuses == {"EKS add-on version compatibility": "WARNING", "kube-proxy version skew": "ERROR"}
    (found,) = (insight for insight in insights if insight["insightStatus"]["status"] == "WARNING")
    described = eks.describe_insight(clusterName="insights", id=found["id"])["insight"]
    (detail,) = described["categorySpecificSummary"]["addonCompatibilityDetails"]
    assert detail["name"] == "kube-proxy"
    assert detail["compatibleVersions"][0].startswith("v1.35.")
    assert "before the cluster" in described["recommendation"]


def test_insight_that_is_an_error_refuses_the_upgrade_without_force(aws: Aws, values: dict[str, Any]) -> None:
    """In EKS's words; `force` goes over it."""
    eks = aws.client("eks")
    addon = resource(
        "EKS::Addon", ClusterName=ref("Cluster"), AddonName="kube-proxy", AddonVersion="v1.31.3-eksbuild.2"
    )
    aws.deploy("unready", {"Cluster": cluster("unready", values), "Proxy": addon})
    said = refused(eks.update_cluster_version, name="unready", version="1.35")
    assert said.startswith("InvalidStateException: Amazon EKS detected upgrade readiness issues.")
    assert eks.describe_cluster(name="unready")["cluster"]["version"] == "1.34"
    eks.update_cluster_version(name="unready", version="1.35", force=True)
    assert eks.describe_cluster(name="unready")["cluster"]["version"] == "1.35"


def test_change_set_shows_replacement_and_no_change(aws: Aws, values: dict[str, Any]) -> None:
    """A change set says which change replaces the cluster, and fails where nothing changes."""
    aws.deploy("plan", {"Cluster": cluster("plan", values)})
    same = aws.change("plan", {"Cluster": cluster("plan", values)}, "UPDATE")
    assert same["Status"] == "FAILED"
    assert same["StatusReason"].startswith("The submitted information didn't contain changes.")

    def replacement(**properties: Any) -> str:
        (change,) = aws.change("plan", {"Cluster": cluster("plan", values, **properties)}, "UPDATE")["Changes"]
        return str(change["ResourceChange"]["Replacement"])

    assert replacement(RoleArn=values["node_role"]) == "True"
    assert replacement(KubernetesNetworkConfig={"ServiceIpv4Cidr": "172.21.0.0/16"}) == "True"
    modes = {"AuthenticationMode": "API_AND_CONFIG_MAP", "BootstrapClusterCreatorAdminPermissions": False}
    assert replacement(AccessConfig=modes) == "False"
    assert replacement(Version="1.35") == "False"


def test_failed_stack_and_stack_policy_refuse_updates(aws: Aws) -> None:
    """A rolled-back stack, a stack policy and termination protection each refuse as CloudFormation does."""
    cloudformation = aws.client("cloudformation")
    role = resource("IAM::Role", RoleName="taken", AssumeRolePolicyDocument=policy(Principal={"Service": "x"}))
    aws.deploy("first", {"Role": role})
    failed = aws.execute(aws.change("second", {"Role": role}))
    assert failed["StackStatus"] == "ROLLBACK_COMPLETE"
    assert "already exists" in aws.failures("second")[0]
    with pytest.raises(ClientError, match="ROLLBACK_COMPLETE state and can not be updated"):
        aws.change("second", {"Role": role}, "UPDATE")
    assert aws.execute(aws.change("third", {"Role": role}, OnStackFailure="DELETE"))["StackStatus"] == "DELETE_COMPLETE"
    deny = {"Effect": "Deny", "Action": ["Update:Replace", "Update:Delete"], "Principal": "*", "Resource": "*"}
    allow = {"Effect": "Allow", "Action": "Update:*", "Principal": "*", "Resource": "*"}
    document = {"Statement": [deny, allow]}
    cloudformation.set_stack_policy(StackName="first", StackPolicyBody=json.dumps(document))
    moved = resource("IAM::Role", **{**role["Properties"], "RoleName": "moved"})
    assert aws.execute(aws.change("first", {"Role": moved}, "UPDATE"))["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
    assert "Action denied by stack policy" in aws.failures("first")[0]
    assert aws.client("iam").get_role(RoleName="taken")
    aws.deploy("first", {"Role": resource("IAM::Role", **{**role["Properties"], "Description": "new"})}, "UPDATE")
    cloudformation.update_termination_protection(StackName="first", EnableTerminationProtection=True)
    assert "TerminationProtection" in refused(cloudformation.delete_stack, StackName="first")


def drift_of(aws: Aws, stack: str) -> dict[str, str]:
    cloudformation = aws.client("cloudformation")
    cloudformation.detect_stack_drift(StackName=stack)
    drifts = cloudformation.describe_stack_resource_drifts(StackName=stack)["StackResourceDrifts"]
    return {
        d["LogicalResourceId"]: d["StackResourceDriftStatus"]
        for d in drifts
        if d["StackResourceDriftStatus"] not in ("IN_SYNC", "NOT_CHECKED")
    }


def test_change_set_reverts_detected_drift(aws: Aws, values: dict[str, Any]) -> None:
    """Drift detection finds what was changed or deleted by hand, and REVERT_DRIFT restores it."""
    arn = "arn:aws:iam::aws:policy/AdministratorAccess"
    (*_, role_name) = values["node_role"].split("/")
    assert drift_of(aws, "network") == {}
    assert drift_of(aws, "roles") == {}
    aws.client("iam").attach_role_policy(RoleName=role_name, PolicyArn=arn)
    aws.client("ec2").modify_vpc_attribute(VpcId=values["Vpc"], EnableDnsHostnames={"Value": False})
    aws.client("ec2").delete_nat_gateway(NatGatewayId=values["Nat"])
    assert drift_of(aws, "network") == {"Vpc": "MODIFIED", "Nat": "DELETED"}
    assert drift_of(aws, "roles") == {"NodeRole": "MODIFIED"}
    for stack, changed in (("network", ["Nat", "Vpc"]), ("roles", ["NodeRole"])):
        cloudformation, name = aws.client("cloudformation"), next(NAMES)
        cloudformation.create_change_set(
            StackName=stack,
            ChangeSetName=name,
            UsePreviousTemplate=True,
            DeploymentMode="REVERT_DRIFT",
            Capabilities=["CAPABILITY_NAMED_IAM"],
        )
        change = cloudformation.describe_change_set(StackName=stack, ChangeSetName=name)
        assert [c["ResourceChange"]["LogicalResourceId"] for c in change["Changes"]] == changed
        assert aws.execute(change)["StackStatus"] == "UPDATE_COMPLETE"
        assert drift_of(aws, stack) == {}


def test_independent_resources_are_created_in_parallel(aws: Aws) -> None:
    """Independent resources are created in parallel, and other requests do not wait for them."""
    change = aws.change("topics", {f"Topic{number}": resource("SNS::Topic") for number in range(8)})
    started, slowest = time.monotonic(), 0.0
    aws.client("cloudformation").execute_change_set(ChangeSetName=change["ChangeSetId"])

    def done() -> bool:
        nonlocal slowest
        asked = time.monotonic()
        aws.client("sts").get_caller_identity()
        slowest = max(slowest, time.monotonic() - asked)
        (stack,) = aws.client("cloudformation").describe_stacks(StackName="topics")["Stacks"]
        return bool(stack["StackStatus"] == "CREATE_COMPLETE")

    wait_for(done, "The topics")
    assert DELAYS["AWS::SNS::Topic"] <= time.monotonic() - started < 4 * DELAYS["AWS::SNS::Topic"]
    assert slowest < DELAYS["AWS::SNS::Topic"], "other requests waited for the stack"


def test_configured_delay_applies_to_creations_only(aws: Aws) -> None:
    """The configured time applies to creations alone, and a single resource may have its own."""

    def completed() -> list[str]:
        events = aws.client("cloudformation").describe_stack_events(StackName="pace")["StackEvents"]
        done = [(e["LogicalResourceId"], e["ResourceStatus"]) for e in reversed(events)]
        return [f"{name} {status}" for name, status in done if status.endswith("COMPLETE") and name != "pace"]

    aws.deploy("pace", {"Slow": resource("SNS::Topic"), "Quick": resource("SNS::Topic")})
    assert completed() == ["Quick CREATE_COMPLETE", "Slow CREATE_COMPLETE"]
    slow = resource("SNS::Topic", DisplayName="changed")
    aws.deploy("pace", {"Third": resource("SNS::Topic"), "Quick": resource("SNS::Topic"), "Slow": slow}, "UPDATE")
    assert [line.split()[0] for line in completed()[2:]] == ["Slow", "Third"]


def test_role_needs_external_id_and_policy(aws: Aws) -> None:
    """A role is assumed with its external id only, and its session may do what its policies allow."""
    iam, sts = aws.client("iam"), aws.client("sts")
    trust = policy(Principal={"AWS": "*"}, Condition={"StringEquals": {"sts:ExternalId": "shared"}})
    arn = iam.create_role(RoleName="reader", AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
    document = json.dumps(policy("eks:ListClusters", Resource="*"))
    iam.put_role_policy(RoleName="reader", PolicyName="read", PolicyDocument=document)
    assert "AccessDenied" in refused(sts.assume_role, RoleArn=arn, RoleSessionName="session")
    granted = sts.assume_role(RoleArn=arn, RoleSessionName="session", ExternalId="shared")["Credentials"]
    session = (granted["AccessKeyId"], granted["SecretAccessKey"], granted["SessionToken"])
    assert "clusters" in aws.client("eks", *session).list_clusters()
    assert "AccessDenied" in refused(aws.client("eks", *session).describe_cluster, name="demo")
    assert "Signature" in refused(aws.client("eks", session[0], "wrong", session[2]).list_clusters)


def test_request_log_has_calls_without_contents(aws: Aws) -> None:
    """The request log has service, action, key and status of each call, and no content."""
    ssm = aws.client("ssm")
    ssm.put_parameter(Name="/log", Value="do-not-log-me", Type="SecureString")
    entries: list[dict[str, Any]] = []

    def logged() -> dict[str, Any] | None:
        text = (aws.folder / "state" / "requests.log").read_text()
        assert "do-not-log-me" not in text
        entries[:] = [json.loads(line) for line in text.splitlines()]
        return next((entry for entry in entries if entry["action"] == "PutParameter"), None)

    put = wait_for(logged, "The log line")
    assert (put["service"], put["access_key_id"], put["status"]) == ("ssm", "AKIAROOT", 200)
    assert any(entry["action"] == "CreateChangeSet" for entry in entries)


def test_killed_embedded_aws_loses_no_saved_state(tmp_path: Path) -> None:
    """After a kill the state that was saved seconds before is there."""
    server = Aws(tmp_path).start()
    try:
        server.deploy("kept", {"Parameter": resource("SSM::Parameter", Name="/kept", Type="String", Value="yes")})
        wait_for(lambda: "kept" in read(tmp_path / "state" / "cloudformation.json"), "Saving the state")
        wait_for(lambda: "/kept" in read(tmp_path / "state" / "ssm.json"), "Saving the parameter")
        server.stop(signal.SIGKILL)
        server.start()
        assert server.client("ssm").get_parameter(Name="/kept")["Parameter"]["Value"] == "yes"
        (stack,) = server.client("cloudformation").describe_stacks(StackName="kept")["Stacks"]
        assert stack["StackStatus"] == "CREATE_COMPLETE"
    finally:
        server.stop()


def test_instances_are_listed_by_vpc_and_subnet(aws: Aws) -> None:
    """Those of another network are not among them."""
    ec2, made = aws.client("ec2"), {}
    for number in (7, 8):
        vpc = ec2.create_vpc(CidrBlock=f"10.{number}.0.0/16")["Vpc"]["VpcId"]
        subnet = ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.{number}.0.0/24")["Subnet"]["SubnetId"]
        answer = ec2.run_instances(ImageId="ami-1", MinCount=1, MaxCount=1, SubnetId=subnet)
        made[answer["Instances"][0]["InstanceId"]] = {"vpc-id": vpc, "subnet-id": subnet}
    for instance, where in made.items():
        for name, value in where.items():
            filters = [{"Name": name, "Values": [value]}]
            listed = ec2.describe_instances(Filters=filters)["Reservations"]
            assert [i["InstanceId"] for r in listed for i in r["Instances"]] == [instance]
