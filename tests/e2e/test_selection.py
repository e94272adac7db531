"""`--only` and `--wave`: which units a deploy is limited to."""

from __future__ import annotations

from typing import Any

import pytest

from resources.config.environment import Environment
from resources.context import Context
from tests.conftest import Cli
from tests.e2e.runs import revisions

pytestmark = pytest.mark.sandbox


def test_only_and_wave_select_units(platform: Environment, eks_assets: Cli, change: Any, context: Context) -> None:
    """`--only` and `--wave` limit a deploy to the units they name."""
    label = {"values": {"podLabels": {"chosen": "yes"}}}
    change(addons={"external_dns": label, "karpenter": label})
    before = revisions(context)
    only = eks_assets("deploy", "sandbox", "--only", "external_dns")
    assert only.returncode == 0, only.stdout + only.stderr
    assert revisions(context) == {**before, "external-dns": before["external-dns"] + 1}

    cluster = eks_assets("deploy", "sandbox", "--wave", "deploy-eks-cluster-wave")
    assert cluster.returncode == 0, cluster.stdout + cluster.stderr
    assert "sandbox: nothing to do" in cluster.stdout
    assert revisions(context)["karpenter"] == before["karpenter"]

    change()
    configuration = eks_assets("deploy", "sandbox", "--wave", "config-eks-cluster-wave")
    assert configuration.returncode == 0, configuration.stdout + configuration.stderr
    assert revisions(context)["external-dns"] == before["external-dns"] + 2


def test_unknown_unit_and_wave_are_refused_with_nearest_name(account: Environment, eks_assets: Cli) -> None:
    """An unknown unit or wave is refused with the nearest known name."""
    unit = eks_assets("deploy", "sandbox", "--only", "external-dns")
    assert unit.returncode == 2
    assert "there is no unit 'external-dns'" in unit.stderr
    assert "did you mean external_dns?" in unit.stderr
    wave = eks_assets("deploy", "sandbox", "--wave", "config-cluster-wave")
    assert wave.returncode == 2
    assert "there is no wave 'config-cluster-wave'" in wave.stderr
    assert "did you mean config-eks-cluster-wave?" in wave.stderr
