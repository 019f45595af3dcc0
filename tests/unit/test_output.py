"""Whatever others wrote, a terminal gets text."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from mysqlops import errors
from mysqlops.cli import main, output
from mysqlops.core.plan import Step
from mysqlops.errors import Reason
from mysqlops.planning.status import Condition
from tests.unit.fakes.cluster import Cluster

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


@pytest.mark.parametrize("form", ["json", "yaml"])
def test_data_is_escaped_and_can_be_read_back(form: str, capsys: pytest.CaptureFixture[str]) -> None:
    output.data({"id": EVIL}, form)
    told = capsys.readouterr().out
    assert not set(told) & set("\x1b\x07\x9b\r\u202e")
    if form == "json":
        assert json.loads(told) == {"apiVersion": "mysqlops.io/v1", "kind": "Result", "id": EVIL}


def test_only_one_file_prints() -> None:
    folder = Path(output.__file__).parent
    others = [path for path in folder.rglob("*.py") if path.name != "output.py"]
    assert [str(path) for path in others if "click.echo" in path.read_text() or "print(" in path.read_text()] == []
