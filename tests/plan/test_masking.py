"""What of a plan nobody may read, and what everybody should."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from eks_assets.graph.rendering import render_spec
from eks_assets.plan.masking import mask_fields
from eks_assets.units import load_registry
from resources.config.environment import Environment
from resources.drivers.registry import driver_of
from resources.model.change import MASK, FieldChange, Observed, diff, subset_diff
from resources.model.specs import HelmRelease, Manifests, Stack
from tests.helpers.built_plans import planned, reported

PLANTED = "hunter2-planted"
LONG = "hunter2plantedhunter"
USUAL = """
sshKey tlsKey masterKey webhookUrl slackApiUrl adminPasswordHash dbPass pass basicAuth pin secretKeyBase tokenValue
cookieSecretB64 passwordForAdmin DB_PASSWORD_PROD apiKeyV2 user-pass sessionKey jwtSecretOld SMTP_PASS
"""


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("values.grafana.adminPassword", PLANTED),
        ("values.auth.clientSecret", PLANTED),
        ('values.configs.secret["oidc.github.clientSecret"]', PLANTED),
        ("values.apiKey", PLANTED),
        ("values.AUTH_TOKEN", PLANTED),
        ("values.users[0].password", PLANTED),
        ("values.passwords[1]", PLANTED),
        ("values.pin.password", 48151623),
        ("values.config.receivers[0].pagerduty_configs[0].routing_key", PLANTED),
        ("values.pagerduty.integrationKey", PLANTED),
        ("values.registry.dockercfg", PLANTED),
        ("values.sentry.dsn", f"https://{PLANTED}@o1.ingest.example/1"),
        ("values.receiver.url", f"https://events.pagerduty.com/integration/{PLANTED}/enqueue"),
        ("values.password.value", PLANTED),
        ("parameters.DatabasePassword", PLANTED),
        ("Secret keycloak/admin data.password", PLANTED),
        ("Secret/keycloak/admin: data.user", PLANTED),
        ("Secret keycloak/admin", {"kind": "Secret", "stringData": {"user": PLANTED}}),
        ("ConfigMap ns/x", {"kind": "ConfigMap", "data": {"db.password": PLANTED}}),
        ("Deployment ns/x", {"spec": {"env": [{"name": "DB_PASSWORD", "value": PLANTED}]}}),
        ("values.url", f"postgres://user:{PLANTED}@db/x"),
        ("values.url", f"redis://:{PLANTED}@db:6379/0"),
        ("values.url", f"postgres://user:{PLANTED}@{PLANTED}@db/x"),
        ("values.url", f"amqp://user:{PLANTED}/{PLANTED}?#@db/x"),
        ("values.url", f"smtp://me@acme.example:{PLANTED}@mail:25"),
        ("values.urls", f"mongodb://a:{PLANTED}@h1,b:{PLANTED}@h2/x"),
        ("values.dsn", f"root:{PLANTED}@tcp(db:3306)/x?parseTime=true"),
        ("values.repository", f"https://{LONG}@git.example/x.git"),
        ("values.repository", f"git clone https://oauth2:{PLANTED}@git.example/x.git && ls"),
        ("values.config", f"auth:\n  password: {PLANTED}\n"),
        ("values.config", f'{{"user": "x", "password": "{PLANTED} more"}}'),
        ("values.args[0]", f"--api-token={PLANTED}"),
        *((f"values.x.{name}", PLANTED) for name in USUAL.split()),
        ("values.args", ["--password", PLANTED]),
        ("values.args", ["-v", "--tls-key", PLANTED, "--quiet"]),
        ("values.command", f"mysql --password {PLANTED} -v"),
        ("values.args[0]", f"--token={PLANTED}"),
        ("values.args[0]", f"--db-pass={PLANTED}"),
        ("values.header", f"Authorization: Bearer {PLANTED}"),
        ("values.header", f"Bearer {PLANTED}"),
        ("values.authorization", f"Token {PLANTED}"),
        ("values.curl", f"curl -H 'Authorization: Basic {PLANTED}' x"),
        ("values.x", f"sk_live_{LONG}"),
        ("values.x", f"AIza{LONG}{LONG}"),
        ("values.x", f"SG.{LONG}.{LONG}"),
        ("values.x", f"https://hooks.slack.com/services/T0/B0/{LONG}"),
        ("values.htpasswd", f"admin:$2y$05${LONG}"),
        ("values.tls", f"-----BEGIN RSA PRIVATE KEY-----\n{PLANTED}"),
    ],
)
def test_secret_value_is_masked(sandbox_env: Environment, path: str, value: Any) -> None:
    """A secret is masked by its key, by its object's kind, by the text around it, before and after."""
    for field in (FieldChange(path, None, value), FieldChange(path, value, "other"), FieldChange(path, value, value)):
        document = reported(sandbox_env, planned("loki", field))
        text = json.dumps(document)
        assert PLANTED not in text
        assert LONG not in text
        assert "48151623" not in text
        assert MASK in text
        assert document["changes"][0]["fields"][0]["sensitive"]


