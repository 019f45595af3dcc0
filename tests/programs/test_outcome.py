"""What the scripts that measure write down of a round, and the tables that they make of it."""

from __future__ import annotations

import pytest

from mysqlops.drill.ledger import figures
from mysqlops.drill.model import Verdict
from tests import scripts
from tests.faults.ledger import Outcome

OUTCOME = Outcome(Verdict(700, 3, 2, digest="abc"), figures.of([], 0), 1.20049, 1)


@pytest.mark.parametrize(
    ("script", "about"),
    [
        ("bench-changes", {"change": "rollout", "kills": 0, "seconds": 7.0}),
        ("bench-proxy", {"change": "kill", "through": "HAProxy"}),
    ],
)
def test_a_round_is_written_down_and_makes_a_row(script: str, about: dict[str, object]) -> None:
    """bench-changes asked the outcome of a round for fields that had moved into its verdict."""
    (_, _, row) = scripts.load(script).table([about | OUTCOME.line()]).splitlines()
    assert [cell in row for cell in ("1.20; 1.20", "| 700 |", "| 1 |")] == [True, True, True]


def test_the_line_holds_what_the_existing_tables_need() -> None:
    wanted = "acknowledged refused unknown lost ghosts diverged gap_seconds errors_with_one_retry digest".split()
    assert set(wanted) <= OUTCOME.line().keys()
    assert OUTCOME.line()["gap_seconds"] == 1.2
