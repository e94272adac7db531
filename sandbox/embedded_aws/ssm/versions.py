"""Parameter Store keeps the newest 100 versions of a parameter: each further one deletes the oldest.

MiniStack keeps all. Source: ParameterMaxVersionLimitExceeded in the API reference of PutParameter.
"""

from collections.abc import Callable
from typing import Any

from ministack.core.responses import error_response_json
from ministack.services import ssm

Response = tuple[int, dict[str, str], bytes]
Operation = Callable[[dict[str, Any]], Response]

MAX_VERSIONS = 100


def deleting_the_oldest(put: Operation) -> Operation:
    """PutParameter that deletes the oldest of too many versions, or refuses, where a label holds that one."""

    def put_parameter(data: dict[str, Any]) -> Response:
        name = data.get("Name", "")
        history = ssm._parameter_history.get(name) or []
        if data.get("Overwrite") and len(history) >= MAX_VERSIONS and history[0].get("Labels"):
            return _refuse(name, history[0]["Version"])
        response = put(data)
        if response[0] < 400:
            del ssm._parameter_history[name][:-MAX_VERSIONS]
        return response

    return put_parameter


def _refuse(name: str, version: int) -> Response:
    message = (
        f"You attempted to create a new version of {name} by calling the PutParameter API with the overwrite flag. "
        f"Version {version}, the oldest version, can't be deleted because it has a label associated with it. "
        "Move the label to another version of the parameter, and try again."
    )
    refusal: Response = error_response_json("ParameterMaxVersionLimitExceeded", message, 400)
    return refusal


def install() -> None:
    """Put the limit around whatever PutParameter there is."""
    ssm._put_parameter = deleting_the_oldest(ssm._put_parameter)
