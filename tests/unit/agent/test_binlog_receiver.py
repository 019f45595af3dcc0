"""The receiver of binary logs: what it says is stored until a moment is stored, whatever happens to it meanwhile."""

from __future__ import annotations

import itertools
import json
import signal
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from mysqlops import errors
from mysqlops.agent import api
from mysqlops.agent.jobs import binlog as job
from mysqlops.agent.jobs import peers, store
from mysqlops.core import backup, binlog, relay_log
from mysqlops.core.gtid import GtidSet
from mysqlops.mysql import connect
from tests.unit.fakes.receiving import GROUP, OTHER, Primary, Turns, World

_ENVIRONMENT = {
    "MYSQLOPS_CLUSTER": "mysql",
    "MYSQLOPS_NAMESPACE": "db",
    "EVERY": "10",
    "ORIGIN": "uid",
    "TARGET": "t",
    "CHUNK_MIB": "64",
    "CHUNK_SECONDS": "86400",
}
Step = Callable[[], object]


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    made = World(tmp_path)
    monkeypatch.setattr(job, "_RELAY", tmp_path / "relay")
    monkeypatch.setattr(job, "_CHUNK", tmp_path / "chunk")
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    monkeypatch.setattr(store, "Store", partial(store.Store, work=tmp_path / "work"))
    monkeypatch.setattr(peers, "_KEY", tmp_path / "key")
    (tmp_path / "key").write_text("the cluster's\n")
    monkeypatch.setattr(peers, "login", lambda: connect.Login("mysqlops_backup", "secret"))
    monkeypatch.setattr(connect, "connect_socket", lambda *_, **__: made.receiver)
    monkeypatch.setattr(connect, "connect_tcp", made.connect)
    monkeypatch.setattr(connect, "set_read_timeout", lambda *_: None)

    def patch(_: api.Api, *where: Any) -> dict[str, Any]:
        made.reports.append(dict(json.loads(where[-1]["metadata"]["annotations"]["mysqlops.io/binlog"])))
        return {}

    monkeypatch.setattr(api.Api, "patch", patch)
    return made


def _run(world: World, *steps: Step, **environment: str) -> None:
    """One pod's life: the story's steps happen in the pauses between its turns; at its end it stores what it has."""
    ship = job.Ship({**_ENVIRONMENT, **environment}, world.clock)
    ship._over = Turns(world.clock, steps)  # type: ignore[assignment]
    ship.run()


def _nothing() -> None:
    """A turn passes."""


def _commits(world: World, *numbers: int, group: str = "") -> Step:
    return lambda: world.primary.commit(*numbers, group=group)


def _chunks(world: World) -> list[binlog.Chunk]:
    return binlog.chunks(world.restic.snapshots, peers.keys(_ENVIRONMENT))


def _stored(world: World, chunk: binlog.Chunk) -> list[str]:
    """The transactions in the files of a chunk's last state."""
    files = world.restic.files[chunk.snapshot]
    logs = [data for name, data in sorted(files.items()) if name.startswith("relay.")]
    return [one.gtid for data in logs for one in relay_log.transactions(data, "log")]


def _check(world: World) -> None:
    """Whatever a chunk counts is in its files, and whatever was committed until its `until` is in one."""
    held = GtidSet()
    for chunk in _chunks(world):
        found = GtidSet()
        for gtid in _stored(world, chunk):
            found = found.union(GtidSet.parse(gtid))
        assert chunk.came.is_subset(found), chunk
        assert chunk.transactions == chunk.came.count()
        held = held.union(chunk.after)
    until = max(*(one.get("until", "") for one in world.reports), *(chunk.until for chunk in _chunks(world)))
    due = [gtid for gtid, at in world.primary.times.items() if binlog.moment(at) <= until]
    assert [gtid for gtid in due if not GtidSet.parse(gtid).is_subset(held)] == []


def test_what_the_primary_commits_is_stored_and_complete_until_a_moment(world: World) -> None:
    world.primary.commit(1, 2)
    _run(world, _commits(world, 3, 4, 5), _nothing, _commits(world, 6), _nothing, _nothing)
    (chunk,) = _chunks(world)
    assert (chunk.before, chunk.gtid, chunk.signed) == (f"{GROUP}:1-2", f"{GROUP}:3-6", backup.SIGNED)
    assert _stored(world, chunk) == [f"{GROUP}:{number}" for number in (3, 4, 5, 6)]
    _check(world)
    assert world.reports[-1]["trouble"] == ""


