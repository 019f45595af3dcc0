"""The dashboard as a page: drawn from what was recorded, by a script that needs no Grafana."""

from __future__ import annotations

import json
import re
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests import scripts

_ROOT = Path(__file__).parents[2]
_MEASURED = _ROOT / "docs" / "measurements"
_BOARD = json.loads((_ROOT / "manifests" / "monitoring" / "dashboard.json").read_text())
_RECORD = json.loads((_MEASURED / "dashboard.json").read_text())


@pytest.fixture(scope="module")
def script() -> ModuleType:
    return scripts.load("dashboard-page")


def test_the_page_is_that_of_the_dashboard_and_the_record(script: ModuleType) -> None:
    """After a change of either: scripts/dashboard-page."""
    page = (_MEASURED / "dashboard.html").read_text()
    assert page == script.page(_BOARD, _RECORD)
    assert len(page) + (_MEASURED / "dashboard.json").stat().st_size < 250_000
    assert "<script" not in page
    assert re.findall(r"(?:https?:|src=|@import|url\()", page) == []


def test_what_is_recorded_is_what_the_panels_ask(script: ModuleType) -> None:
    asked = {(panel["id"], target["refId"]) for panel in _BOARD["panels"] for target in panel.get("targets", ())}
    recorded = {(one["panel"], one["target"]) for one in _RECORD["series"]}
    assert recorded <= asked
    assert len(recorded) > 0.8 * len(asked)
    drawn = [one for panel in _BOARD["panels"] if "targets" in panel for one in script.series(panel, _RECORD)]
    assert len(drawn) == len(_RECORD["series"])


@pytest.mark.parametrize(
    ("unit", "value", "text"),
    [
        ("s", 0, "0 s"),
        ("s", 0.0042, "4.2 ms"),
        ("s", 90, "1.5 min"),
        ("s", 34300800, "397 days"),
        ("bytes", 0, "0 B"),
        ("bytes", 44 << 20, "44 MiB"),
        ("Bps", 8000, "8 kB/s"),
        ("percentunit", 0.255, "25.5 %"),
        ("ops", 0, "0/s"),
        ("ops", 12500, "12.5K/s"),
        ("short", 74, "74"),
    ],
)
def test_values_have_their_unit(script: ModuleType, unit: str, value: float, text: str) -> None:
    assert script.in_unit(unit, value) == text


@pytest.mark.parametrize(
    ("values", "defaults", "marks"),
    [
        ([0, 0], {"min": 0}, [0, 0.25, 0.5, 0.75, 1]),  # a flat line is at the bottom
        ([3, 3], {"min": 0, "decimals": 0}, [0, 1, 2, 3]),
        ([0.21, 0.22], {"min": 0, "max": 1}, [0, 0.25, 0.5, 0.75, 1]),
        ([5, 5], {}, [4, 6, 8, 10]),
    ],
)
def test_an_axis_has_round_marks(
    script: ModuleType, values: list[float], defaults: dict[str, Any], marks: list[float]
) -> None:
    one = script.Series("a", values, 0, "", "short", False)
    assert script._scale([one], defaults).marks == pytest.approx(marks)


def test_a_gap_in_a_series_is_a_gap_in_its_line(script: ModuleType) -> None:
    one = script.Series("a", [0, 1, None, 1, 0], 0, "", "short", False)
    line = script._line(one, script._scale([one], {}), lambda at: at, 5, is_stepped=False)
    assert line.count("M") == 2
