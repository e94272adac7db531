"""Subnets of a VPC that exists, as the ClusterConfig names them."""

from __future__ import annotations

from pathlib import Path

from resources.config.loader import check_environment_file
from resources.config.problems import Problem
from tests.helpers.environment_folder import edit


def lookup_with_subnets(folder: Path, private: str) -> list[Problem]:
    """The sandbox in a VPC that exists, with these private subnets."""
    environment, cluster = folder / "sandbox.yaml", folder / "clusters/sandbox.yaml"
    text = environment.read_text()
    start, end = text.index("network:"), text.index("retry:")
    environment.write_text(text[:start] + "network: {lookup: {}}\n" + text[end:])
    edit(cluster, "  id: ${VPC_ID}\n", f"  id: ${{VPC_ID}}\n  subnets: {{private: {private}}}\n")
    return check_environment_file(environment)


def test_subnets_in_two_zones_are_valid(folder: Path) -> None:
    """Private subnets in two zones are enough for a cluster."""
    assert lookup_with_subnets(folder, "{us-west-2a: {id: subnet-0a}, us-west-2b: {id: subnet-0b}}") == []


def test_subnets_in_one_zone_are_refused(folder: Path) -> None:
    """A cluster needs private subnets in two zones."""
    (problem,) = lookup_with_subnets(folder, "{us-west-2a: {id: subnet-0a}}")
    assert "two or more zones" in problem.message


def test_overlapping_subnets_are_refused(folder: Path) -> None:
    """Blocks of subnets may not overlap."""
    (problem,) = lookup_with_subnets(
        folder, "{us-west-2a: {id: subnet-1, cidr: 10.0.0.0/24}, us-west-2b: {id: subnet-2, cidr: 10.0.0.128/25}}"
    )
    assert "overlaps 10.0.0.0/24" in problem.message