def test_a_lost_pod_costs_nothing_that_the_primary_still_has(world: World) -> None:
    world.primary.commit(1)
    _run(world, _commits(world, 2, 3), _nothing, _nothing)
    world.lose_pod()
    world.primary.commit(4, 5)
    _run(world, _nothing, _commits(world, 6), _nothing)
    first, second = _chunks(world)
    assert (first.after, second.before) == (GtidSet.parse(f"{GROUP}:1-3"), f"{GROUP}:1-3")
    assert (second.gtid, second.number) == (f"{GROUP}:4-6", first.number + 1)
    _check(world)
    assert world.reports[-1]["gap"] == "no backup in the target can be recovered to the present"


def test_what_was_purged_before_it_was_stored_is_a_gap_that_is_told(world: World) -> None:
    world.primary.commit(1)
    _run(world, _commits(world, 2), _nothing)
    world.lose_pod()
    world.primary.commit(3, 4)
    world.primary.purged = GtidSet.parse(f"{GROUP}:1-3")
    _run(world, _nothing, _commits(world, 5), _nothing)
    assert f"purged before they were stored: {GROUP}:3" in world.reports[-1]["gap"]
    assert [one.gtid for one in _chunks(world)][-1] == f"{GROUP}:5"


def test_a_receiver_that_fell_behind_begins_again_with_what_it_has(world: World) -> None:
    def purge() -> None:
        world.primary.is_down = False
        world.primary.commit(3, 4)
        world.primary.purged = GtidSet.parse(f"{GROUP}:1-3")
        world.receiver.is_connected = False

    world.primary.commit(1)
    _run(world, _commits(world, 2), purge, _nothing, _commits(world, 5), _nothing, _nothing)
    first, *_, last = _chunks(world)
    assert (first.gtid, last.gtid) == (f"{GROUP}:2", f"{GROUP}:5")
    assert "purged before they were stored" in world.reports[-1]["gap"]


def test_another_primary_of_the_same_history_goes_on_in_the_same_chunk(world: World) -> None:
    def fail_over() -> None:
        before, world.primary = world.primary, Primary(world.clock, "p2")
        world.primary.executed, world.primary.times = before.executed, before.times
        world.primary.commit(4)

    world.primary.commit(1)
    _run(world, _commits(world, 2, 3), _nothing, fail_over, _nothing, _commits(world, 5), _nothing)
    (chunk,) = _chunks(world)
    assert chunk.gtid == f"{GROUP}:2-5"
    assert world.receiver.source == "p2"
    _check(world)


def test_a_new_primary_is_given_time_to_take_over_what_it_has_received(world: World) -> None:
    """What it cannot name yet is nothing foreign: the chunk does not end for it."""

    def fail_over() -> None:
        before, world.primary = world.primary, Primary(world.clock, "p2")
        world.primary.executed, world.primary.is_settled = GtidSet.parse(f"{GROUP}:1-2"), False
        world.primary.times = before.times

    def settle() -> None:
        assert "has not yet applied everything" in world.reports[-1]["trouble"]
        world.primary.executed, world.primary.is_settled = GtidSet.parse(f"{GROUP}:1-3"), True

    world.primary.commit(1)
    _run(world, _commits(world, 2, 3), _nothing, fail_over, _nothing, settle, _commits(world, 4), _nothing)
    (chunk,) = _chunks(world)
    assert chunk.gtid == f"{GROUP}:2-4"


def test_another_history_comes_into_no_chunk_of_this_one(world: World) -> None:
    """A restore in place, or a loss that was accepted: the group counts under another name."""

    def rename() -> None:
        world.primary.group = OTHER
        world.primary.commit(1, 2)

    world.primary.commit(1)
    _run(world, _commits(world, 2), _nothing, rename, _nothing, _commits(world, 3), _nothing)
    of = {chunk.group: chunk for chunk in _chunks(world)}
    assert of.keys() == {GROUP, OTHER}
    assert not [gtid for gtid in _stored(world, of[GROUP]) if gtid.startswith(OTHER)]
    assert f"{OTHER}:3" in of[OTHER].gtid
    assert f"the cluster continues as group {OTHER}" in world.reports[-1]["gap"]


