"""What once lost data (issue 17) has a test that is named for it: by the first lines of a test module."""

from __future__ import annotations

import ast
import re
from pathlib import Path

_FINDINGS = {*(f"S{number}" for number in range(1, 17)), *(f"U{number}" for number in range(1, 6))}
_TESTS = Path(__file__).parents[1]


def test_each_finding_has_a_test_that_names_it() -> None:
    texts = (ast.get_docstring(ast.parse(one.read_bytes())) or "" for one in _TESTS.rglob("test_*.py"))
    named = {word for text in texts for word in re.findall(r"\b[SU]\d+\b", text)}
    assert _FINDINGS - named == set()
