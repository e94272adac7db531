"""An API server without a public address: a deploy says at once that no rule lets this machine in, and one makes it."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

from resources.config.environment import Environment
from tests.conftest import Cli
from tests.e2e.conftest import Change

pytestmark = pytest.mark.sandbox

PRIVATE = {"publicAccess": False, "privateAccess": True}


def test_deploy_says_that_no_rule_lets_this_machine_in(
    restored: Environment, eks_assets: Cli, change: Change, environments: Path
) -> None:
    """The public address is taken away: deploy and doctor name the rule that is missing. With it, all is well."""
    change()
    file = environments / "clusters/sandbox.yaml"

    def write(**vpc: Any) -> None:
        document = yaml.safe_load(file.read_text())
        document["vpc"] |= {"clusterEndpoints": PRIVATE, **vpc}
        file.write_text(yaml.safe_dump(document))

    write()
    began = time.monotonic()
    done = eks_assets("deploy", restored.name)
    assert done.returncode == 1, done.stdout + done.stderr
    failed = [line for line in done.stdout.splitlines() if line.startswith("failed ")]
    assert any(line.startswith("failed access_entries") for line in failed)
    for line in failed:
        assert "no rule lets this machine in" in line
        assert "add this machine's address to vpc.extraCIDRs" in line
    assert time.monotonic() - began < 120, "a check of the cluster would wait for five minutes"
    examined = eks_assets("doctor", restored.name, "--json")
    assert examined.returncode == 1, examined.stdout + examined.stderr
    errors = {d["check"]: d for d in json.loads(examined.stdout)["diagnoses"] if d["level"] == "error"}
    assert "no rule lets this machine in" in errors["api server"]["message"], errors
    write(extraCIDRs=["10.200.0.0/16"])
    done = eks_assets("deploy", restored.name)
    assert done.returncode == 0, done.stdout + done.stderr
