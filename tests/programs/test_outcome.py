"""What the scripts that measure write down of a round, and the tables that they make of it."""

from __future__ import annotations

import importlib.machinery
import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

from mysqlops.drill.ledger import figures
from mysqlops.drill.model import Verdict
from tests.faults.ledger import Outcome

_SCRIPTS = Path(__file__).parents[2] / "scripts"
OUTCOME = Outcome(Verdict(700, 3, 2, digest="abc"), figures.of([], 0), 1.20049, 1)


def _script(name: str) -> ModuleType:
    loader = importlib.machinery.SourceFileLoader(name.replace("-", "_"), str(_SCRIPTS / name))
    spec = importlib.util.spec_from_loader(loader.name, loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("script", "about"),
    [
        ("bench-changes", {"change": "rollout", "kills": 0, "seconds": 7.0}),
        ("bench-proxy", {"change": "kill", "through": "HAProxy"}),
    ],
)
def test_a_round_is_written_down_and_makes_a_row(script: str, about: dict[str, object]) -> None:
    """bench-changes asked the outcome of a round for fields that had moved into its verdict."""
    (_, _, row) = _script(script).table([about | OUTCOME.line()]).splitlines()
    assert [cell in row for cell in ("1.20; 1.20", "| 700 |", "| 1 |")] == [True, True, True]


def test_the_line_holds_what_the_existing_tables_need() -> None:
    wanted = "acknowledged refused unknown lost ghosts diverged gap_seconds errors_with_one_retry digest".split()
    assert set(wanted) <= OUTCOME.line().keys()
    assert OUTCOME.line()["gap_seconds"] == 1.2
