"""--no-wait returns once the agents, a controller or a Job have the order; what they do then needs no command."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import click
import pytest

from mysqlops import errors
from mysqlops.cli.main import run
from mysqlops.core import names, rollout
from mysqlops.operations import claims, member, observe, orders, stop
from tests.unit.cli.test_tree import COMMANDS
from tests.unit.fakes.cluster import GROUP, NAME, Cluster
from tests.unit.fakes.verbs import AGREED, CHANGES, options_of, words_of, world
from tests.unit.operations.test_killed_verbs import _copy_when_empty, _obey

PAGE = (Path(__file__).parents[3] / "docs" / "how-to" / "automation.md").read_text()
# Each verb with --no-wait, and the object that carries its order.
HANDED_OVER = {
    "deploy": "",
    "member/fence": "Lease mysql-group",
    "member/unfence": "Lease mysql-group",
    "member/rebuild": "PersistentVolumeClaim data-mysql-1",
    "stop": "StatefulSet mysql",
    "start": "StatefulSet mysql",
    "recover": "Lease mysql-group",
    "expose": "Service mysql-outside",
    "backup/create": "Job mysql-",
    "backup/verify": "Job mysql-",
    "backup/export": "Job export-",
    "backup/schedule/run-now": "Job mysql-backup-now",
    "backup/binlog/start": "Deployment mysql-binlog",
}
# Tried below, in a world that is ready for them.
READY = {"deploy", "member/unfence", "member/rebuild", "stop", "start", "recover"}


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Cluster:
    return world(monkeypatch, tmp_path)


def test_every_verb_that_can_hand_over_is_listed_here() -> None:
    able = {
        path
        for path, command in COMMANDS.items()
        if not isinstance(command, click.Group) and any("--no-wait" in one.secondary_opts for one in command.params)
    }
    assert able == HANDED_OVER.keys()
    assert able <= CHANGES.keys()


def test_the_page_says_of_each_what_is_left_to_be_done() -> None:
    """And of no other verb."""
    table = PAGE.partition("| command | what")[2].partition("\n\n")[0]
    rows = [line.split("|")[1] for line in table.splitlines()[2:]]
    named = {name.replace(" ", "/") for row in rows for name in re.findall(r"`([^`]+)`", row)}
    assert named == HANDED_OVER.keys()


def test_the_page_says_of_every_other_changing_verb_why_it_always_waits() -> None:
    table = PAGE.partition("| led by the command")[2].partition("\n\n")[0]
    rows = [line.split("|")[1] for line in table.splitlines()[2:]]
    named = {name.replace(" ", "/") for row in rows for name in re.findall(r"`([^`]+)`", row)}
    led = CHANGES.keys() - HANDED_OVER.keys()
    named_by = {path: [name for name in named if path == name or path.startswith(f"{name}/")] for path in led}
    assert [path for path, found in named_by.items() if len(found) != 1] == []
    assert named == {name for found in named_by.values() for name in found}


@pytest.mark.parametrize("words", ["upgrade mysql --no-wait", "scale mysql --wait", "backup target add x --no-wait"])
def test_who_asks_a_verb_not_to_wait_that_always_does_gets_that_answer(
    words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """click offered `--pod-patch` for it."""
    assert run(words.split()) == 2
    shown = capsys.readouterr().err
    assert f"No such option '{words.rsplit(maxsplit=1)[-1]}': this command always waits until its work is done" in shown
    assert "mysqlops explain automation" in shown
    assert "Did you mean" not in shown
    assert run(["status", "mysql", "--no-wait"]) == 2
    assert "always waits" not in capsys.readouterr().err


@pytest.mark.parametrize("path", sorted(HANDED_OVER.keys() - READY))
def test_it_returns_once_the_order_is_given(path: str, cluster: Cluster, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing obeys in this world: whatever waited would end with its timeout."""
    agreed = AGREED.get(path, ["--yes"] if "--yes" in options_of(path) else [])
    code = run([*words_of(path), *agreed, "--no-wait", "-o", "json"])
    shown = capsys.readouterr()
    assert code == 0, shown.err
    assert json.loads(shown.out).get("waited") in (False, None)
    assert [line for line in cluster.store.log if HANDED_OVER[path] in line], cluster.store.log


def test_a_fence_that_waits_is_not_over_before_the_member_obeys(
    cluster: Cluster, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([*words_of("member/fence"), "--yes", "--timeout", "20s"]) == errors.WaitTimeout.exit_code, (
        capsys.readouterr().err
    )


def test_a_rebuild_goes_on_without_the_command_and_the_next_run_waits_for_it() -> None:
    cluster = Cluster(3)
    before = cluster.data_uid("mysql-1")
    member.rebuild(cluster.session(), NAME, "mysql-1", accept_loss=False, wait=False)
    assert cluster.data_uid("mysql-1") != before
    new = cluster.data_uid("mysql-1")
    _copy_when_empty(cluster)
    member.rebuild(cluster.session(60.0), NAME, "mysql-1", accept_loss=False)
    assert (cluster.data_uid("mysql-1"), cluster.held("mysql-1")) == (new, f"{GROUP}:1-5")
    assert not claims.emptied(cluster.session(), NAME)


def test_an_unfence_is_an_order_in_the_lease() -> None:
    cluster = Cluster(3)
    orders.write(cluster.session().client, NAME, fenced={"mysql-1": "slow disk"})
    cluster.facts["mysql-1"]["role"] = "none"
    assert member.unfence(cluster.session(), NAME, "mysql-1", wait=False)
    assert cluster.fenced() == {}


def test_members_stop_and_start_by_themselves_and_are_compared_by_the_next_start() -> None:
    cluster = Cluster(3)
    _obey(cluster)
    stopped: Any = stop.stop(cluster.session(60.0), NAME, wait=False)
    assert cluster.stateful_set()["spec"]["replicas"] == 0
    assert set(stopped["executed"]) == {"mysql-0", "mysql-1", "mysql-2"}
    stop.start(cluster.session(60.0), NAME, wait=False)
    assert cluster.stateful_set()["spec"]["replicas"] == 3
    assert names.ANNOTATION_STOPPED in cluster.notes(), "nothing is compared yet"
    cluster.write("mysql-1", f"{GROUP}:1-4")
    with pytest.raises(errors.StepFailed, match="mysql-1 had"):
        stop.start(cluster.session(60.0), NAME)


def test_a_start_waits_for_the_members_and_not_for_a_rollout_that_is_open() -> None:
    """Only the rollout's own command can end it, and start holds the lock."""
    cluster = Cluster(3)
    _obey(cluster)
    stop.stop(cluster.session(60.0), NAME, wait=False)
    record = rollout.Rollout("settings", "2026-01-01T00:00:00Z", {"spec": {}}, "9.7.4", "9.7.4")
    session = cluster.session(60.0)
    annotations = {names.ANNOTATION_ROLLOUT: rollout.dump(record)}
    session.client.patch("StatefulSet", NAME, {"metadata": {"annotations": annotations}})
    stop.start(session, NAME)
    assert names.ANNOTATION_STOPPED not in cluster.notes(), "the members were compared"
    assert "rollout-open" in {one.code for one in observe.judged(session, NAME).conditions}


def test_what_is_more_than_one_job_is_led_to_the_end(cluster: Cluster, capsys: pytest.CaptureFixture[str]) -> None:
    for more in ("--all-members", "--method=snapshot"):
        assert run([*words_of("backup/create"), more, "--no-wait"]) == errors.ConfigError.exit_code
        assert "more than one Job" in capsys.readouterr().err
