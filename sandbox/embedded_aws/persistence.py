"""Saving state while the process runs, because a kill would otherwise lose all of it, and going on after one."""

import asyncio
import hashlib
import json
import logging
import threading
from collections.abc import Callable
from typing import Any

import ministack.app as application
from ministack.core import persistence
from ministack.core.concurrency import spawn_background
from ministack.core.responses import set_request_account_id, set_request_region
from ministack.services import cloudformation, eks
from ministack.services.cloudformation import stacks

from . import eks_clusters
from .settings import settings
from .supervisor import SupervisorError

logger = logging.getLogger("embedded_aws.persistence")

_SAVE_LOCK = threading.Lock()
_SNAPSHOT_SECONDS = 10.0

_ministack_load = application._load_persisted_state
_ministack_save_all = application.save_all

_AFTER_INTERRUPTION = {
    "CREATE_IN_PROGRESS": "CREATE_FAILED",
    "ROLLBACK_IN_PROGRESS": "ROLLBACK_FAILED",
    "UPDATE_IN_PROGRESS": "UPDATE_FAILED",
    "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS": "UPDATE_COMPLETE",
    "UPDATE_ROLLBACK_IN_PROGRESS": "UPDATE_ROLLBACK_FAILED",
    "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS": "UPDATE_ROLLBACK_COMPLETE",
    "DELETE_IN_PROGRESS": "DELETE_FAILED",
}


class StateSaver(threading.Thread):
    """Writes each service's state to the state folder when it differs from what was last written."""

    def __init__(self, interval: float) -> None:
        super().__init__(daemon=True, name="embedded-aws-state-saver")
        self._interval = interval
        self._written: dict[str, str] = {}

    def run(self) -> None:
        """Save every ``interval`` seconds, for as long as the process lives."""
        pause = threading.Event()
        while not pause.wait(self._interval):
            try:
                self.save_changes()
            except (RuntimeError, OSError, TimeoutError) as failure:
                # A store that changes while it is copied, or a full disk: the next round tries again.
                logger.warning("The state was not saved this time: %s", failure)

    def save_changes(self) -> None:
        """Write the services whose state changed since the last call."""
        for service, state in _snapshot(application._build_persistence_save_dict()).items():
            text = json.dumps(state, default=persistence._json_default)
            digest = hashlib.sha256(text.encode()).hexdigest()
            if self._written.get(service) != digest:
                with _SAVE_LOCK:
                    persistence.save_state(service, state)
                self._written[service] = digest


def _snapshot(readers: dict[str, Callable[[], Any]]) -> dict[str, Any]:
    """Every service's state, copied on the event loop so that no request changes it meanwhile."""

    async def read() -> dict[str, Any]:
        states = {service: reader() for service, reader in readers.items()}
        return {service: state for service, state in states.items() if state is not None}

    return asyncio.run_coroutine_threadsafe(read(), application._MAIN_LOOP).result(timeout=_SNAPSHOT_SECONDS)


def _save_all(services: dict[str, Callable[[], Any]]) -> None:
    with _SAVE_LOCK:
        _ministack_save_all(services)


def _load() -> None:
    """Load what was saved, go on with what was interrupted, and save from now on."""
    _ministack_load()
    _settle_interrupted_stacks()
    for (account, region, _name), cluster in list(eks._clusters.all_items()):
        spawn_background(_resume_cluster, account, region, cluster, thread_name=f"embedded-aws-resume-{_name}")
    logging.getLogger("persistence").setLevel(logging.WARNING)
    StateSaver(settings().save_interval).start()


def _settle_interrupted_stacks() -> None:
    for (_account, _region, name), stack in list(cloudformation._stacks.all_items()):
        settled = _AFTER_INTERRUPTION.get(stack["StackStatus"])
        if settled is None:
            continue
        reason = f"The embedded AWS was stopped while the stack was {stack['StackStatus']}."
        stack["StackStatus"], stack["StackStatusReason"] = settled, reason
        set_request_account_id(_account)
        set_request_region(_region)
        stacks._add_event(stack["StackId"], name, name, "AWS::CloudFormation::Stack", settled, reason, stack["StackId"])


def _resume_cluster(account: str, region: str, cluster: dict[str, Any]) -> None:
    """Give a cluster its control plane back; one that was being created is now finished."""
    set_request_account_id(account)
    set_request_region(region)
    if cluster["status"] == "CREATING":
        eks_clusters.provision(cluster)
        return
    cluster["status"] = "ACTIVE" if cluster["status"] == "UPDATING" else cluster["status"]
    try:
        if settings().supervisor_url and cluster["status"] == "ACTIVE":
            eks_clusters.attach_control_plane(cluster)
    except SupervisorError as failure:
        logger.error("The control plane of %s did not come back: %s", cluster["name"], failure)


def install() -> None:
    """Make MiniStack load and save through this module."""
    application._load_persisted_state = _load
    application.save_all = _save_all
