"""The package as syntax trees, parsed once for all the tests that read it."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

PACKAGE = Path(__file__).parents[2] / "mysqlops"


@cache
def nodes() -> dict[Path, tuple[ast.AST, ...]]:
    """Every node of each module, in the order of ast.walk."""
    return {file: tuple(ast.walk(ast.parse(file.read_text()))) for file in sorted(PACKAGE.rglob("*.py"))}
