"""What a template declares, and where what exists differs from it."""

from __future__ import annotations

from typing import Any

import pytest

from resources.drivers.stack.live.declared import UNKNOWN, declared_properties
from resources.drivers.stack.live.differences import declared_differences

KNOWN = {"Zone": "a", "Role": "demo-role", "Role.Arn": "arn:role", "AWS::Region": "us-west-2"}


@pytest.mark.parametrize(
    ("written", "means"),
    [
        ({"Ref": "Zone"}, "a"),
        ({"Ref": "Other"}, UNKNOWN),
        ({"Fn::GetAtt": ["Role", "Arn"]}, "arn:role"),
        ({"Fn::GetAtt": "Role.Id"}, UNKNOWN),
        ({"Fn::Sub": "${AWS::Region}${Zone}-${!Kept}"}, "us-west-2a-${!Kept}"),
        ({"Fn::Sub": "${Other.Arn}"}, UNKNOWN),
        ({"Fn::Join": ["-", [{"Ref": "Zone"}, "b"]]}, "a-b"),
        ({"Fn::Join": ["-", [{"Ref": "Other"}, "b"]]}, UNKNOWN),
        ({"Fn::If": ["Condition", 1, 2]}, UNKNOWN),
        ({"One": [{"Ref": "AWS::NoValue"}, 1], "Two": {"Ref": "AWS::NoValue"}}, {"One": [1]}),
    ],
)
def test_references_are_told_where_the_stack_tells_them(written: Any, means: Any) -> None:
    """What only CloudFormation knows is marked, never guessed."""
    assert declared_properties(written, KNOWN) == means


TRUST = {"Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": "*"}}]}


@pytest.mark.parametrize(
    ("declared", "live", "found"),
    [
        ({"A": 1}, {"A": "1", "B": 2}, []),
        ({"A": True}, {"A": "true"}, []),
        ({"A": 0}, {"A": 1}, [("A", 0, 1, "changed")]),
        ({"A": UNKNOWN}, {"A": 1}, []),
        ({"A": "x"}, {}, [("A", "x", None, "missing")]),
        ({"A": []}, {}, []),
        ({"A": ["x", "y"]}, {"A": ["y", "x"]}, []),
        ({"A": ["x"]}, {"A": ["x", "z"]}, [("A.1", None, "z", "extra")]),
        ({"A": ["x", "y"]}, {"A": ["x"]}, [("A.1", "y", None, "missing")]),
        ({"A": ["x"]}, {"A": ["z"]}, [("A.0", "x", None, "missing"), ("A.0", None, "z", "extra")]),
        ({"A": [UNKNOWN, "x"]}, {"A": ["x", "id"]}, []),
        ({"A": [UNKNOWN]}, {"A": ["id", "z"]}, [("A.1", None, "z", "extra")]),
        (
            {"A": TRUST},
            {"A": '{"Statement": {"Effect": "Allow", "Action": ["sts:AssumeRole"], "Principal": {"AWS": "*"}}}'},
            [],
        ),
        ({"Tags": [{"Key": "a", "Value": "1"}]}, {"Tags": {"a": "1", "theirs": "2"}}, []),
        ({"Tags": [{"Key": "a", "Value": "1"}]}, {"Tags": {"a": "2"}}, [("Tags.a", "1", "2", "changed")]),
    ],
)
def test_only_what_is_declared_differs(declared: Any, live: Any, found: Any) -> None:
    """Defaults and answers beyond the template are no difference; lists have no order."""
    assert [(f.path, f.before, f.after, kind) for f, kind in declared_differences(declared, live)] == found