def test_variable_value_is_masked_by_its_name() -> None:
    """The value of an environment variable is masked by the name that stands beside it."""
    fields = (FieldChange("values.env[0].name", None, "DB_PASSWORD"), FieldChange("values.env[0].value", None, PLANTED))
    assert [(f.after, f.sensitive) for f in mask_fields(fields)] == [("DB_PASSWORD", False), (MASK, True)]


@pytest.mark.parametrize("compare", [diff, subset_diff])
def test_rotated_variable_is_masked_by_unchanged_name(compare: Callable[..., tuple[FieldChange, ...]]) -> None:
    """A value that changes is masked by its variable's name, though the name itself does not change."""

    def variables(password: str, level: str) -> dict[str, Any]:
        return {"env": [{"name": "DB_PASSWORD", "value": password}, {"name": "LEVEL", "value": level}]}

    fields = compare(variables("old-hunter2", "info"), variables(PLANTED, "debug"))
    assert [(f.before, f.after) for f in mask_fields(fields)] == [(MASK, MASK), ("info", "debug")]


@pytest.mark.parametrize("compare", [diff, subset_diff])
def test_rotated_argument_is_masked_by_unchanged_option(compare: Callable[..., tuple[FieldChange, ...]]) -> None:
    """An argument that changes is masked by the option before it, though that does not change."""

    def arguments(password: str) -> dict[str, Any]:
        return {"args": ["--level", password[-3:], "--password", password]}

    fields = compare(arguments("old-hunter2"), arguments(PLANTED))
    assert [(f.before, f.after) for f in mask_fields(fields)] == [("er2", "ted"), (MASK, MASK)]


def test_rotated_variable_of_applied_object_is_masked() -> None:
    """The same holds for an object that the pipeline applies."""

    def workload(password: str) -> dict[str, Any]:
        spec = {"containers": [{"name": "app", "env": [{"name": "DB_PASSWORD", "value": password}]}]}
        return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "app", "namespace": "shop"}, "spec": spec}

    spec = Manifests(objects=(workload(PLANTED),))
    change = driver_of(spec).plan(spec, Observed("applied", {"Pod shop/app": workload("old-hunter2")}))
    assert [(f.before, f.after) for f in mask_fields(change.fields)] == [(MASK, MASK)]


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("values.admin.existingSecret", "grafana-admin"),
        ("values.admin.passwordKey", "admin-password"),
        ("values.tls.secretName", "tls"),
        ("values.git.secret", "/demo/sandbox/git/credentials"),
        ("values.git.secret", "arn:aws:secretsmanager:us-west-2:000000000000:secret:x"),
        ("values.git.password", "${GIT_PASSWORD}"),
        ("values.git.password", "{{resolve:secretsmanager:x}}"),
        ("values.oidc.clientSecret", "$oidc:clientSecret"),
        ("values.serviceAccount.automountServiceAccountToken", "false"),
        ("values.keepTLSSecret", True),
        ("values.password", ""),
        ("parameters.Token", "⟦network.vpc_id⟧"),
        ("template.Resources.Vpc.Properties.Tags[0].Key", "Name"),
        ("template.Resources.LaunchSystem.Properties.MetadataOptions.HttpTokens", "required"),
        ("Resources.GrafanaSecret", "Modify AWS::SecretsManager::Secret"),
        ("ExternalSecret keycloak/db-password", "applied"),
        ("values.tolerations[0].key", "node-role"),
        ("values.args", ["--token-ttl", "24h", "--password-file", "pw", "--cluster", "x"]),
        ("values.passThrough", "all"),
        ("values.bypass", "yes"),
        ("values.spin", "fast"),
        ("values.tlsKey", "tls.key"),
        ("values.kms.masterKey", "alias/platform"),
        ("values.passwordPolicy", "strict"),
        ("values.passwordSecretRef", "grafana"),
        ("values.secretStoreRef", "platform"),
        ("values.tokenUrl", "https://login.example/token"),
        ("values.authorization", "RBAC"),
        ("values.log", "the Bearer authentication and basic settings"),
        ("values.config", "existingSecret: grafana-admin\nsecretName: tls\npassword: ${X}\n"),
        ("values.url", "https://user@host/x?y=1"),
        ("values.url", "https://host:8443/path?mail=a@b.example"),
        ("values.url", "ssh://git@host:22/x@v1"),
        ("values.image", "registry.example:5000/x/y:1.2@sha256:abc"),
        ("values.mail", "mailto:bob@acme.example"),
    ],
)
def test_reference_to_secret_is_not_masked(path: str, value: Any) -> None:
    """A value that only says where a secret is stays readable."""
    (field,) = mask_fields([FieldChange(path, None, value)])
    assert (field.after, field.sensitive) == (value, False)


def test_published_specs_have_nothing_to_mask(sandbox_env: Environment) -> None:
    """No value of the published environment is masked: else the plan of a new platform would hide what it makes."""
    compared = 0
    for unit in load_registry().units:
        spec = render_spec(load_registry(), sandbox_env, unit, {})
        if isinstance(spec, HelmRelease | Manifests | Stack):
            fields = driver_of(spec).plan(spec, None).fields
            compared += len(fields)
            assert [f.path for f in mask_fields(fields) if f.sensitive and f not in fields] == []
    assert compared > 500
