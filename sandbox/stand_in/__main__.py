"""Run the stand-in controller of one cluster until SIGTERM: `python -m sandbox.stand_in --help`."""

from __future__ import annotations

import argparse
import signal
import sys
import threading
from pathlib import Path

from sandbox.stand_in.aws import Aws
from sandbox.stand_in.certificates import authority
from sandbox.stand_in.controller import Controller, Log, Loop
from sandbox.stand_in.dns_records import DnsRecords
from sandbox.stand_in.external_secrets import ExternalSecrets
from sandbox.stand_in.kube import Kube
from sandbox.stand_in.load_balancers import LoadBalancers
from sandbox.stand_in.node_claims import NodeClaims
from sandbox.stand_in.node_drift import NodeDrift
from sandbox.stand_in.objects import Objects
from sandbox.stand_in.volumes import Volumes
from sandbox.stand_in.webhooks import Webhooks

STOP_SECONDS = 5.0


def run(kubeconfig: Path, aws_endpoint: str, cluster: str, region: str, stopped: threading.Event) -> None:
    """Imitate every controller of `cluster` until `stopped` is set.

    Needs an admin kubeconfig with embedded certificates, the embedded AWS at `aws_endpoint` and AWS credentials of
    the cluster's account in the environment.
    """
    log = Log()
    kube = Kube(kubeconfig)
    objects = Objects(kube, lambda message: log("watch", message))
    aws = Aws(aws_endpoint, region)
    controllers: list[Controller] = [
        Webhooks(kube, objects, log, authority(kubeconfig.parent)),
        ExternalSecrets(kube, objects, aws, log),
        LoadBalancers(kube, objects, aws, cluster, log),
        DnsRecords(objects, aws, log),
        Volumes(kube, objects, aws, cluster, log),
        NodeClaims(kube, objects, aws, cluster, log),
        NodeDrift(kube, objects, log),
    ]
    loops = [Loop(one, objects.subscribe(one.resources), stopped, log) for one in controllers]
    objects.start(stopped)
    threads = [threading.Thread(target=loop.run, name=loop.controller.name, daemon=True) for loop in loops]
    for thread in threads:
        thread.start()
    log("stand-in", f"stands in for {', '.join(one.name for one in controllers)} of cluster {cluster}")
    stopped.wait()
    for loop in loops:
        loop.changed.set()
    for thread in threads:
        thread.join(STOP_SECONDS / len(threads))
    log("stand-in", "stopped")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m sandbox.stand_in", description=__doc__)
    parser.add_argument("--kubeconfig", required=True, type=Path, help="admin kubeconfig with embedded certificates")
    parser.add_argument("--aws-endpoint", required=True, help="URL of the embedded AWS")
    parser.add_argument("--cluster", required=True, help="name of the EKS cluster")
    parser.add_argument("--region", required=True, help="the cluster's AWS region")
    options = parser.parse_args()
    asked, stopped = threading.Event(), threading.Event()

    def stop(*_: object) -> None:
        asked.set()
        stopped.set()

    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, stop)
    run(options.kubeconfig, options.aws_endpoint, options.cluster, options.region, stopped)
    return 0 if asked.is_set() else 1


if __name__ == "__main__":
    sys.exit(main())
