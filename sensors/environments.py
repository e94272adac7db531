"""One partition an environment: follows the files in `environments/`."""

import dagster as dg

from eks_assets.factory import ENVIRONMENTS
from resources.environment_files import find_folder, list_environments


@dg.sensor(
    name="environments",
    minimum_interval_seconds=5,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Keeps one partition for each file in environments/. Removing a file never destroys anything.",
)
def environments_sensor(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
    """Adds a partition for a new file and removes that of a file that is gone."""
    wanted = set(list_environments(find_folder()))
    have = set(context.instance.get_dynamic_partitions("environments"))
    requests: list[dg.AddDynamicPartitionsRequest | dg.DeleteDynamicPartitionsRequest] = []
    if added := sorted(wanted - have):
        requests.append(ENVIRONMENTS.build_add_request(added))
    if removed := sorted(have - wanted):
        requests.append(ENVIRONMENTS.build_delete_request(removed))
    if not requests:
        return dg.SkipReason(f"{len(have)} environments, none added or removed")
    said = [f"added {', '.join(added)}"] if added else []
    said += [f"removed {', '.join(removed)} (nothing was destroyed)"] if removed else []
    return dg.SensorResult(dynamic_partitions_requests=requests, skip_reason=dg.SkipReason("; ".join(said)))
