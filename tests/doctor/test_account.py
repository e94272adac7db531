"""`doctor ENV` on an embedded AWS: a healthy account has no error, and each planted fault has a line with a way out."""

from __future__ import annotations

import json
import signal
from typing import Any

import pytest

from resources.aws.session import Aws
from resources.bootstrap.gate import anchor_json, make_anchor, write_anchor
from resources.config.environment import Approval, Environment, Roles
from resources.config.gate_anchor import anchor_of
from resources.config.key_grants import scaling_role
from resources.config.names import gate_parameter
from resources.context import Context
from resources.doctor.checks import list_checks
from resources.doctor.examination import run_checks
from resources.doctor.keys import check_cluster_key, check_volume_keys
from resources.doctor.permissions import check_bootstrap
from tests.doctor.conftest import ADDRESSES, GPUS, VPCS, DoctorsAccount, lines_of
from tests.doctor.name_server import name_server
from tests.helpers.embedded_aws_server import policy
from tests.helpers.json_schema import schema_faults, schema_of
from tests.helpers.published import configured

ACCOUNT = "arn:aws:iam::000000000000"
NODES = {"desiredCapacity": 2, "minSize": 2, "maxSize": 4}


def test_healthy_account_has_no_error(account: DoctorsAccount) -> None:
    """Every check says something, in a few seconds; what it says fits the published schema."""
    report = account.examine()
    assert lines_of(report, "error") == {}
    machine, of_account = list_checks()
    names = {*(check.name for check in machine), *(check.name for check in of_account)}
    assert {diagnosis.check for diagnosis in report.diagnoses} == {"identity", *names}
    assert report.exit_code == 0
    assert report.seconds < 20
    assert schema_faults(report.model_dump(mode="json"), schema_of("doctor")) == []
    # 1.34 ends in December 2026 in the sandbox's EKS: a warning, or on a later day the advice to go on.
    assert not {"permissions", "bootstrap", "roles"} & lines_of(report, "warning").keys()


def planted(account: DoctorsAccount) -> Environment:
    """The environment with everything wrong that its files can say."""
    env = configured(
        account.env,
        accessConfig={"accessEntries": [{"principalARN": f"{ACCOUNT}:role/nobody"}]},
        addons=[{"name": "vpc-cni", "version": "v1.2.3-eksbuild.1"}, {"name": "coredns"}],
        managedNodeGroups=[
            {"name": "system", "instanceType": "m7i.large", **NODES},
            {"name": "gpu", "instanceType": "g6.xlarge", **NODES, "volumeKmsKeyID": key(account)},
        ],
    )
    create = env.network.create
    assert create is not None
    network = env.network.model_copy(
        update={"create": create.model_copy(update={"zones": ("us-west-2a", "us-west-2x")})}
    )
    return env.model_copy(update={"network": network})


def key(account: DoctorsAccount) -> str:
    """A key that nobody was given a grant for."""
    return str(account.server.client("kms").create_key()["KeyMetadata"]["Arn"])


