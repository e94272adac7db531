"""Pieces that templates share."""

from __future__ import annotations

from resources.cloudformation import protect_from_replacement, tls_only


def test_tls_only_denies_requests_without_tls() -> None:
    """The statement denies requests over plain HTTP."""
    assert tls_only(["sqs:*"], "arn") == {
        "Effect": "Deny",
        "Principal": "*",
        "Action": ["sqs:*"],
        "Resource": "arn",
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }


def test_tls_only_keeps_a_single_action_as_text() -> None:
    """One action stays a text, so that deployed templates do not change."""
    assert tls_only("sqs:*", "arn")["Action"] == "sqs:*"


def test_protection_from_replacement_allows_every_other_update() -> None:
    """Replacement and deletion are denied, other updates allowed."""
    allowed, denied = protect_from_replacement("Bucket", "Table")["Statement"]
    assert (allowed["Effect"], allowed["Action"], allowed["Resource"]) == ("Allow", "Update:*", "*")
    assert (denied["Effect"], denied["Action"]) == ("Deny", ["Update:Replace", "Update:Delete"])
    assert denied["Resource"] == ["LogicalResourceId/Bucket", "LogicalResourceId/Table"]


def test_protection_of_one_resource_is_that_of_deployed_stacks() -> None:
    """One resource stays a text, as in stacks that are deployed."""
    _, denied = protect_from_replacement("Cluster")["Statement"]
    assert denied["Resource"] == "LogicalResourceId/Cluster"
