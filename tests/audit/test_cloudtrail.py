"""Who changed a resource whose name alone does not say which one it is, on an embedded AWS."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from resources.audit.cloudtrail import CloudTrail
from resources.aws.session import Aws, Source
from resources.config.environment import Environment, Roles
from resources.context import Context
from resources.model.drift import AwsResource
from tests.helpers.embedded_aws_server import Aws as Server
from tests.helpers.embedded_aws_server import cluster, node_group, prepare


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    started = Server(tmp_path).start()
    yield started
    started.stop()


def test_a_node_group_is_that_of_its_cluster(server: Server, sandbox_env: Environment) -> None:
    """Names of node groups are unique in a cluster only; what its stack did is nobody's change behind its back."""
    env = sandbox_env.model_copy(update={"roles": Roles()})
    source = Source(env.region, f"http://127.0.0.1:{server.port}", "AKIAROOT", "root-secret")
    trail = CloudTrail(Context(env, Aws(env, source)))
    values = prepare(server)
    server.deploy("cluster", {"Cluster": cluster("demo", values)})
    server.deploy("nodes", {"Workers": node_group(values)})
    group, other = (AwsResource("AWS::EKS::Nodegroup", f"{name}/workers") for name in ("demo", "other"))
    assert trail.newest_change(group) is None
    scaling = {"minSize": 1, "desiredSize": 3, "maxSize": 3}
    server.client("eks").update_nodegroup_config(clusterName="demo", nodegroupName="workers", scalingConfig=scaling)
    change = CloudTrail(Context(env, Aws(env, source))).newest_change(group)
    assert change is not None
    assert change.words == "arn:aws:iam::000000000000:root (UpdateNodegroupConfig from 127.0.0.1)"
    assert trail.newest_change(other) is None
