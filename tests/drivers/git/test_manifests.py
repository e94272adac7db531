"""Files of the branch are read as the API server would read them."""

from __future__ import annotations

from typing import cast

import pytest

from resources.context import Context
from resources.drivers.git import manifests
from resources.drivers.git.file_changes import file_changes
from resources.drivers.git.objects import Difference
from resources.model.change import diff
from resources.model.digests import digest_of
from resources.model.outputs import NoOutputs
from resources.model.specs import GitManifests, GitTree

VALUES = "{image: {tag: 2024-05-01}, closes: 12:30, since: 2024-05-01T00:00:00Z, replicas: 2}"
APPLICATION_SET = f"""\
apiVersion: argoproj.io/v1alpha1
kind: ApplicationSet
metadata: {{name: shop}}
spec: {{template: {{spec: {{source: {{helm: {{valuesObject: {VALUES}}}}}}}}}}}
"""


def test_dates_and_times_stay_text(monkeypatch: pytest.MonkeyPatch) -> None:
    """Dates and times in a manifest are text, as for the API server."""
    monkeypatch.setattr(manifests, "rendered_files", lambda *_: {"shop.yaml": APPLICATION_SET})
    tree = GitTree[NoOutputs](repository="r", branch="b")
    spec = GitManifests(tree=tree, paths=("shop.yaml",), group="products", commit="abc")
    (made,) = manifests.load_objects(spec, cast(Context, None)).objects
    values = made["spec"]["template"]["spec"]["source"]["helm"]["valuesObject"]
    assert values == {
        "image": {"tag": "2024-05-01"},
        "closes": "12:30",
        "since": "2024-05-01T00:00:00Z",
        "replicas": 2,
    }


def test_changed_date_has_a_digest() -> None:
    """A changed date can be compared and hashed."""
    before, after = {"f": "tag: 2024-05-01"}, {"f": "tag: 2024-06-01"}
    (change,) = file_changes(Difference("f", "1", "2"), before, after)
    assert (change.before, change.after) == ("2024-05-01", "2024-06-01")
    assert digest_of({"before": change.before, "after": change.after})
    assert diff({}, {"tag": change.after})
