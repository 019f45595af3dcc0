"""The commands that tests on real clusters run, read from these tests: sequences of words that begin with a verb."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import click

from mysqlops.cli.main import root
from mysqlops.drill import faults
from tests.docs.pages import ROOT

FOLDERS = ("cluster", "security", "lab", "programs")
_COMPUTED = "…"
_OTHERS = ("kubectl", "docker", "_kubectl", "join")  # whose first words may be those of a verb
# Where a command is sent, who sends it and how it answers: the same code for every verb.
_OF_EVERY_VERB = {
    *("-n", "--namespace", "--context", "--kubeconfig", "--as", "--as-group", "--timeout"),
    *("-o", "--output", "-y", "--yes", "--confirm"),
}


@dataclass(frozen=True)
class Typed:
    """A command in a test: its verb, and the options that it is given."""

    where: str
    verb: str
    options: frozenset[str]


def verb_of(words: Sequence[str]) -> tuple[str, Sequence[str]] | None:
    """The path of the command that words lead to, and the words after it; None if they lead to none."""
    command: click.Command = root
    context = click.Context(root, info_name="mysqlops")
    rest, path = list(words), list[str]()
    while isinstance(command, click.Group):
        if path == ["drill"] and rest[:1] == [_COMPUTED]:
            rest[0] = next(iter(faults.FAULTS))
        found = command.get_command(context, rest[0]) if rest and rest[0] != _COMPUTED else None
        if found is None:
            return None
        command, context = found, click.Context(found, parent=context, info_name=rest[0])
        path.append(rest.pop(0))
    is_fault = path[0] == "drill" and path[1] in faults.FAULTS
    return "drill FAULT" if is_fault else " ".join(path), rest


def options_of(words: Sequence[str]) -> frozenset[str]:
    given = {word.partition("=")[0] for word in words if word.startswith("-") and word != "-"}
    return frozenset(given - _OF_EVERY_VERB)


@cache
def on_a_cluster() -> tuple[Typed, ...]:
    files = [file for folder in FOLDERS for file in sorted((ROOT / "tests" / folder).glob("*.py"))]
    return tuple(one for file in files for one in _typed(file))


def _typed(file: Path) -> Iterator[Typed]:
    tree = ast.parse(file.read_text())
    everywhere = {**_imported(tree), **_assigned(tree.body)}
    for function in [one for one in ast.walk(tree) if isinstance(one, ast.FunctionDef)]:
        known = {**everywhere, **_assigned([*ast.walk(function)])}
        for node in ast.walk(function):
            words = _words(node, known)
            if words[1:3] == ["-m", "mysqlops"]:
                del words[:3]
            if words and (found := verb_of(words)):
                where = f"{file.relative_to(ROOT)}::{function.name}"
                yield Typed(where, found[0], options_of(found[1]))


def _assigned(nodes: Sequence[ast.AST]) -> dict[str, list[ast.expr]]:
    """What names stand for: one that is assigned twice stands for both, and a function for what it returns."""
    found: dict[str, list[ast.expr]] = {}
    for node in nodes:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            found.setdefault(node.targets[0].id, []).append(node.value)
        if isinstance(node, ast.FunctionDef):
            found[node.name] = [one.value for one in ast.walk(node) if isinstance(one, ast.Return) and one.value]
    return found


def _imported(tree: ast.Module) -> dict[str, list[ast.expr]]:
    """What names of other test modules stand for."""
    found = {}
    for one in tree.body:
        if isinstance(one, ast.ImportFrom) and (one.module or "").startswith("tests."):
            file = ROOT.joinpath(*(one.module or "").split(".")).with_suffix(".py")
            known = _assigned(ast.parse(file.read_text()).body) if file.exists() else {}
            found.update({name.name: known[name.name] for name in one.names if name.name in known})
    return found


def _words(node: ast.AST, known: Mapping[str, list[ast.expr]]) -> list[str]:
    """The words of a call, a list or a tuple; `…` for what is computed."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "split":
        text = node.func.value
        return _text(text).split() if isinstance(text, ast.Constant | ast.JoinedStr) else []
    if isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] in _OTHERS:
        return []
    if isinstance(node, ast.Call):
        return _flat(node.args, known)
    return _flat(node.elts, known) if isinstance(node, ast.List | ast.Tuple) else []


def _flat(parts: Sequence[ast.expr], known: Mapping[str, list[ast.expr]]) -> list[str]:
    words: list[str] = []
    for part in parts:
        if isinstance(part, ast.Starred):
            inner = part.value
            name = inner.func if isinstance(inner, ast.Call) else inner
            meant = known.get(name.id, [inner]) if isinstance(name, ast.Name) else [inner]
            others = {name: value for name, value in known.items() if value is not meant}
            words += [word for one in meant for word in _words(one, others)]
        else:
            words.append(_text(part))
    return words


def _text(node: ast.expr) -> str:
    if isinstance(node, ast.Constant):
        return str(node.value)
    if isinstance(node, ast.JoinedStr):
        return "".join(str(one.value) if isinstance(one, ast.Constant) else _COMPUTED for one in node.values)
    return _COMPUTED


@cache
def in_runbooks() -> tuple[Typed, ...]:
    """Of the scripts that tests/cluster/test_runbooks.py runs: each of them, as tests/docs/test_front_door.py sees."""
    found = []
    for file in sorted((ROOT / "scripts" / "runbooks").glob("*.sh")):
        for line in re.findall(r"^\s*mysqlops (.*)$", file.read_text(), re.MULTILINE):
            words = [word.strip('"') for word in line.split()]
            if known := verb_of(words):
                found.append(Typed(f"tests/cluster/test_runbooks.py ({file.name})", known[0], options_of(known[1])))
    return tuple(found)


def by(words: Sequence[str]) -> list[str]:
    """The tests that type this verb with these options, and perhaps more."""
    wanted = verb_of(words)
    assert wanted is not None, words
    verb, options = wanted[0], options_of(wanted[1])
    return [one.where for one in (*on_a_cluster(), *in_runbooks()) if one.verb == verb and one.options >= options]
