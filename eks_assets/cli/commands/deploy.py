"""`eks-assets deploy`: plan in this process, launch only what has something to do, as Dagster runs."""

from __future__ import annotations

import datetime as dt

from eks_assets.cli.arguments import EnvironmentName, Json, LogFormat, LogFormatOption, Only, Wait, WaveOption
from eks_assets.cli.opened import open_environment
from eks_assets.cli.runs.deployment import Output, deploy_units
from eks_assets.cli.runs.event_log import log_refusals
from eks_assets.cli.runs.launcher import Launcher
from eks_assets.cli.runs.undo import undo_deploy
from eks_assets.cli.selection import select_units
from eks_assets.units import load_registry
from resources.approval.record import check_gate
from resources.config.loader import load_environment


def deploy(
    environment: EnvironmentName,
    only: Only = None,
    wave: WaveOption = None,
    json_output: Json = False,
    log_format: LogFormatOption = LogFormat.PLAIN,
    wait: Wait = None,
) -> None:
    """Bring an environment to what its file says. A second deploy continues where the first stopped.

    Exit 3 where something waits for approval."""
    registry = load_registry()
    env = load_environment(environment, known_units=registry.by_name)
    command, way_back = f"eks-assets deploy {env.name}", f"eks-assets rollback {env.name}"
    output = Output.of(env, registry, command, log_format, as_json=json_output, way_back=way_back)
    chosen = select_units(registry, only, wave)
    with log_refusals(output.log):
        launcher = Launcher(env, registry, output.console, output.log, wait)
        context = open_environment(env)
        check_gate(context)
        began = dt.datetime.now(dt.UTC)  # the ledger's times are this clock's
        result = deploy_units(launcher, context, chosen)
        if result.failed and env.on_failure == "rollback":
            undo_deploy(launcher, began)
    output.end(result, context)
