"""What an environment's file says about when drift is looked for."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest
from dagster._utils.schedules import get_next_cron_tick, is_valid_cron_string

from eks_assets.plan.document import inputs_digest
from resources.config.ignored_findings import IgnoredFinding, add_to_file
from resources.config.loader import check_environment_file, load_environment
from resources.config.settings.drift import Drift

START = dt.datetime(2026, 11, 30, 12, 7, 30, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("drift", "path", "words"),
    [
        ("{ignore: [{finding: 5f, reason: r, until: 2026-12-31}]}", "drift.ignore[0].finding", "12 of 0-9 and a-f"),
        ('{ignore: [{finding: "5f0c3a9d1b22", until: 2026-12-31}]}', "drift.ignore[0].reason", "is required"),
        (
            '{ignore: [{finding: "5f0c3a9d1b22", reason: r, until: 2026-02-30}]}',
            "drift.ignore[0].until",
            "2026-02-30 is no day",
        ),
        ('{cron: "0 * * *"}', "drift.cron", '"0 * * *" has 4 fields; allowed: five fields (minute, hour,'),
        ('{cron: "@hourly"}', "drift.cron", "has 1 fields"),
        ('{cron: "60 * * * *"}', "drift.cron", '"60" is no minute; allowed: *, 0 to 59, ranges'),
        ('{cron: "0 5-2 * * *"}', "drift.cron", '"5-2" is no hour'),
        ('{cron: "0 0 0 * *"}', "drift.cron", '"0" is no day of the month'),
        ('{cron: "0 0 * JULY *"}', "drift.cron", "1 to 12 (JAN to DEC)"),
        ('{cron: "0 0 * * 8"}', "drift.cron", '"8" is no day of the week'),
        ('{cron: "0 0 L * *"}', "drift.cron", '"L" is no day'),
        ('{cron: "*/0 * * * *"}', "drift.cron", '"*/0" is no minute'),
        ('{cron: "5/10 * * * *"}', "drift.cron", '"5/10" is no minute'),
        ('{cron: "1,,2 * * * *"}', "drift.cron", '"" is no minute'),
        ('{cron: "0 0 30 2 *"}', "drift.cron", "never comes, as no such month has a day 30"),
        ('{cron: "0 0 31 4,jun *"}', "drift.cron", "never comes"),
        ("{settle: 10}", "drift.settle", 'hours ("24h") or minutes ("30m")'),
        ("{settle: 30s}", "drift.settle", 'hours ("24h") or minutes ("30m")'),
        ("{auto_repair: sometimes}", "drift.auto_repair", "true or false"),
        ("{auto_repair: 1}", "drift.auto_repair", "true or false"),
        ("{auto_repairs: true}", "drift.auto_repairs", "auto_repair"),
        ("{cron: 5}", "drift.cron", "allowed: five fields"),
        ('{cron: "0 * * * *", timezone: Europe/Zurch}', "drift.timezone", 'did you mean "Europe/Zurich"'),
        ('{cron: "0 * * * *", timezone: Europe}', "drift.timezone", "is not a time zone"),
        ('{cron: "0 * * * *", timezone: ../x}', "drift.timezone", "is not a time zone"),
        ('{cron: "0 * * * *", deadline: 10s}', "drift.deadline", 'hours ("24h") or minutes ("30m")'),
        ('{chron: "0 * * * *"}', "drift.chron", 'did you mean "cron"'),
        ("", "drift", "is empty"),
    ],
)
def test_faults_are_reported_at_their_path(folder: Path, drift: str, path: str, words: str) -> None:
    """Each fault in `drift` is reported at its path, with what is allowed."""
    file = folder / "sandbox.yaml"
    file.write_text(f"{_without_drift(file)}\ndrift: {drift}\n")
    problems = check_environment_file(file)
    assert any(problem.path == path and words in problem.message for problem in problems), problems


@pytest.mark.parametrize(
    "cron",
    [
        "* * * * *",
        "*/15 * * * *",
        "0 6-18/2 * * MON-FRI",
        "5,35 0 1 jan,jul *",
        "0 0 29 2 *",
        "0 0 31 1 1",
        "59 23 31 12 7",
        "0  0 * *   sun",
    ],
)
def test_every_cron_that_is_allowed_comes(cron: str) -> None:
    """What `validate` lets through is a time that the schedule can wait for."""
    settings = Drift(cron=cron, timezone="Europe/Zurich")
    assert settings.cron is not None
    assert is_valid_cron_string(settings.cron)
    assert get_next_cron_tick(settings.cron, START, settings.timezone) > START


def test_settings_are_read_and_absent_ones_stand_in_no_digest(folder: Path) -> None:
    """What a file says of drift is read; without it an environment is written as it was before there was any."""
    file = folder / "sandbox.yaml"
    file.write_text(_without_drift(file))
    assert "drift" not in load_environment("sandbox", folder).model_dump()
    file.write_text(f'{file.read_text()}\ndrift: {{cron: "0 * * * *", deadline: 2h}}\n')
    drift = load_environment("sandbox", folder).drift
    assert drift is not None
    assert (drift.cron, drift.timezone, drift.deadline_seconds) == ("0 * * * *", "UTC", 7200)


def test_ignored_finding_starts_no_deploy(folder: Path) -> None:
    """A deploy would take back what was set aside; the file that `--ignore` writes can be read."""
    file = folder / "sandbox.yaml"
    before = load_environment("sandbox", folder)
    add_to_file(IgnoredFinding(finding="123456789012", reason="agreed", until="2026-12-31"), file)
    after = load_environment("sandbox", folder)
    assert after.drift is not None
    assert [entry.reason for entry in after.drift.ignore] == ["agreed"]
    assert inputs_digest(after) == inputs_digest(before)


def _without_drift(file: Path) -> str:
    """The file's text without its own settings."""
    lines = file.read_text().splitlines(keepends=True)
    start = next((index for index, line in enumerate(lines) if line.startswith("drift:")), len(lines))
    end = next(
        (i for i in range(start + 1, len(lines)) if lines[i].strip() and not lines[i].startswith(" ")), len(lines)
    )
    return "".join(lines[:start] + lines[end:])
