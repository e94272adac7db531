"""The folder of a product that an environment has not bought stops nothing there: what is wrong with it is a note."""

from __future__ import annotations

import pytest

from resources.drivers.git.applicationsets import is_applied
from resources.drivers.git.branch import GitTreeDriver
from resources.model.change import Change
from resources.model.errors import ConfigError
from tests.drivers.git.local_repository import LocalRepository
from tests.helpers.git_repository import BRANCH, SHOP

ANALYTICS = "analytics/analytics-app/applicationset.yaml"
FAULTS = {
    "metadata: {name: ${ONLY_PROD_KNOWS}}": ":1: ${ONLY_PROD_KNOWS} is not a variable of this environment",
    "metadata: [": ":2: is not valid YAML",
    "kind: Secret": ": is Secret of None; allowed: ApplicationSet",
    "": ":1: is empty",
    "[" * 5000: ":1: is not valid YAML: exceeded maximum nesting depth",
    "at: 2024-99-99": ": is None of None",
}


@pytest.fixture
def repository(local: LocalRepository) -> LocalRepository:
    return local


def plan(repository: LocalRepository) -> Change:
    spec, driver = repository.spec(), GitTreeDriver()
    return driver.plan(spec, driver.observe(spec, repository.context()))


@pytest.mark.parametrize(("text", "fault"), FAULTS.items(), ids=range(len(FAULTS)))
def test_its_faults_are_notes(repository: LocalRepository, text: str, fault: str) -> None:
    """Red team, finding 20: each stopped `application_config` of every environment."""
    repository.commit("main", {ANALYTICS: f"{text}\n"}, "Analytics")
    GitTreeDriver().apply(repository.spec(), repository.context())
    assert repository.read(BRANCH, ANALYTICS).strip() == text
    change = plan(repository)
    assert not change.is_needed
    assert f"{ANALYTICS}{fault}" in change.reason
    repository.commit("main", {ANALYTICS: f"# another\n{text}\n"}, "Analytics")
    change = plan(repository)
    assert change.is_needed
    assert "does not apply it: analytics/" in change.reason


@pytest.mark.parametrize(
    ("path", "text"),
    [
        (SHOP, "metadata: {name: ${ONLY_PROD_KNOWS}}"),
        ("istio/istio-app/applicationset.yaml", "metadata: ["),
        ("projects/products.yaml", "[" * 5000),
    ],
)
def test_what_is_applied_has_to_be_right(repository: LocalRepository, path: str, text: str) -> None:
    repository.commit("main", {path: f"{text}\n"}, "Wrong")
    with pytest.raises(ConfigError, match=f"{path}:"):
        plan(repository)


@pytest.mark.parametrize(
    ("path", "wanted"),
    [
        (SHOP, True),
        ("istio/istio-app/applicationset.yaml", True),
        ("projects/other.yml", True),
        ("payments/payments-app/applicationset.yaml", False),
        ("storefront/other-app/applicationset.yaml", False),
        ("deep/storefront/storefront-app/applicationset.yaml", False),
        ("applicationset.yaml", False),
    ],
)
def test_which_files_are_applied(path: str, wanted: bool) -> None:
    assert is_applied(path, ("storefront",)) is wanted


def test_file_that_is_too_large_is_left_as_it_is(repository: LocalRepository, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file beyond the limits is not read: of a product that is not bought that is a note, of another an error."""
    monkeypatch.setenv("EKS_ASSETS_INPUT_BYTES", "5000")
    large = f"# {'x' * 6000} $APP_DOMAIN\n"
    repository.commit("main", {ANALYTICS: large}, "Large")
    GitTreeDriver().apply(repository.spec(), repository.context())
    assert repository.read(BRANCH, ANALYTICS).strip() == large.strip()
    assert f"{ANALYTICS}:1: has 5001 bytes; allowed: 5000" in plan(repository).reason
    repository.commit("main", {SHOP: large}, "Large")
    with pytest.raises(ConfigError, match=f"{SHOP}:1: has 5001 bytes"):
        plan(repository)
