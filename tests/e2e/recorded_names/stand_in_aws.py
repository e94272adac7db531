"""A stand-in for AWS behind botocore: it keeps what is written to S3 and DynamoDB, notes every call, and its clock
stands still. So that what the product persists can be compared without a sandbox, wherever its modules stand."""

from __future__ import annotations

import datetime as dt
import io
import re
import time
from email.utils import format_datetime
from typing import Any

import pytest
from botocore.client import BaseClient
from botocore.exceptions import ClientError

NOW = dt.datetime(2025, 3, 1, 12, 0, tzinfo=dt.UTC)
_CREDENTIALS = {
    "AccessKeyId": "stand-in",
    "SecretAccessKey": "stand-in",
    "SessionToken": "stand-in",
    "Expiration": dt.datetime(2100, 1, 1, tzinfo=dt.UTC),
}
_ANSWERS: dict[str, dict[str, Any]] = {
    "AssumeRole": {"Credentials": _CREDENTIALS},
    "GetCallerIdentity": {"Account": "444455556666", "Arn": "arn:aws:iam::444455556666:user/ann"},
    "GetQueueUrl": {"QueueUrl": "https://queue.test"},
    "ListStacks": {"StackSummaries": []},
    "PutParameter": {"Version": 1},
}


class StandInAws:
    """`objects`: S3, by key; `items`: the rows of DynamoDB, by key; `rows`: each state of each row that was written;
    `decisions`: the versions of the only SSM parameter; `calls`: operation and arguments."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.rows: list[dict[str, Any]] = []
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.items: dict[str, dict[str, Any]] = {}
        self.decisions: list[dict[str, Any]] = []

    def install(self, patch: pytest.MonkeyPatch) -> StandInAws:
        """Answer every call of this process, with keys that lead nowhere."""
        patch.setattr(BaseClient, "_make_api_call", lambda client, *call: self.answer(*call))
        # AWS's clock is counted on by the machine's ticks.
        patch.setattr(time, "clock_gettime", lambda _: 0.0)
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            patch.setenv(name, "stand-in")
        patch.delenv("AWS_PROFILE", raising=False)
        return self

    def answer(self, operation: str, arguments: dict[str, Any]) -> dict[str, Any]:
        """AWS's answer. Raises ClientError for what does not exist."""
        self.calls.append((operation, arguments))
        make = getattr(self, f"_{operation}", None)
        answer = make(**arguments) if make else _ANSWERS.get(operation, {})
        return {**answer, "ResponseMetadata": {"HTTPHeaders": {"date": format_datetime(NOW, usegmt=True)}}}

    def arguments_of(self, operation: str) -> dict[str, Any]:
        """The arguments of the one call of that operation."""
        (arguments,) = [arguments for name, arguments in self.calls if name == operation]
        return arguments

    def _PutObject(self, Key: str, Body: bytes, **_: Any) -> dict[str, Any]:
        if Key in self.objects:
            raise ClientError({"Error": {"Code": "PreconditionFailed"}}, "PutObject")
        self.objects[Key] = Body
        return {}

    def _GetObject(self, Key: str, **_: Any) -> dict[str, Any]:
        if Key not in self.objects:
            raise ClientError({"Error": {"Code": "NoSuchKey"}}, "GetObject")
        return {"Body": io.BytesIO(self.objects[Key])}

    def _ListObjectsV2(self, Prefix: str, StartAfter: str = "", **_: Any) -> dict[str, Any]:
        keys = [key for key in self.objects if key.startswith(Prefix) and key > StartAfter]
        return {"Contents": [{"Key": key} for key in sorted(keys)]}

    def _GetParameter(self, Name: str, **_: Any) -> dict[str, Any]:
        raise ClientError({"Error": {"Code": "ParameterNotFound"}}, "GetParameter")

    def _DescribeStacks(self, StackName: str, **_: Any) -> dict[str, Any]:
        message = f"Stack with id {StackName} does not exist"
        raise ClientError({"Error": {"Code": "ValidationError", "Message": message}}, "DescribeStacks")

    def _GetParameterHistory(self, **_: Any) -> dict[str, Any]:
        return {"Parameters": self.decisions}

    def _GetItem(self, Key: dict[str, Any], **_: Any) -> dict[str, Any]:
        item = self.items.get(Key["environment"]["S"])
        return {"Item": item} if item else {}

    def _PutItem(self, Item: dict[str, Any], **_: Any) -> dict[str, Any]:
        self.rows.append(Item)
        return {}

    def _UpdateItem(
        self,
        Key: dict[str, Any],
        UpdateExpression: str,
        ExpressionAttributeValues: dict[str, Any],
        **_: Any,
    ) -> dict[str, Any]:
        key = Key["environment"]["S"]
        row = {**self.items.get(key, {}), **Key}
        if "list_append" in UpdateExpression:
            (name, value), values = re.findall(r"#(\w+) = .*(:\w+)\)", UpdateExpression)[0], ExpressionAttributeValues
            row[name] = {"L": [*row.get(name, {"L": []})["L"], *values[value]["L"]]}
            UpdateExpression = ""
        verb = ""
        for word, name, value in re.findall(r"\b(SET|ADD|REMOVE|DELETE)\b|#(\w+)(?: =)?(?: (:\w+))?", UpdateExpression):
            verb = word or verb
            if name and verb in ("SET", "ADD"):
                row[name] = ExpressionAttributeValues[value]
            elif name:
                row.pop(name, None)
        self.items[key] = row
        self.rows.append(row)
        return {"Attributes": row}
