"""A dry run of any verb changes nothing, not even the Lease that locks the cluster."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mysqlops import errors
from mysqlops.cli.context import Access, Confirmation, Run
from mysqlops.cli.main import run
from mysqlops.core import names
from mysqlops.operations import lock
from mysqlops.operations.session import Session
from tests.unit.fakes.api import Killed
from tests.unit.fakes.cluster import NAME, Cluster
from tests.unit.fakes.verbs import AGREED, CHANGES, IDLE, REFUSED, options_of, words_of, world


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Cluster:
    return world(monkeypatch, tmp_path)


@pytest.mark.parametrize("path", CHANGES)
def test_a_dry_run_changes_nothing(path: str, cluster: Cluster, capsys: pytest.CaptureFixture[str]) -> None:
    code = run([*words_of(path), "--dry-run", "-o", "json"])
    out = capsys.readouterr()
    assert cluster.store.log == []
    if path in REFUSED:
        assert (code, json.loads(out.out)["reasons"][0]["code"]) == (errors.Refused.exit_code, REFUSED[path])
    else:
        assert (code, json.loads(out.out)["apiVersion"]) == (0, "mysqlops.io/v1"), out.err


@pytest.mark.parametrize("path", sorted(CHANGES.keys() - REFUSED.keys() - IDLE))
def test_without_dry_run_it_would_have_changed_something(
    path: str, cluster: Cluster, capsys: pytest.CaptureFixture[str]
) -> None:
    """So that the test before this one can fail."""
    has_yes = "--yes" in options_of(path)
    cluster.store.kill_after = lambda text: names.operation_lease(NAME) not in text
    with pytest.raises(Killed):
        run([*words_of(path), *AGREED.get(path, ["--yes"] if has_yes else [])])
    assert [line for line in cluster.store.log if names.operation_lease(NAME) not in line], capsys.readouterr().err


def test_a_dry_run_takes_no_lock(cluster: Cluster, capsys: pytest.CaptureFixture[str]) -> None:
    """An operation that locks by itself would else put the lock's guard in the place of the rehearsal's."""

    def act(session: Session) -> None:
        with lock.held(session, NAME, "test"):
            session.client.delete("StatefulSet", NAME)

    Run(NAME, "test", "table", 60, Access(), Confirmation()).rehearse(act, "delete it")
    assert "would delete it; nothing was changed" in capsys.readouterr().out
    assert cluster.store.log == []
