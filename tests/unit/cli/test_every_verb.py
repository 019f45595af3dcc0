"""What holds for each verb of the tree, whichever it is: how it is confirmed, and addressed."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

import click
import pytest

from mysqlops import errors
from mysqlops.cli import context
from mysqlops.cli.context import Access
from mysqlops.cli.main import run
from tests.unit.cli.test_tree import COMMANDS, READS
from tests.unit.fakes.cluster import NAME, Cluster
from tests.unit.fakes.verbs import ASKS, CHANGES, ID, options_of, world


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Cluster:
    return world(monkeypatch, tmp_path)


def test_every_verb_reads_or_is_tried_here() -> None:
    verbs = {path for path, command in COMMANDS.items() if not isinstance(command, click.Group)}
    assert verbs == CHANGES.keys() | READS.keys()


def test_every_verb_that_asks_is_tried_here() -> None:
    asks = {path for path in COMMANDS if "--confirm" in options_of(path)}
    assert asks == ASKS.keys() | {"recover"}  # which no running cluster takes


@pytest.mark.parametrize("path", ASKS)
@pytest.mark.parametrize("answer", ["a pipe", "n"])
def test_without_a_yes_nothing_is_changed(
    path: str,
    answer: str,
    cluster: Cluster,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    if answer == "n":
        monkeypatch.setattr("sys.stdin.isatty", lambda: True)
        monkeypatch.setattr(click, "confirm", lambda *_, **__: False)
        monkeypatch.setattr(click, "prompt", lambda *_, **__: "n")
    code = run([*path.split("/"), *shlex.split(ASKS[path]), "-o", "json"])
    reasons = json.loads(capsys.readouterr().out)["reasons"]
    assert (code, [one["code"] for one in reasons]) == (errors.Refused.exit_code, ["not-confirmed"])
    assert cluster.store.log == []


@pytest.mark.parametrize("path", ASKS)
def test_a_wrong_name_is_no_yes(path: str, cluster: Cluster, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([*path.split("/"), *shlex.split(ASKS[path]), "--confirm", "another"]) == errors.Refused.exit_code
    assert "--confirm another: expected " in capsys.readouterr().err
    assert cluster.store.log == []


@pytest.mark.parametrize("path", [path for path in COMMANDS if "--namespace" in options_of(path)])
def test_who_asks_where_stands_on_both_sides(
    path: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """And what goes wrong is a document."""
    if isinstance(COMMANDS[path], click.Group) or path in ("render", "runbook"):
        return
    asked: list[Access] = []

    def client(access: Access, verb: str) -> Any:
        asked.append(access)
        raise errors.Forbidden("enough", hint="ask for more")

    monkeypatch.setattr(context, "client", client)
    words = [*path.split("/"), *shlex.split(ASKS.get(path) or CHANGES.get(path) or READS[path])]
    words += ["--confirm", _confirms(path)] if path in ASKS else []
    where = ["-n", "a", "--context", "b", "--kubeconfig", "c"]
    who = [] if path == "restore" else ["--as", "d", "--as-group", "e"]
    for line in ([*where, "--as", "d", "--as-group", "e", "-o", "json", *words], [*words, *where, *who, "-o", "json"]):
        assert run(line) == errors.Forbidden.exit_code, capsys.readouterr().err
        shown = json.loads(capsys.readouterr().out)
        assert (shown["apiVersion"], shown["kind"], shown["code"]) == ("mysqlops.io/v1", "Error", errors.Forbidden.code)
    full = Access("c", "b", "a", "d", ("e",))
    assert asked == [full, Access("c", "b", "a") if path == "restore" else full]


def _confirms(path: str) -> str:
    return {"backup/delete": ID, "member/rebuild": "mysql-1"}.get(path, NAME)
