"""What seven people's changes look like: one `drift` shows them with who made them, one deploy restores what is
declared, `account-for` names every call and blames nobody else, and the ledger that both rest on proves itself."""

from __future__ import annotations

import datetime as dt
import json
import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import pytest

from eks_assets.engine.declared import git_trees
from eks_assets.graph.rendering import render_spec
from eks_assets.units import load_registry
from resources.aws.session import Aws
from resources.config.environment import Environment
from resources.config.sandbox_state import sandbox_state
from resources.context import Context
from resources.drivers.git.repository import address_of
from resources.drivers.helm.charts import package_of
from resources.drivers.programs import find_program, run_program
from resources.model.specs import HelmRelease
from tests.conftest import Cli
from tests.helpers.embedded_aws_server import EVERYTHING

pytestmark = pytest.mark.sandbox
READ_ONLY = "arn:aws:iam::aws:policy/ReadOnlyAccess"
PAT = ("-c", "user.name=Pat", "-c", "user.email=pat@demo.test")


class Mallory:
    """Somebody with every right in the account, with kubectl, helm and git, and without a run of the pipeline."""

    def __init__(self, env: Environment, admin: Aws, kubectl: Callable[..., str]) -> None:
        self.env, self.kubectl = env, kubectl
        iam = admin.client("iam")
        iam.create_user(UserName="mallory")
        iam.put_user_policy(UserName="mallory", PolicyName="all", PolicyDocument=json.dumps(EVERYTHING))
        self._key = iam.create_access_key(UserName="mallory")["AccessKey"]
        self.arn = f"arn:aws:iam::{env.account}:user/mallory"

    def client(self, service: str) -> Any:
        make: Any = boto3.client
        return make(
            service,
            region_name=self.env.region,
            endpoint_url=sandbox_state().aws_endpoint,
            aws_access_key_id=self._key["AccessKeyId"],
            aws_secret_access_key=self._key["SecretAccessKey"],
        )

    def ids(self, unit: str, kind: str) -> list[str]:
        """Physical ids of what a unit's stack has of a kind."""
        stack = self.env.stack_name(unit)
        listed = self.client("cloudformation").list_stack_resources(StackName=stack)["StackResourceSummaries"]
        return [one["PhysicalResourceId"] for one in listed if one["ResourceType"] == kind]

    def change_cluster(self, context: Context) -> None:
        """`kubectl edit`, a deleted StorageClass, and an upgrade of a release by hand."""
        body = json.dumps({"data": {"added": "1"}})
        self.kubectl("patch", "configmap", "argocd-cm", "-n", "argocd", "--field-manager=kubectl-edit", "-p", body)
        self.kubectl("delete", "storageclass", "gp3")
        registry = load_registry()
        spec = render_spec(registry, self.env, registry["external_dns"], {})
        assert isinstance(spec, HelmRelease)
        chart = str(package_of(spec, context).path)
        upgrade = ("upgrade", spec.name, chart, "--namespace", spec.namespace, "--reuse-values")
        argv = [find_program("helm", self.env), *upgrade, "--set", "podLabels.team=mallory"]
        extra = {"KUBECONFIG": str(context.cluster.kubeconfig)}
        run_program(argv, extra_env=extra, inherit=os.environ, cwd=context.aws.folder, timeout=60)

    def change_aws(self) -> None:
        """An opened security group, a policy attached to a role, a node group scaled, and a load balancer of nobody's
        in the VPC."""
        anywhere = {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
        (group, *_) = self.ids("security_groups", "AWS::EC2::SecurityGroup")
        self.client("ec2").authorize_security_group_ingress(GroupId=group, IpPermissions=[anywhere])
        role = f"KarpenterNodeRole-{self.env.cluster_name}"
        self.client("iam").attach_role_policy(RoleName=role, PolicyArn=READ_ONLY)
        eks, cluster = self.client("eks"), self.env.cluster_name
        (nodes, *_) = eks.list_nodegroups(clusterName=cluster)["nodegroups"]
        scaling = eks.describe_nodegroup(clusterName=cluster, nodegroupName=nodes)["nodegroup"]["scalingConfig"]
        more = {**scaling, "maxSize": scaling["maxSize"] + 1, "desiredSize": scaling["desiredSize"] + 1}
        eks.update_nodegroup_config(clusterName=cluster, nodegroupName=nodes, scalingConfig=more)
        subnets = self.ids("network", "AWS::EC2::Subnet")[:2]
        self.client("elbv2").create_load_balancer(Name="mallorys", Subnets=subnets)

    def commit(self, folder: Path, context: Context) -> str:
        """A commit on the environment's branch, which Argo CD follows: its id."""
        assert self.env.git is not None
        assert self.env.git.credentials is not None
        (tree,) = git_trees(load_registry(), self.env).values()
        secret = self.client("secretsmanager").get_secret_value(SecretId=self.env.git.credentials.secret)
        login = json.loads(secret["SecretString"])
        host = address_of(tree, context).replace("://", f"://{login['username']}:{login['password']}@", 1)

        def git(*arguments: str) -> str:
            argv = ["git", *PAT, "-C", str(folder), *arguments]
            return subprocess.run(argv, check=True, capture_output=True, text=True).stdout.strip()

        git("clone", "--quiet", "--branch", tree.branch, host, ".")
        (folder / "NOTES.md").write_text("By Pat.\n")
        git("add", "NOTES.md")
        git("commit", "--quiet", "-m", "Notes")
        git("push", "--quiet")
        return git("rev-parse", "HEAD")


# What each change looks like to `drift`: the object, or a part of its name, and who.
FINDINGS = {
    "ConfigMap/argocd/argocd-cm": "kubectl-edit (user ",
    "release external-dns/external-dns": "helm (user ",
    "StorageClass gp3": " (delete)",
    "AWS::EC2::SecurityGroup": "user/mallory (AuthorizeSecurityGroupIngress from ",
    "KarpenterNodeRole": "user/mallory (AttachRolePolicy from ",
    "AWS::EKS::Nodegroup": "user/mallory (UpdateNodegroupConfig from ",
    "AWS::ElasticLoadBalancingV2::LoadBalancer": "user/mallory (CreateLoadBalancer from ",
}
# And to `account-for`: one of the calls that made it.
CALLS = {
    ("kubernetes", "patch", "configmaps/argocd/argocd-cm"),
    ("kubernetes", "create", "secrets/external-dns/sh.helm.release.v1.external"),
    ("kubernetes", "delete", "storageclasses/gp3"),
}
AWS_CALLS = [
    "ec2:AuthorizeSecurityGroupIngress",
    "eks:UpdateNodegroupConfig",
    "elasticloadbalancing:CreateLoadBalancer",
    "iam:AttachRolePolicy",
]


def check_findings(findings: list[dict[str, Any]]) -> str:
    """Each change is found with its culprit, and nothing else is; the id of the load balancer's finding."""
    for part, culprit in FINDINGS.items():
        of_it = [f for f in findings if part in f["object"]]
        assert of_it, part
        assert all(culprit in (f["culprit"] or "") for f in of_it), of_it
    assert [f for f in findings if not any(part in f["object"] for part in FINDINGS)] == []
    (balancer,) = [f for f in findings if f["unit"] is None]
    return str(balancer["id"])


def check_account(report: dict[str, Any], mallory: Mallory, commit: str) -> None:
    """Their calls, and nobody else's: neither the pipeline's own, nor what controllers did meanwhile."""
    calls = report["unapproved"]
    aws = [call for call in calls if call["source"] == "aws"]
    assert sorted(call["call"] for call in aws) == AWS_CALLS
    assert {call["actor"] for call in aws} == {mallory.arn}
    in_cluster = [call for call in calls if call["source"] == "kubernetes"]
    assert {("kubernetes", call["call"], call["object"].partition("-dns.v")[0]) for call in in_cluster} >= CALLS
    # kubectl and helm have the deployer's credentials here, and belong to no run.
    assert {call["actor"].rpartition("/")[2] for call in in_cluster} == {"eks-assets-sandbox"}
    (pushed,) = [call for call in calls if call["source"] == "git"]
    assert pushed["actor"] == "Pat <pat@demo.test>"
    assert commit[:12] in pushed["object"]
    assert report["missing"] == []
    assert any(entry["by"].startswith("run ") for entry in report["accounted"])


def test_drift_names_seven_changes_deploy_restores_them_and_account_for_names_the_calls(
    restored: Environment,
    admin: Aws,
    kubectl: Callable[..., str],
    eks_assets: Cli,
    environments: Path,
    tmp_path: Path,
) -> None:
    """After one deploy the load balancer is left, which nobody declares: it is ignored until a day."""
    time.sleep(1.1)  # CloudTrail's times are whole seconds
    since, context = dt.datetime.now(dt.UTC).isoformat(), Context.of(restored)
    mallory = Mallory(restored, admin, kubectl)
    mallory.change_cluster(context)
    mallory.change_aws()
    folder = tmp_path / "clone"
    folder.mkdir()
    commit = mallory.commit(folder, context)

    drifted = eks_assets("drift", "sandbox", "--json")
    assert drifted.returncode == 4, drifted.stderr
    balancer = check_findings(json.loads(drifted.stdout)["findings"])
    deployed = eks_assets("deploy", "sandbox")
    assert deployed.returncode == 0, deployed.stdout + deployed.stderr

    chosen = {"EKS_ASSETS_ENVIRONMENTS": str(environments)}
    words = ("--ignore", balancer, "--reason", "it goes next week", "--until", "9999-12-31")
    assert eks_assets("drift", "sandbox", *words, **chosen).returncode == 0
    clean = eks_assets("drift", "sandbox", "--json", **chosen)
    report = json.loads(clean.stdout)
    assert (clean.returncode, report["findings"]) == (0, [])
    assert [entry["id"] for entry in report["ignored"]] == [balancer]

    account = eks_assets("account-for", "sandbox", "--since", since, "--json")
    assert account.returncode == 4, account.stderr
    check_account(json.loads(account.stdout), mallory, commit)
    told = eks_assets("history", "sandbox", "--since", since)
    assert ["committed", "application_config", "Pat", "<pat@demo.test>"] in [
        line.split()[2:6] for line in told.stdout.splitlines()
    ]
    assert eks_assets("audit", "verify", "sandbox").returncode == 0
