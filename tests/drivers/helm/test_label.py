"""The label that a release carries: nothing of its values, and no reason to upgrade what an earlier version made."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from resources.aws.session import Aws
from resources.config.environment import Environment
from resources.context import Context
from resources.drivers.helm import driver
from resources.drivers.helm.driver import DIGEST_LABEL, HelmReleaseDriver, earlier_spec_label, spec_label
from resources.drivers.helm.storage import REVISION_LABEL, Release
from resources.model.change import Observed
from resources.model.specs import HelmRelease


def spec(password: str = "hunter2", **changes: Any) -> HelmRelease:
    fields = {"name": "x", "namespace": "n", "repository": "https://charts.test", "chart": "c", "version": "1"}
    return HelmRelease(**{**fields, "values": {"adminPassword": password}, **changes})


@pytest.fixture
def observe(sandbox_env: Environment, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The driver's observation of a release of `spec()` with this label."""

    def run(label: str, **more: str) -> Observed:
        labels = {DIGEST_LABEL: label, **more}
        live = Release("x", "n", 3, "deployed", "c", "1", {"adminPassword": "hunter2"}, "", labels)
        monkeypatch.setattr(driver, "newest_release", lambda *_: live)
        monkeypatch.setattr(driver, "crd_fields", lambda *_: ())  # of a chart that no registry has
        observed = HelmReleaseDriver().observe(spec(), Context(sandbox_env, cast(Aws, SimpleNamespace())))
        assert observed is not None
        return observed

    return run


def test_label_says_nothing_of_values() -> None:
    """Two passwords have one label, so none can be guessed from it; another chart or package has another."""
    assert spec_label(spec("hunter2")) == spec_label(spec("winter1"))
    others = [spec(chart="d"), spec(version="2"), spec(digest=f"sha256:{'0' * 64}")]
    assert len({spec_label(other) for other in (spec(), *others)}) == 4


@pytest.mark.parametrize("label", [spec_label, earlier_spec_label])
def test_label_of_either_form_needs_no_upgrade(label: Any, observe: Any) -> None:
    """A release that an earlier version made is left alone."""
    assert not HelmReleaseDriver().plan(spec(), observe(label(spec()))).is_needed


@pytest.mark.parametrize("label", [spec_label, earlier_spec_label])
def test_other_package_is_still_noticed(label: Any, observe: Any) -> None:
    """A newly pinned package is a change, as before; a label of the earlier form is not shown."""
    pinned = spec(digest=f"sha256:{'0' * 64}")
    observed = observe(label(spec()))
    (field,) = HelmReleaseDriver().plan(pinned, observed).fields
    assert (field.path, field.after) == ("chart", spec_label(pinned))
    assert earlier_spec_label(spec()) not in (field.before, *observed.detail.values())
    assert HelmReleaseDriver().plan(spec("winter1"), observed).is_needed


@pytest.mark.parametrize(("ours", "paths"), [("3", []), ("2", ["revision"])])
def test_revision_that_is_not_ours_is_a_change(ours: str, paths: list[str], observe: Any) -> None:
    """helm by hand keeps labels: a deploy makes a revision of its own even where the values are the same."""
    observed = observe(spec_label(spec()), **{REVISION_LABEL: ours})
    assert [field.path for field in HelmReleaseDriver().plan(spec(), observed).fields] == paths
