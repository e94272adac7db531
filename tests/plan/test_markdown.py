"""The plan as a comment on a pull request, and wave by wave in the UI."""

from __future__ import annotations

import re

from eks_assets.plan.markdown import by_wave, markdown, summary
from tests.helpers.plans import REPLACED, STACK, change, field, report


def test_the_summary_is_one_line() -> None:
    assert summary(report(STACK, REPLACED), 12.0) == "1 to create, 1 to replace, about 12 minutes"
    assert summary(report(), 0.0) == "nothing to do"
    unknown = [{"unit": "loki", "reason": "no chart"}]
    assert summary(report(unknown=unknown), 0.0) == "nothing to do; 1 unit could not be planned"


def test_a_table_comes_first_then_folded_waves() -> None:
    found = markdown(report(STACK, REPLACED))
    assert found.startswith("## Plan of `demo`: 1 to create, 1 to replace, about 12 minutes\n")
    assert "| network | network | create | 4 | reversible | 1 |" in found
    assert "| infrastructure | efs | **replace** | 2 | forward-only | 1 |" in found
    assert "- efs: AWS::EFS::FileSystem FileSystem is replaced" in found
    assert found.index("|---|") < found.index("<details><summary>network: 1 unit</summary>\n\n")
    assert found.count("<details>") == found.count("</details>") == 2
    assert "+ parameters.Zone: ${hosted_zone.zone_id} (known after apply)" in found
    assert "+ template.Resources.FileSystem.Properties.Encrypted: true  # forces replacement" in found


def test_nothing_to_do_is_short() -> None:
    assert markdown(report()).splitlines()[0] == "## Plan of `demo`: nothing to do"
    assert "|" not in markdown(report())


def test_values_cannot_break_out() -> None:
    evil = "a | b ``` </details> <img> `x` [y](z)"
    plan = report(
        change("loki", field("values.x", evil, f"````{evil}\n# head"), reason=evil, disrupts=[evil]),
        unknown=[{"unit": "argo_cd", "reason": f"{evil}\n\n# head"}],
    )
    found = markdown(plan)
    escaped = r"a \| b \`\`\` &lt;/details&gt; &lt;img&gt; \`x\` \[y\](z)"
    assert f"- loki: {escaped}" in found
    assert f"- argo_cd: {escaped} # head" in found
    inside = re.search(r"^(`{5,})diff\n(.*?)\n\1\n", found, re.DOTALL | re.MULTILINE)
    assert inside is not None
    assert inside[2].count("\n") == 1, "one line before, one after, whatever the value"
    outside = found.replace(inside[0], "")
    assert "<img>" not in outside
    assert outside.count("</details>") == 1


def test_a_comment_is_never_longer_than_github_takes() -> None:
    fields = [field(f"values.f{i}", "x" * 150, "y" * 150) for i in range(60)]
    waves = ("network", "infrastructure", "cluster", "configuration", "applications")
    plan = report(*(change(f"unit_{w}_{i}", *fields, wave=w) for w in waves for i in range(4)))
    found = markdown(plan)
    assert 50_000 < len(found) <= 65_536
    assert found.count("<details>") == found.count("</details>")
    assert found.rstrip().endswith("More than a comment can hold: `eks-assets plan demo --full` shows all.")
    many = report(*(change(f"unit_{i}", field("a", 1, 2), wave=waves[0]) for i in range(3000)))
    assert len(markdown(many)) <= 65_536


def test_each_wave_is_short_enough_for_the_ui() -> None:
    units = [change(f"unit_number_{i}", field("a", 1, 2), disrupts=["pods restart " * 4]) for i in range(60)]
    found = by_wave(report(STACK, REPLACED, *units))
    assert list(found) == ["network", "infrastructure", "configuration"]
    assert found["network"] == "- **network**: create, 4 fields"
    assert found["infrastructure"] == (
        "- **efs**: replace, 2 fields, forward-only; AWS::EFS::FileSystem FileSystem is replaced"
    )
    assert len(found["configuration"]) < 1000
    assert re.search(r"- and \d+ more units$", found["configuration"])


def test_an_empty_document_has_no_waves() -> None:
    assert by_wave(report()) == {}
