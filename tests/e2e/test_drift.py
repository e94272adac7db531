"""What people change behind the pipeline's back: `drift` shows it with who did it, `plan` shows the same, one deploy
restores it."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from resources.aws.session import Aws
from resources.config.environment import Environment
from tests.conftest import Cli
from tests.helpers.embedded_aws_server import EVERYTHING

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
    kubectl("delete", "clustersecretstores.external-secrets.io", "--all")
    kubectl("delete", "crd", "targetgroupbindings.elbv2.k8s.aws")
    kubectl("create", "clusterrolebinding", "mine", "--clusterrole=cluster-admin", "--user=eve")
    kubectl("create", "deployment", "mine", "-n", "external-dns", "--image=mine")


# Nobody declares them: a deploy leaves them, a person removes them.
UNDECLARED = {
    ("ClusterRoleBinding/mine", "", "kubectl-create"),
    ("Deployment/external-dns/mine", "", "kubectl-create"),
}
GONE = ("every object of secret_store", "", None)
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
    ("CustomResourceDefinition/targetgroupbindings.elbv2.k8s.aws", "", None),
}


def manager(culprit: str | None) -> str | None:
    """The field manager; the user beside it, or of a deletion, is known once the audit log has come."""
    return None if culprit is None or culprit.endswith("(delete)") else culprit.partition(" (user ")[0]


def check_ignored(eks_assets: Cli, environments: Path, findings: list[dict[str, Any]]) -> None:
    """One finding is set aside in the file, and listed as such; the others stay. An id that is none changes nothing."""
    file = environments / "sandbox.yaml"
    before = file.read_text()

    def drift(*arguments: str) -> subprocess.CompletedProcess[str]:
        return eks_assets("drift", "sandbox", *arguments, EKS_ASSETS_ENVIRONMENTS=str(environments))

    words = ("--reason", "agreed", "--until", "9999-12-31", "--only", "storage_classes")
    unknown = drift("--ignore", "0123456789ab", *words)
    assert (unknown.returncode, file.read_text()) == (2, before)
    (deleted,) = [finding["id"] for finding in findings if finding["object"] == "StorageClass gp3"]
    assert deleted in unknown.stderr, "the ids that there are"
    assert drift("--ignore", deleted, *words).returncode == 0
    lines = before.splitlines()
    assert [line for line in file.read_text().splitlines() if line in lines] == lines
    ignored = drift("--only", "storage_classes", "--json")
    report = json.loads(ignored.stdout)
    assert (ignored.returncode, report["findings"]) == (0, [])
    assert [(entry["id"], entry["reason"]) for entry in report["ignored"]] == [(deleted, "agreed")]


def test_changes_in_the_cluster_are_shown_with_who_made_them_and_restored(
    restored: Environment, kubectl: Kubectl, eks_assets: Cli, environments: Path
) -> None:
    """Drift, plan and deploy agree; afterwards there is nothing left."""
    clean = eks_assets("drift", "sandbox", "--json")
    assert (clean.returncode, json.loads(clean.stdout)["findings"]) == (0, []), clean.stdout
    inject(kubectl)

    drifted = eks_assets("drift", "sandbox", "--json")
    assert drifted.returncode == 4, drifted.stderr
    findings = json.loads(drifted.stdout)["findings"]
    assert {(f["object"], f["path"], manager(f["culprit"])) for f in findings} == PLACES | UNDECLARED | {GONE}
    assert {f["object"] for f in findings if f["unit"] is None} == {name for name, _, _ in UNDECLARED}
    assert all(f["since"] for f in findings if f["culprit"])
    again = json.loads(eks_assets("drift", "sandbox", "--json").stdout)["findings"]
    assert [f["id"] for f in again] == [f["id"] for f in findings], "the id of a finding stays"

    check_ignored(eks_assets, environments, findings)
    plan = json.loads(eks_assets("plan", "sandbox", "--json").stdout)
    planned = [field["path"] for change in plan["changes"] for field in change["fields"]]
    for name, path, _ in PLACES:
        assert any(name in line and path in line for line in planned), (name, path)

    deployed = eks_assets("deploy", "sandbox")
    assert deployed.returncode == 0, deployed.stdout + deployed.stderr
    left = json.loads(eks_assets("drift", "sandbox", "--json").stdout)["findings"]
    assert {(f["object"], f["path"], manager(f["culprit"])) for f in left} == UNDECLARED
    kubectl("delete", "clusterrolebinding", "mine")
    kubectl("delete", "deployment", "mine", "-n", "external-dns")
    assert eks_assets("drift", "sandbox").returncode == 0
    assert "nothing to do" in eks_assets("deploy", "sandbox").stdout


def test_changes_in_aws_are_shown_and_restored(restored: Environment, account: Environment, eks_assets: Cli) -> None:
    """Policies of a role, an add-on that is gone, a parameter; what cannot be compared is listed and no finding."""
    admin = Aws(account, as_deployer=False)
    name = f"KarpenterNodeRole-{account.cluster_name}"
    admin.client("iam").attach_role_policy(RoleName=name, PolicyArn="arn:aws:iam::aws:policy/AdministratorAccess")
    admin.client("iam").put_role_policy(RoleName=name, PolicyName="mine", PolicyDocument=json.dumps(EVERYTHING))
    admin.client("eks").delete_addon(clusterName=account.cluster_name, addonName="coredns")
    admin.client("ssm").put_parameter(Name=account.oidc_parameter, Value="other", Type="String", Overwrite=True)
    drifted = eks_assets("drift", "sandbox", "--json")
    report = json.loads(drifted.stdout)
    assert drifted.returncode == 4, drifted.stderr
    assert {f["layer"] for f in report["findings"]} == {"cloudformation", "parameter"}
    assert any(name in f["object"] and "ManagedPolicyArns" in f["path"] for f in report["findings"])
    assert any(name in f["object"] and f["path"] == "Policies.mine" for f in report["findings"])
    assert any("|coredns)" in f["object"] and f["kind"] == "missing" for f in report["findings"])
    assert any("observed" in f and f["observed"] == "other" for f in report["findings"])
    assert all(not entry["failed"] for entry in report["unknown"])
    assert eks_assets("drift", "sandbox", "--only", "storage_classes").returncode == 0
    if report["unknown"]:
        assert eks_assets("drift", "sandbox", "--strict").returncode == 1

    plan = json.loads(eks_assets("plan", "sandbox", "--json").stdout)
    planned = [field["path"] for change in plan["changes"] for field in change["fields"]]
    stacks = [f for f in report["findings"] if f["layer"] == "cloudformation"]
    assert {f"{f['object']}: {f['path']}" if f["path"] else f["object"] for f in stacks} <= set(planned)
    admin.client("iam").delete_role_policy(RoleName=name, PolicyName="mine")
    deployed = eks_assets("deploy", "sandbox")
    assert deployed.returncode == 0, deployed.stdout + deployed.stderr
    assert eks_assets("drift", "sandbox").returncode == 0
