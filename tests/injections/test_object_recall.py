"""Every kind of change of an object is seen where it was made, and nothing else is; on the objects of the charts."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import pytest

from resources.config.environment import Environment
from resources.drivers.object_drift import object_findings
from resources.kubernetes.live_diff import HELM
from tests.injections.access import ACCESS
from tests.injections.injection import MANAGERS, Injection, Object
from tests.injections.managed_fields import owned_by
from tests.injections.objects import OBJECTS
from tests.injections.places import as_path, changed_places, is_about
from tests.injections.platform_objects import PLATFORM_OBJECTS
from tests.injections.rendered_charts import rendered_objects, with_defaults
from tests.injections.workloads import WORKLOADS

EACH = 5
ALL = (*WORKLOADS, *OBJECTS, *ACCESS, *PLATFORM_OBJECTS)
EDITS = [injection for injection in ALL if injection.edit is not None]


@pytest.fixture(scope="module")
def objects(
    sandbox_env: Environment, tools: Path, tmp_path_factory: pytest.TempPathFactory
) -> list[tuple[Object, Object]]:
    """Each as it was applied, and as it is then."""
    rendered = rendered_objects(sandbox_env, tools, tmp_path_factory.mktemp("charts"))
    return [(obj, with_defaults(obj)) for obj in rendered]


def found_paths(live: Object, manifest: Object) -> list[str]:
    return [finding.field.path for finding in object_findings(live, manifest, HELM, "helm", "it")]


def test_there_are_many_kinds_of_change() -> None:
    """Each under a name of its own."""
    assert len({injection.name for injection in ALL}) == len(ALL) >= 80


def test_object_as_it_was_applied_has_no_finding(objects: list[tuple[Object, Object]]) -> None:
    """What the API server fills in is no change."""
    for obj, live in objects:
        assert found_paths(owned_by(HELM, obj, "", live, live, "Update"), obj) == [], obj["metadata"]["name"]


@pytest.mark.parametrize("injection", EDITS, ids=lambda injection: injection.name)
def test_change_is_seen_where_it_was_made(injection: Injection, objects: list[tuple[Object, Object]]) -> None:
    """By whoever made it, with each path of its own."""
    allowing = list(islice(((obj, live) for obj, live in objects if injection.allows(live)), EACH))
    for number, (obj, live) in enumerate(allowing):
        changed = injection.changed(live)
        operation = "Apply" if injection.verb == "apply" else "Update"
        manager = MANAGERS[(number + EDITS.index(injection)) % len(MANAGERS)]
        noted = owned_by(HELM, obj, manager, live, changed, operation)
        places = [*changed_places(live, changed), *map(as_path, injection.brings)]
        found = found_paths(noted, obj)
        assert found, (obj["kind"], obj["metadata"]["name"], manager)
        assert [path for path in found if not is_about(path, places)] == []
    if not allowing:
        pytest.fail("no object of the charts allows it")
