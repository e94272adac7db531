"""What a report says of an environment that was read, and that no text on it acts."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from eks_assets.plan.document import Source, build_report
from eks_assets.plan.unit_plan import EnvironmentPlan
from eks_assets.report.model import EnvironmentPage
from eks_assets.report.page import build_page, build_unreadable_page
from eks_assets.report.rendering import render_fleet, render_page
from eks_assets.report.sources import EnvironmentSources, Records
from resources.model.change import Change, FieldChange
from resources.model.errors import AccessDenied, Transient
from tests.helpers.report_example import (
    AT,
    REGISTRY,
    example_env,
    example_fleet,
    example_history,
    example_page,
    example_records,
    example_units,
)

# Each of them acts where it reaches HTML, an attribute, CSS or a terminal as it is.
HOSTILE = (
    "<script>alert(1)</script>",
    "</style><script>alert(1)</script>",
    "</title></head><body onload=alert(1)>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "<svg/onload=alert(1)>",
    "<a href='javascript:alert(1)'>x</a>",
    "{{ 7 * 7 }}{% include '/etc/passwd' %}",
    "<!--",
    "<iframe srcdoc='<script>alert(1)</script>'>",
    "&lt;script&gt;",
    "a\u202etxt.exe\u200b\x1b[2J",
)


class Elements(HTMLParser):
    """The elements of a page with their attributes, its texts, and what is still open at its end."""

    VOID = ("meta", "link", "br")

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.open: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self.open += [] if tag in self.VOID else [tag]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def kinds(html: str) -> set[tuple[str, str]]:
    """Every element with each attribute that it has."""
    return {(tag, name) for tag, attributes in Elements(html).elements for name in (*attributes, "")}


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_is_text(text: str) -> None:
    """The page and the fleet have the elements that they have with a harmless text, and show the text itself."""
    renders: tuple[Callable[[str], str], ...] = (
        lambda reason: render_page(example_page(reason)),
        lambda reason: render_fleet(example_fleet(reason)),
    )
    for render in renders:
        html = render(text)
        assert kinds(html) <= kinds(render("harmless")), text
        parsed = Elements(html)
        assert parsed.open == []
        shown = "".join(parsed.texts)
        assert (text if text.isprintable() else "a\\u202etxt.exe\\u200b\\x1b[2J") in shown
        assert not set(shown) & set("\u202e\u200b\x1b")


def test_page_loads_and_runs_nothing() -> None:
    """No script, no address in an attribute but places on the page and an empty icon, and a policy that forbids it."""
    for html in (render_page(example_page()), render_fleet(example_fleet())):
        elements = Elements(html).elements
        assert not {tag for tag, _ in elements} & {"script", "iframe", "img", "form", "object", "embed", "base"}
        links = {value for _, attributes in elements for name in ("href", "src") if (value := attributes.get(name))}
        assert all(link.startswith("#") or link == "data:," for link in links)
        assert "url(" not in html
        assert "@import" not in html
        policy = next(a["content"] for _, a in elements if a.get("http-equiv") == "Content-Security-Policy")
        assert policy is not None
        assert policy.startswith("default-src 'none'; style-src 'unsafe-inline'")


def test_links_lead_to_places_on_the_page() -> None:
    """What is wrong links to the section that says more."""
    elements = Elements(render_page(example_page())).elements
    places = {attributes.get("id") for _, attributes in elements}
    links = {str(attributes["href"]) for tag, attributes in elements if tag == "a"}
    assert {link.removeprefix("#") for link in links} <= places
    assert "#health" in links


def test_what_is_wrong_comes_first() -> None:
    """The failed release before what only differs, that before what waits; each with its cause and what to do."""
    page = example_page()
    assert page.level == "failed"
    assert [(each.level, each.what) for each in page.attention] == [
        ("failed", "loki failed"),
        ("failed", "dashboards cannot be looked at"),
        ("failed", "The last run failed at loki"),
        ("warning", "Kubernetes 1.34: standard support until 2026-12-02, extended until 2027-12-02"),
        ("warning", "A deploy would change 1 unit"),
        ("warning", "The drift run 37 min ago had 1 finding"),
        ("waiting", "A deploy would change 1 unit behind the approval gate"),
        ("waiting", "sha256:777777777777 is waiting for approval: 1 of 2 (bob), until 2026-12-01 12:00 UTC"),
    ]
    first = page.attention[0]
    assert "ImagePullBackOff" in first.detail
    assert first.fix == "eks-assets deploy acme-prod"


def test_units_of_one_cause_are_one_line() -> None:
    """Twelve releases that fail since the API server is gone are one thing to fix."""
    env, error = example_env(), Transient("the API server does not answer", next_step="eks-assets doctor acme-prod")
    units = tuple(
        replace(unit, state="unknown", error=error) if unit.wave == "configuration" else unit
        for unit in example_units(env)
    )
    page = built(units=units)
    (line,) = [each for each in page.attention if "the API server" in each.detail]
    assert line.what.startswith("karpenter_crds, namespaces, storage_classes, service_accounts and ")
    assert line.fix == "eks-assets doctor acme-prod"


def built(units: object = None, **records: object) -> EnvironmentPage:
    """A page of these units and records, the rest as in the example."""
    env = example_env()
    status = EnvironmentPlan(env.name, units or example_units(env))  # type: ignore[arg-type]
    plan = build_report(status, REGISTRY, env, Source("c0ffee", "1.34"))
    history = records.pop("history", example_history(env))
    read = replace(example_records(env), **records)  # type: ignore[arg-type]
    return build_page(REGISTRY, env, EnvironmentSources(status, plan, (), (), history, read), AT)  # type: ignore[arg-type]


def test_what_cannot_be_read_is_said_and_stops_nothing() -> None:
    """A ledger that the planner may not read is no environment without history, drift or requests."""
    error = AccessDenied("reading the ledger: denied", next_step="eks-assets bootstrap acme-prod --apply")
    page = built(history=error, changes=error, drift=error, approvals=error)
    assert set(page.unread) == {"history", "runs", "drift", "approvals"}
    assert {"Could not be read: history", "Could not be read: drift"} <= {each.what for each in page.attention}
    html = render_page(page)
    assert html.count("Could not be read, so nobody knows: reading the ledger: denied") == 4
    assert "No drift run yet" not in html
    assert "Nothing was submitted" not in html
    assert page.counts["in_sync"] > 30


def test_environment_that_cannot_be_read_has_a_page_that_says_why() -> None:
    """Nothing on it could be taken for good news."""
    error = AccessDenied("cannot act as the planner", next_step="log in to AWS")
    page = build_unreadable_page(example_env(), error, AT)
    html = render_page(page)
    assert page.level == "failed"
    assert "could not be read" in html
    assert "cannot act as the planner\nNext: log in to AWS" in html
    assert "Health" not in html


def test_all_is_well_says_so() -> None:
    """Without anything to do there is nothing to look at."""
    env = example_env()
    units = tuple(
        replace(u, state="in_sync", change=Change("none"), checks=(), error=None) if u.state != "disabled" else u
        for u in example_units(env)
    )
    status = EnvironmentPlan(env.name, units)
    plan = build_report(status, REGISTRY, env, Source("c0ffee", env.kubernetes_version))
    sources = EnvironmentSources(status, plan, (), (), example_history(env), Records((), None, ()))
    page = build_page(REGISTRY, env, sources, AT)
    assert (page.level, page.attention) == ("ok", ())
    assert "All is well." in render_page(page)


def test_cost_of_what_has_no_price_is_unknown() -> None:
    """The control plane has a price; node groups and roles are counted as unknown, and what does not exist is left."""
    cost = example_page().cost
    assert cost is not None
    rows = {row.unit: row for row in cost.rows}
    assert rows["cluster"].dollars == 74.0  # the control plane, and a key
    assert rows["node_groups"].dollars is None
    assert sum(rows["node_groups"].unknown.values()) > 0
    assert cost.dollars == round(sum(row.dollars or 0 for row in cost.rows), 2)
    html = render_page(example_page())
    assert f"the price of {cost.unknown} resources is unknown" in html
    gone = [
        replace(u, change=Change("create", (FieldChange("", None, None),))) if u.unit == "cluster" else u
        for u in example_units(example_env())
    ]
    assert "cluster" not in {row.unit for row in built(units=tuple(gone)).cost.rows}  # type: ignore[union-attr]


def test_secret_in_a_plan_is_masked() -> None:
    """A report shows what a plan shows."""
    change = Change("update", (FieldChange("values.adminPassword", "hunter2", "hunter3"),), "1 fields differ")
    units = tuple(replace(u, change=change) if u.unit == "argo_cd" else u for u in example_units(example_env()))
    html = render_page(built(units=units))
    assert "hunter" not in html
    assert "(sensitive)" in html


def test_versions_endpoints_and_history_are_on_the_page() -> None:
    """What runs where, and who did what."""
    page = example_page()
    versions = {row.what: row for row in page.versions}
    assert versions["Kubernetes"].version == example_env().kubernetes_version
    assert versions["chart loki"].note == "wanted; loki is failed"
    assert any(row.address.startswith("https://0123.gr7") for row in page.endpoints)
    assert page.events[0].unit == "loki"
    assert page.events[0].who == "assumed-role/ops/ann"
    behind = built().versions[0]
    assert (behind.version, behind.level, behind.note) == ("1.34", "warning", "the file asks for 1.35")


def test_fleet_shows_the_worst_first() -> None:
    """Also what cannot be read: nobody knows how that is."""
    page = example_fleet()
    assert [(row.environment, row.level) for row in page.rows] == [
        ("acme-old", "failed"),
        ("acme-prod", "failed"),
        ("acme-stage", "warning"),
        ("acme-test", "ok"),
    ]
    assert page.counts == {"failed": 2, "warning": 1, "ok": 1}
    assert page.at - AT == dt.timedelta(0)
