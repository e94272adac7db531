"""What people change behind the pipeline's back: `drift` shows it with who did it, `plan` shows the same, one deploy
restores it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from resources.aws.session import Aws
from resources.config.environment import Environment
from tests.conftest import Cli

pytestmark = pytest.mark.sandbox
Kubectl = Callable[..., str]
DEPLOYMENT = ("deployment", "external-dns", "-n", "external-dns")


def patch(kubectl: Kubectl, *target: str, body: Any, manager: str = "kubectl-patch", kind: str = "merge") -> None:
    kubectl("patch", *target, f"--type={kind}", f"--field-manager={manager}", "-p", json.dumps(body))


def in_container(**fields: Any) -> dict[str, Any]:
    return {"spec": {"template": {"spec": {"containers": [{"name": "external-dns", **fields}]}}}}


def inject(kubectl: Kubectl) -> None:
    """One change of each kind, each on an object of its own."""
    patch(kubectl, *DEPLOYMENT, body=in_container(env=[{"name": "ADDED", "value": "1"}]), kind="strategic")
    selector = {"spec": {"selector": {"added": "key"}}}
    patch(kubectl, "service", "argocd-server", "-n", "argocd", body=selector, manager="Terraform")
    patch(kubectl, "configmap", "argocd-cm", "-n", "argocd", body={"data": {"added": "1"}}, manager="pulumi-kubernetes")
    annotation = {"metadata": {"annotations": {"eks.amazonaws.com/role-arn": "arn:aws:iam::1:role/theirs"}}}
    patch(kubectl, "serviceaccount", "external-dns", "-n", "external-dns", body=annotation, manager="Go-http-client")
    label = {"metadata": {"labels": {"pod-security.kubernetes.io/enforce": "privileged"}}}
    patch(kubectl, "namespace", "observability", body=label)
    kubectl("delete", "storageclass", "gp3")


PLACES = {
    ("Deployment/external-dns/external-dns", "spec.template.spec.containers[0].env", "kubectl-patch"),
    ("Service/argocd/argocd-server", "spec.selector.added", "Terraform"),
    ("ConfigMap/argocd/argocd-cm", "data.added", "pulumi-kubernetes"),
    (
        "ServiceAccount/external-dns/external-dns",
        "metadata.annotations.eks.amazonaws.com/role-arn",
        "Go-http-client",
    ),
    ("Namespace observability", "metadata.labels.pod-security.kubernetes.io/enforce", "kubectl-patch"),
    ("StorageClass gp3", "", None),
}


def test_changes_in_the_cluster_are_shown_with_who_made_them_and_restored(
    restored: Environment, kubectl: Kubectl, eks_assets: Cli
) -> None:
    """Drift, plan and deploy agree; afterwards there is nothing left."""
    clean = eks_assets("drift", "sandbox", "--json")
    assert (clean.returncode, json.loads(clean.stdout)["findings"]) == (0, []), clean.stdout
    inject(kubectl)

    drifted = eks_assets("drift", "sandbox", "--json")
    assert drifted.returncode == 4, drifted.stderr
    findings = json.loads(drifted.stdout)["findings"]
    assert {(f["object"], f["path"], f["culprit"]) for f in findings} == PLACES
    assert all(f["since"] for f in findings if f["culprit"])
    again = json.loads(eks_assets("drift", "sandbox", "--json").stdout)["findings"]
    assert [f["id"] for f in again] == [f["id"] for f in findings], "the id of a finding stays"

    plan = json.loads(eks_assets("plan", "sandbox", "--json").stdout)
    planned = [field["path"] for change in plan["changes"] for field in change["fields"]]
    for name, path, _ in PLACES:
        assert any(name in line and path in line for line in planned), (name, path)

    deployed = eks_assets("deploy", "sandbox")
    assert deployed.returncode == 0, deployed.stdout + deployed.stderr
    assert eks_assets("drift", "sandbox").returncode == 0
    assert "nothing to do" in eks_assets("deploy", "sandbox").stdout


def test_changes_in_aws_are_shown(restored: Environment, account: Environment, eks_assets: Cli) -> None:
    """A policy in a role and a parameter's value; what CloudFormation cannot compare is listed and no finding."""
    admin = Aws(account, as_deployer=False)
    name = f"KarpenterNodeRole-{account.cluster_name}"
    document = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
    admin.client("iam").attach_role_policy(RoleName=name, PolicyArn="arn:aws:iam::aws:policy/AdministratorAccess")
    admin.client("iam").put_role_policy(RoleName=name, PolicyName="mine", PolicyDocument=json.dumps(document))
    admin.client("ssm").put_parameter(Name=account.oidc_parameter, Value="other", Type="String", Overwrite=True)
    drifted = eks_assets("drift", "sandbox", "--json")
    report = json.loads(drifted.stdout)
    assert drifted.returncode == 4, drifted.stderr
    assert {f["layer"] for f in report["findings"]} == {"cloudformation", "parameter"}
    assert any(name in f["object"] and "ManagedPolicyArns" in f["path"] for f in report["findings"])
    assert any("observed" in f and f["observed"] == "other" for f in report["findings"])
    assert all(not entry["failed"] for entry in report["unknown"])
    assert eks_assets("drift", "sandbox", "--only", "storage_classes").returncode == 0
    if report["unknown"]:
        assert eks_assets("drift", "sandbox", "--strict").returncode == 1
