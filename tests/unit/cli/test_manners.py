"""The CLI's manners: one way to agree, one form of answers, options on both sides of the verb, quick completion."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import click
import pytest

from mysqlops import errors
from mysqlops.cli import complete, context, output, types
from mysqlops.cli.context import Access, Confirmation, Run
from mysqlops.cli.main import form_of, run
from mysqlops.core import names
from mysqlops.operations import compared, waiting
from tests.unit.fakes.api import Client
from tests.unit.fakes.cluster import NAME, Cluster

_LOSES = [
    ["delete", NAME, "--purge-data"],
    ["member", "rebuild", NAME, "mysql-1"],
    ["scale", NAME, "--replicas", "1", "--pvc", "delete"],
    ["storage", "resize", NAME, "--size", "20Gi", "--by-rebuild"],
    ["restore", "b", "--in-place", NAME],
    ["restore", "b", "--member", "mysql-1"],
    ["restore", "--revert", NAME],
    ["backup", "delete", "b"],
]
_STOPS = [
    ["delete", NAME],
    ["stop", NAME],
    ["member", "fence", NAME, "mysql-1"],
    ["backup", "prune", NAME, "--keep-last", "1"],
    ["backup", "schedule", "remove", NAME],
    ["tls", "rotate", NAME, "--drop-old-ca"],
    ["users", "rotate", NAME, "--finish"],
    ["adopt", NAME, "--from", "old", "--password-secret", "s"],
    ["adopt", NAME, "--from", "old", "--password-secret", "s", "--finish"],
    ["adopt", NAME, "--from", "old", "--password-secret", "s", "--abort"],
]


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Cluster:
    made = Cluster(3)
    session = made.session()
    monkeypatch.setattr("mysqlops.cli.context.client", lambda *_: session.client)
    monkeypatch.setattr("mysqlops.clock.SystemClock", lambda: made.clock)
    return made


@pytest.mark.parametrize("words", [*_LOSES, *_STOPS], ids=" ".join)
def test_nothing_is_lost_or_stopped_from_a_pipe_unasked(
    words: list[str], cluster: Cluster, capsys: pytest.CaptureFixture[str]
) -> None:
    log = len(cluster.store.log)
    assert run(words) == errors.Refused.exit_code
    assert "not-confirmed" in capsys.readouterr().err
    assert cluster.store.log[log:] == []


@pytest.mark.parametrize("words", [["delete", NAME, "--purge-data", "--yes"]], ids=" ".join)
def test_yes_is_not_enough_for_data(words: list[str], cluster: Cluster, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(words) == errors.Refused.exit_code
    assert f"give --confirm {NAME}" in capsys.readouterr().err


def _run(**given: Any) -> Run:
    return Run(NAME, "stop", "table", 60, Access(), Confirmation(**given))


def test_a_terminal_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    monkeypatch.setattr(click, "confirm", lambda *_, **__: True)
    monkeypatch.setattr(click, "prompt", lambda *_, **__: NAME)
    _run().confirm("stops it")
    _run().confirm("deletes it", loses=True)
    monkeypatch.setattr(click, "prompt", lambda *_, **__: "other")
    with pytest.raises(errors.Refused):
        _run().confirm("deletes it", loses=True)
    with pytest.raises(errors.Refused, match="--confirm other: expected "):
        _run(name="other").confirm("stops it")


@pytest.mark.parametrize(
    "words", [["stop", NAME], ["restart", NAME], ["member", "fence", NAME, "mysql-1"]], ids=" ".join
)
def test_a_rehearsal_changes_nothing(words: list[str], cluster: Cluster, capsys: pytest.CaptureFixture[str]) -> None:
    log = len(cluster.store.log)
    code = run([*words, "--dry-run"])
    told = capsys.readouterr()
    assert cluster.store.log[log:] == []
    assert code == errors.Refused.exit_code or "nothing" in told.out, told


def test_delete_says_done_only_when_it_is(
    cluster: Cluster, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run(["delete", NAME, "--dry-run", "-o", "json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["apiVersion"], told["kind"], told["done"]) == ("mysqlops.io/v1", "Delete", False)
    assert run(["delete", NAME, "-o", "json"]) == errors.Refused.exit_code
    assert json.loads(capsys.readouterr().out)["kind"] == "Error"
    told_before: list[str] = []
    monkeypatch.setattr("mysqlops.operations.delete.execute", lambda *_: told_before.append(capsys.readouterr().out))
    assert run(["delete", NAME, "--yes", "-o", "json"]) == 0
    assert told_before == [""]
    assert json.loads(capsys.readouterr().out)["done"] is True


def test_errors_are_data_too(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["status", "BAD NAME", "-o", "json"]) == 2
    told = json.loads(capsys.readouterr().out)
    assert (told["kind"], told["code"], told["exit"]) == ("Error", "config", 2)
    assert run(["statsu", "-ojson"]) == 2
    assert json.loads(capsys.readouterr().out)["kind"] == "Error"


@pytest.mark.parametrize(
    ("words", "form"),
    [
        ("-o json", "json"),
        ("-ojson", "json"),
        ("--output=yaml", "yaml"),
        ("x -o table", "table"),
        ("-o json5", "table"),
    ],
)
def test_the_form_is_known_before_words_are_understood(words: str, form: str) -> None:
    assert form_of(words.split()) == form


@pytest.fixture
def accesses(monkeypatch: pytest.MonkeyPatch) -> list[Access]:
    """As whom each command went to the API server, where it ended."""
    seen: list[Access] = []

    def client(access: Access, verb: str) -> Any:
        seen.append(access)
        raise errors.ConfigError("enough")

    monkeypatch.setattr(context, "client", client)
    return seen


def test_options_stand_on_both_sides(accesses: list[Access], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MYSQLOPS_NAMESPACE", "variable")
    for words in (
        ["-n", "a", "--as", "bob", "--as-group", "x", "list"],
        ["list", "-n", "a", "--as", "bob", "--as-group", "x"],
        ["backup", "-n", "a", "--as", "bob", "--as-group", "x", "list"],
        ["-n", "b", "list", "-n", "a", "--as", "bob", "--as-group", "x"],
        ["list"],
    ):
        assert run(words) == 2
    assert accesses == [*[Access(namespace="a", user="bob", groups=("x",))] * 4, Access(namespace="variable")]


def test_a_group_needs_a_user() -> None:
    with pytest.raises(errors.ConfigError, match="only with --as"):
        Access(groups=("x",)).client("status")


def test_lists_are_under_items(capsys: pytest.CaptureFixture[str]) -> None:
    output.data([{"a": 1}], "json", kind="BackupList")
    assert json.loads(capsys.readouterr().out) == {
        "apiVersion": "mysqlops.io/v1",
        "kind": "BackupList",
        "items": [{"a": 1}],
    }


def test_list_shows_the_clusters(cluster: Cluster, capsys: pytest.CaptureFixture[str]) -> None:
    for found in cluster.store.objects.values():
        found["metadata"].setdefault("labels", {})
    assert run(["list", "-o", "json"]) == 0
    (item,) = json.loads(capsys.readouterr().out)["items"]
    assert (item["name"], item["members"]) == (NAME, 3)


def test_a_foreign_stateful_set_hides_no_cluster_from_list(
    cluster: Cluster, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of any namespace: with -A, one of another team's."""
    ours = {"kind": "StatefulSet", "metadata": {"name": "theirs", "labels": {names.LABEL_NAME: names.APP_NAME}}}
    cluster.store.put({**ours, "spec": {"replicas": 1, "template": {"spec": {"containers": []}}}})
    monkeypatch.setattr(Client, "list_everywhere", Client.list)
    for words in (["list"], ["list", "-A"]):
        assert run([*words, "-o", "json"]) == 0
        assert [one["name"] for one in json.loads(capsys.readouterr().out)["items"]] == [NAME]


