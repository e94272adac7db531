"""What the parent of the zone says, asked over DNS."""

from __future__ import annotations

import socket

import pytest

from resources.doctor.checks import Line
from resources.doctor.dns import check_delegation
from resources.doctor.examination import run_checks
from tests.doctor.conftest import DoctorsAccount, lines_of
from tests.doctor.name_server import name_server

PARENT = {"test": ("ns.test",)}


def asked(account: DoctorsAccount, monkeypatch: pytest.MonkeyPatch, address: str) -> Line:
    monkeypatch.setenv("EKS_ASSETS_RESOLVER", address)
    (line,) = check_delegation(account.context())
    return line


def test_zone_on_its_way(account: DoctorsAccount, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before it exists; while nobody delegates it, with the lines to add; and once the parent names its servers."""
    route53 = account.server.client("route53")
    with name_server(PARENT) as address:
        assert asked(account, monkeypatch, address).message.startswith("the first deploy makes the zone sandbox.test")
        zone = route53.create_hosted_zone(Name="sandbox.test", CallerReference="1")
        servers = sorted(zone["DelegationSet"]["NameServers"])
        line = asked(account, monkeypatch, address)
        assert (line.level, line.message) == ("error", "the zone test does not delegate sandbox.test")
        lines = "; ".join(f"sandbox.test. 172800 IN NS {server.rstrip('.')}." for server in servers)
        assert line.fix == f"add to the zone test: {lines}"
    with name_server({**PARENT, "sandbox.test": tuple(server.rstrip(".") for server in servers)}) as address:
        assert asked(account, monkeypatch, address).level == "ok"
    route53.delete_hosted_zone(Id=zone["HostedZone"]["Id"])


def test_zone_that_has_no_parent(account: DoctorsAccount, monkeypatch: pytest.MonkeyPatch) -> None:
    route53 = account.server.client("route53")
    zone = route53.create_hosted_zone(Name="sandbox.test", CallerReference="2")
    with name_server({}) as address:
        line = asked(account, monkeypatch, address)
    assert (line.level, line.fix) == ("warning", "dig +trace NS sandbox.test")
    route53.delete_hosted_zone(Id=zone["HostedZone"]["Id"])


def test_name_server_that_does_not_answer(account: DoctorsAccount, monkeypatch: pytest.MonkeyPatch) -> None:
    """A warning with the reason; at the deadline, that there was no answer. The others are reported all the same."""
    route53 = account.server.client("route53")
    zone = route53.create_hosted_zone(Name="sandbox.test", CallerReference="3")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        monkeypatch.setenv("EKS_ASSETS_RESOLVER", f"127.0.0.1:{silent.getsockname()[1]}")
        (late,) = lines_of(run_checks(account.env, 2), "warning")["delegation"]
        assert late.message == "no answer within 2 s"
        report = account.examine()
    (line,) = lines_of(report, "warning")["delegation"]
    assert line.message.startswith("could not be asked: the DNS server 127.0.0.1 does not answer for test")
    assert lines_of(report, "error") == {}
    route53.delete_hosted_zone(Id=zone["HostedZone"]["Id"])
