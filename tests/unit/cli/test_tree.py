"""A reader finds a command by its path, sees its options, and can take in each function."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import click
import pytest

import mysqlops
from mysqlops.cli import tree
from mysqlops.cli.main import root, run

PACKAGE = Path(mysqlops.__file__).parent
CLUSTER_FILE = PACKAGE.parent / "tests" / "inputs" / "cluster.yaml"
_HELPERS = {
    "main",
    "tree",
    "context",
    "options",
    "output",
    "types",
    "described",
    "filed",
    "restored",
    "rehearsed",
    "screen",
    "complete",
    "terminal",
    "yaml_text",
    "__init__",
}
_HELPERS_BELOW = {"backup/show", "backup/seen", "drill/show", "drill/options", "drill/fault"}


def _walk(group: click.Group, path: str = "") -> Iterator[tuple[str, click.Command]]:
    context = click.Context(group)
    for name in getattr(group, "shown", group.list_commands(context)):
        found = group.get_command(context, name)
        assert found is not None
        yield f"{path}{name}", found
        if isinstance(found, click.Group):
            yield from _walk(found, f"{path}{name}/")


COMMANDS = dict(_walk(root))


def test_each_help_fits_80_columns() -> None:
    """click wraps text and options; examples are as they are written, and a narrow terminal would break them."""
    wide = []
    for path, found in COMMANDS.items():
        name = f"mysqlops {path.replace('/', ' ')}"
        help_options = root.context_settings["help_option_names"]  # a command keeps those of its first context
        context = click.Context(found, info_name=name, terminal_width=80, help_option_names=help_options)
        wide += [(path, line) for line in found.get_help(context).splitlines() if len(line) > 80]
    assert wide == []


# Each verb that changes nothing, with words that it takes.
READS = {
    "list": "",
    "status": "mysql",
    "logs": "mysql",
    "sql": "mysql -e 'SELECT 1'",
    "report": "mysql",
    "users/list": "mysql",
    "config/get": "mysql",
    "config/diff": "mysql",
    "backup/list": "",
    "backup/describe": "mysql-20260101-000000",
    "backup/target/list": "",
    "backup/target/check": "local",
    "backup/schedule/list": "",
    "backup/binlog/list": "",
    "diff": f"-f {CLUSTER_FILE}",
    "export": "mysql",
    "render": "mysql",
    "explain": "",
    "runbook": "",
    "completion": "bash",
    "version": "",
    "drill/list": "",
    "drill/compare": "a b",
    "wait": "mysql",
}


def _file(path: str, command: click.Command) -> Path:
    name = PACKAGE / "cli" / path.replace("-", "_")
    return name / "__init__.py" if isinstance(command, click.Group) else name.with_suffix(".py")


def test_the_path_of_a_command_is_that_of_its_file() -> None:
    faults = {"drill/kill-mysqld"}
    files = {_file(path, command) for path, command in COMMANDS.items() if path not in faults}
    assert [str(file) for file in files if not file.exists()] == []
    known = {PACKAGE / "cli" / f"{name}.py" for name in (*_HELPERS, *_HELPERS_BELOW)}
    assert set((PACKAGE / "cli").rglob("*.py")) == files | known


def test_a_commands_options_can_be_seen() -> None:
    for path, command in COMMANDS.items():
        if isinstance(command, click.Group) or path == "drill/kill-mysqld":
            continue
        functions = [
            one for one in ast.parse(_file(path, command).read_text()).body if isinstance(one, ast.FunctionDef)
        ]
        (found,) = [one for one in functions if one.name == path.split("/")[-1].replace("-", "_")]
        assert found.args.kwarg is None, path
        assert all(one.annotation is not None for one in (*found.args.args, *found.args.kwonlyargs)), path


@pytest.mark.parametrize("path", COMMANDS)
def test_what_changes_something_can_be_rehearsed_and_nothing_else(path: str) -> None:
    command = COMMANDS[path]
    if not isinstance(command, click.Group):
        assert ("dry_run" in {one.name for one in command.params}) == (path not in READS)


@pytest.mark.parametrize(
    ("words", "suggested"),
    [
        ("statsu", "No such command 'statsu'. Did you mean status"),
        ("backup lits", "Did you mean list"),
        ("drill kil-mysqld mysql", "Did you mean kill-mysqld"),
        ("drill lsit", "Did you mean list"),
        ("runbook primary-lots", "did you mean primary-lost"),
        ("explain only-cpy", "did you mean only-copy"),
        ("explain versoins", "did you mean versions"),
        ("deploy mysql --replcas 3", "--replicas"),
    ],
)
def test_a_typo_gets_a_suggestion(words: str, suggested: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(words.split()) == 2
    assert suggested in capsys.readouterr().err


def test_a_word_like_nothing_is_answered_with_all_faults_or_the_list(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["drill", "earthquake", "mysql"]) == 2
    assert "the faults are: calm, switchover" in capsys.readouterr().err


@pytest.mark.parametrize("path", COMMANDS)
def test_every_command_shows_its_help(path: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([*path.split("/"), "-h"]) == 0
    assert "-h, --help" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("group", "words"),
    [(root, ["status", "start", "stop", "storage"]), (cast("tree.Tree", COMMANDS["backup"]), [])],
)
def test_a_verb_is_offered_without_the_import_of_its_code(
    group: tree.Tree, words: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Importing all of them takes longer than a person waits for a shell."""
    monkeypatch.setattr(tree.Tree, "get_command", lambda *_: pytest.fail("imported"))
    offered = group.shell_complete(click.Context(group), "st")
    assert {one.value for one in offered} == set(words)
    assert all(one.help == group.table[one.value] for one in offered)
    assert "--help" in {one.value for one in group.shell_complete(click.Context(group), "--h")}
