"""What is never done to a cluster, whatever else a template changes."""

from __future__ import annotations

import re
from typing import Any

import pytest

from resources.drivers.stack.cluster_guard import refuse_cluster_changes
from resources.model.errors import Refused


def template(**properties: Any) -> dict[str, Any]:
    fields = {"Name": "demo", "Version": "1.35", "ResourcesVpcConfig": {"EndpointPublicAccess": True}, **properties}
    return {"Resources": {"Cluster": {"Type": "AWS::EKS::Cluster", "Properties": fields}}}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"Version": "1.34"}, 'runs Kubernetes 1.35; 1.34 is lower.*set kubernetes_version: "1.35" again'),
        ({"Version": "1.37"}, "one minor at a time, not to 1.37 at once.*eks-assets upgrade ENV --to 1.37"),
        ({"Name": "other"}, "would replace the EKS cluster demo, .*Name from demo to other"),
        ({"KubernetesNetworkConfig": {"IpFamily": "ipv6"}}, "KubernetesNetworkConfig.IpFamily from EKS's own choice"),
        ({"EncryptionConfig": [{"Resources": ["secrets"]}]}, "EncryptionConfig added"),
    ],
)
def test_cluster_guard_refuses_replacement_and_version_jumps(change: dict[str, Any], words: str) -> None:
    """Downgrades, skipped minors, replacement and one-way settings are refused."""
    with pytest.raises(Refused) as error:
        refuse_cluster_changes("demo-cluster", template(), template(**change))
    flat = str(error.value).replace("\n", " ")
    assert re.search(words, flat), flat


def test_cluster_guard_refuses_removal() -> None:
    """A template without the cluster is refused."""
    with pytest.raises(Refused, match="would delete the EKS cluster Cluster"):
        refuse_cluster_changes("demo-cluster", template(), {"Resources": {}})


@pytest.mark.parametrize(
    "change",
    [{"Version": "1.36"}, {"ResourcesVpcConfig": {"EndpointPublicAccess": False}}, {"AccessConfig": {"Mode": "API"}}],
)
def test_cluster_guard_allows_other_changes(change: dict[str, Any]) -> None:
    """The next minor and settings that change in place are allowed."""
    refuse_cluster_changes("demo-cluster", template(), template(**change))
