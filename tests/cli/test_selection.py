"""Which units a command is about."""

from __future__ import annotations

import pytest

from eks_assets.cli.selection import select_units
from eks_assets.units import load_registry
from resources.model.errors import ConfigError


def test_selection_of_nothing_means_all_units() -> None:
    """Without `--only` and `--wave` all units are selected."""
    assert select_units(load_registry(), None, None) is None
    assert select_units(load_registry(), [], None) is None


def test_selection_combines_units_and_wave() -> None:
    """Units by name and those of a wave are added up."""
    assert select_units(load_registry(), ["efs", "cluster"], None) == {"efs", "cluster"}
    network = select_units(load_registry(), None, "network")
    assert network == {u.name for u in load_registry().units if u.wave == "network"}
    assert select_units(load_registry(), ["cluster"], "network") == {*network, "cluster"}


def test_selection_accepts_long_names_of_waves() -> None:
    """A wave has a short and a long name."""
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
def test_selection_refuses_unknown_name_and_suggests_nearest(
    only: list[str] | None, wave: str | None, what: str, near: str
) -> None:
    """A misspelt unit or wave exits with 2 and names the nearest."""
    with pytest.raises(ConfigError, match=what) as error:
        select_units(load_registry(), only, wave)
    assert error.value.next_step.startswith(near)
    assert error.value.exit_code == 2


def test_selection_refuses_unknown_name_and_lists_all() -> None:
    """A name unlike any other is answered with the list of all."""
    with pytest.raises(ConfigError) as error:
        select_units(load_registry(), ["zzz"], None)
    assert error.value.next_step.startswith("allowed: ")
    assert "external_dns" in error.value.next_step
