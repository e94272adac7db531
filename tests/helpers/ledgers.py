"""Ledgers on an embedded AWS: entries, and an administrator who tampers with them."""

from __future__ import annotations

import json
from typing import Any

from resources.config.environment import Environment, Roles
from resources.config.names import lease_table, ledger_bucket
from resources.context import Context
from resources.model.change import Change
from resources.records.chain import Head
from resources.records.chain_head import head_row, read_head
from resources.records.change_entry import change_entry, record_change
from resources.records.ledger import list_keys


class TestLedger:
    """The ledger of a new environment, whose people are the account's administrators."""

    __test__ = False

    def __init__(self, env: Environment) -> None:
        self.env = env
        self.lines: list[str] = []
        self.context = self.run("run-1")

    def run(self, name: str) -> Context:
        """A process of its own that belongs to a run."""
        return Context.of(self.env, self.lines.append, name)

    def head(self) -> Head:
        head = read_head(self.context)
        assert head is not None
        return head

    def record(self, *units: str, context: Context | None = None, **facts: Any) -> None:
        """An entry of each unit, one after the other."""
        for unit in units:
            record_change(context or self.context, self.entry(unit, **facts))

    def entry(self, unit: str, **facts: Any) -> dict[str, Any]:
        change = Change("create", reason="it does not exist")
        return {**change_entry(self.context, unit, change, "done", 1.0), **facts}

    def list_keys(self, prefix: str = "changes/") -> list[str]:
        return list_keys(self.context, prefix)

    def key_of(self, unit: str) -> str:
        (key,) = [key for key in self.list_keys() if key.endswith(f"-{unit}.json")]
        return key

    def read(self, key: str) -> dict[str, Any]:
        body = self.s3.get_object(Bucket=self.bucket, Key=key)["Body"].read()
        document: dict[str, Any] = json.loads(body)
        return document

    def chain(self) -> list[str]:
        """The units of the entries, by their numbers."""
        entries = sorted((self.read(key) for key in self.list_keys()), key=lambda entry: entry["sequence"])
        assert [entry["sequence"] for entry in entries] == list(range(1, len(entries) + 1))
        return [entry["unit"] for entry in entries]

    # What an administrator does who has taken the bucket's policy away.

    @property
    def s3(self) -> Any:
        return self.context.aws.client("s3")

    @property
    def bucket(self) -> str:
        return ledger_bucket(self.env)

    def forget(self, key: str) -> None:
        """Delete every version of the object."""
        for version in self.s3.list_object_versions(Bucket=self.bucket, Prefix=key).get("Versions", []):
            place = {"Bucket": self.bucket, "Key": key, "VersionId": version["VersionId"]}
            self.s3.delete_object(**place, BypassGovernanceRetention=True)

    def forget_head(self) -> None:
        key = {"environment": {"S": head_row(self.env)}}
        self.context.aws.client("dynamodb").delete_item(TableName=lease_table(self.env), Key=key)

    def replace(self, key: str, document: Any) -> None:
        """Put another document in the place of every version of the object."""
        self.forget(key)
        self.put(key, document)

    def put(self, key: str, document: Any) -> None:
        self.s3.put_object(Bucket=self.bucket, Key=key, Body=json.dumps(document).encode())


def own_ledger(env: Environment, name: str) -> TestLedger:
    """An empty ledger, with the table of its head, for a new environment of that name: what bootstrap makes, without
    waiting for it."""
    ledger = TestLedger(env.model_copy(update={"target_env": name, "roles": Roles(), "approval": None}))
    ledger.s3.create_bucket(Bucket=ledger.bucket, CreateBucketConfiguration={"LocationConstraint": env.region})
    ledger.s3.put_bucket_versioning(Bucket=ledger.bucket, VersioningConfiguration={"Status": "Enabled"})
    ledger.context.aws.client("dynamodb").create_table(
        TableName=lease_table(ledger.env),
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": "environment", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "environment", "KeyType": "HASH"}],
    )
    return ledger
