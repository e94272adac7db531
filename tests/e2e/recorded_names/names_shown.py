"""The names that people and sensors see, as today's code gives them: `test_recorded_names.py` compares them with the
record. Imports from the project stand at the top alone, and no module's path is compared."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import dagster as dg
import yaml
from rich.console import Console

from eks_assets.cli.app import COMMANDS, load_command
from eks_assets.cli.runs.abandoned import process_tags
from eks_assets.cli.runs.follower import Follower
from eks_assets.definitions import defs
from eks_assets.orchestration.run_tags import DESTROYED, DESTROYING, LAUNCH_TAG, OUTCOME_OF, OUTCOME_TAG, WAITING
from eks_assets.units import load_registry
from resources.drivers.git.manifest_files import COMMIT_ANNOTATION, GROUP_LABEL
from resources.drivers.helm.driver import DIGEST_LABEL
from resources.kubernetes.access import ClusterAddress, build_kubeconfig
from resources.kubernetes.exec_credential import credential_variable
from resources.kubernetes.objects import FIELD_MANAGER
from sensors.approval import RELEASE
from sensors.approval import SENSOR as APPROVAL_SENSOR
from sensors.approval import Cursor as ApprovalCursor
from sensors.deploy import CONTENT
from sensors.deploy import SENSOR as DEPLOY_SENSOR
from sensors.deploy import Cursor as DeployCursor
from sensors.deploy_requests import REQUEST, SENDER, Received
from sensors.deploy_requests import SENSOR as REQUESTS_SENSOR
from sensors.deploy_requests import Cursor as RequestsCursor
from sensors.environments import Cursor as EnvironmentsCursor
from sensors.launching import DEPLOY, FROM, PARTITION, WHY
from sensors.outcomes import Cursor as OutcomesCursor

ROOT = Path(__file__).parents[3]


def asset_nodes() -> Mapping[str, Any]:
    """Dagster's node of each asset, by key."""
    return {node.key.to_user_string(): node for node in defs().get_repository_def().asset_graph.asset_nodes}


def asset_dependencies() -> dict[str, list[str]]:
    """The assets that each one directly depends on."""
    return {name: sorted(key.to_user_string() for key in node.parent_keys) for name, node in asset_nodes().items()}


def asset_labels() -> dict[str, dict[str, Any]]:
    """Group, kinds, owners, tags and partitions of each asset."""
    return {
        name: {
            "group": node.group_name,
            "kinds": sorted(node.kinds),
            "owners": sorted(node.owners),
            "tags": {key: value for key, value in node.tags.items() if not key.startswith("dagster/kind/")},
            "partitions": node.partitions_def.name,
        }
        for name, node in asset_nodes().items()
    }


def asset_checks() -> dict[str, dict[str, Any]]:
    """The checks of each asset, and whether each is blocking."""
    graph = defs().get_repository_def().asset_graph
    checks: dict[str, dict[str, Any]] = {name: {} for name in asset_nodes()}
    for key in graph.asset_check_keys:
        node: Any = graph.get(key)
        partitions = node.partitions_def.name if node.partitions_def else None
        checks[key.asset_key.to_user_string()][key.name] = {"blocking": node.blocking, "partitions": partitions}
    return checks


def jobs() -> dict[str, dict[str, Any]]:
    """Assets, executor, partitions and the ops' configuration of each job."""
    return {job.name: _job(job) for job in defs().get_repository_def().get_all_jobs()}


def _job(job: Any) -> dict[str, Any]:
    ops = {node.name: node.definition.config_schema.as_field().config_type for node in job.nodes}
    return {
        "assets": sorted(key.to_user_string() for key in job.asset_layer.executable_asset_keys),
        "configuration": {op: sorted(kind.fields) for op, kind in ops.items() if hasattr(kind, "fields")},
        "executor": job.executor_def.name,
        "partitions": getattr(job.partitions_def, "name", None),
    }


def sensors() -> dict[str, list[str]]:
    """The jobs that each sensor launches."""
    sensor_defs = defs().get_repository_def().sensor_defs
    return {sensor.name: sorted(target.job_name for target in sensor.targets) for sensor in sensor_defs}


def schedules() -> list[str]:
    """The schedules' names."""
    return sorted(schedule.name for schedule in defs().get_repository_def().schedule_defs)


def run_tags() -> dict[str, Any]:
    """The tags of runs, by what each says; of some the values too."""
    with dg.DagsterInstance.ephemeral() as instance:
        follower = Follower(instance, "demo", load_registry(), [], Console())
    return {
        "partition": PARTITION,
        "what started it": FROM,
        "values of what started it": sorted([APPROVAL_SENSOR, DEPLOY_SENSOR, REQUESTS_SENSOR, follower.tags[FROM]]),
        "why": WHY,
        "launch that holds the environment": LAUNCH_TAG,
        "process of the command line": sorted(process_tags()),
        "tags of the command line": sorted(follower.tags),
        "outcome": OUTCOME_TAG,
        "run of the outcome": OUTCOME_OF,
        "values of the outcome": [DESTROYED, DESTROYING, WAITING],
        "approved plan": RELEASE,
        "content of the environment": CONTENT,
        "request in the queue": REQUEST,
        "sender of the request": SENDER,
    }


def sensor_cursors() -> dict[str, list[str]]:
    """The JSON keys of each sensor's cursor."""
    cursors: dict[str, Any] = {
        "approval": ApprovalCursor,
        "deploy": DeployCursor,
        "deploy_requests": RequestsCursor,
        "deploy_requests, messages": Received,
        "environments": EnvironmentsCursor,
        "outcomes": OutcomesCursor,
    }
    return {name: sorted(model.model_fields) for name, model in cursors.items()}


def job_of_deploys() -> str:
    """The job that sensors launch."""
    return DEPLOY


def labels_in_the_cluster() -> dict[str, str]:
    """What marks the pipeline's own work on Kubernetes objects."""
    return {
        "field manager": FIELD_MANAGER,
        "group of GitOps objects": GROUP_LABEL,
        "commit of GitOps objects": COMMIT_ANNOTATION,
        "spec of a release": DIGEST_LABEL,
    }


def commands() -> dict[str, list[str]]:
    """The options and arguments of each command, by its words."""

    def walk(command: Any, words: tuple[str, ...]) -> dict[str, list[str]]:
        if children := getattr(command, "commands", None):
            return {
                name: options for key, child in children.items() for name, options in walk(child, (*words, key)).items()
            }
        return {" ".join(words): sorted(option for parameter in command.params for option in parameter.opts)}

    return {words: options for name in COMMANDS for words, options in walk(load_command(name), (name,)).items()}


def exec_plugin() -> dict[str, Any]:
    """How a kubeconfig says that tokens are made; the interpreter, a path of this machine, is left out."""
    document = build_kubeconfig(ClusterAddress("acme-prod-cluster", "https://cluster.test", b"authority"), "acme-prod")
    (user,) = document["users"]
    plugin = {key: value for key, value in user["user"]["exec"].items() if key != "command"}
    return {**plugin, "user": user["name"], "token in the environment": sorted(credential_variable("acme-prod", {}))}


def code_location() -> dict[str, Any]:
    """What the workspace and the project's settings name for Dagster, and the command's name."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    return {
        "workspace.yaml": yaml.safe_load((ROOT / "workspace.yaml").read_text()),
        "tool.dg": settings["tool"]["dg"],
        "tool.dagster": settings["tool"]["dagster"],
        "commands": sorted(settings["project"]["scripts"]),
    }
