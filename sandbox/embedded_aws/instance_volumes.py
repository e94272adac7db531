"""A terminated instance takes the volumes with it that it was started with; others it only lets go.

MiniStack leaves both attached to it. Source: EC2 user guide, "Preserve data when an instance is terminated".
"""

from typing import Any

from ministack.services import ec2

Query = dict[str, Any]
_terminate_instances = ec2._terminate_instances


def terminate_instances(query: Query) -> Any:
    """TerminateInstances."""
    answer = _terminate_instances(query)
    for instance_id in ec2._parse_member_list(query, "InstanceId") if answer[0] == 200 else ():
        for volume in list(ec2._volumes.values()):
            attached = [each for each in volume["Attachments"] if each["InstanceId"] == instance_id]
            if any(each.get("DeleteOnTermination") for each in attached):
                del ec2._volumes[volume["VolumeId"]]
            elif attached:
                volume.update(State="available", Attachments=[])
    return answer


def install() -> None:
    """Answer in the place of MiniStack."""
    ec2._terminate_instances = terminate_instances
    ec2._ACTION_MAP["TerminateInstances"] = terminate_instances
