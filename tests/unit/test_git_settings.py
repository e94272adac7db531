"""What an environment says about its repository, what a secret may hold, and how variables are filled in."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from resources.config.loader import check, load_environment
from resources.drivers.git import crd_schema
from resources.drivers.git.applicationsets import filled, products, unfilled
from resources.drivers.git.credentials import Credentials, parse
from resources.model.errors import ConfigError

EXAMPLES = Path(__file__).parents[2] / "environments"
KEY = "-----BEGIN OPENSSH PRIVATE KEY-----\nabc\n-----END OPENSSH PRIVATE KEY-----"


@pytest.mark.parametrize(
    ("old", "new", "path", "words"),
    [
        ("repository: https://", "repository: https://user:word@", "git.repository", "holds a user or password"),
        ("repository: https://", "repository: http://", "git.repository", "unencrypted; allowed: https or ssh"),
        ("repository: https://", "repository: ftp://", "git.repository", "https://HOST/PATH, ssh://USER@HOST/PATH"),
        ("  credentials:", "  branch: main\n  base: main\n  credentials:", "git.branch", "branch with the templates"),
        ("  credentials:", "  branch: a..b\n  credentials:", "git.branch", "a branch, such as main"),
        ("    GIT_REPOSITORY:", "    APP_DOMAIN:", "git.variables.APP_DOMAIN", "is set by the pipeline"),
        ("    GIT_REPOSITORY:", "    repository:", "git.variables.repository", "the name of A-Z, 0-9 and _"),
        ("    secret: /acme", "    secert: /acme", "git.credentials.secert", 'did you mean "secret"'),
        ("email: platform@acme.example\n  var", "email: nobody\n  var", "git.author.email", "an e-mail address"),
        (
            "secret: /acme/dev/git/credentials",
            "secret: ${SANDBOX_GIT}",
            "git.credentials.secret",
            "would stay as it is",
        ),
    ],
)
def test_faults_are_shown_where_they_stand(tmp_path: Path, old: str, new: str, path: str, words: str) -> None:
    folder = Path(shutil.copytree(EXAMPLES, tmp_path / "environments"))
    text = (folder / "acme-dev.yaml").read_text()
    assert text.count(old) == 1
    (folder / "acme-dev.yaml").write_text(text.replace(old, new))
    problems = check(folder / "acme-dev.yaml")
    assert any(problem.path == path and words in problem.message for problem in problems), problems


def test_products_need_a_repository(tmp_path: Path) -> None:
    folder = Path(shutil.copytree(EXAMPLES, tmp_path / "environments"))
    text = (folder / "acme-dev.yaml").read_text()
    start, end = text.index("git:\n"), text.index("retry:")
    (folder / "acme-dev.yaml").write_text(text[:start] + text[end:])
    (problem,) = check(folder / "acme-dev.yaml")
    assert (problem.path, "needs a repository" in problem.message) == ("products_purchased", True)


def test_the_branch_follows_the_prefix() -> None:
    assert load_environment("acme-prod", EXAMPLES).git_branch == "develop/acme-prod"


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ('{"username": "u", "password": "p"}', Credentials("u", "p")),
        ('{"token": "t"}', Credentials("x-access-token", "t")),
        ("t\n", Credentials("x-access-token", "t")),
        ('{"sshPrivateKey": "k", "knownHosts": "h"}', Credentials(ssh_key="k", known_hosts="h")),
        (KEY, Credentials(ssh_key=KEY)),
    ],
)
def test_what_a_secret_may_hold(text: str, wanted: Credentials) -> None:
    assert parse(text, "/acme/dev/git") == wanted


@pytest.mark.parametrize("text", ["", "{}", '{"password": 1}', '{"password": "hunter2', '{"token": "hunter2\\nx"}'])
def test_a_secret_without_credentials_is_named_and_not_quoted(text: str) -> None:
    with pytest.raises(ConfigError, match="the secret /acme/dev/git holds no git credentials") as caught:
        parse(text, "/acme/dev/git")
    assert "hunter2" not in str(caught.value) + repr(caught.value.__cause__)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize(
    ("credentials", "repository", "words"),
    [
        (Credentials(password="p"), "http://git.acme.example/x.git", "unencrypted"),
        (Credentials(password="p"), "git@git.acme.example:x.git", "holds no sshPrivateKey"),
        (Credentials(ssh_key="k"), "https://git.acme.example/x.git", "holds an ssh key"),
    ],
)
def test_credentials_that_do_not_fit_the_address(credentials: Credentials, repository: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        credentials.check(repository)


def test_a_token_is_for_one_host_and_in_no_setting() -> None:
    settings = Credentials("user", "hunter2").settings("https://git.acme.example:8443/x/y.git")
    assert list(settings) == ["credential.helper", "credential.https://git.acme.example:8443.helper"]
    assert "hunter2" not in str(settings)
    assert "hunter2" not in repr(Credentials("user", "hunter2"))


def test_a_private_key_is_in_a_file_that_only_we_read(tmp_path: Path) -> None:
    environment = Credentials(ssh_key=KEY, known_hosts="git.acme.example ssh-ed25519 AAAA").environment(tmp_path)
    assert (tmp_path / "ssh-key").stat().st_mode & 0o777 == 0o600
    assert "StrictHostKeyChecking=yes" in environment["GIT_SSH_COMMAND"]
    assert f"UserKnownHostsFile='{tmp_path / 'known-hosts'}'" in environment["GIT_SSH_COMMAND"]


def test_variables_are_filled_in_and_nothing_else() -> None:
    text = "a: ${APP_DOMAIN} $APP_DOMAIN $APP_DOMAINS $values/x {{ .name }} ${OTHER}"
    assert filled(text, {"APP_DOMAIN": "d"}) == "a: d d $APP_DOMAINS $values/x {{ .name }} ${OTHER}"
    (problem,) = unfilled("x.yaml", f"\n{text}", {"APP_DOMAIN": "d"})
    assert problem.startswith("x.yaml:2: ${OTHER} is not a variable of this environment")


def test_istio_is_no_product() -> None:
    paths = ["istio/istio-app/applicationset.yaml", "a/a-app/applicationset.yaml", "a/b-app/applicationset.yaml"]
    assert products(paths) == ("a",)


def test_a_schema_finds_what_the_api_server_would_refuse_or_drop() -> None:
    schema = {
        "type": "object",
        "required": ["name"],
        "properties": {
            "name": {"type": "string", "pattern": "^[a-z]+$"},
            "port": {"x-kubernetes-int-or-string": True},
            "mode": {"type": "string", "enum": ["one", "two"]},
            "list": {"type": "array", "items": {"type": "integer"}},
            "labels": {"type": "object", "additionalProperties": {"type": "string"}},
            "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
        },
    }
    good = {"kind": "X", "name": "a", "port": "http", "list": [1], "labels": {"x": "y"}, "free": {"z": [1]}}
    assert list(crd_schema.faults(good, schema)) == []
    bad = {"nam": "a", "port": [], "mode": "three", "list": ["1", True], "labels": {"x": 1}}
    assert {location: message.split(";")[0] for location, message in crd_schema.faults(bad, schema)} == {
        (): "lacks the required field name",
        ("nam",): "is not a field",
        ("port",): "must be a whole number or text",
        ("mode",): "three is not possible",
        ("list", 0): "must be a whole number, not '1'",
        ("list", 1): "must be a whole number, not True",
        ("labels", "x"): "must be text, not 1",
    }
