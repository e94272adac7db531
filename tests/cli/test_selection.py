"""Which units a command is about."""

from __future__ import annotations

import pytest

from eks_assets.cli.selection import select_units
from eks_assets.units import load_registry
from resources.model.errors import ConfigError


def test_nothing_chosen_is_everything() -> None:
    assert select_units(load_registry(), None, None) is None
    assert select_units(load_registry(), [], None) is None


def test_units_are_chosen_by_name_and_by_wave_together() -> None:
    assert select_units(load_registry(), ["efs", "cluster"], None) == {"efs", "cluster"}
    network = select_units(load_registry(), None, "network")
    assert network == {u.name for u in load_registry().units if u.wave == "network"}
    assert select_units(load_registry(), ["cluster"], "network") == {*network, "cluster"}


def test_waves_answer_to_the_specifications_names() -> None:
    assert select_units(load_registry(), None, "config-eks-cluster-wave") == select_units(
        load_registry(), None, "configuration"
    )


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
        select_units(load_registry(), only, wave)
    assert error.value.next_step.startswith(near)
    assert error.value.exit_code == 2


def test_a_name_like_no_other_is_refused_with_all_that_exist() -> None:
    with pytest.raises(ConfigError) as error:
        select_units(load_registry(), ["zzz"], None)
    assert error.value.next_step.startswith("allowed: ")
    assert "external_dns" in error.value.next_step