def test_the_beginning_of_a_transaction_is_not_counted_before_its_end_has_come(world: World) -> None:
    def begin() -> None:
        world.receiver.half = f"{GROUP}:3"
        world.primary.commit(3)

    def look() -> None:
        assert f"{GROUP}:2" == _chunks(world)[-1].gtid

    def end() -> None:
        world.receiver.half = ""

    world.primary.commit(1)
    _run(world, _commits(world, 2), _nothing, begin, look, end, _nothing, _nothing)
    assert _chunks(world)[-1].gtid == f"{GROUP}:2-3"


def test_a_file_that_is_damaged_is_received_again(world: World) -> None:
    close = world.receiver._close

    def damage() -> None:
        def closing() -> None:
            close()
            file = world.folder / "relay" / f"relay.{world.receiver.number:06}"
            file.write_bytes(file.read_bytes()[:-1])
            world.receiver._close = close  # type: ignore[method-assign]

        world.primary.commit(3)
        world.receiver._close = closing  # type: ignore[method-assign]

    world.primary.commit(1)
    _run(world, _commits(world, 2), _nothing, damage, _nothing, _nothing, _nothing)
    assert any("cut off" in one["trouble"] for one in world.reports)
    assert _chunks(world)[-1].after == GtidSet.parse(f"{GROUP}:1-3")
    _check(world)


def test_while_the_repository_is_away_it_says_so_and_nothing_is_lost(world: World) -> None:
    def fail(word: str) -> Step:
        return lambda: setattr(world.restic, "fails", word)

    world.primary.commit(1)
    steps = (_commits(world, 2), _nothing, fail("store"), _commits(world, 3), _nothing)
    _run(world, *steps, lambda: world.reports.append({"mark": True}), fail(""), _nothing, _nothing)
    away = world.reports[: world.reports.index({"mark": True})][-1]
    assert "the repository is away" in away["trouble"]
    assert away["transactions"] == 1, "what is not stored does not count"
    assert _chunks(world)[-1].gtid == f"{GROUP}:2-3"


def test_a_large_chunk_is_let_go_and_its_earlier_states_with_it(world: World) -> None:
    world.primary.commit(1)
    steps = (_commits(world, 2), _nothing, _commits(world, 3), _nothing, _commits(world, 4), _nothing)
    _run(world, *steps, CHUNK_MIB="0.00001")
    chunks = _chunks(world)
    assert len(chunks) > 1
    assert [one.number for one in chunks] == [*range(chunks[0].number, chunks[0].number + len(chunks))]
    assert all(str(one.after) == two.before for one, two in itertools.pairwise(chunks))
    assert chunks[-1].after == GtidSet.parse(f"{GROUP}:1-4")
    _check(world)


def test_a_new_chunk_does_not_hide_until_when_the_repository_is_complete(world: World) -> None:
    world.primary.commit(1)
    steps = (_commits(world, 2), _nothing, _nothing, _commits(world, 3), _nothing, _nothing, _nothing)
    _run(world, *steps, CHUNK_MIB="0.00001")
    assert len(_chunks(world)) > 1
    reported = [one["until"] for one in world.reports]
    proven = reported[reported.index(next(filter(None, reported))) :]
    assert "" not in proven
    assert proven == sorted(proven)


def test_without_a_primary_it_waits_and_says_what_for(world: World) -> None:
    world.primary.is_down = True
    _run(world, _nothing, lambda: setattr(world.primary, "is_down", False), _commits(world, 1), _nothing)
    assert "does not answer" in world.reports[0]["trouble"]
    assert _chunks(world)[-1].gtid == f"{GROUP}:1"


def test_a_report_that_cannot_be_written_stops_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: Any) -> None:
        raise errors.Unreachable("the API server does not answer")

    monkeypatch.setattr(api.Api, "patch", away)
    world.primary.commit(1)
    _run(world, _commits(world, 2), _nothing)
    assert _chunks(world)[-1].gtid == f"{GROUP}:2"
