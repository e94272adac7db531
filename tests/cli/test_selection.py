"""Which units a command is about."""

from __future__ import annotations

import pytest

from eks_assets.cli.selection import selected
from eks_assets.units import registry
from resources.model.errors import ConfigError


def test_nothing_chosen_is_everything() -> None:
    assert selected(registry(), None, None) is None
    assert selected(registry(), [], None) is None


def test_units_are_chosen_by_name_and_by_wave_together() -> None:
    assert selected(registry(), ["efs", "cluster"], None) == {"efs", "cluster"}
    network = selected(registry(), None, "network")
    assert network == {u.name for u in registry().units if u.wave == "network"}
    assert selected(registry(), ["cluster"], "network") == {*network, "cluster"}


def test_waves_answer_to_the_specifications_names() -> None:
    assert selected(registry(), None, "config-eks-cluster-wave") == selected(registry(), None, "configuration")


@pytest.mark.parametrize(
    ("only", "wave", "what", "near"),
    [
        (["karpentr"], None, "there is no unit 'karpentr'", "did you mean karpenter?"),
        (["efs", "clustr"], None, "there is no unit 'clustr'", "did you mean cluster?"),
        (None, "configuraton", "there is no wave 'configuraton'", "did you mean configuration?"),
        (None, "deploy-eks-clustr-wave", "there is no wave", "did you mean deploy-eks-cluster-wave?"),
    ],
)
def test_a_name_that_does_not_exist_is_refused_with_the_nearest(
    only: list[str] | None, wave: str | None, what: str, near: str
) -> None:
    with pytest.raises(ConfigError, match=what) as error:
        selected(registry(), only, wave)
    assert error.value.next_step.startswith(near)
    assert error.value.exit_code == 2


def test_a_name_like_no_other_is_refused_with_all_that_exist() -> None:
    with pytest.raises(ConfigError) as error:
        selected(registry(), ["zzz"], None)
    assert error.value.next_step.startswith("allowed: ")
    assert "external_dns" in error.value.next_step