def test_each_planted_fault_has_a_line_and_a_way_out(account: DoctorsAccount, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten faults, ten errors of as many checks, each with what puts it right."""
    env, iam = planted(account), account.iam()
    account.limit(quotas={ADDRESSES: 0, VPCS: 1, GPUS: 4}, not_offered={"us-west-2a": ["m7i.large"]})
    iam.delete_service_linked_role(RoleName="AWSServiceRoleForEC2Spot")
    role = {"RoleName": "eks-assets-deployer", "PolicyName": "less"}
    iam.put_role_policy(**role, PolicyDocument=json.dumps(policy() | denied("sns:Publish")))
    zone = account.server.client("route53").create_hosted_zone(Name="sandbox.test", CallerReference="1")
    with name_server({"test": ("ns.test",), "sandbox.test": ("ns.elsewhere.test",)}) as address:
        monkeypatch.setenv("EKS_ASSETS_RESOLVER", address)
        report = account.examine(env)
    errors, warnings = lines_of(report, "error"), lines_of(report, "warning")
    server = zone["DelegationSet"]["NameServers"][0]
    for check, message, fix in (
        ("access entries", "role/nobody names nobody", "aws iam get-role --role-name nobody"),
        ("addon versions", "no version v1.2.3-eksbuild.1 of the add-on vpc-cni", "name one of them"),
        ("address quota", "0 of 0 are used, and 1 more is needed", f"--quota-code {ADDRESSES} --desired-value 1"),
        ("delegation", "sends sandbox.test to ns.elsewhere.test", f"IN NS {server}"),
        (
            "instance types",
            "none of its types in its zones (m7i.large: us-west-2b, us-west-2c)",
            "another instanceType",
        ),
        ("service linked roles", "AWSServiceRoleForEC2Spot", "aws iam create-service-linked-role"),
        ("vcpu quotas", "4 are allowed, 8 are needed to begin with and 16 at most", f"{GPUS} --desired-value 16"),
        ("volume keys", "no node starts", "aws kms create-grant --key-id"),
        ("vpc quota", "1 of 1 are used", f"--quota-code {VPCS} --desired-value 2"),
        ("zones", "no zone us-west-2x", "network.create.zones"),
    ):
        (line,) = errors.pop(check)
        assert message in line.message
        assert fix in line.fix
    assert errors == {}
    (line,) = warnings["permissions"]
    assert "eks-assets-deployer may not: sns:Publish" in line.message
    assert "eks-assets bootstrap sandbox --apply" in line.fix
    assert report.exit_code == 1
    iam.delete_role_policy(**role)
    iam.create_service_linked_role(AWSServiceName="spot.amazonaws.com")
    account.server.client("route53").delete_hosted_zone(Id=zone["HostedZone"]["Id"])


def denied(action: str) -> dict[str, Any]:
    return {"Statement": [{"Effect": "Deny", "Action": action, "Resource": "*"}]}


def test_version_that_eks_does_not_offer(account: DoctorsAccount) -> None:
    errors = lines_of(account.examine(account.env.model_copy(update={"kubernetes_version": "1.29"})), "error")
    assert errors.keys() == {"kubernetes version", "node images"}
    (line,) = errors["kubernetes version"]
    assert line.message == "EKS offers no Kubernetes 1.29; it offers 1.33, 1.34, 1.35, 1.36, 1.37"
    assert line.fix.startswith("kubernetes_version in the file of sandbox")


def test_approvers_who_prove_nothing(account: DoctorsAccount) -> None:
    """A role whose session names are the caller's choice, a user who does not exist, and so too few people."""
    iam = account.iam()
    trust = json.dumps(policy(Principal={"AWS": f"{ACCOUNT}:root"}))
    iam.create_role(RoleName="release-managers", AssumeRolePolicyDocument=trust)
    free, absent = "arn:aws:sts::000000000000:assumed-role/release-managers/ann", f"{ACCOUNT}:user/nobody"
    env = account.env.model_copy(update={"approval": Approval(approvers=2, allow=(free, absent))})
    context = Context(env, Aws(env, as_deployer=False))
    write_anchor(context, make_anchor(context))
    report = account.examine(env)
    errors, warnings = lines_of(report, "error"), lines_of(report, "warning")
    assert errors.keys() == {"approvers"}
    assert errors["approvers"][0].message == "1 people can prove an approval, and 2 are asked for"
    assert "the session name ann of role release-managers is the caller's choice" in warnings["approvers"][0].message
    assert "the user nobody, whom the account does not have" in warnings["approving users"][0].message
    assert warnings["approving users"][0].fix.endswith("aws iam create-user --user-name nobody")
    account.server.client("ssm").put_parameter(
        Name=gate_parameter(env), Value=anchor_json(anchor_of(account.env)), Overwrite=True
    )


def test_names_that_are_taken_or_too_long(account: DoctorsAccount) -> None:
    """A role that no stack of the environment made, logs of an earlier cluster, a domain longer than AWS takes."""
    iam, logs, name = account.iam(), account.server.client("logs"), "KarpenterNodeRole-demo-sandbox-cluster"
    iam.create_role(
        RoleName=name, AssumeRolePolicyDocument=json.dumps(policy(Principal={"Service": "ec2.amazonaws.com"}))
    )
    group = "/aws/eks/demo-sandbox-cluster/cluster"
    logs.create_log_group(logGroupName=group)
    zone = account.env.hosted_zone.model_copy(update={"name": f"{'a' * 60}.test"})
    errors = lines_of(account.examine(account.env.model_copy(update={"hosted_zone": zone})), "error")
    (taken,), (left,), (long,) = errors["taken names"], errors["left logs"], errors["name lengths"]
    assert taken.message == f"the role {name} exists, and no stack of sandbox made it"
    assert left.fix.endswith(f"aws logs delete-log-group --log-group-name {group}")
    assert "AWS takes 64" in long.message
    iam.delete_role(RoleName=name)
    logs.delete_log_group(logGroupName=group)


def test_keys_that_can_be_used_or_not(account: DoctorsAccount) -> None:
    """A grant is enough; a disabled key is not; one that does not exist is said to be none."""
    kms, volumes = account.server.client("kms"), key(account)
    operations = ["Encrypt", "Decrypt", "CreateGrant"]
    kms.create_grant(KeyId=volumes, GranteePrincipal=scaling_role("000000000000"), Operations=operations)
    secrets = key(account)
    kms.disable_key(KeyId=secrets)
    group = {"name": "system", "instanceType": "m7i.large", "volumeKmsKeyID": volumes}
    env = configured(account.env, managedNodeGroups=[group], secretsEncryption={"keyARN": secrets})
    (granted,), (disabled,) = check_volume_keys(account.context(env)), check_cluster_key(account.context(env))
    assert granted.level == "ok"
    assert disabled.message == f"the key {secrets} is Disabled: nothing can be encrypted with it"
    assert disabled.fix == f"aws kms enable-key --key-id {secrets}"
    absent = configured(env, secretsEncryption={"keyARN": secrets[:-4] + "0000"})
    (line,) = check_cluster_key(account.context(absent))
    assert line.message.startswith("there is no key")


def test_account_that_was_not_bootstrapped(bare_account: DoctorsAccount) -> None:
    """An administrator, for whom no role reads, is told the one command; the account is looked at all the same."""
    report = bare_account.examine()
    errors = lines_of(report, "error")
    assert errors.keys() == {"bootstrap", "roles", "service linked roles"}
    assert {line.fix for line in errors["bootstrap"] + errors["roles"]} == {"eks-assets bootstrap sandbox --apply"}
    (read_as,) = lines_of(report, "ok")["identity"]
    assert read_as.message == f"reads account 000000000000 as the caller: {ACCOUNT}:root"
    # Administrators may make the roles on their own: no error then, and nothing to compare with.
    trust = json.dumps(policy(Principal={"AWS": f"{ACCOUNT}:root"}))
    bare_account.iam().create_role(RoleName="eks-assets-deployer", AssumeRolePolicyDocument=trust)
    (line,) = check_bootstrap(Context(bare_account.env, Aws(bare_account.env, as_deployer=False)))
    assert (line.level, line.fix) == ("warning", "eks-assets bootstrap sandbox --print shows it")


def test_other_account_than_the_file_says(account: DoctorsAccount) -> None:
    """Nothing of it is asked, once."""
    env = account.env.model_copy(update={"account": "111122223333", "roles": Roles()})
    report = account.examine(env)
    (error,) = lines_of(report, "error")["identity"]
    assert "is account 111122223333" in error.message
    assert report.exit_code == 1
    assert "zones" not in {diagnosis.check for diagnosis in report.diagnoses}


def test_right_that_is_missing_is_a_warning_with_the_command(account: DoctorsAccount) -> None:
    """As after an earlier bootstrap, whose planner may not read quotas."""
    iam, role = account.iam(), {"RoleName": "eks-assets-planner", "PolicyName": "less"}
    iam.put_role_policy(**role, PolicyDocument=json.dumps(policy() | denied("servicequotas:*")))
    warnings = lines_of(account.examine(), "warning")
    for check in ("address quota", "vpc quota", "vcpu quotas"):
        assert "could not be asked" in warnings[check][0].message
        assert "eks-assets bootstrap sandbox --apply" in warnings[check][0].fix
    iam.delete_role_policy(**role)


def test_what_does_not_answer_is_a_warning(account: DoctorsAccount) -> None:
    """At the deadline the report stands, with the reason."""
    process = account.server.process
    assert process is not None
    process.send_signal(signal.SIGSTOP)
    try:
        report = run_checks(account.env, 1)
    finally:
        process.send_signal(signal.SIGCONT)
    (line,) = lines_of(report, "error")["identity"]
    assert line.message == "AWS does not answer the planner within 1 s"
    assert report.seconds < 2
