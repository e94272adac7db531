"""The plan as a comment on a pull request, and wave by wave in the UI."""

from __future__ import annotations

import re

from eks_assets.plan.markdown import render_by_wave, render_markdown, summary_line
from tests.helpers.plans import REPLACED, STACK, change, field, report


def test_plan_summary_is_one_line() -> None:
    """The summary counts actions, minutes and what could not be planned in one line."""
    assert summary_line(report(STACK, REPLACED), 12.0) == "1 to create, 1 to replace, about 12 minutes"
    assert summary_line(report(), 0.0) == "nothing to do"
    unknown = [{"unit": "loki", "reason": "no chart"}]
    assert summary_line(report(unknown=unknown), 0.0) == "nothing to do; 1 unit could not be planned"


def test_markdown_has_table_then_folded_waves() -> None:
    """A table of the changes comes first, then one folded section a wave."""
    comment = render_markdown(report(STACK, REPLACED))
    assert comment.startswith("## Plan of `demo`: 1 to create, 1 to replace, about 12 minutes\n")
    assert "| network | network | create | 4 | reversible | 1 |" in comment
    assert "| infrastructure | efs | **replace** | 2 | forward-only | 1 |" in comment
    assert "- efs: AWS::EFS::FileSystem FileSystem is replaced" in comment
    assert comment.index("|---|") < comment.index("<details><summary>network: 1 unit</summary>\n\n")
    assert comment.count("<details>") == comment.count("</details>") == 2
    assert "+ parameters.Zone: ${hosted_zone.zone_id} (known after apply)" in comment
    assert "+ template.Resources.FileSystem.Properties.Encrypted: true  # forces replacement" in comment


def test_markdown_shows_commits_and_digest() -> None:
    """A reviewer reads which code and which files the plan was made with, what is uncommitted, and the whole digest."""
    comment = render_markdown(report(STACK, commit="ab12", code_commit="cd34+ef56"))
    assert "Code cd34 with uncommitted changes ef56\n\nFiles ab12\n" in comment
    assert f"Digest `sha256:{'0' * 64}`" in comment


def test_markdown_of_empty_plan_has_no_table() -> None:
    """A plan with nothing to do has a headline and no table."""
    assert render_markdown(report()).splitlines()[0] == "## Plan of `demo`: nothing to do"
    assert "|" not in render_markdown(report())


def test_markdown_escapes_values() -> None:
    """A value can close neither a code block nor a tag, and adds no headline or link."""
    evil = "a | b ``` </details> <img> `x` [y](z)"
    plan = report(
        change("loki", field("values.x", evil, f"````{evil}\n# head"), reason=evil, disrupts=[evil]),
        unknown=[{"unit": "argo_cd", "reason": f"{evil}\n\n# head"}],
    )
    comment = render_markdown(plan)
    escaped = r"a \| b \`\`\` &lt;/details&gt; &lt;img&gt; \`x\` \[y\](z)"
    assert f"- loki: {escaped}" in comment
    assert f"- argo_cd: {escaped} # head" in comment
    inside = re.search(r"^(`{5,})diff\n(.*?)\n\1\n", comment, re.DOTALL | re.MULTILINE)
    assert inside is not None
    assert inside[2].count("\n") == 1, "one line before, one after, whatever the value"
    outside = comment.replace(inside[0], "")
    assert "<img>" not in outside
    assert outside.count("</details>") == 1


def test_markdown_fits_github_comment() -> None:
    """A large plan is cut at a comment's limit and says how to see the rest."""
    fields = [field(f"values.f{i}", "x" * 150, "y" * 150) for i in range(60)]
    waves = ("network", "infrastructure", "cluster", "configuration", "applications")
    plan = report(*(change(f"unit_{w}_{i}", *fields, wave=w) for w in waves for i in range(4)))
    comment = render_markdown(plan)
    assert 50_000 < len(comment) <= 65_536
    assert comment.count("<details>") == comment.count("</details>")
    assert comment.rstrip().endswith("More than a comment can hold: `eks-assets plan demo --full` shows all.")
    many = report(*(change(f"unit_{i}", field("a", 1, 2), wave=waves[0]) for i in range(3000)))
    assert len(render_markdown(many)) <= 65_536


def test_wave_markdown_is_short_enough_for_ui() -> None:
    """Each wave's text has under 1000 characters and counts the units it leaves out."""
    units = [change(f"unit_number_{i}", field("a", 1, 2), disrupts=["pods restart " * 4]) for i in range(60)]
    waves = render_by_wave(report(STACK, REPLACED, *units))
    assert list(waves) == ["network", "infrastructure", "configuration"]
    assert waves["network"] == "- **network**: create, 4 fields"
    assert waves["infrastructure"] == (
        "- **efs**: replace, 2 fields, forward-only; AWS::EFS::FileSystem FileSystem is replaced"
    )
    assert len(waves["configuration"]) < 1000
    assert re.search(r"- and \d+ more units$", waves["configuration"])


def test_wave_markdown_of_empty_plan_is_empty() -> None:
    """A plan with nothing to do has no waves."""
    assert render_by_wave(report()) == {}
