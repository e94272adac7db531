"""Pieces that templates share."""

from __future__ import annotations

from resources.cloudformation import protect_from_replacement, tls_only


def test_tls_only_denies_whoever_comes_without_tls() -> None:
    assert tls_only(["sqs:*"], "arn") == {
        "Effect": "Deny",
        "Principal": "*",
        "Action": ["sqs:*"],
        "Resource": "arn",
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }


def test_tls_only_keeps_a_single_action_as_it_is_written() -> None:
    assert tls_only("sqs:*", "arn")["Action"] == "sqs:*"


def test_protection_from_replacement_allows_every_other_update() -> None:
    allowed, denied = protect_from_replacement("Bucket", "Table")["Statement"]
    assert (allowed["Effect"], allowed["Action"], allowed["Resource"]) == ("Allow", "Update:*", "*")
    assert (denied["Effect"], denied["Action"]) == ("Deny", ["Update:Replace", "Update:Delete"])
    assert denied["Resource"] == ["LogicalResourceId/Bucket", "LogicalResourceId/Table"]


def test_protection_from_replacement_of_one_resource_is_that_of_deployed_stacks() -> None:
    _, denied = protect_from_replacement("Cluster")["Statement"]
    assert denied["Resource"] == "LogicalResourceId/Cluster"
