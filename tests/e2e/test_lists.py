"""A cluster may hold many objects: no command that looks at an environment asks for a list of them twice."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any
from unittest.mock import patch

import pytest
import urllib3

from eks_assets.engine.drift.detection import detect_drift
from eks_assets.engine.planner import plan_environment
from eks_assets.units import load_registry
from resources.config.environment import Environment
from resources.context import Context

pytestmark = pytest.mark.sandbox
# The first page of a list: a kind in plural, and perhaps labels.
LIST = re.compile(r"/apis?/(?:[^/]+/)?[^/]+/(?:namespaces/[^/]+/)?[a-z]+\?(?:.*&)?limit=\d+$")


@pytest.mark.parametrize("verb", ["status", "drift"])
def test_no_list_is_asked_for_twice(platform: Environment, verb: str) -> None:
    registry, context, lists = load_registry(), Context.of(platform, planning=True), Counter[str]()
    send = urllib3.PoolManager.request

    def request(pool: urllib3.PoolManager, method: str, url: str, **keywords: Any) -> urllib3.BaseHTTPResponse:
        if method == "GET" and (found := LIST.search(url)):
            lists[found[0]] += 1
        return send(pool, method, url, **keywords)

    with patch.object(urllib3.PoolManager, "request", request):
        if verb == "status":
            assert {unit.state for unit in plan_environment(registry, context).units} <= {"in_sync", "disabled"}
        else:
            detect_drift(registry, context)
    assert len(lists) > 10, "the pattern of a list matches what is asked for"
    assert {url: number for url, number in lists.items() if number > 1} == {}
