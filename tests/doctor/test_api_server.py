"""Whether the API server lets this machine in, and what is said where no rule does."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, cast

import botocore
import pytest

from resources.doctor.network import check_api_server, check_way_in
from resources.kubernetes.access import ClusterAddress
from resources.model.checks import EndpointAnswers
from resources.probes.runner import wait_for_check
from tests.doctor.conftest import DoctorsAccount
from tests.helpers.published import configured

PRIVATE = {"publicAccess": False, "privateAccess": True}


@contextmanager
def silent_server() -> Iterator[str]:
    """An endpoint that drops every connection, as AWS does where no rule allows it."""
    with ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(4):
            client = stack.enter_context(socket.socket())
            client.setblocking(False)
            client.connect_ex(listener.getsockname())
        yield f"https://127.0.0.1:{listener.getsockname()[1]}"


def test_api_server_that_lets_nobody_in(account: DoctorsAccount) -> None:
    """Private, without a rule: said before there is a cluster. With a rule it says who is let in."""
    closed = configured(account.env, vpc={"clusterEndpoints": PRIVATE})
    (line,) = check_way_in(account.context(closed))
    assert line.level == "error"
    assert line.message.startswith("no rule lets this machine in: the API server lets in nobody but the cluster's own")
    for part in ("vpc.extraCIDRs", "VPN", "bastion", "inside of the VPC"):
        assert part in line.fix
    ruled = configured(account.env, vpc={"clusterEndpoints": PRIVATE, "extraCIDRs": ["10.1.0.0/16"]})
    (line,) = check_way_in(account.context(ruled))
    assert line.level == "ok"
    assert "10.1.0.0/16 (vpc.extraCIDRs) inside of the VPC" in line.message
    (line,) = check_api_server(account.context(ruled))
    assert line.message == "there is no cluster yet"


@pytest.mark.parametrize(
    ("vpc", "rules"),
    [
        ({"clusterEndpoints": PRIVATE}, "nobody but the cluster's own nodes inside of the VPC"),
        (
            {"clusterEndpoints": {"privateAccess": True}, "publicAccessCIDRs": ["198.51.100.0/24"]},
            "198.51.100.0/24 from the Internet (vpc.publicAccessCIDRs), and nobody but",
        ),
    ],
)
def test_api_server_that_drops_connections(account: DoctorsAccount, vpc: dict[str, Any], rules: str) -> None:
    """Said after seconds, by doctor and by the check of the unit `access_entries`, which then waits no longer; every
    later look of the same plan or step says so at once."""
    context = account.context(configured(account.env, vpc=vpc))
    with silent_server() as endpoint:
        authority = Path(botocore.__file__).with_name("cacert.pem").read_bytes()
        context.cluster.__dict__["address"] = ClusterAddress(context.env.cluster_name, endpoint, authority)
        began = time.monotonic()
        (line,) = check_api_server(context)
        assert 8 < time.monotonic() - began < 14, "a rule that was just made holds seconds later"
        assert line.level == "error"
        assert line.message.startswith(f"{endpoint} takes no connection: no rule lets this machine in; the API server")
        assert rules in line.message
        assert "add this machine's address to vpc." in line.fix
        began = time.monotonic()
        result = wait_for_check(EndpointAnswers(), cast(Any, None), context)
        assert time.monotonic() - began < 1
    assert (result.passed, result.is_final) == (False, True)
    assert "no rule lets this machine in" in result.detail
    assert line.fix in result.detail


def test_open_api_server_that_drops_connections_is_tried_again(account: DoctorsAccount) -> None:
    """Everybody is let in, so it is no rule."""
    context = account.context()
    with silent_server() as endpoint:
        authority = Path(botocore.__file__).with_name("cacert.pem").read_bytes()
        context.cluster.__dict__["address"] = ClusterAddress(context.env.cluster_name, endpoint, authority)
        (line,) = check_api_server(context)
    assert "timed out" in line.message
    assert "no rule" not in line.message
