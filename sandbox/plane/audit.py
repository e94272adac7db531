"""What one cluster's API server audits, and where to: the embedded AWS, which keeps it where EKS does.

EKS audits reads too, and all of its own parts; here only what changes something is, and the nodes' and the control
plane's own chatter is left out, as it would drown everything else in the sandbox's small memory.
"""

from __future__ import annotations

import json
from pathlib import Path

from sandbox.paths import write_atomically

POLICY = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "omitStages": ["RequestReceived", "ResponseStarted"],
    "rules": [
        {
            "level": "None",
            "users": ["system:apiserver", "system:kube-controller-manager", "system:kube-scheduler", "eks:nodes"],
        },
        {"level": "None", "userGroups": ["system:nodes", "system:serviceaccounts:kube-system"]},
        {
            "level": "None",
            "resources": [
                {"group": "", "resources": ["events"]},
                {"group": "events.k8s.io"},
                {"group": "coordination.k8s.io"},
                {"group": "authentication.k8s.io"},
                {"group": "authorization.k8s.io"},
            ],
        },
        {"level": "Metadata", "verbs": ["create", "update", "patch", "delete", "deletecollection"]},
        {"level": "None"},
    ],
}


def write_audit_files(directory: Path, token_webhook_url: str) -> list[str]:
    """Write the policy and where events go into `directory`; the API server's flags. None where the token webhook is
    not the embedded AWS's."""
    if "/eks-auth/" not in token_webhook_url:
        return []
    server = token_webhook_url.replace("/eks-auth/", "/eks-audit/")
    webhook = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "eks",
        "clusters": [{"name": "eks", "cluster": {"server": server}}],
        "users": [{"name": "apiserver"}],
        "contexts": [{"name": "eks", "context": {"cluster": "eks", "user": "apiserver"}}],
    }
    write_atomically(directory / "audit-policy.json", json.dumps(POLICY, indent=1))
    write_atomically(directory / "audit-webhook.kubeconfig", json.dumps(webhook, indent=1))
    return [
        f"--audit-policy-file={directory / 'audit-policy.json'}",
        f"--audit-webhook-config-file={directory / 'audit-webhook.kubeconfig'}",
        "--audit-webhook-mode=batch",
        "--audit-webhook-batch-max-wait=1s",
        "--audit-webhook-initial-backoff=1s",
    ]
