"""The service accounts of what the pipeline installs that get an AWS role through EKS Pod Identity, by unit."""

from __future__ import annotations

from typing import NamedTuple


class Account(NamedTuple):
    """A service account in its namespace."""

    namespace: str
    name: str


POD_IDENTITIES = {
    "aws_load_balancer_controller": Account("kube-system", "aws-load-balancer-controller"),
    "external_dns": Account("external-dns", "external-dns"),
    "external_secrets": Account("external-secrets", "external-secrets"),
    "karpenter": Account("kube-system", "karpenter"),
    "loki": Account("observability", "loki"),
}
