"""What things cost a month: AWS's list prices of us-east-1, one dated table for every command. Pure.

Source: the pricing pages of each service. Prices of other regions, discounts, requests and traffic are left out: an
estimate is for comparing, not for paying. What is not in the table is unknown, never free.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

AS_OF = "2026-11-30"
REGION = "us-east-1"
HOURS = 730  # a month


@dataclass(frozen=True)
class Price:
    """US dollars a month: of one, and of each gigabyte that it holds."""

    each: float = 0.0
    gigabyte: float = 0.0


# By type in CloudFormation.
PRICES: Mapping[str, Price] = {
    "AWS::EC2::EIP": Price(each=0.005 * HOURS),
    "AWS::EC2::NatGateway": Price(each=0.045 * HOURS),
    "AWS::EC2::Snapshot": Price(gigabyte=0.05),
    "AWS::EC2::Volume": Price(gigabyte=0.08),  # gp3
    "AWS::EFS::FileSystem": Price(gigabyte=0.30),  # standard, regional
    "AWS::EKS::Cluster": Price(each=0.10 * HOURS),  # in standard support
    "AWS::ElasticLoadBalancingV2::LoadBalancer": Price(each=0.0225 * HOURS),
    "AWS::KMS::Key": Price(each=1.00),
    "AWS::Logs::LogGroup": Price(gigabyte=0.03),
    "AWS::Route53::HostedZone": Price(each=0.50),
    "AWS::S3::Bucket": Price(gigabyte=0.023),  # standard
    "AWS::SecretsManager::Secret": Price(each=0.40),
}


# What a cluster costs in extended support beside its price in standard support.
EXTENDED_SUPPORT = 0.50 * HOURS


def extended_support_cost() -> float:
    """US dollars a month that a cluster costs more once its version is in extended support."""
    return round(EXTENDED_SUPPORT, 2)


def monthly_cost(kind: str, gigabytes: float | None = None) -> float | None:
    """US dollars a month for one resource of the type; None where the type, or the size that it is paid by, is not
    known."""
    price = PRICES.get(kind)
    if price is None or (price.gigabyte and gigabytes is None):
        return None
    return round(price.each + price.gigabyte * (gigabytes or 0.0), 2)
