"""Whatever a member's agent answers to `doctor`, each check judges it, and nothing of it stands in a command."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from mysqlops.core import typed
from mysqlops.operations import doctor
from mysqlops.planning.checks import answers
from mysqlops.planning.checks.model import Answer
from tests.properties.test_hostile_text import TEXT
from tests.unit.planning.test_doctor import AT, SANE, _facts

FACTS = _facts()
CHECKS = [one for one in doctor.checks() if one.judge is not None and one.parts]
PARTS = sorted({part for one in CHECKS for part in one.parts})
EDGES = st.sampled_from([0, -1, 2**31, 10**12, 10**18, 2**63 - 1, 2**63, 10**400, -(10**400)])
NUMBERS = st.integers() | EDGES
WORDS = TEXT | st.sampled_from(["9" * 5000, "²", "-1", "1e999", "wait/io/file/sql/binlog", "MY-001153", "mysql-0"])
ITEMS = st.booleans() | NUMBERS | WORDS | st.none()
ANSWERS = st.one_of(
    st.lists(st.lists(ITEMS, min_size=2, max_size=5), max_size=3),
    st.tuples(WORDS, NUMBERS, NUMBERS).map(lambda row: [list(row)]),
    st.tuples(WORDS, WORDS, NUMBERS, NUMBERS).map(lambda row: [list(row)]),
    st.dictionaries(st.sampled_from([*SANE["variables"], *SANE["connections"], "seconds_left", "bytes"]), ITEMS),
    st.lists(st.fixed_dictionaries({one: ITEMS for one in SANE["transactions"][0]}), max_size=2),
    st.sampled_from(["2026-01-01T00:00:00+14:00", "1970-01-01T00:00:00-23:59", "9000-12-31T23:59:59Z"]) | ITEMS,
)


@settings(max_examples=100)
@example({"variables": {"max_connections": "9" * 5000}})
@example({"my-cnf": "\ud800"})
@example({"errors": [["9" * 5000, "x", 1, 10**18]]})
@given(told=st.dictionaries(st.sampled_from(PARTS), ANSWERS))
def test_every_check_judges_every_answer(told: dict[str, Any]) -> None:
    found = answers.read(typed.json_of(json.dumps({**SANE, **told})))
    facts = replace(FACTS, answers={**FACTS.answers, "mysql-1": Answer(AT, AT + 1, found)})
    for check in CHECKS:
        for finding in check.findings(facts):
            json.dumps(finding.as_json())
            assert len(finding.fix) < 400
        check.unchecked(facts)