def test_status_fits_80_columns_and_cuts_nothing(cluster: Cluster, capsys: pytest.CaptureFixture[str]) -> None:
    run(["status", NAME])
    lines = capsys.readouterr().out.splitlines()
    head = next(line for line in lines if line.startswith("MEMBER"))
    assert "NODE" not in head
    assert all(f"mysql-{n}" in "\n".join(lines) for n in range(3))
    assert "…" not in "\n".join(lines)
    assert max(len(line.rstrip()) for line in lines[lines.index(head) : lines.index(head) + 4]) <= 80
    run(["status", NAME, "-o", "wide"])
    assert "NODE" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90", 90),
        ("90s", 90),
        ("5m", 300),
        ("2h", 7200),
        ("1h30m", 5400),
        ("7d", 604800),
        ("500ms", 0.5),
        ("1m5ms", 60.005),
    ],
)
def test_durations(text: str, seconds: float) -> None:
    assert types.Duration().convert(text, None, None) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["", "soon", "5x", "m5", "1.5h", "9" * 5000 + "s"])
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(click.BadParameter):
        types.Duration().convert(text, None, None)


@pytest.mark.parametrize(("text", "rate"), [("50", 50), ("50Mi", 50), ("1Gi", 1024), ("0", 0)])
def test_rates(text: str, rate: int) -> None:
    assert types.Rate().convert(text, None, None) == rate


