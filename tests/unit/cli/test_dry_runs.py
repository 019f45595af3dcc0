"""A dry run of any verb changes nothing, not even the Lease that locks the cluster."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import click
import pytest

from mysqlops import errors
from mysqlops.cli.context import Access, Confirmation, Question, Run
from mysqlops.cli.main import run
from mysqlops.core import names
from mysqlops.operations import lock
from mysqlops.operations.session import Session
from tests.unit.fakes.api import Killed
from tests.unit.fakes.cluster import NAME, Cluster
from tests.unit.fakes.verbs import AGREED, CHANGES, IDLE, REFUSED, options_of, words_of, world

RUN = Run(NAME, "test", "table", 60, Access(), Confirmation())


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

    with pytest.raises(click.exceptions.Exit) as ended:
        RUN.do(act, "delete it", dry_run=True, question=Question("deletes it"))
    assert ended.value.exit_code == 0
    assert "would delete it; nothing was changed" in capsys.readouterr().out
    assert cluster.store.log == []


def test_what_nobody_agreed_to_is_not_begun(cluster: Cluster) -> None:
    """Neither under the lock nor without: the question comes before both."""
    for locks in (True, False):
        with pytest.raises(errors.Refused, match="needs a confirmation"):
            RUN.do(lambda _: pytest.fail("begun"), "delete it", dry_run=False, question=Question("it"), locks=locks)
    assert cluster.store.log == []


def test_what_is_done_is_done_under_the_lock_of_its_cluster(cluster: Cluster) -> None:
    def holder(session: Session) -> str:
        lease = session.client.find("Lease", names.operation_lease(NAME))
        return str(((lease or {}).get("spec") or {}).get("holderIdentity") or "")

    agreed = replace(RUN, confirmation=Confirmation(yes=True))
    assert agreed.do(holder, "look", dry_run=False, question=Question("looks"))
    assert not RUN.do(holder, "look", dry_run=False, locks=False)
