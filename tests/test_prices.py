"""The price table knows what it knows, and says unknown for the rest."""

from __future__ import annotations

from datetime import date

import pytest

from resources.leftovers.data import DATA
from resources.prices import AS_OF, PRICES, monthly_cost


@pytest.mark.parametrize(
    ("kind", "gigabytes", "dollars"),
    [
        ("AWS::KMS::Key", None, 1.0),
        ("AWS::EFS::FileSystem", 100.0, 30.0),
        ("AWS::EFS::FileSystem", 0.0, 0.0),
        ("AWS::EFS::FileSystem", None, None),
        ("AWS::EKS::Cluster", None, 73.0),
        ("AWS::Unheard::Of", 1.0, None),
    ],
)
def test_monthly_cost(kind: str, gigabytes: float | None, dollars: float | None) -> None:
    """Of one, or of what it holds; unknown is None, never 0."""
    assert monthly_cost(kind, gigabytes) == dollars


def test_all_data_has_a_dated_price() -> None:
    """Whatever a teardown keeps can be told with its cost, once its size is known."""
    assert DATA.keys() <= PRICES.keys()
    assert date.fromisoformat(AS_OF) <= date(2027, 12, 31)
