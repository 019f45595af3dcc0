"""Names of clusters, members, targets and backups are completed where a verb takes them."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.shell_completion import ShellComplete

from mysqlops.cli.backup import seen
from mysqlops.cli.context import Access
from mysqlops.cli.main import root
from tests.unit.fakes.cluster import NAME, Cluster
from tests.unit.fakes.verbs import ID, world


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Cluster:
    return world(monkeypatch, tmp_path)


@pytest.mark.parametrize(
    ("words", "incomplete", "offered"),
    [
        ("status", "m", [NAME]),
        ("-n db delete", "", [NAME]),
        ("drill all", "", [NAME]),
        ("member fence mysql", "mysql-1", ["mysql-1"]),
        ("switchover mysql --to", "", ["mysql-0", "mysql-1", "mysql-2"]),
        ("backup create mysql --target", "l", ["local"]),
        ("backup target rotate", "", ["local"]),
        ("backup verify mysql", "mysql-2", [ID]),
        ("restore", "mysql-2", [ID]),
        ("restore x --in-place", "", [NAME]),
        ("restore x --member", "mysql-0", ["mysql-0"]),
        ("backup create mysql --member", "mysql-0", ["mysql-0"]),
        ("status -n", "", ["db"]),
    ],
)
def test_names_are_completed(
    words: str, incomplete: str, offered: list[str], cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Access, "client", lambda *_, **__: cluster.session().client)
    monkeypatch.setattr(seen, "read", lambda _: [ID])
    shell = ShellComplete(root, {}, "mysqlops", "_MYSQLOPS_COMPLETE")
    assert [one.value for one in shell.get_completions(words.split(), incomplete)] == offered


def test_no_word_is_offered_that_a_shell_would_run(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    """bash puts an offered word into the line without quotes."""
    odd = [
        f"{ID}{end}" for end in (";id", "$(id)", "`id`", "&id", "|id", ">x", " x", "*", "'", '"', "\\", "!!", "\x1b[2J")
    ]
    monkeypatch.setattr(
        seen, "read", lambda _: [*odd, "-e", "~root", f"{ID}-1", "arn:aws:eks:eu:1:cluster/x", "me@home"]
    )
    shell = ShellComplete(root, {}, "mysqlops", "_MYSQLOPS_COMPLETE")
    found = [one.value for one in shell.get_completions(["restore"], "")]
    assert found == ["arn:aws:eks:eu:1:cluster/x", "me@home", f"{ID}-1"]
