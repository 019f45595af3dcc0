"""Each command on a page is one that the program takes, with options that it has."""

from __future__ import annotations

from pathlib import Path

import click
import pytest

from mysqlops.cli.main import root
from tests.docs import typed
from tests.docs.pages import (
    DOCS,
    GENERATED,
    PAGES,
    ROOT,
    Command,
    command,
    commands,
    compared,
    mentioned,
    session,
    shape,
)

WITH_COMMANDS = [page for page in PAGES if page not in GENERATED and commands(page)]


def resolve(words: list[str]) -> tuple[click.Command, click.Context, list[str]]:
    command: click.Command = root
    context = click.Context(root, info_name="mysqlops", **root.context_settings)
    while isinstance(command, click.Group) and words:
        found = command.get_command(context, words[0])
        if found is None:
            raise click.UsageError(f"no command {words[0]}")
        command, context, words = found, click.Context(found, parent=context, info_name=words[0]), words[1:]
    return command, context, words


def parse(words: list[str]) -> None:
    """As the program would, but for files that are on the reader's machine and not here."""
    command, context, rest = resolve(words)
    if isinstance(command, click.Group):
        raise click.UsageError(f"{context.command_path} is a group")
    try:
        command.make_context(context.info_name, list(rest), parent=context.parent)
    except click.exceptions.Exit:
        pass
    except click.BadParameter as error:
        if not (error.param and isinstance(error.param.type, click.Path | click.File)):
            raise


@pytest.mark.parametrize("page", WITH_COMMANDS, ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_parse(page: Path) -> None:
    for words in commands(page):
        try:
            parse(words)
        except click.ClickException as error:
            pytest.fail(f"mysqlops {' '.join(words)}: {error.format_message()}")


def unknown(words: list[str]) -> str:
    """What a command that is named in a text does not have: itself, or an option."""
    try:
        command, context, rest = resolve(words)
    except click.UsageError as error:
        return error.format_message()
    options = {name for one in command.get_params(context) for name in (*one.opts, *one.secondary_opts)}
    given = {word.partition("=")[0] for word in rest if word.startswith("-") and "…" not in word}
    return ", ".join(sorted(given - options))


@pytest.mark.parametrize("page", [page for page in PAGES if page not in GENERATED], ids=lambda page: page.name)
def test_commands_in_a_text_exist(page: Path) -> None:
    assert {" ".join(words): wrong for words in mentioned(page) if (wrong := unknown(words))} == {}


def test_the_checks_see_wrong_commands() -> None:
    for words in (["deploi", "mysql"], ["deploy"], ["deploy", "mysql", "--replica", "3"], ["backup"]):
        with pytest.raises(click.ClickException):
            parse(words)
    assert unknown("backup lst NAME".split()) == "no command lst"
    assert unknown("restore BACKUP --as NAME --too POINT --keep-…".split()) == "--too"


def test_commands_are_found_in_each_kind_of_block(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "Text\n\n    mysqlops status mysql   # comment\n    A=b mysqlops render x > file\n\n"
        "```console\n$ mysqlops backup list | cat\nmysqlops is no command here\n```\n```yaml\nmysqlops not here\n```\n"
    )
    assert commands(page)[-2:] == [["status", "mysql"], ["render", "x"]]
    assert ["backup", "list"] in commands(page)


def test_a_session_is_read_as_it_is_written(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("```console\n$ one \\\n    two\nout 1\nout 2\n$ three\n```\ntext\n```console\n$ four\nout\n```\n")
    seen = [(step.command, step.output) for step in session(page)]
    assert seen == [("one two", ("out 1", "out 2")), ("three", ()), ("four", ("out",))]
    assert shape("mysql-20261127-010203  3.4 s  at 2026-11-27T01:02:03Z") == shape(
        "mysql-20250101-1 10 s at 2025-01-01Z"
    )
    assert shape("healthy, 3 of 3") != shape("degraded, 3 of 3")


def test_the_tutorial_is_a_session() -> None:
    assert len(session(DOCS / "tutorial" / "first-cluster.md")) > 10


def test_the_comparison_sees_another_shape() -> None:
    shown = ("healthy, 3 of 3", "mysql-0  ONLINE", "…")
    assert compared(shown, ["healthy, 3 of 3", "mysql-2 ONLINE", "anything"]) == ""
    assert compared(shown, ["degraded, 3 of 3", "mysql-2 ONLINE"]) == "no line like: healthy, 3 of 3"
    assert compared(shown, ["healthy, 3 of 3", "a new line", "mysql-2 ONLINE"]) == "not shown: a new line"
    assert compared(("one",), ["one", "two"]) == "not shown: two"
    assert compared((), ["one"]) == "not shown: one"


def test_what_a_line_does_with_its_output_is_no_part_of_the_command() -> None:
    assert command("export mysql -n shop > cluster.yaml   # a file") == Command(
        ("export", "mysql", "-n", "shop"), "cluster.yaml"
    )
    assert command("render mysql | grep kind") == Command(("render", "mysql"))


def test_the_verbs_that_tests_type_are_found() -> None:
    assert any("test_tutorial" not in one for one in typed.by("restore X --as Y --to latest".split()))
    assert any("region-moved.sh" in one for one in typed.by("backup target add X --password-secret Y".split()))
    assert typed.by("drill partition mysql --node-pods chaos".split())
    assert typed.by("status mysql --never".split()) == []
    assert typed.verb_of(["nothing"]) is None
    assert typed.options_of(["mysql", "-n", "shop", "--to=x", "-"]) == {"--to"}
