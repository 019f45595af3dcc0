"""What tests on real clusters and servers rely on exists: the options that they type, and the parts of mysqlops that
their programs in pods call. CI does not run the long ones, and a type checker does not read programs in strings."""

from __future__ import annotations

import ast
import importlib
import inspect
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests import conftest
from tests.docs import typed
from tests.docs.pages import ROOT
from tests.docs.test_commands import unknown

_FOLDERS = ("cluster", "security", "lab", "database", "faults")
# Words that begin with the name of a verb and belong to something else: kubectl's, or those of a fault.
_NOT_VERBS = {
    *(
        "agent_log",
        "_argo",
        "test_what_cannot_be_drilled_is_refused",
        "test_two_switchovers_lose_nothing_and_are_reported",
    ),
    "test_a_controllers_field_is_refused_by_name_and_the_hint_ends_that",
}


def test_the_options_that_tests_type_exist() -> None:
    wrong = {
        f"{one.where}: {one.verb}": missing
        for one in typed.on_a_cluster()
        if one.where.rpartition("::")[2] not in _NOT_VERBS and "programs" not in one.where
        if (missing := unknown([*one.verb.replace("FAULT", "freeze").split(), *one.options]))
    }
    assert wrong == {}


@pytest.mark.parametrize(
    "file",
    [file for folder in _FOLDERS for file in sorted((ROOT / "tests" / folder).glob("*.py"))],
    ids=lambda file: f"{file.parent.name}/{file.name}",
)
def test_programs_in_strings_call_what_exists(file: Path) -> None:
    assert [wrong for program in _programs(file.read_text()) for wrong in _missing(program)] == []


def test_the_files_that_begin_first_exist() -> None:
    assert [one for one in conftest.LONGEST if not (ROOT / "tests" / one).exists()] == []


def test_the_check_sees_what_is_gone() -> None:
    wrong = _missing("from mysqlops.agent import member, nothing\nmember.Member().connect()\nmember.gone()")
    assert wrong == ["mysqlops.agent.nothing", "member.gone", "member.Member(): missing a required argument: 'own'"]
    (program,) = _programs("A = 'import sys\\n'\nB = (\n  'from mysqlops.core import names\\n'\n  f'names.{A}')\n")
    assert _missing(program) == ["names.X"]


def _programs(source: str) -> Iterator[str]:
    """The strings that are a program with a part of mysqlops; what is put into them is called X."""
    inner: set[ast.AST] = set()
    for node in ast.walk(ast.parse(source)):
        if node in inner:
            continue
        text = _text(node)
        if "from mysqlops" in text and "import" in text:
            inner |= set(ast.walk(node))
            yield textwrap.dedent(text)


def _text(node: ast.AST) -> str:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(str(one.value) if isinstance(one, ast.Constant) else "X" for one in node.values)
    return _text(node.left) + _text(node.right) if isinstance(node, ast.BinOp) else ""


def _missing(program: str) -> list[str]:
    try:
        nodes = list(ast.walk(ast.parse(program)))
    except SyntaxError:  # the rest of it is computed
        return []
    found = dict[str, Any]()
    for node in nodes:
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("mysqlops"):
            found |= {one.asname or one.name: _imported(str(node.module), one.name) for one in node.names}
    calls = {node.func: node for node in nodes if isinstance(node, ast.Call)}
    wrong = [one for one in found.values() if isinstance(one, str)]
    for node in nodes:
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            wrong += _misused(node.value.id, node.attr, found.get(node.value.id), calls.get(node))
    return wrong


def _imported(module: str, name: str) -> Any:
    """Its full name if it does not exist."""
    found = importlib.import_module(module)
    try:
        return getattr(found, name) if hasattr(found, name) else importlib.import_module(f"{module}.{name}")
    except ImportError:
        return f"{module}.{name}"


def _misused(name: str, part: str, meant: Any, call: ast.Call | None) -> list[str]:
    """What is wrong with `name.part` or a call of it."""
    if meant is None or isinstance(meant, str):
        return []
    if not hasattr(meant, part):
        return [f"{name}.{part}"]
    if (
        call is None
        or any(isinstance(one, ast.Starred) for one in call.args)
        or any(not one.arg for one in call.keywords)
    ):
        return []
    try:
        inspect.signature(getattr(meant, part)).bind(*call.args, **{str(one.arg): one for one in call.keywords})
    except TypeError as error:
        return [f"{name}.{part}(): {error}"]
    return []
