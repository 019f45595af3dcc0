"""The programs of a backup's Job: whom they copy, what they record of it, and what a comparison says of a backup."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from mysqlops import errors
from mysqlops.agent.jobs import backup as job
from mysqlops.agent.jobs import local, peers
from mysqlops.core import backup, binlog, gtid, pitr, view
from mysqlops.mysql import connect, contents, group_replication
from tests.unit.fakes.api import Clock
from tests.unit.operations.test_backup import GROUP, NOW, made

ENVIRONMENT = {
    "MYSQLOPS_CLUSTER": "orders",
    "MYSQLOPS_NAMESPACE": "db",
    "ORIGIN": "uid",
    "STORAGE_SIZE": "1Gi",
    "SPEC": "{}",
    "KEEP": '{"last": 1}',
}
HELD = contents.Contents({"app.t": contents.Table(2, 77)}, {}, {})


class Member:
    """A member of the cluster, as it answers over TLS."""

    def __init__(self, seen: view.ServerView, applied: tuple[int, str] = (0, "")) -> None:
        self.seen, self.applied, self.clock = seen, applied, NOW

    def __enter__(self) -> Member:
        return self

    def __exit__(self, *_: object) -> None: ...

    def scalar(self, sql: str) -> Any:
        if "group_replication_group_name" in sql:
            return GROUP
        return self.clock if "UTC_TIMESTAMP" in sql else None

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        queue, at = self.applied
        return (
            [(queue, datetime.fromisoformat(at) if at else None)] if sql.startswith("\nSELECT") or "FROM" in sql else []
        )


class Copy:
    """The server beside the program. It takes a donor's data and restarts; `fails` names a statement that ends it."""

    def __init__(self, work: Path) -> None:
        self.work, self.donor, self.executed, self.version = work, "", "", "9.7.4"
        self.fails: dict[str, errors.MysqlError] = {}
        self.settings: list[str] = []
        self.zones = "mysqlops/2026.1"

    def __enter__(self) -> Copy:
        return self

    def __exit__(self, *_: object) -> None: ...

    def scalar(self, sql: str) -> str:
        return self.executed if "gtid_executed" in sql else self.version

    def execute_secret(self, sql: str, _: str) -> None:
        self.donor = sql.partition("@")[2].partition(":")[0].strip("'")
        self.executed = f"{GROUP}:1-9"
        (self.work / "again").unlink()

    def query(self, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        self.settings.append(sql)
        if "clone_status" in sql:
            return [("Completed", 0, "", self.executed, "binlog.7", 99)]
        if sql == "SHUTDOWN":
            (self.work / "mysqld.stopped").write_text("0")
        return [("UTC", self.zones)] if "time_zone_name" in sql else []


class World:
    def __init__(self, work: Path) -> None:
        self.work, self.clock, self.copy = work, Clock(), Copy(work)
        self.clock.wall = NOW
        self.members: dict[str, Member | None] = {}
        self.read: Callable[[], contents.Contents] = lambda: HELD
        self.free = 1 << 40

    def connect(self, host: str, *_: Any, **__: Any) -> Member:
        if (found := self.members[host.partition(".")[0]]) is None:
            raise errors.ConnectFailed(f"{host} does not answer")
        return found

    def job(self, **environment: str) -> job.Job:
        if not (self.work / "snapshots.json").exists():
            (self.work / "snapshots.json").write_text("[]")
        return job.Job({**ENVIRONMENT, **environment}, self.clock)

    def restored(self, one: backup.Backup, held: contents.Contents = HELD) -> backup.Backup:
        """What the steps before the comparison leave."""
        manifest = {"backup": asdict(one), "contents": held.as_json(), "spec": {}}
        (self.work / "copy" / "manifest.json").write_text(json.dumps(manifest))
        for name, text in (("manifest", ""), ("chosen", "s1"), ("started", str(NOW.timestamp() - 7))):
            (self.work / name).write_text(text)
        (self.work / "snapshots.json").write_text(json.dumps([{"id": "s1", "tree": "t1"}]))
        self.copy.executed = one.gtid
        return one

    def verification(self) -> backup.Verification:
        return backup.verification_of_step((self.work / "report" / "verification.json").read_text())


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    found = World(tmp_path)
    (tmp_path / "copy" / "data").mkdir(parents=True)
    (tmp_path / "copy" / "data" / "ibdata1").write_bytes(b"0" * 50)
    for module in (job, local):
        monkeypatch.setattr(module, "_WORK", tmp_path)
        monkeypatch.setattr(module, "_SCRATCH", tmp_path)
    monkeypatch.setattr(job, "_COPY", tmp_path / "copy")
    monkeypatch.setattr(job, "_MANIFEST", tmp_path / "copy" / "manifest.json")
    monkeypatch.setattr(local, "APPLYING", tmp_path / "copy" / "applying")
    monkeypatch.setattr(peers, "_KEY", tmp_path / "key")
    monkeypatch.setattr(peers, "login", lambda: connect.Login("mysqlops_backup", "secret"))
    monkeypatch.setattr(connect, "read_login", lambda *_: connect.Login("mysqlops_backup", "secret"))
    monkeypatch.setattr(peers, "hosts", lambda *_: [f"{one}.orders.db.svc" for one in found.members])
    monkeypatch.setattr(connect, "connect_tcp", found.connect)
    monkeypatch.setattr(connect, "connect_socket", lambda *_, **__: found.copy)
    monkeypatch.setattr(connect, "set_read_timeout", lambda *_: None)
    monkeypatch.setattr(group_replication, "observe", lambda server: server.seen)
    monkeypatch.setattr(contents, "of", lambda *_, **__: found.read())
    monkeypatch.setattr(local, "_is_full", lambda: found.free < 100)
    return found


def _group(*states: str, lagging: str = "") -> dict[str, Member | None]:
    """Each member's own sight of the group; the first leads."""
    names = [f"orders-{number}" for number in range(len(states))]
    rows = tuple(
        view.GroupMember(
            f"u-{one}", f"{one}.orders.db.svc", state, "replica" if number else "primary", 5000 if one == lagging else 0
        )
        for number, (one, state) in enumerate(zip(names, states, strict=True))
    )
    made_of = gtid.GtidSet.parse(f"{GROUP}:1-12")
    return {
        one: Member(view.ServerView(f"u-{one}", "9.7.4", made_of, state=state, members=rows))
        for one, state in zip(names, states, strict=True)
    }


def _recorded(world: World) -> backup.Backup:
    manifest = json.loads((world.work / "copy" / "manifest.json").read_text())
    return backup.Backup(**manifest["backup"])


@pytest.mark.parametrize("zones", ["mysqlops/my zones", "mysqlops/", "MYSQLOPS/x", "mysqlops/\x1b[2J"])
def test_a_backup_is_listed_whatever_somebody_calls_a_time_zone(world: World, zones: str) -> None:
    world.members, world.copy.zones = dict(_group("ONLINE", "ONLINE", "ONLINE")), zones
    world.job().copy()
    assert _recorded(world).zones == "own"
    assert backup.catalogue([{"id": "s", "tags": (world.work / "tags").read_text().split()}])


def test_a_members_false_clock_keeps_no_backup_from_being_recovered_to_a_time(world: World) -> None:
    """It could say the year 9000, and only a GTID was left as a point. Clocks that differ by minutes count."""
    world.members = dict(_group("ONLINE", "ONLINE", "ONLINE"))
    for false, counts in ((timedelta(minutes=7), timedelta(minutes=7)), (timedelta(days=2_500_000), pitr.MARGIN)):
        last = world.members["orders-2"]
        assert last is not None
        last.clock = NOW + false
        world.job().copy()
        assert _recorded(world).committed == f"{NOW + counts:%Y-%m-%dT%H:%M:%S.%fZ}"


def test_a_copy_is_of_a_replica_and_says_what_it_holds_itself(world: World) -> None:
    """Not what the donor or the member that was asked holds by then."""
    world.members = {"orders-0": None, **dict(list(_group("ONLINE", "ONLINE", "ONLINE").items())[1:])}
    world.job().copy()
    assert world.copy.donor == "orders-1.orders.db.svc"
    found = _recorded(world)
    assert (found.member, found.role, found.gtid, found.group) == ("orders-1", "replica", f"{GROUP}:1-9", GROUP)
    assert (found.binlog, found.zones) == ("binlog.7:99", "2026.1")
    assert (found.tables, found.rows, found.size, found.committed) == (1, 2, 50, f"{NOW:%Y-%m-%dT%H:%M:%S.%fZ}")
    assert (world.work / "mysqld.stopped").exists(), "its data is whole before it is stored"
    (tags,) = backup.catalogue([{"id": "s", "tags": (world.work / "tags").read_text().split()}])
    assert tags.manifest == backup.digest((world.work / "copy" / "manifest.json").read_bytes())


def test_only_a_member_of_the_cluster_is_copied(world: World) -> None:
    """The donor gets the backup account's password, and its data becomes the backup. A member that somebody has entered
    named any host."""
    world.members = _group("ONLINE", "ONLINE", "ONLINE")
    entered = world.members["orders-0"]
    assert entered is not None
    stranger = view.GroupMember("u-9", "orders-1.evil.example", "ONLINE", "replica")
    entered.seen = replace(entered.seen, members=(entered.seen.members[0], stranger))
    world.job().copy()
    assert world.copy.donor == "orders-0.orders.db.svc"
    with pytest.raises(errors.Refused, match="orders-1: not ONLINE"):
        world.job(MEMBER="orders-1").copy()


def test_what_no_catalogue_would_list_is_not_stored(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """It was stored, reported as a backup, and left out of every list."""
    world.members = _group("ONLINE", "ONLINE", "ONLINE")
    scalar = Member.scalar
    monkeypatch.setattr(Member, "scalar", lambda it, sql: "a b" if "group_name" in sql else scalar(it, sql))
    with pytest.raises(errors.StorageError, match=r"the facts of orders-[-0-9]+ are out of range"):
        world.job().copy()
    assert not (world.work / "tags").exists()


def test_who_has_much_to_apply_is_left_alone_unless_it_is_asked_for(world: World) -> None:
    world.members = _group("ONLINE", "ONLINE", "ONLINE", lagging="orders-1")
    world.job().copy()
    assert _recorded(world).member == "orders-2"
    (world.work / "mysqld.stopped").unlink()
    lagging = world.members["orders-1"]
    assert lagging is not None
    lagging.applied = (5000, "2026-11-24T11:00:00+00:00")
    world.job(MEMBER="orders-1").copy()
    assert (_recorded(world).member, _recorded(world).at) == ("orders-1", "2026-11-24T11:00:00Z"), "of an hour before"


def test_a_member_without_a_majority_is_not_asked_whom_to_copy(world: World) -> None:
    """It may be the rest of a group that went on without it."""
    world.members = {"orders-2": _group("UNREACHABLE", "UNREACHABLE", "ONLINE")["orders-2"]}
    with pytest.raises(errors.StepFailed, match=r"no member has a group with a majority: orders-2.*is ONLINE"):
        world.job().copy()
    assert world.copy.donor == ""


def test_the_rate_is_kept(world: World) -> None:
    world.members = _group("ONLINE", "ONLINE", "ONLINE")
    world.job(RATE_MIB="20").copy()
    assert [one for one in world.copy.settings if "bandwidth" in one]


def test_what_is_equal_is_recorded_as_restored(world: World) -> None:
    one = world.restored(made(1))
    world.job().check()
    found = world.verification()
    assert (found.of, found.ok, found.seconds, found.of_snapshot, found.tree) == (one.id, True, 7.0, "s1", "t1")
    world.job().verdict()


@pytest.mark.parametrize(
    ("rows", "executed", "why"),
    [
        (contents.Table(3, 77), "", "app.t: 3 rows"),
        (contents.Table(2, 78), "", "app.t: 2 rows, checksum 78"),
        (contents.Table(2, 77), f"{GROUP}:1-4", f"GTID set {GROUP}:1-4 instead of {GROUP}:1-5"),
    ],
)
def test_a_difference_is_recorded_and_fails_the_job_afterwards(
    world: World, rows: contents.Table, executed: str, why: str
) -> None:
    one = world.restored(made(1))
    world.copy.executed = executed or one.gtid
    world.read = lambda: replace(HELD, tables={"app.t": rows})
    world.job().check()
    assert (world.verification().ok, why in world.verification().why) == (False, True)
    with pytest.raises(errors.StepFailed, match="differs from what was recorded"):
        world.job().verdict()
    with pytest.raises(errors.StepFailed):  # a restore does not go on with it
        world.job(MUST_BE_EQUAL="yes").check()


def _unreadable() -> contents.Contents:
    raise errors.StatementFailed("app.t is corrupt", errno=1712)


def test_a_backup_that_no_server_reads_is_bad_and_one_that_had_no_room_is_not(world: World) -> None:
    world.restored(made(1))
    world.read = _unreadable
    world.free = 10
    with pytest.raises(errors.StepFailed, match="did not end, which says nothing about the backup"):
        world.job().check()
    assert not (world.work / "report").exists(), "nothing is said of the backup"
    world.free = 1 << 40
    world.job().check()
    assert (world.verification().ok, "app.t is corrupt" in world.verification().why) == (False, True)


@pytest.mark.parametrize(("ended", "blames"), [("139", True), ("137", False)])
def test_a_server_that_crashes_over_the_data_shows_that_it_is_bad_not_one_that_was_killed(
    world: World, ended: str, *, blames: bool
) -> None:
    def crash() -> contents.Contents:
        (world.work / "mysqld.stopped").write_text(ended)
        raise errors.ConnectFailed("lost connection")

    world.restored(made(1))
    world.read = crash
    if blames:
        world.job().check()
        assert not world.verification().ok
    else:
        with pytest.raises(errors.StepFailed, match=r"did not end.*lost connection"):
            world.job().check()
        assert not (world.work / "report").exists()


@pytest.mark.parametrize(
    ("number", "told", "blames"),
    [
        (1053, "", False),  # the server was being shut down
        (1317, "", False),  # somebody ended the statement
        (1712, "", True),
        (0, "ERROR 1064 (42000) at line 1: You have an error\nERROR 2013 (HY000): Lost connection", True),
        (0, "ERROR 2013 (HY000) at line 1: Lost connection", False),
        (0, "", True),
    ],
)
def test_an_error_of_the_surroundings_says_nothing_about_the_backup(
    world: World, number: int, told: str, *, blames: bool
) -> None:
    def fails() -> contents.Contents:
        (world.work / "load.log").write_text(told)
        (world.work / "mysqld.stopped").write_text("0" if number else "1")
        raise errors.StatementFailed("no", errno=number) if number else errors.ConnectFailed("no server")

    world.restored(made(1))
    world.read = fails
    if blames:
        world.job().check()
        assert not world.verification().ok
    else:
        with pytest.raises(errors.StepFailed, match="did not end"):
            world.job().check()
        assert not (world.work / "report").exists()


def test_a_snapshot_that_logs_were_being_applied_to_is_not_taken_for_itself(world: World) -> None:
    world.restored(made(1, method=backup.SNAPSHOT, volume_snapshot="v"))
    local.APPLYING.touch()
    with pytest.raises(errors.Refused, match="no longer holds the snapshot"):
        world.job().check()


def test_what_is_in_its_place_already_is_not_compared_again(world: World) -> None:
    """A second run of the Job: from here on the volume is a member's."""
    shutil.move(world.work / "copy" / "data", world.work / "data")
    world.job().check()
    world.job(REJOINS="yes").place()
    assert (world.work / "restored").read_text() == "rejoin"
    assert not (world.work / "restored-from").exists(), "only who has compared the data says so"
    assert (world.work / "data" / "ibdata1").exists()


def test_a_snapshot_s_facts_are_stored_without_its_data(world: World) -> None:
    facts = {"MEMBER": "orders-1", "ROLE": "replica", "GROUP": GROUP, "AT": "2026-11-24T12:00:00Z"}
    world.copy.executed = f"{GROUP}:1-7"
    made_at = "orders-20261124-120000"
    world.job(METHOD=backup.SNAPSHOT, VOLUME_SNAPSHOT="v", BACKUP_ID=made_at, **facts).examine()
    assert [one.name for one in (world.work / "report").iterdir()] == ["manifest.json"]
    found = _recorded(world)
    assert (found.id, found.volume_snapshot, found.gtid, found.method) == (
        made_at,
        "v",
        f"{GROUP}:1-7",
        backup.SNAPSHOT,
    )


def test_a_policy_of_a_job_forgets_no_entry_of_a_volume_snapshot(world: World) -> None:
    """The snapshot itself would stay, and nobody would know of it."""
    ones = [made(number, NOW.replace(hour=number), snapshot=f"s{number}") for number in (1, 2, 3)]
    ones[0] = replace(ones[0], volume_snapshot="v")
    snapshots = [{"id": f"s{number}", "tags": backup.tags(one)} for number, one in enumerate(ones, 1)]
    (world.work / "snapshots.json").write_text(json.dumps(snapshots))
    world.job().expired()
    assert (world.work / "forget").read_text().split() == ["s2"]


def test_a_policy_of_a_job_spares_what_another_job_is_making(world: World) -> None:
    """It sees no other Job. An entry that is not sealed stays a day, and so do logs that the next backup may need."""
    (world.work / "key").write_text("the key")
    day = world.clock.wall = NOW + timedelta(days=3)

    def entry(number: int, at: datetime, *, is_sealed: bool) -> list[dict[str, Any]]:
        one = made(number, at, id=f"orders-{at:%Y%m%d-%H%M%S}")
        stored = {"id": f"s{number}", "tags": backup.tags(one, "the key"), "tree": f"{number:064x}"}
        note = {"id": f"b{number}", "tags": backup.tags(backup.binding(stored), "the key")}
        return [stored, note] if is_sealed else [stored]

    def chunk(number: int, at: datetime) -> dict[str, Any]:
        facts = (f"c{number}", "orders", "db", "uid", GROUP, f"{GROUP}:1-{number}0", f"{GROUP}:{number}1-{number}9")
        one = binlog.Chunk(*facts, transactions=9, last=f"{at:%Y-%m-%dT%H:%M:%SZ}")
        return {"id": f"log{number}", "tags": binlog.tags(one, "the key")}

    hour = timedelta(hours=1)
    snapshots = [
        *entry(1, day, is_sealed=True),
        *entry(2, day - 2 * hour, is_sealed=False),
        *entry(3, day - 60 * hour, is_sealed=False),
        *entry(4, day - 3 * hour, is_sealed=True),
        *(chunk(number, day - ago * hour) for number, ago in ((3, 60), (4, 20), (5, 1))),
    ]
    (world.work / "snapshots.json").write_text(json.dumps(snapshots))
    world.job().expired()
    assert set((world.work / "forget").read_text().split()) == {"s3", "s4", "b4", "log3"}
