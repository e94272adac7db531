"""Writes `resources/config/aws_catalog.json` from the models that botocore brings: `make catalog`.

Configuration is pure, and EC2's model takes a tenth of a second to read, so what validation needs of it is kept in a
small file. A test compares the file with the installed botocore.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import botocore
from botocore.loaders import Loader

from resources.config.aws_catalog import BOTOCORE_FILE


def read_models() -> dict[str, dict[str, str]]:
    """The regions by partition and EC2's instance sizes by family, each as words in alphabetical order."""
    loader = Loader()
    # `aws-global` and its like are where global services are signed for: nothing runs there.
    regions = {
        partition["id"]: [name for name in partition["regions"] if not name.endswith("-global")]
        for partition in loader.load_data("partitions")["partitions"]
    }
    sizes: dict[str, list[str]] = {}
    for instance_type in _instance_types(loader):
        family, _, size = instance_type.partition(".")
        # EKS has no image for a Mac.
        if not family.startswith("mac"):
            sizes.setdefault(family, []).append(size)
    return {
        "partitions": {partition: " ".join(sorted(names)) for partition, names in sorted(regions.items())},
        "instance_sizes": {family: " ".join(sorted(names)) for family, names in sorted(sizes.items())},
    }


def write_catalog() -> None:
    """Write the file, dated."""
    head = {"botocore": botocore.__version__, "date": datetime.now(UTC).date().isoformat()}
    BOTOCORE_FILE.write_text(json.dumps(head | read_models(), indent=2) + "\n", encoding="utf-8")


def _instance_types(loader: Loader) -> list[str]:
    model: dict[str, Any] = loader.load_service_model("ec2", "service-2")
    return list(model["shapes"]["InstanceType"]["enum"])


if __name__ == "__main__":
    write_catalog()
