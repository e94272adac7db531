"""A plan under the planner's role, started by an identity that may do nothing but become it, as on a pull request."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError
from kubernetes.dynamic.exceptions import ForbiddenError

from eks_assets.engine.planner import plan_report
from eks_assets.units import load_registry
from resources.aws.session import Aws
from resources.config.environment import Environment
from resources.config.loader import load_environment
from resources.config.names import lease_table, ledger_bucket
from resources.context import Context
from sandbox.credentials import Keys, credentials
from sandbox.paths import StateDirectory
from tests.conftest import Cli
from tests.e2e.conftest import Change
from tests.e2e.request_log import RequestLog
from tests.helpers.cluster_objects import remove

pytestmark = pytest.mark.sandbox


@pytest.fixture
def ci(platform: Environment, admin: Aws) -> Iterator[dict[str, str]]:
    """The keys of an IAM user with the one policy that docs/plan.md asks for, as environment variables."""
    iam, name = admin.client("iam"), "ci"
    becoming = {
        "Effect": "Allow",
        "Action": ["sts:AssumeRole", "sts:TagSession"],
        "Resource": platform.roles.planner,
    }
    iam.create_user(UserName=name)
    policy = json.dumps({"Version": "2012-10-17", "Statement": [becoming]})
    iam.put_user_policy(UserName=name, PolicyName="plan", PolicyDocument=policy)
    made = iam.create_access_key(UserName=name)["AccessKey"]
    yield Keys(made["AccessKeyId"], made["SecretAccessKey"], credentials("root").endpoint).variables()
    iam.delete_access_key(UserName=name, AccessKeyId=made["AccessKeyId"])
    iam.delete_user_policy(UserName=name, PolicyName="plan")
    iam.delete_user(UserName=name)


@pytest.fixture
def planner(platform: Environment) -> Context:
    """The environment `sandbox` as the planner."""
    return Context.of(platform, planning=True)


def test_planner_finds_nothing_to_do_after_deploy(ci: dict[str, str], eks_assets: Cli, sandbox: StateDirectory) -> None:
    """After a deploy the planner's plan is empty, and nothing is written."""
    log = RequestLog(sandbox)
    done = eks_assets("plan", "sandbox", "--detailed-exitcode", **ci)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.startswith("sandbox: nothing to do (")
    assert log.writes() == {}


def test_identity_of_ci_cannot_deploy(ci: dict[str, str], eks_assets: Cli) -> None:
    """An identity that may only assume the planner's role cannot deploy."""
    deploy = eks_assets("deploy", "sandbox", **ci)
    assert deploy.returncode == 2, deploy.stdout
    assert "cannot act as arn:aws:iam::000000000000:role/eks-assets-deployer" in deploy.stderr


def test_planner_and_deployer_plan_same_digest(
    ci: dict[str, str], eks_assets: Cli, sandbox: StateDirectory, change: Change
) -> None:
    """The planner's plan of a change has the digest that the deployer's has."""
    change(email_subscriptions=["ops@example.com"], addons={"external_dns": {"values": {"interval": "2m"}}})
    log = RequestLog(sandbox)
    done = eks_assets("plan", "sandbox", "--json", "--detailed-exitcode", **ci)
    assert done.returncode == 4, done.stdout + done.stderr
    assert log.writes() == {"cloudformation:CreateChangeSet": 1, "cloudformation:DeleteChangeSet": 1}
    document = json.loads(done.stdout)
    assert {entry["unit"] for entry in document["changes"]} == {"notifications", "external_dns"}
    deployer = plan_report(load_registry(), Context.of(load_environment("sandbox")))
    assert document["digest"] == deployer.digest, "what is approved does not depend on who planned"


def test_missing_planner_role_is_named(eks_assets: Cli, platform: Environment, change: Change) -> None:
    """A planner role that does not exist is named, with the bootstrap command."""
    missing = f"arn:aws:iam::{platform.account}:role/nobody"
    roles = platform.roles.model_copy(update={"planner": missing})
    change(roles=roles.model_dump(exclude_none=True))
    done = eks_assets("plan", "sandbox")
    assert done.returncode == 2
    assert f"cannot act as {missing}" in done.stderr
    assert "eks-assets bootstrap sandbox --apply" in done.stderr


STACK = "demo-sandbox-network"
REFUSED: dict[str, Callable[[Aws], Any]] = {
    "executing a change set": lambda aws: aws.client("cloudformation").execute_change_set(
        StackName=STACK, ChangeSetName="any"
    ),
    "deleting a stack": lambda aws: aws.client("cloudformation").delete_stack(StackName=STACK),
    "a change set of the bootstrap": lambda aws: aws.client("cloudformation").create_change_set(
        StackName="demo-sandbox-bootstrap", ChangeSetName="any", UsePreviousTemplate=True
    ),
    "writing a parameter": lambda aws: aws.client("ssm").put_parameter(
        Name="/demo/sandbox/any", Value="x", Type="String"
    ),
    "writing a grant": lambda aws: aws.client("ssm").put_parameter(
        Name="/demo/sandbox/approvals/any", Value="approve", Type="String"
    ),
    "writing to the ledger": lambda aws: aws.client("s3").put_object(Bucket=ledger_bucket(aws.env), Key="x", Body=b""),
    "listing the ledger": lambda aws: aws.client("s3").list_objects_v2(Bucket=ledger_bucket(aws.env)),
    "taking the lease": lambda aws: aws.client("dynamodb").put_item(
        TableName=lease_table(aws.env), Item={"environment": {"S": "sandbox"}}
    ),
    "the git credentials that may push": lambda aws: aws.client("secretsmanager").get_secret_value(
        SecretId=aws.env.parameter_path("git/credentials")
    ),
    "the key of the ledger's hashes": lambda aws: aws.client("s3").get_object(
        Bucket=ledger_bucket(aws.env), Key="keys/digest.json"
    ),
    "a generated secret": lambda aws: aws.client("secretsmanager").get_secret_value(SecretId=aws.env.keycloak_secret),
}


