"""A transcript of one embedded AWS, replayed against another."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import boto3
import pytest

from resources.aws.transcript import VARIABLE, sanitise_values
from sandbox.paths import PROJECT
from smoke.replay import replay
from smoke.transcript import Call, read_transcript, without_polls
from smoke.verified import TRANSCRIPTS, stacks_made, verified_page
from tests.bootstrap.bootstrapped_account import bootstrapped, delete_stacks, make_stacks
from tests.helpers.embedded_aws_server import Aws as Server


@pytest.fixture(scope="module")
def transcript(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a control plane alone asks of AWS while it is bootstrapped, made and deleted."""
    folder = tmp_path_factory.mktemp("recorded")
    file = folder / "calls.jsonl"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(VARIABLE, str(file))
        with bootstrapped("sandbox", folder, managedNodeGroups=[], addons=[]) as account:
            delete_stacks(account, make_stacks(account))
    return file


@contextmanager
def fresh_account(folder: Path) -> Iterator[Callable[[str], Any]]:
    """Clients of another embedded AWS, as its root."""
    server = Server(folder, root=("000000000000", "root-secret")).start()
    session = boto3.Session("000000000000", "root-secret", region_name="us-west-2")
    clients: dict[str, Any] = {}

    def client(service: str) -> Any:
        if service not in clients:
            make: Callable[..., Any] = session.client
            clients[service] = make(service, endpoint_url=f"http://127.0.0.1:{server.port}")
        return clients[service]

    try:
        yield client
    finally:
        server.stop()


def test_transcript_replays_without_a_difference(transcript: Path, tmp_path: Path) -> None:
    """Every call has the same answer there, but for names that are chosen anew."""
    calls = read_transcript(transcript)
    assert {"cloudformation", "ec2", "eks", "iam"} <= {call.service for call in calls}
    with fresh_account(tmp_path) as clients:
        assert replay(calls, clients) == []


def test_page_says_what_was_seen_on_aws(transcript: Path, tmp_path: Path) -> None:
    """Never, before there is a transcript; `make docs` writes it."""
    assert (PROJECT / "docs/verified.md").read_text() == verified_page(TRANSCRIPTS.glob("*.jsonl"))
    assert {"demo-sandbox-network", "demo-sandbox-cluster"} <= stacks_made(read_transcript(transcript))
    own = tmp_path / "eu-west-1.jsonl"
    own.write_text(transcript.read_text().replace("demo-sandbox", "eksassets-smoke"))
    rows = [line.split("|") for line in verified_page([own]).splitlines() if line.startswith("| ")]
    seen = {row[2].strip(" `"): row[3].strip() for row in rows}
    assert (seen["cluster"], seen["prometheus"]) == ("eu-west-1", "never")


def test_planted_difference_is_listed(transcript: Path, tmp_path: Path) -> None:
    """Where AWS answered otherwise, or refused: by line, call and path."""
    calls = read_transcript(transcript)
    described = next(call for call in calls if call.operation == "DescribeVpcs")
    described.response["Vpcs"][0]["CidrBlock"] = "10.77.0.0/16"
    described.response["Vpcs"][0]["BlockPublicAccessStates"] = {"InternetGatewayBlockMode": "off"}
    refused = next(call for call in calls if call.operation == "UpdateClusterConfig")
    error = {"Code": "InvalidParameterException", "Message": "Cluster is already at the desired configuration"}
    calls[calls.index(refused)] = replace(refused, response=None, error=error)
    with fresh_account(tmp_path) as clients:
        found = replay(calls, clients, settle_seconds=10)
    assert [line.partition(": ")[2] for line in found] == [
        "ec2 DescribeVpcs: Vpcs[0].BlockPublicAccessStates: recorded, and not answered",
        'ec2 DescribeVpcs: Vpcs[0].CidrBlock: recorded "10.77.0.0/16", answered "10.0.0.0/16"',
        "eks UpdateClusterConfig: recorded the error InvalidParameterException, answered none",
    ]


def test_transcript_says_nothing_of_people_and_secrets() -> None:
    """Accounts, people, keys, addresses and values of secrets are taken out as a line is written."""
    said = {
        "Arn": "arn:aws:iam::123456789123:user/jane.doe",
        "Session": "arn:aws:sts::123456789123:assumed-role/AWSReservedSSO_Admin_0a/jane@acme.example",
        "Endpoint": "jane@acme.example",
        "PublicIp": "18.200.12.13",
        "Private": "10.0.1.7",
        "Identifier": "6cacfeb8-366c-48c7-9dd2-123456789012",
        "Digest": "a123456789012f",
        "AccessKey": "AKIAIOSFODNN7EXAMPLX",
        "SecretString": "hunter2",
        "Parameter": {"Type": "SecureString", "Value": "hunter2"},
    }
    text = json.dumps(sanitise_values(said))
    assert not [word for word in ("123456789123", "jane", "18.200", "FODNN", "hunter2") if word in text]
    assert [
        word for word in ("10.0.1.7", "6cacfeb8-366c-48c7-9dd2-123456789012", "a123456789012f") if word not in text
    ] == []


def test_polls_count_once() -> None:
    """The last answer before something is changed."""
    states = ["CREATE_IN_PROGRESS", "CREATE_COMPLETE"]
    polls = [Call(n, "eks", "DescribeCluster", {"name": "a"}, {"status": state}) for n, state in enumerate(states)]
    change = Call(2, "eks", "DeleteCluster", {"name": "a"}, {})
    assert without_polls([*polls, change, *polls]) == [polls[1], change, polls[1]]
    assert [poll.is_settled for poll in polls] == [False, True]
