"""No error, progress or check that leaves the engine holds a secret, whatever a system quotes."""

from __future__ import annotations

import base64
import json
import traceback
from types import SimpleNamespace
from typing import Any, cast

import pytest
from botocore.exceptions import ClientError
from kubernetes.client.exceptions import ApiException

from eks_assets.engine.redacted import Redaction
from eks_assets.plan.redaction import Redactor
from resources.aws.errors import aws_call
from resources.aws.session import Aws
from resources.config.environment import Addon, Environment
from resources.context import Context
from resources.drivers.helm.command import translate_helm_error
from resources.drivers.secrets import learn_secrets
from resources.kubernetes.errors import kubernetes_call
from resources.model.change import MASK
from resources.model.errors import CommandFailed, OperationFailed, PipelineError, Transient
from resources.model.specs import HelmRelease, Manifests, Spec, Stack

SECRET = "hunter2-the-secret"


def release(**values: Any) -> HelmRelease:
    return HelmRelease(name="x", namespace="y", repository="oci://r", chart="c", version="1", values=values)


def helm(said: str) -> None:
    failed = CommandFailed(("helm", "template", "x"), 1, said)
    raise translate_helm_error(failed, release()) from failed


def kubernetes(said: str) -> None:
    with kubernetes_call("applying Secret x"):
        error = ApiException(status=422, reason="Invalid")
        error.body = json.dumps({"message": said})
        raise error


def cloudformation(said: str) -> None:
    with aws_call("changing stack x"):
        raise ClientError({"Error": {"Code": "ValidationError", "Message": said}}, "CreateChangeSet")


def git(said: str) -> None:
    raise CommandFailed(("git", "push"), 128, said, next_step=f"look at {said}")


def unexpected(said: str) -> None:
    try:
        raise ValueError(said)
    except ValueError as error:
        raise KeyError(said) from error


SPECS: list[Spec[Any]] = [
    release(adminPassword=SECRET),
    release(env=[{"name": "DB_PASSWORD", "value": SECRET}]),
    release(args=["--password", SECRET]),
    Manifests(objects=({"kind": "Secret", "metadata": {"name": "x"}, "stringData": {"u": SECRET}},)),
    Manifests(
        objects=(
            {"kind": "Secret", "metadata": {"name": "x"}, "data": {"u": base64.b64encode(SECRET.encode()).decode()}},
        )
    ),
    Stack(name="x", template={}, parameters={"DbPassword": SECRET}),
]


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: type(spec).__name__)
@pytest.mark.parametrize("system", [helm, kubernetes, cloudformation, git, unexpected])
def test_error_of_system_holds_no_secret(sandbox_env: Environment, system: Any, spec: Spec[Any]) -> None:
    """What helm, Kubernetes, CloudFormation and git say of a refused value leaves the engine masked, and so do what it
    was raised from and what an error carries."""
    said = f"at '/adminPassword': '{SECRET}' does not match, nor {base64.b64encode(SECRET.encode()).decode()}"
    redaction = Redaction(Context(sandbox_env, cast(Aws, SimpleNamespace())), spec)
    with pytest.raises(PipelineError) as raised, redaction.errors():
        system(said)
    error = raised.value
    shown = "".join(traceback.format_exception(error)) + repr(vars(error)) + str(error)
    assert f"'{MASK}' does not match" in error.message
    for form in (SECRET, base64.b64encode(SECRET.encode()).decode()):
        assert form not in shown


def test_secret_of_files_is_known_before_there_is_a_spec(sandbox_env: Environment) -> None:
    """An error of rendering the spec is masked by what the environment's files say."""
    env = sandbox_env.model_copy(update={"addons": {"loki": Addon(values={"auth": {"token": SECRET}})}})
    redaction = Redaction(Context(env, cast(Aws, SimpleNamespace())))
    with pytest.raises(OperationFailed, match="sensitive"), redaction.errors():
        raise OperationFailed(f"no: {SECRET}")


def test_value_that_becomes_part_of_secret_is_masked(sandbox_env: Environment) -> None:
    """A value under any name is masked once a chart makes a Secret of it; one that other objects show is not."""
    lines: list[str] = []
    context = Context(sandbox_env, cast(Aws, SimpleNamespace()), lines.append)
    spec = release(config=SECRET, host="db.example.test")
    objects = [
        {"kind": "Secret", "stringData": {"url": f"x://{SECRET}@db.example.test"}},
        {"kind": "Pod", "spec": {"host": "db.example.test"}},
    ]
    learn_secrets(spec, objects, context)
    redaction = Redaction(context, spec)
    with redaction.working():
        context.progress(f"db.example.test refuses {SECRET}")
    context.progress("done")
    assert lines == [f"db.example.test refuses {MASK}", "done"]


def test_harmless_error_keeps_what_it_was_raised_from(sandbox_env: Environment) -> None:
    """Only what holds a secret is cut off; kind, next step and retry stay."""
    redaction = Redaction(Context(sandbox_env, cast(Aws, SimpleNamespace())), release(password=SECRET))
    with pytest.raises(Transient) as raised, redaction.errors():
        raise Transient("throttled", retry_after=3.0, next_step="wait") from ValueError("x")
    assert (str(raised.value), raised.value.retry_after) == ("throttled\nNext: wait", 3.0)
    assert isinstance(raised.value.__cause__, ValueError)


@pytest.mark.parametrize(
    ("secret", "text", "shown"),
    [
        ("true1", "'true1' or true12", f"'{MASK}' or true12"),
        (
            "admin",
            'user "admin" of administrators, role acme-admin/x',
            f'user "{MASK}" of administrators, role acme-admin/x',
        ),
        ("us-west-2", "arn:aws:eks:us-west-2:1:x is in us-west-2.", f"arn:aws:eks:us-west-2:1:x is in {MASK}."),
        ("1234", "port 12345, pin=1234", f"port 12345, pin={MASK}"),
        ("48151623", "got 4.8151623e+07, id 1481516230", f"got {MASK}, id 1481516230"),
        ("x1", "exit x1: 'x1'", f"exit x1: '{MASK}'"),
        (SECRET, f"Bearer x{SECRET.upper()}y", f"Bearer x{MASK}y"),
        ('quo"ted\\secret', r'is "quo\"ted\\secret"', f'is "{MASK}"'),
        ("a b/c&d secret", "at https://x/a%20b%2Fc%26d%20secret", f"at https://x/{MASK}"),
        ("first-line-of-it\nsecond-line-of-it", "line 2: second-line-of-it", f"line 2: {MASK}"),
        ("other-thing", "https://user:unknown@host", f"https://user:{MASK}@host"),
    ],
)
def test_short_and_ordinary_values_are_masked_where_they_stand_alone(secret: str, text: str, shown: str) -> None:
    """Messages stay readable; what can only be the secret goes in whatever form it is written."""
    assert Redactor([secret]).redact_text(text) == shown
