"""`make smoke-aws CONFIRM_ACCOUNT=ID`: deploys and destroys a tiny environment on the account of the shell's
credentials, and keeps a transcript of every call. `python -m smoke replay FILE --endpoint URL` says what another AWS,
such as a sandbox's, answers otherwise."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import boto3

from eks_assets.units import load_registry
from resources.aws.transcript import VARIABLE
from smoke.environment import MINUTES, NAME, dollars_an_hour, write_environment
from smoke.replay import replay
from smoke.transcript import read_transcript

TRANSCRIPTS = Path(__file__).parent / "transcripts"
DEPLOY = (
    ("validate", NAME),
    ("bootstrap", NAME, "--apply"),
    ("deploy", NAME),
    ("plan", NAME),
    ("status", NAME),
    ("drift", NAME),
)
# Tried whatever became of the others: what is left costs money.
REMOVE = (
    ("destroy", NAME, "--confirm", NAME, "--delete-data"),
    ("bootstrap", NAME, "--remove", "--confirm", NAME),
)
# Runs `eks-assets` with these arguments and variables; returns its exit code.
Run = Callable[[Sequence[str], dict[str, str]], int]


def main(arguments: Sequence[str]) -> int:
    """0 done; 1 a step failed, or answers differ (4); 2 not confirmed, or no credentials."""
    parser = argparse.ArgumentParser(prog="python -m smoke", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    deploy = commands.add_parser("aws")
    deploy.add_argument("--confirm-account", default="")
    compare = commands.add_parser("replay")
    compare.add_argument("file", type=Path)
    compare.add_argument("--endpoint", required=True)
    compare.add_argument("--region", default="us-west-2")
    options = parser.parse_args(arguments)
    if options.command == "replay":
        return compare_with(options.file, options.endpoint, options.region)
    session = boto3.Session()
    if not session.region_name:
        print("no region: set AWS_REGION", file=sys.stderr)
        return 2
    account = session.client("sts").get_caller_identity()["Account"]
    return smoke(account, session.region_name, options.confirm_account, run_command)


def smoke(account: str, region: str, confirmed: str, run: Run, *, sandbox: bool = False) -> int:
    """Says what it takes, and does it where the account is confirmed. `sandbox`: on the sandbox's AWS, which the tests
    do."""
    prices = dollars_an_hour()
    listed = ", ".join(f"{what} {price:.3f}" for what, price in prices.items())
    print(f"account {account}, region {region}: about {MINUTES} minutes")
    print(f"US dollars an hour while it stands: {sum(prices.values()):.2f} ({listed}); list prices of us-east-1")
    if confirmed != account:
        said = f"CONFIRM_ACCOUNT is {confirmed}" if confirmed else "CONFIRM_ACCOUNT is not set"
        print(f"{said}; to go on: make smoke-aws CONFIRM_ACCOUNT={account}", file=sys.stderr)
        return 2
    TRANSCRIPTS.mkdir(exist_ok=True)
    transcript = TRANSCRIPTS / f"{region}.jsonl"
    transcript.unlink(missing_ok=True)
    with tempfile.TemporaryDirectory(prefix="smoke-") as name:
        folder = Path(name)
        write_environment(folder / "environments", account, region, load_registry().by_name, sandbox=sandbox)
        (folder / "dagster").mkdir()
        variables = {
            "EKS_ASSETS_ENVIRONMENTS": str(folder / "environments"),
            "DAGSTER_HOME": str(folder / "dagster"),
            VARIABLE: str(transcript),
        }
        failed = _take_steps(run, variables)
    print(f"transcript: {transcript}")
    if DEPLOY[0] not in failed:
        print("the ledger stays: S3 locks it for a day, and the next run waits until it is gone; to remove it then:")
        print(f"eks-assets bootstrap {NAME} --remove --confirm {NAME} --delete-ledger --from-ledger --region {region}")
    for step in failed:
        print(f"failed: eks-assets {' '.join(step)}", file=sys.stderr)
    return 1 if failed else 0


def _take_steps(run: Run, variables: dict[str, str]) -> list[tuple[str, ...]]:
    """The steps that failed; after one that does, those that remove what stands."""
    failed: list[tuple[str, ...]] = []
    for step in DEPLOY:
        if run(step, variables) != 0:
            failed.append(step)
            break
    if failed == [DEPLOY[0]]:
        return failed  # nothing was made
    return [*failed, *(step for step in REMOVE if run(step, variables) != 0)]


def run_command(step: Sequence[str], variables: dict[str, str]) -> int:
    """The command line's own program."""
    print(f"$ eks-assets {' '.join(step)}", flush=True)
    command = [str(Path(sys.executable).with_name("eks-assets")), *step]
    return subprocess.run(command, env={**os.environ, **variables}, check=False).returncode


def compare_with(file: Path, endpoint: str, region: str) -> int:
    """Prints what differs; 0 nothing, 4 something."""

    @cache
    def client(service: str) -> Any:
        make: Callable[..., Any] = boto3.client
        return make(service, endpoint_url=endpoint, region_name=region)

    found = replay(read_transcript(file), client)
    print("\n".join([*found, f"{len(found)} differences"]))
    return 4 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
