"""A document that is built quickly is the one that PyYAML builds."""

from __future__ import annotations

import pytest
import yaml

from resources.support.yaml_limits import Limits, load_documents
from resources.support.yaml_loaders import KubernetesLoader

DOCUMENTS = [
    "a: 1\nb: [x, y, 2.5, null, true]\nc: {d: {e: text}}\n",
    "base: &base {a: 1, b: two}\nmine: {<<: *base, b: three}\n",
    "shared: &s [1, 2]\nfirst: *s\nsecond: [*s, *s]\n",
    "1: number\ntrue: bool\n2026-11-30: date\n? [a, b]\n: list\n",
    "a: first\na: last\n",
    "mode: 0440\nport: '8080'\nwhen: 2026-11-30\ntime: 12:30\nmark: =\nempty:\n",
    "!!str a: !!str 1\nset: !!set {x, y}\nbytes: !!binary aGVsbG8=\n",
    "[]",
    "text",
    "",
    "--- {a: 1}\n---\n--- [b]\n",
    "text: |\n  * a star is no alias\nglob: '*.example'\n",
    "a: " + "[" * 150 + "x: 1" + "]" * 150,
    "a: " + "[" * 300 + "x: 1" + "]" * 300,
]


@pytest.mark.parametrize("text", DOCUMENTS)
def test_documents_are_those_of_pyyaml(text: str) -> None:
    limits = Limits(depth=1000)

    def built() -> list[object]:
        return list(load_documents(text, limits))

    try:
        expected = list(yaml.load_all(text, KubernetesLoader))
    except yaml.YAMLError as error:
        with pytest.raises(type(error)):
            built()
        return
    assert repr(built()) == repr(expected)


def test_unknown_tag_is_refused_wherever_it_stands() -> None:
    with pytest.raises(yaml.YAMLError, match="could not determine a constructor"):
        list(load_documents("a: [{b: !python/object:os.system x}]", Limits()))