@pytest.mark.parametrize("what", REFUSED)
def test_aws_refuses_changes_by_planner(what: str, planner: Context) -> None:
    """AWS refuses the planner each change, the ledger and the secrets of others."""
    assert ":assumed-role/eks-assets-planner/" in planner.aws.check_account()
    with pytest.raises(ClientError) as caught:
        REFUSED[what](planner.aws)
    assert caught.value.response["Error"]["Code"] in ("AccessDenied", "AccessDeniedException")


def test_cluster_refuses_changes_by_planner(planner: Context) -> None:
    """The planner reads objects of the cluster and creates none, not even as a dry run."""
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "planned"}, "data": {}}
    maps = planner.cluster.kind("v1", "ConfigMap")
    with pytest.raises(ForbiddenError):
        maps.create(body=body, namespace="default")
    with pytest.raises(ForbiddenError):
        maps.create(body=body, namespace="default", dry_run="All")
    assert maps.get(namespace="kube-system").items


def test_cluster_shows_planner_no_secrets_of_others(planner: Context) -> None:
    """Neither Argo CD's, but for what helm keeps of its release, nor those of a product's namespace, nor all at once;
    where releases of ours live, it reads them."""
    secrets = planner.cluster.kind("v1", "Secret")
    for namespace in ("argocd", "keycloak", "default", None):
        with pytest.raises(ForbiddenError):
            secrets.get(namespace=namespace)
    for name in ("argocd-secret", "argocd-initial-admin-secret", "sh.helm.release.v1.other.v1"):
        with pytest.raises(ForbiddenError):
            secrets.get(name=name, namespace="argocd")
    assert secrets.get(namespace="external-dns").items
    assert secrets.get(name="sh.helm.release.v1.argocd.v1", namespace="argocd").data.release


def test_cluster_opens_no_shell_for_planner(planner: Context) -> None:
    """Kubernetes authorises a shell in a pod as `get`."""
    pod = planner.cluster.kind("v1", "Pod").get(namespace="argocd").items[0].metadata.name
    for action in ("exec", "attach", "proxy"):
        path = f"/api/v1/namespaces/argocd/pods/{pod}/{action}"
        with pytest.raises(ForbiddenError):
            planner.cluster.api.request("get", path)


def test_drift_of_planner_says_what_it_is_not_shown(
    restored: Environment, eks_assets: Cli, kubectl: Callable[..., str]
) -> None:
    """A changed Secret of Argo CD cannot be compared, and is no success; one that a release of ours has is found."""
    webhook = "external-secrets-webhook"
    for name, namespace in (("argocd-secret", "argocd"), (webhook, "external-secrets")):
        kubectl("patch", "secret", name, "-n", namespace, "--type=merge", '-p={"data": {"theirs": "eQ=="}}')
    done = eks_assets("drift", "sandbox", "--json")
    assert done.returncode == 4, done.stderr
    report = json.loads(done.stdout)
    assert [finding["object"] for finding in report["findings"]] == [f"Secret/external-secrets/{webhook}"]
    unknown = {entry["object"]: entry["failed"] for entry in report["unknown"]}
    assert unknown["Secret/argocd/argocd-secret"] is False
    (undeclared,) = [name for name in unknown if name.startswith("undeclared ")]
    assert undeclared.startswith("undeclared secrets and releases in argocd, "), "every other kind can be listed"
    assert eks_assets("deploy", "sandbox").returncode == 0
    assert "theirs" not in kubectl("get", "secret", "argocd-secret", "-n", "argocd", "-o", "json")


def test_rights_that_somebody_took_from_planner_are_found_and_given_back(planner: Context, eks_assets: Cli) -> None:
    """What it cannot read any more fails, with the reason; the missing rights are a finding that a deploy repairs."""
    binding = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "RoleBinding",
        "metadata": {"name": "eks-assets-planner-secrets", "namespace": "external-dns"},
    }
    remove(Context.of(planner.env), binding)
    done = eks_assets("drift", planner.env.name, "--json")
    assert done.returncode == 1, done.stdout + done.stderr
    report = json.loads(done.stdout)
    title = "RoleBinding external-dns/eks-assets-planner-secrets"
    assert [(f["unit"], f["object"], f["kind"]) for f in report["findings"]] == [("planner_access", title, "missing")]
    failed = [entry["reason"] for entry in report["unknown"] if entry["failed"]]
    assert any("external-dns" in reason for reason in failed)
    deployed = eks_assets("deploy", planner.env.name)
    assert deployed.returncode == 0, deployed.stdout + deployed.stderr
    assert eks_assets("drift", planner.env.name).returncode == 0
