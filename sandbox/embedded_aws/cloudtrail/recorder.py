"""Writing an event for each call that changes something: those of callers, and those that CloudFormation makes.

Management events only, as LookupEvents has them: what happens to objects in a bucket, items of a table and messages is
not among them. Source: CloudTrail user guide, "Logging management events", "CloudTrail record contents".
"""

import json
import logging
import re
import time
import uuid
from typing import Any

import ministack.app as application
from ministack.core.iam_actions import extract_iam_action
from ministack.core.responses import get_account_id, get_region, get_request_client_ip
from ministack.core.router import detect_service, extract_access_key_id

from ..settings import settings
from .events import Event, Trail
from .identity import Identity, caller_identity
from .named_resources import Named, named_resources
from .parameters import request_parameters

logger = logging.getLogger(__name__)
Response = tuple[int, dict[str, str], bytes | str]

# Services without regions write where their one end point is.
GLOBAL_REGION = "us-east-1"
_GLOBAL = frozenset({"iam", "route53", "cloudfront", "organizations"})
_READS = re.compile(
    r"^(Assume|BatchGet|Check|Decrypt|Describe|Detect|Download|Encrypt|Estimate|Filter|Generate|Get|Head|List|Lookup|"
    r"Query|Receive|ReEncrypt|Scan|Search|Select|Sign|Simulate|Start(?:Query|LiveTail)|Test|Validate|Verify)"
)
_DATA = {
    "dynamodb": re.compile(r"Item|Statement|Transaction"),
    "lambda": re.compile(r"^Invoke"),
    "logs": re.compile(r"^PutLogEvents$"),
    "sns": re.compile(r"^Publish"),
    "sqs": re.compile(r"Message"),
}
_SOURCES = {"cloudwatch": "monitoring"}

_ministack_dispatch = application._dispatch_service_request


class Recorder:
    """Writes events to a trail."""

    def __init__(self, trail: Trail) -> None:
        self.trail = trail

    def write(
        self,
        who: tuple[Identity, str],
        source: str,
        name: str,
        parameters: dict[str, Any] | None,
        resources: Named,
        **more: Any,
    ) -> None:
        """Keep one event. `source`: the service as in its host name; `more`: further members of the record."""
        identity, username = who
        region = GLOBAL_REGION if source in _GLOBAL else get_region()
        now, account, identifier = time.time(), get_account_id(), str(uuid.uuid4())
        record = {
            "eventVersion": "1.11",
            "userIdentity": identity,
            "eventTime": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now)),
            "eventSource": f"{source}.amazonaws.com",
            "eventName": name,
            "awsRegion": region,
            "requestParameters": parameters,
            "responseElements": None,
            "requestID": str(uuid.uuid4()),
            "eventID": identifier,
            "readOnly": False,
            "eventType": "AwsApiCall",
            "managementEvent": True,
            "recipientAccountId": account,
            "eventCategory": "Management",
            **more,
        }
        key = str(identity.get("accessKeyId", ""))
        self.trail.append(
            Event(
                account,
                region,
                identifier,
                name,
                str(record["eventSource"]),
                float(int(now)),
                username,
                key,
                resources,
                json.dumps(record),
            )
        )

    async def dispatch(
        self, method: str, path: str, headers: dict[str, str], body: bytes, query: dict[str, Any], request_id: str
    ) -> Any:
        """MiniStack's dispatch, and an event for what it did."""
        response: Response = await _ministack_dispatch(method, path, headers, body, query, request_id)
        try:
            self._record(method, path, headers, body, query, response)
        except Exception:  # whatever cannot be written down must not fail the call that it is about
            logger.exception("No event was written for %s %s", method, path)
        return response

    def _record(
        self, method: str, path: str, headers: dict[str, str], body: bytes, query: dict[str, Any], response: Response
    ) -> None:
        routing = application._routing_params(method, path, headers, body, query)
        service = detect_service(method, path, headers, routing)
        source, _, name = (extract_iam_action(service, method, path, headers, body, routing) or "").partition(":")
        if not is_recorded(source, name, path):
            return
        who = caller_identity(extract_access_key_id(headers, query) or "", get_account_id())
        if who is None:
            return
        status, _headers, content = response
        answer = content if isinstance(content, bytes) else str(content).encode()
        parameters = request_parameters(service, name, path, headers, body, query)
        self.write(
            who,
            _SOURCES.get(source, source),
            name,
            parameters,
            named_resources(source, name, parameters, answer if status < 400 else b""),
            sourceIPAddress=get_request_client_ip(),
            userAgent=headers.get("user-agent", ""),
            **(_error(answer) if status >= 400 else {}),
        )


def is_recorded(source: str, name: str, path: str) -> bool:
    """Whether a call is a management event that changes something."""
    if not name or _READS.match(name) or ((data := _DATA.get(source)) and data.search(name)):
        return False
    return source != "s3" or "/" not in path.strip("/")


def _error(answer: bytes) -> dict[str, str]:
    text = answer.decode(errors="replace")
    if code := re.search(r"<Code>([^<]*)</Code>", text):
        message = re.search(r"<Message>([^<]*)</Message>", text)
        return {"errorCode": code[1], "errorMessage": message[1] if message else ""}
    try:
        content = json.loads(text)
    except ValueError:
        return {"errorCode": "InternalFailure"}
    code_text = str(content.get("__type") or content.get("code") or "InternalFailure").rpartition("#")[2]
    return {"errorCode": code_text, "errorMessage": str(content.get("message") or content.get("Message") or "")}


def make_recorder() -> Recorder:
    """The recorder of this process, its events in the state folder where there is one."""
    folder = settings().state_dir
    return Recorder(Trail(folder / "cloudtrail.jsonl" if folder else None))
