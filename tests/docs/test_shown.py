"""What pages show is what the program prints now: the heads of tables, and no gap that a script was to fill."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from mysqlops.cli import output
from tests.docs import sources
from tests.docs.pages import PAGES, ROOT, Step, session

# Three words in capitals or more, two spaces or more between some of them.
_HEAD = re.compile(r"(?=.*  )[A-Z][A-Z-]+(?: +[A-Z][A-Z-]+){2,} *")
_GAP = re.compile(r"^(?:[A-Z][A-Z_]{2,}|.*\b(?:TODO|FIXME|TBD)\b.*)$", re.MULTILINE)


def _heads() -> set[str]:
    """The heads of every table that a command prints, one space apart."""
    found = set()
    for file, nodes in sources.nodes().items():
        if file.relative_to(sources.PACKAGE).parts[0] == "cli":
            for node in nodes:
                if isinstance(node, ast.Tuple):
                    words = [one.value for one in node.elts if isinstance(one, ast.Constant)]
                    found.add(" ".join(map(str, words)).upper())
                elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                    found.add(node.value)  # of a list that is one text, split
    return found


def _stale(steps: list[Step], known: set[str]) -> list[str]:
    """Commands that are shown with the head of a table that they do not print."""
    wide = " ".join((*output._COLUMNS, *output._WIDE))
    stale = []
    for step in steps:
        for line in step.output:
            if _HEAD.fullmatch(line):
                head = " ".join(line.split())
                stale += [step.command] if head not in ({wide} if "-o wide" in step.command else known) else []
    return stale


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_tables_have_the_heads_that_the_program_prints(page: Path) -> None:
    assert _stale(session(page), _heads()) == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_no_page_has_a_gap(page: Path) -> None:
    assert _GAP.findall(re.sub(r"^```.*?^```", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)) == []


def test_the_checks_see_what_is_wrong() -> None:
    old = Step("mysqlops status mysql", ("mysql in x: healthy", "MEMBER   ROLE     STATE   NODE   BEHIND"))
    assert _stale([old], _heads()) == ["mysqlops status mysql"]
    new = Step("mysqlops status mysql", ("MEMBER   ROLE     STATE   BEHIND  MISSING  FILLED",))
    assert _stale([new], _heads()) == []
    assert _GAP.findall("a text\n\nSTRUCTURE\n| a | b |\n") == ["STRUCTURE"]
