"""The units that people and CI systems reach the pipeline through, and what the notifications say."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from eks_assets.units.infrastructure.deploy_requests import DeployRequestsOutputs, deploy_requests
from eks_assets.units.infrastructure.notifications import NotificationsOutputs, notifications
from resources.config.environment import Environment
from resources.config.names import queue_name
from resources.config.settings.drift import Drift
from resources.notifications import drift_messages, messages
from resources.notifications.messages import MESSAGE_BYTES, Notification
from tests.helpers.published import properties_of, resources_of

DIGEST = "sha256:" + "3f2a9c1b77e0" + "0" * 52
FINDING = {
    "id": "0123456789ab",
    "unit": "network",
    "layer": "stack",
    "object": "acme-prod-network",
    "path": "Resources.Vpc.Properties.EnableDnsSupport",
    "expected": "expected-value",
    "observed": "observed-value",
    "kind": "changed",
    "culprit": "arn:aws:iam::444455556666:user/somebody",
}


def with_addresses(env: Environment, *addresses: str) -> Environment:
    return env.model_copy(update={"email_subscriptions": addresses})


def test_topic_is_named_encrypted_and_reached_over_tls(prod_env: Environment, sandbox_env: Environment) -> None:
    """The topic is encrypted and denies publishing without TLS, except in the sandbox."""
    (topic,) = properties_of(notifications(prod_env), "SNS::Topic")
    assert topic["TopicName"] == topic["DisplayName"] == f"{prod_env.resource_prefix}-eks-cluster-approval"
    assert topic["KmsMasterKeyId"] == "alias/aws/sns"
    (policy,) = properties_of(notifications(prod_env), "SNS::TopicPolicy")
    (statement,) = policy["PolicyDocument"]["Statement"]
    assert (statement["Effect"], statement["Principal"], statement["Action"]) == ("Deny", "*", ["sns:Publish"])
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    assert statement["Resource"].endswith(f":{topic['TopicName']}")
    assert not resources_of(notifications(sandbox_env), "SNS::TopicPolicy"), "the sandbox's AWS speaks plain HTTP"


def test_subscription_stays_if_another_address_leaves(sandbox_env: Environment) -> None:
    """The logical id of a subscription follows its address."""

    def subscribed(*addresses: str) -> dict[str, str]:
        made = resources_of(notifications(with_addresses(sandbox_env, *addresses)), "SNS::Subscription")
        assert {r["Properties"]["Protocol"] for r in made.values()} <= {"email"}
        return {title: r["Properties"]["Endpoint"] for title, r in made.items()}

    three = subscribed("a@acme.test", "b@acme.test", "c@acme.test", "a@acme.test")
    assert sorted(three.values()) == ["a@acme.test", "b@acme.test", "c@acme.test"]
    assert subscribed("c@acme.test", "b@acme.test").items() < three.items()
    assert subscribed() == {}


def test_unreadable_requests_end_in_the_dead_letter_queue(prod_env: Environment) -> None:
    """After three attempts a message moves to the dead-letter queue, which keeps it longer."""
    made = resources_of(deploy_requests(prod_env), "SQS::Queue")
    queue, dead = made["Queue"]["Properties"], made["DeadLetterQueue"]["Properties"]
    assert queue["QueueName"] == queue_name(prod_env) == f"{prod_env.resource_prefix}-deploy-requests"
    assert dead["QueueName"] == f"{prod_env.resource_prefix}-deploy-requests-dlq"
    assert queue["RedrivePolicy"]["maxReceiveCount"] == 3
    assert queue["RedrivePolicy"]["deadLetterTargetArn"] == {"Fn::GetAtt": ["DeadLetterQueue", "Arn"]}
    assert dead["MessageRetentionPeriod"] > queue["MessageRetentionPeriod"]
    assert queue["SqsManagedSseEnabled"] is dead["SqsManagedSseEnabled"] is True
    assert len(properties_of(deploy_requests(prod_env), "SQS::QueuePolicy")) == 2


def test_topic_and_queues_are_outputs() -> None:
    """Topic and queues are outputs of their units."""
    assert notifications.outputs is NotificationsOutputs
    assert deploy_requests.outputs is DeployRequestsOutputs


def every_kind(env: Environment) -> list[Notification]:
    return [
        messages.approval_needed(
            env, DIGEST, "r1", ["network: update"], ["eks-assets approve x --digest y"], "https://d"
        ),
        messages.request_approved(env, DIGEST, ["arn:aws:iam::444455556666:user/alice"], request_id="r1"),
        messages.request_rejected(
            env, DIGEST, "arn:aws:iam::444455556666:user/bob", "not on a Friday", request_id="r1"
        ),
        messages.request_expired(env, DIGEST, "2026-11-25 20:00 UTC", request_id="r1"),
        messages.run_failed(env, "run1", "external_dns", "pod crashed\nexit 1", "read its log"),
        messages.deploy_succeeded(env, "run1", 843.2, ["network: created", "efs: created"]),
        drift_messages.drift_found(env, [FINDING], unknown=3),
        drift_messages.drift_resolved(env),
        drift_messages.drift_failed(env, "run1", "no credentials", "log in", "2026-11-25"),
        drift_messages.drift_repaired(env, "run1", "efs: changed Mount: Tags", ["efs: updated"]),
        drift_messages.repair_failed(env, "run1", "efs", "throttled", "wait", "efs: changed Mount: Tags"),
    ]


def text_of(env: Environment, kind: str) -> str:
    (message,) = [n.sendable_message() for n in every_kind(env) if n.kind == kind]
    return message


def test_mail_names_commits_and_the_whole_digest(prod_env: Environment) -> None:
    """Whoever approves by mail reads which code the plan was made with, and all of its digest."""
    source = {"Code": "cd34 with uncommitted changes ef56", "Files": "ab12"}
    text = messages.approval_needed(prod_env, DIGEST, "r1", [], [], source=source).sendable_message()
    assert "Code:        cd34 with uncommitted changes ef56\nFiles:       ab12\n" in text
    assert f"Plan:        {DIGEST}\n" in text


def test_mail_of_every_kind_names_environment_and_command(prod_env: Environment) -> None:
    """Every mail names the environment and a command to continue with."""
    for notification in every_kind(prod_env):
        assert notification.sendable_subject().startswith(f"[{prod_env.name}] ")
        text = notification.sendable_message()
        assert f"Environment: {prod_env.name} (account {prod_env.account}, {prod_env.region})" in text
        assert "\n  eks-assets " in text, notification.kind
    assert len({n.event_id for n in every_kind(prod_env)}) == 11


def test_approval_mail_has_commands_before_the_plan(prod_env: Environment) -> None:
    """A plan that is cut does not cut the commands."""
    env = prod_env
    text = text_of(env, "approval_needed")
    assert text.index(DIGEST) < text.index("  eks-assets approve x") < text.index("  network: update")
    assert "Open:        https://d" in text
    assert env.approval is None or f"valid for {env.approval.expires}" in text


def test_failure_mail_names_unit_reason_and_next_step(prod_env: Environment) -> None:
    """A failure is reported with its unit, its reason and the next step."""
    text = text_of(prod_env, "run_failed")
    assert "failed in external_dns" in text
    assert "Reason:\n  pod crashed\n  exit 1\n" in text
    assert "Next:\n  read its log\n" in text
    assert f"  eks-assets deploy {prod_env.name}" in text


def test_success_mail_names_duration_and_changes(prod_env: Environment) -> None:
    """A success is reported with its duration and its changes, also if there were none."""
    text = text_of(prod_env, "succeeded")
    assert "in 14 min 3 s: 2 changes" in text
    assert "Changed:\n  network: created" in text
    assert "nothing had to change" in messages.deploy_succeeded(prod_env, "run2", 4, []).sendable_message()


def test_drift_mail_names_places_and_people_but_no_values(prod_env: Environment) -> None:
    """Drift is reported by path and by who caused it; values may be secrets."""
    text = text_of(prod_env, "drift_found")
    assert f"  network: stack acme-prod-network {FINDING['path']}: changed, by {FINDING['culprit']}" in text
    assert "expected-value" not in text
    assert "observed-value" not in text


def test_same_drift_is_one_event_until_it_returns(prod_env: Environment) -> None:
    """The event follows the ids of the findings, in any order, and when they began; who else wrote is no news."""
    drift_found = drift_messages.drift_found
    other = {**FINDING, "id": "ba9876543210"}
    first = drift_found(prod_env, [FINDING, other])
    assert drift_found(prod_env, [other, {**FINDING, "culprit": "another"}], unknown=1).event_id == first.event_id
    assert drift_found(prod_env, [FINDING]).event_id != first.event_id
    assert drift_found(prod_env, [FINDING, other], since="2026-11-25").event_id != first.event_id


def test_drift_mail_says_whether_it_is_repaired_by_itself(prod_env: Environment) -> None:
    """Whoever reads it knows whether to do something."""
    assert "Repair:" not in text_of(prod_env, "drift_found")
    env = prod_env.model_copy(update={"drift": Drift(auto_repair=True, settle="30m")})
    assert "Repair:      what may be repaired by itself is, once it is 30m old" in text_of(env, "drift_found")


def test_drift_mail_counts_what_was_not_compared(prod_env: Environment) -> None:
    """Nobody reads from a mail that all the rest is in sync."""
    assert "Unknown:     3 cannot be compared\n" in text_of(prod_env, "drift_found")
    text = drift_messages.drift_found(prod_env, [{**FINDING, "unit": None}]).sendable_message()
    assert "undeclared: stack acme-prod-network" in text
    assert "Unknown" not in text


@pytest.mark.parametrize(
    ("subject", "sent"),
    [
        ("[x] échec de Zürich", "[x] echec de Zurich"),
        ("[x] 失敗", "[x] ??"),
        ("[x] two\r\nlines\x1b and\ta tab", "[x] two lines\\x1b and a tab"),
        ("[x] " + "long " * 40, "[x] " + ("long " * 40)[:92] + "..."),
    ],
)
def test_subjects_are_one_short_line_of_ascii(prod_env: Environment, subject: str, sent: str) -> None:
    """SNS takes subjects of fewer than 100 ASCII characters in one line."""
    made = replace(messages.deploy_succeeded(prod_env, "run", 1, []), subject=subject).sendable_subject()
    assert made == sent
    assert len(made) < 100


def test_mail_names_the_owner_of_the_environment(prod_env: Environment) -> None:
    """Below the environment; an environment that names nobody has no such line."""
    owned, other = (prod_env.model_copy(update={"owner": owner}) for owner in ("team:payments", None))
    lines = messages.deploy_succeeded(owned, "run", 1, []).lines
    assert lines[lines.index("Owner:       team:payments") - 1].startswith("Environment: acme-prod")
    assert not [line for line in messages.deploy_succeeded(other, "run", 1, []).lines if line.startswith("Owner")]


@pytest.mark.parametrize("line", ["x" * 500, "é" * 1500, "😀" * 5000], ids=["ascii", "two bytes", "four bytes"])
def test_long_plan_is_cut_at_its_end_and_says_so(prod_env: Environment, line: str) -> None:
    """A mail never exceeds SNS's limit; what is cut is counted, and the command that shows it named."""
    summary = [f"{number} {line}" for number in range(2000)]
    message = messages.approval_needed(prod_env, DIGEST, "r1", summary, ["eks-assets approve"]).sendable_message()
    assert MESSAGE_BYTES - 10_000 < len(message.encode()) <= MESSAGE_BYTES
    *_, before, last = message.splitlines()
    shown = int(before.split()[0]) + 1
    assert last == f"... {2000 - shown} more lines; see eks-assets plan {prod_env.name}"
    assert "  eks-assets approve\n" in message


def test_mail_escapes_characters_that_sns_refuses(prod_env: Environment) -> None:
    """Control characters and lone surrogates are shown as escapes."""
    reason = "\x1b[31mred\x00\ud83d\ttab"
    message = messages.run_failed(prod_env, "run", "network", reason, "").sendable_message()
    assert "  \\x1b[31mred\\x00" in message
    assert "    tab\n" in message
    assert message.encode()
    assert "Next:" not in message


def test_notification_templates_pass_cfn_lint(prod_env: Environment, lint: Any) -> None:
    """cfn-lint has no findings in the templates."""
    many = with_addresses(prod_env, "a@acme.test", "b@acme.test")
    assert lint(notifications(many).template) == []
    assert lint(deploy_requests(many).template) == []
