"""A hint is a command that can be copied: what mysqlops knows is filled in."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from tests.docs import sources

_COMMAND = re.compile(r"\b(mysqlops [a-z]|kubectl [a-z])")
_PLACEHOLDER = re.compile(r"\b(NAME|POD|MEMBER|CLUSTER|CLAIM)\b")
# What only the user can choose, or the command that is shown is for several clusters.
_CHOSEN = {
    "mysqlops recover {} --without MEMBER",
    "mysqlops restore BACKUP --as NAME",
    "mysqlops restore BACKUP --in-place NAME",
    "mysqlops backup target add NAME",
    "kubectl create secret generic NAME",
    "kubectl get volumesnapshotclass; --snapshot-class NAME",
    "mysqlops restore BACKUP --member MEMBER",
    "mysqlops member rebuild {} MEMBER",
}


def _texts() -> Iterator[tuple[str, str]]:
    """Each text outside the CLI's help; `{}` for what is filled in."""
    for file, nodes in sources.nodes().items():
        if "cli" in file.relative_to(sources.PACKAGE).parts:
            continue
        docs = {ast.get_docstring(one, clean=False) for one in nodes if isinstance(one, _DOCUMENTED)}
        for node in nodes:
            if isinstance(node, ast.JoinedStr):
                parts = [one.value if isinstance(one, ast.Constant) else "{}" for one in node.values]
                yield f"{file.name}:{node.lineno}", "".join(map(str, parts))
            elif isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value not in docs:
                yield f"{file.name}:{node.lineno}", re.sub(r"\{\w+\}", "{}", node.value)


_DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def test_no_hint_leaves_to_the_user_what_is_known() -> None:
    left = {
        where: text
        for where, text in _texts()
        if _COMMAND.search(text) and _PLACEHOLDER.search(text) and not any(one in text for one in _CHOSEN)
    }
    assert left == {}
