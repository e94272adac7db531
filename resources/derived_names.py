"""Names that follow from an environment's prefix, with the longest that AWS accepts."""

from __future__ import annotations

from dataclasses import dataclass

LONGEST_UNIT = "external-secrets-role"


@dataclass(frozen=True)
class DerivedName:
    """`longest`: AWS's limit in characters. `of_zone`: the hosted zone's name is part of it."""

    what: str
    name: str
    longest: int
    of_zone: bool = False


def derived_names(prefix: str, hosted_zone: str | None) -> tuple[DerivedName, ...]:
    """Every derived name that can reach a limit of AWS."""
    cluster = f"{prefix}-cluster"
    names = (
        DerivedName("cluster name", cluster, 100),
        DerivedName("node role", f"KarpenterNodeRole-{cluster}", 64),
        DerivedName("controller role", f"{cluster}-karpenter", 64),
        DerivedName("policy", f"KarpenterControllerResourceDiscoveryPolicy-{cluster}", 128),
        DerivedName("interruption queue", cluster, 80),
        DerivedName("stack", f"Karpenter-{cluster}", 128),
        DerivedName("stack", f"{prefix}-{LONGEST_UNIT}", 128),
    )
    # ACM puts the domain into the certificate's common name, which X.509 limits to 64 characters.
    domain = (DerivedName("domain", f"{prefix}.{hosted_zone}", 64, of_zone=True),) if hosted_zone else ()
    return names + domain
