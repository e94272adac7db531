"""What `rehearse` says of its result, and how it exits."""

from __future__ import annotations

import pytest

from eks_assets.cli.commands.rehearse import describe_rehearsal
from eks_assets.engine.rehearsal.model import Copied, Rehearsal, Rehearsed

GREEN = Rehearsal(
    environment="sandbox",
    kubernetes_version="1.34",
    digest="sha256:0",
    copied=Copied(objects=7, masked=3, made_up=("shop/db",), unread=(), refused={}),
    mapped={"charts.mirror": "the copy's registry"},
    plan_differs=(),
    units=(Rehearsed(unit="prometheus", seconds=5.0),),
    unnamed=(),
    vanished=(),
    seconds={"read": 1.0},
)
BROKEN = (Rehearsed(unit="prometheus", seconds=5.0, failed="refused"),)


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({}, 0),
        ({"unnamed": ("ConfigMap/a",)}, 4),
        ({"vanished": ("a/v1/B",)}, 4),
        ({"plan_differs": ("a: b",)}, 4),
        ({"units": BROKEN}, 1),
        ({"units": BROKEN, "unnamed": ("ConfigMap/a",)}, 1),
    ],
)
def test_exit_code_is_of_the_worst(changed: dict[str, object], code: int) -> None:
    assert GREEN.model_copy(update=changed).exit_code == code


def test_people_see_what_was_copied_and_what_was_not() -> None:
    lines = list(describe_rehearsal(GREEN))
    assert lines[0] == "rehearsed on a copy of sandbox: 7 objects, Kubernetes 1.34, 0 failed, 0 differences"
    text = "\n".join(lines)
    assert "not copied, as the planner may not read it; made up: shop/db" in text
    assert "3 values of Secrets are stand-ins" in text
    assert "otherwise in the copy: charts.mirror" in text
    assert "containers do not run" in text


def test_people_see_what_failed() -> None:
    lines = list(describe_rehearsal(GREEN.model_copy(update={"units": BROKEN})))
    assert "  prometheus: failed: refused" in lines
