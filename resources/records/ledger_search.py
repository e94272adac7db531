"""Finds the ledger of an environment whose file is gone: by bootstrap's stack, which carries the environment's name in
its tag, and the ledger's in its outputs. The bucket's own name has the prefix, which the file's name need not be.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from resources.aws.errors import aws_call
from resources.aws.session import Source
from resources.cloudformation import ENVIRONMENT_TAG
from resources.model.errors import ConfigError

_STACK, _OUTPUT = "-bootstrap", "LedgerBucket"


@dataclass(frozen=True)
class FoundLedger:
    """A ledger, read as whoever calls."""

    account: str
    region: str
    bucket: str
    s3: Any = field(repr=False)

    def list_keys(self, prefix: str) -> list[str]:
        """The keys that begin with `prefix`, in order. Raises AccessDenied, Transient."""
        with aws_call(f"reading the ledger {self.bucket}"):
            pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=prefix)
            return sorted(item["Key"] for page in pages for item in page.get("Contents", []))

    def read(self, key: str) -> bytes:
        """What was written under the key. Raises NotFound, AccessDenied, Transient."""
        with aws_call(f"reading {key} from the ledger {self.bucket}"):
            text: bytes = self.s3.get_object(Bucket=self.bucket, Key=key)["Body"].read()
            return text


def find_ledger(environment: str, region: str | None) -> FoundLedger:
    """The ledger of the environment in the caller's account. Raises ConfigError where there is none, or where several
    bootstraps carry its name, which it names; AccessDenied, Transient."""
    session = Source(region).session()
    region = session.region_name
    if not region:
        raise ConfigError("no region was given", next_step="give the environment's: --region us-west-2")
    client: Any = session.client
    with aws_call(f"looking for the bootstrap of {environment} in {region}"):
        account = client("sts").get_caller_identity()["Account"]
        pages = client("cloudformation").get_paginator("describe_stacks").paginate()
        stacks = [s for page in pages for s in page["Stacks"] if s["StackName"].endswith(_STACK)]
    own = [(stack, bucket) for stack in stacks if _name_in(stack) == environment and (bucket := _bucket_in(stack))]
    if len(own) == 1:
        return FoundLedger(account, region, own[0][1], client("s3"))
    if own:
        names = ", ".join(stack["StackName"] for stack, _ in own)
        raise ConfigError(
            f"several platforms in {account} {region} carry the name {environment}: {names}",
            next_step="put the file of the one that you mean back, and run it without --from-ledger",
        )
    known = ", ".join(sorted({name for stack in stacks if (name := _name_in(stack))})) or "none"
    raise ConfigError(
        f"no ledger of {environment} was found in {account} {region}; bootstrapped there: {known}",
        next_step="give the region that it was in with --region, and use credentials of its account",
    )


def _name_in(stack: Any) -> str:
    tags = {tag["Key"]: tag["Value"] for tag in stack.get("Tags", [])}
    return str(tags.get(ENVIRONMENT_TAG, ""))


def _bucket_in(stack: Any) -> str:
    outputs = {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])}
    return str(outputs.get(_OUTPUT, ""))
