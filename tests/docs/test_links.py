"""What the documentation points to exists: pages, headings, files of the repository, layers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.paths import PROJECT

PAGES = sorted([*PROJECT.glob("*.md"), *(PROJECT / "docs").rglob("*.md")])
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
CODE = re.compile(r"`([^`\n]+)`")
FENCED = re.compile(r"^[ ]*```.*?^[ ]*```$", re.MULTILINE | re.DOTALL)
FOLDERS = "benchmarks|docs|eks_assets|environments|requirements|resources|sandbox|sensors|tests"
PATH = re.compile(rf"({FOLDERS})(/[a-z0-9_.*-]+)*/?", re.IGNORECASE)
FILE = re.compile(r"[a-z0-9][a-z0-9_]*\.py")
# Examples of what a reader makes, and names that stand for others.
EXAMPLES = re.compile(r"descheduler|NAME|tests/units/test_network\.py")


def text_of(page: Path) -> str:
    """The page without its fenced code blocks."""
    return FENCED.sub("", page.read_text())


def slugs(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ +(.+)$", text_of(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def broken_links(page: Path) -> Iterator[str]:
    for target in LINK.findall(text_of(page)):
        if "://" in target:
            continue
        name, _, anchor = target.partition("#")
        file = (page.parent / name).resolve() if name else page
        if not file.exists() or (anchor and anchor not in slugs(file)):
            yield target


def missing_paths(page: Path) -> Iterator[str]:
    for name in CODE.findall(text_of(page)):
        if EXAMPLES.search(name):
            continue
        if PATH.fullmatch(name) and "/" in name and not any(PROJECT.glob(name.rstrip("/"))):
            yield name
        if FILE.fullmatch(name) and not any(any(PROJECT.glob(f"{top}/**/{name}")) for top in FOLDERS.split("|")):
            yield name


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(PROJECT)))
def test_links_of_a_page_resolve(page: Path) -> None:
    """Each relative link names a file that exists, and a heading in it where it has an anchor."""
    assert list(broken_links(page)) == []


@pytest.mark.parametrize(
    "page", [p for p in PAGES if p.name != "CHANGELOG.md"], ids=lambda page: str(page.relative_to(PROJECT))
)
def test_paths_that_a_page_names_exist(page: Path) -> None:
    """In backticks: paths from the repository's root, and names of Python files wherever they lie. The changelog may
    name what is gone."""
    assert list(missing_paths(page)) == []


def test_missing_link_heading_and_path_are_found(tmp_path: Path) -> None:
    """The tests above can fail."""
    page = tmp_path / "page.md"
    page.write_text("# Here\n[a](#here) [b](#there) [c](gone.md) `docs/adr/` `docs/gone.md` `loop.py` `runner.py`\n")
    assert list(broken_links(page)) == ["#there", "gone.md"]
    assert list(missing_paths(page)) == ["docs/gone.md", "loop.py"]


@pytest.mark.parametrize("package", ["eks_assets", "resources"])
def test_architecture_page_names_every_layer(package: str) -> None:
    """Each folder below the package, and each module beside them, is in the page's tree."""
    tree = (PROJECT / "docs" / "architecture.md").read_text().partition("## The tree")[2].partition("\n## ")[0]
    # A checkout that was updated may keep folders of before, with nothing but bytecode in them.
    entries = [p for p in (PROJECT / package).iterdir() if p.name[0] not in "_." and (p.is_file() or [*p.glob("*.py")])]
    layers = [p.name + ("/" if p.is_dir() else "") for p in entries]
    assert [layer for layer in sorted(layers) if not re.search(rf"(?<!\w){re.escape(layer)}", tree)] == []


def test_every_documentation_page_is_linked_from_the_readme() -> None:
    """Directly, decisions by their folder."""
    linked = set(LINK.findall((PROJECT / "README.md").read_text()))
    pages = [str(p.relative_to(PROJECT)) for p in PAGES if p.parent.name != "adr" and p.name != "README.md"]
    assert [page for page in pages if page not in linked] == []
    assert "docs/adr/" in linked