def test_completion_of_names(cluster: Cluster, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from mysqlops.cli.backup import seen

    monkeypatch.setattr(Access, "client", lambda *_, **__: cluster.session().client)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    ctx = click.Context(click.Command("x"))
    option = click.Option(["--x"])
    ctx.params["name"] = NAME
    assert complete.clusters(ctx, option, "my") == [NAME]
    assert complete.members(ctx, option, "mysql-") == ["mysql-0", "mysql-1", "mysql-2"]
    assert complete.backups(ctx, option, "") == []
    seen.write(Access(), ["mysql-20261127-010000"])
    assert complete.backups(ctx, option, "mysql-2026") == ["mysql-20261127-010000"]
    assert complete.runbooks(ctx, option, "primary") == ["primary-lost"]
    assert complete.explained(ctx, option, "only-") == ["only-copy", "only-member"]
    assert "versions" in complete.explained(ctx, option, "v")


def test_completion_does_not_hang(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(complete, "_SECONDS", 0.01)
    answered = threading.Event()
    slow = complete._offers(lambda _: ["x"] if answered.wait(60) else [])
    assert slow(click.Context(click.Command("x")), click.Option(["--x"]), "") == []
    answered.set()


def test_an_old_spelling_works_with_a_notice(cluster: Cluster, capsys: pytest.CaptureFixture[str]) -> None:
    run(["drill", "kill-mysqld", "--cluster", "nosuch", "--dry-run"])
    shown = capsys.readouterr().err
    assert "--cluster nosuch is an old spelling" in shown
    assert "Lease nosuch-group" in shown
    assert run(["drill", "kill-mysqld", NAME, "--cluster", NAME]) == errors.ConfigError.exit_code


def test_a_limit_below_a_second_is_shown_as_it_was_given() -> None:
    session = Cluster(3).session()
    with pytest.raises(errors.WaitTimeout, match=r"^not after 0\.5 s: x$"):
        waiting.Patience(session, 0.5).give_up(waiting.Pending("x"))
    with pytest.raises(errors.WaitTimeout, match=r"^not after 21600 s: x$"):
        waiting.Patience(session, 21600.0).give_up(waiting.Pending("x"))


def test_restore_acts_as_the_user_given_before_it(accesses: list[Access]) -> None:
    assert run(["--as", "bob", "restore", "b", "--as", "copy"]) == 2
    assert [access.user for access in accesses] == ["bob"]


def test_an_error_that_nobody_expected_is_no_answer_of_diff(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(*_: object) -> None:
        raise KeyError("x")

    monkeypatch.setattr(compared, "look", broken)
    code = run(["diff", "-f", str(Path(__file__).parents[2] / "inputs" / "cluster.yaml")])
    assert "unexpected KeyError" in capsys.readouterr().err
    assert code not in (0, errors.EXIT_DIFFERENT)
