"""Which long test passed when: the record, the page that shows it, and the order in which files have their turn."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import pytest

from tests import scripts
from tests.docs.pages import ROOT

_MOMENT, _COMMIT = "2026-11-28T15:00Z", "309c3fe3"


@pytest.fixture(scope="module")
def script() -> ModuleType:
    return scripts.load("test-long")


def test_the_page_is_that_of_the_record_and_names_each_file_with_long_tests(script: ModuleType) -> None:
    """After a new file with such tests: scripts/test-long --page."""
    records = script.read()
    assert script.PAGE.read_text() == script.page(records)
    files = [file for folder in script.FOLDERS for file in (ROOT / "tests" / folder).glob("test_*.py")]
    marked = {f"{file.parent.name}/{file.name}" for file in files if "pytest.mark.long" in file.read_text()}
    assert marked == set(records), "scripts/test-long --page"


def test_a_pass_is_recorded_and_a_failure_keeps_the_last_one(script: ModuleType) -> None:
    record = script.Ran("cluster/test_x.py", {"test_a": ("2026-11-01T00:00Z", "aaaaaaaa"), "test_b": (), "test_c": ()})
    seen = script.Seen({"test_a": False, "test_b": True, "test_short": False}, _MOMENT, _COMMIT, 7.04)
    after = script.updated(record, seen)
    assert after.passed == {"test_a": ("2026-11-01T00:00Z", "aaaaaaaa"), "test_b": (_MOMENT, _COMMIT), "test_c": ()}
    assert (after.failed, after.ran, after.minutes) == (("test_a",), _MOMENT, 7.0)
    assert after.row() == "| `cluster/test_x.py` | 2 of 3 | 2026-11-01 | aaaaaaaa | 7.0 | `test_a` |"
    again = script.updated(after, script.Seen({"test_a": True}, "2026-11-29T00:00Z", "bbbbbbbb"))
    assert (again.failed, again.oldest()) == ((), (_MOMENT, _COMMIT))
    part = script.updated(after, script.Seen({"test_b": True}, "2026-11-29T00:00Z", "bbbbbbbb", 0.5), is_whole=False)
    assert (part.ran, part.minutes, part.failed) == (_MOMENT, 7.0, ("test_a",)), "the rest still waits for its turn"


def test_tests_that_are_gone_are_forgotten_and_new_ones_have_never_passed(script: ModuleType) -> None:
    old = script.Ran("cluster/test_x.py", {"test_a": (_MOMENT, _COMMIT), "test_b": ()}, ("test_b",), _MOMENT, 3.0)
    found = script.known({old.file: old, "cluster/test_gone.py": old}, {old.file: ["test_a", "test_new"]})
    assert list(found) == [old.file]
    assert found[old.file] == script.Ran(old.file, {"test_a": (_MOMENT, _COMMIT), "test_new": ()}, (), _MOMENT, 3.0)


def test_the_longest_unseen_run_first_and_a_failing_file_waits_for_its_turn(script: ModuleType) -> None:
    failing = script.Ran("cluster/test_a.py", {"test_a": ()}, ("test_a",), _MOMENT, 20.0)
    older = script.Ran("cluster/test_b.py", {"test_b": (_MOMENT, _COMMIT)}, (), "2026-11-01T00:00Z", 30.0)
    never = script.Ran("cluster/test_c.py", {"test_c": ()})
    waiting = script.queue({one.file: one for one in (failing, older, never)})
    assert waiting == [never, older, failing]
    assert script.chosen(waiting, 45) == [never, older]
    assert script.chosen(waiting, 35) == [never, failing], "what does not fit is passed over"
    assert script.chosen([older], 5) == [older], "the first one runs in any case"


def test_the_page_begins_with_what_was_never_seen_to_pass(script: ModuleType) -> None:
    older = script.Ran("cluster/test_a.py", {"test_a": ("2026-11-01T00:00Z", _COMMIT)})
    in_part = script.Ran("cluster/test_b.py", {"test_b": (_MOMENT, _COMMIT), "test_c": ()})
    newer = script.Ran("cluster/test_c.py", {"test_d": (_MOMENT, _COMMIT)})
    page = script.page({one.file: one for one in (newer, older, in_part)})
    assert [line.split("`")[1] for line in page.splitlines() if "test_" in line] == [
        one.file for one in (in_part, older, newer)
    ]


def test_a_test_passes_with_all_of_its_cases(script: ModuleType, tmp_path: Path) -> None:
    report = tmp_path / "report.xml"
    report.write_text(
        "<testsuites><testsuite>"
        '<testcase name="test_a[1]"/><testcase name="test_a[2]"><failure/></testcase><testcase name="test_a[3]"/>'
        '<testcase name="test_b"/><testcase name="test_c"><skipped/></testcase>'
        '<testcase name="test_d"><error/></testcase>'
        '<testcase name="test_e[1]"/><testcase name="test_e[2]"><skipped/></testcase><testcase name="test_f[1]"/>'
        "</testsuite></testsuites>"
    )
    counted = {"test_a": 3, "test_b": 1, "test_c": 1, "test_d": 1, "test_e": 2, "test_f": 2}
    found = script.cases(report, counted)
    assert found == {"test_a": False, "test_b": True, "test_d": False, "test_e": True}, "of test_f one was not reached"
