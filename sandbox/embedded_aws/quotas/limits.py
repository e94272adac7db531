"""The account's limits: AWS's own, but for what a file sets otherwise.

The file is named by EKS_ASSETS_LIMITS and read again whenever it is asked for, so that a limit can be set while the
embedded AWS runs: `{"quotas": {"L-0263D0A3": 1}, "not_offered": {"us-west-2a": ["m7i.large"]}, "machine": {"public":
"203.0.113.10", "private": "10.200.0.10"}}`. An empty address: the machine has none.
Sources: the service quotas of EC2, VPC and EKS in the AWS General Reference.
"""

import json
from dataclasses import dataclass
from typing import Any

from ..settings import settings


@dataclass(frozen=True)
class Quota:
    """A quota of a service: its value where nobody has raised it."""

    service: str
    code: str
    name: str
    default: float


ADDRESSES, VPCS, STANDARD = "L-0263D0A3", "L-F678F1CE", "L-1216C47A"
QUOTAS = (
    Quota("ec2", ADDRESSES, "EC2-VPC Elastic IPs", 5),
    Quota("ec2", STANDARD, "Running On-Demand Standard (A, C, D, H, I, M, R, T, Z) instances", 5),
    Quota("ec2", "L-74FC7D96", "Running On-Demand F instances", 0),
    Quota("ec2", "L-DB2E81BA", "Running On-Demand G and VT instances", 0),
    Quota("ec2", "L-1945791B", "Running On-Demand Inf instances", 0),
    Quota("ec2", "L-417A185B", "Running On-Demand P instances", 0),
    Quota("ec2", "L-2C3B7624", "Running On-Demand Trn instances", 0),
    Quota("ec2", "L-7295265B", "Running On-Demand X instances", 0),
    Quota("ec2", "L-34B43A08", "All Standard (A, C, D, H, I, M, R, T, Z) Spot Instance Requests", 5),
    Quota("ec2", "L-88CF9481", "All F Spot Instance Requests", 0),
    Quota("ec2", "L-3819A6DF", "All G and VT Spot Instance Requests", 0),
    Quota("ec2", "L-B5D1601B", "All Inf Spot Instance Requests", 0),
    Quota("ec2", "L-7212CCBC", "All P Spot Instance Requests", 0),
    Quota("ec2", "L-6B0D517C", "All Trn Spot Instance Requests", 0),
    Quota("ec2", "L-E3A00192", "All X Spot Instance Requests", 0),
    Quota("vpc", VPCS, "VPCs per Region", 5),
    Quota("vpc", "L-A4707A72", "Internet gateways per Region", 5),
    Quota("vpc", "L-FE5A380F", "NAT gateways per Availability Zone", 5),
    Quota("eks", "L-1194D53C", "Clusters", 100),
)
# AWS raises these by itself for an account that is in use; that of the sandbox has two environments.
_RAISED = {STANDARD: 64.0, "L-34B43A08": 64.0}


@dataclass(frozen=True)
class MachineAddresses:
    """Where this machine is, as AWS sees it: on the Internet, and in the networks that a VPC is connected with. By
    themselves in the office and the VPN of the published environments."""

    public: str = "203.0.113.10"
    private: str = "10.200.0.10"


def machine_addresses() -> MachineAddresses:
    """The addresses that hold now."""
    return MachineAddresses(**_file().get("machine", {}))


def slow_day() -> dict[str, Any]:
    """What is slow today, by the name of the switch (`slowness/switches.py`)."""
    return dict(_file().get("slow", {}))


def set_quotas() -> dict[str, float]:
    """The quotas that the file sets, by code."""
    return {str(code): float(value) for code, value in _file().get("quotas", {}).items()}


def quota_value(quota: Quota) -> float:
    """The value that holds for the account."""
    return set_quotas().get(quota.code, _RAISED.get(quota.code, quota.default))


def types_not_offered(zone: str) -> list[str]:
    """The instance types that the file takes out of a zone."""
    return [str(name) for name in _file().get("not_offered", {}).get(zone, [])]


def _file() -> dict[str, Any]:
    path = settings().limits
    if path is None or not path.exists():
        return {}
    document = json.loads(path.read_text(encoding="utf-8"))
    return document if isinstance(document, dict) else {}
