"""What must never happen to acknowledged writes, on three real servers with the manifests' own settings (S1, S2,
S16)."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from mysqlops import errors
from mysqlops.core import names, view
from mysqlops.core.gtid import GtidSet
from mysqlops.mysql import group_replication
from mysqlops.planning import torn_relay_log
from tests.database.containers import Template, eventually
from tests.database.group import REPLICATION, Group, Member, Settings
from tests.simulation.group_contract import NAME, OTHER_NAME

_CLIENTS = 8
_BOOTSTRAP = "SET GLOBAL group_replication_bootstrap_group = ON"
_STARTS = """
SELECT 1 FROM performance_schema.events_statements_current
WHERE event_name = 'statement/sql/group_replication_start' AND end_event_id IS NULL
"""
_NOBODY = "10.255.255.1"
# The relay log in which the applier's transactions are: the server begins an empty one whenever it starts.
_LAST = "file=$(ls -S /data/data/*-group_replication_applier.0* | head -1); "


@pytest.fixture
def group(template: Template) -> Iterator[Group]:
    with Group(Settings(), template) as servers:
        yield servers


def _write(member: Member, each: int) -> GtidSet:
    """Insert rows with eight clients; what the server has executed then, all of it acknowledged."""
    if not member.query("SHOW DATABASES LIKE 'shop'"):
        tables = [f"CREATE TABLE shop.t{n} (id INT AUTO_INCREMENT PRIMARY KEY, v TEXT)" for n in range(_CLIENTS)]
        member.query("CREATE DATABASE shop", *tables)

    def insert(client: int) -> None:
        with member.server(60) as server:
            for _ in range(each):
                server.query(f"INSERT INTO shop.t{client} (v) VALUES (REPEAT('x', 300))")

    with ThreadPoolExecutor(_CLIENTS) as clients:
        list(clients.map(insert, range(_CLIENTS)))
    return member.observe().executed


def _rows(member: Member) -> list[int]:
    return [int(member.query(f"SELECT COUNT(*) FROM shop.t{client}")[0][0]) for client in range(_CLIENTS)]


def _receive_unapplied(primary: Member, replica: Member, each: int) -> GtidSet:
    """Acknowledged writes that the replica holds in its relay log only; it stays so until it is killed."""
    before = _write(primary, 1)
    replica.await_executed(before)
    replica.hold_up()
    written = _write(primary, each)
    eventually(lambda: written.is_subset(replica.observe().known()), "all is received")
    assert written.subtract(replica.observe().executed).count() == each * _CLIENTS
    return written


def test_a_flag_that_a_dead_agent_left_on_forms_no_second_group_and_nobody_gets_in_too_early(group: Group) -> None:
    """Also: a member in offline mode forms, joins and leads, and stays in offline mode; the part of view_id before the
    colon is the same for all members and all views of a group, and a new one each time a group is formed."""
    first, second, _ = group.members
    for member in (first, second):
        member.query("SET GLOBAL offline_mode = ON")
    first.form()
    alone = eventually(lambda: seen if (seen := first.observe()).writable else None, "it takes writes")
    assert (alone.role(), alone.offline_mode, bool(alone.executed)) == (names.ROLE_PRIMARY, True, False)
    with pytest.raises(errors.StatementFailed):
        first.drop_received()  # never in a group

    first.query(_BOOTSTRAP)  # as after SIGKILL of the agent in the middle of START GROUP_REPLICATION
    second.join(first)
    both = first.await_members(first, second)
    assert second.observe().offline_mode
    assert not both.executed
    first.leave()
    second.await_members(second)
    first.join(second)
    again = second.await_members(first, second)
    incarnation = alone.view_id.partition(":")[0]
    assert [one.view_id.partition(":")[0] for one in (both, again, first.observe())] == [incarnation] * 3
    assert [one.observe().role() for one in (first, second)] == [names.ROLE_REPLICA, names.ROLE_PRIMARY]

    first.leave()
    second.leave()
    second.form()
    assert second.await_members(second).view_id.partition(":")[0] != incarnation


def test_a_new_primary_is_writable_only_once_it_has_executed_what_its_predecessor_acknowledged(group: Group) -> None:
    """On that the note of a group relies: until then it keeps the member that left (docs/adr/0026)."""
    first, *others = group.members
    group.form()
    before = _write(first, 1)
    for one in others:
        one.await_executed(before)
        one.hold_up()
    written = _write(first, 120)
    first.kill()
    for one in others:
        eventually(lambda one=one: written.is_subset(one.observe().known()), "all is received")  # type: ignore[misc]
    leader = eventually(
        lambda: next((one for one in others if one.observe().role() == names.ROLE_PRIMARY), None), "led"
    )
    early = leader.observe()
    assert not early.writable
    assert not early.received.is_subset(early.executed)
    for one in others:
        one.go_on()
    seen = eventually(lambda: now if (now := leader.observe()).writable else None, "it takes writes")
    assert written.is_subset(seen.executed)
    assert seen.received.is_subset(seen.executed)


def test_a_primary_that_leaves_under_writes_writes_nothing_on_its_own(group: Group) -> None:
    first, second, third = group.members
    group.form()
    _write(first, 1)
    with ThreadPoolExecutor(1) as clients:
        writing = clients.submit(_write, first, 2000)
        eventually(lambda: first.observe().executed.count() > 100, "it is written")
        first.leave()
        assert isinstance(writing.exception(60), errors.MysqlError)
    left = first.observe()
    assert (left.state, left.writable) == (view.OFFLINE, False)
    assert left.server_uuid not in str(left.executed)
    second.await_members(second, third)


def test_an_agent_that_is_killed_while_a_lock_delays_its_leaving_leaves_no_primary_read_only(
    group: Group, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second, third = group.members
    group.form()
    second.await_executed(_write(first, 1))
    with first.server(60) as holder:
        holder.query("LOCK TABLES shop.t0 WRITE")
        monkeypatch.setattr(group_replication, "_START_SECONDS", 2.0)
        with pytest.raises(errors.ConnectFailed):
            first.leave()
    eventually(lambda: first.observe().state == view.OFFLINE, "it has left")
    second.await_members(second, third)
    assert not first.observe().writable


def test_what_was_received_survives_kill_9_and_is_applied_when_the_member_joins_and_when_it_forms(group: Group) -> None:
    first, second, third = group.members
    group.form()
    for each in (25, 50):
        written = _receive_unapplied(first, second, 24)
        if each == 25:
            second.kill()
            second.start()
            assert written.is_subset(second.observe().known())
            first.await_members(first, third)
            second.join(first)
            first.await_members(first, second, third)
        else:
            for member in (first, third, second):
                member.kill()
            second.start()
            assert written.is_subset(second.observe().known())
            second.form()
        eventually(lambda: second.observe().role() != names.ROLE_NONE, "it serves")
        second.await_executed(written)
        assert _rows(second) == [each] * _CLIENTS
    eventually(lambda: second.observe().writable, "it takes writes")
    _write(second, 1)
    assert second.observe().executed.count() == written.count() + _CLIENTS  # no number was given twice
    first.start()
    first.join(second)
    second.await_members(first, second)


@pytest.mark.long
@pytest.mark.parametrize(
    "tear",
    [
        "truncate -s -37 $file",
        "size=$(stat -c %s $file); truncate -s -4096 $file; truncate -s $size $file",
        "size=$(stat -c %s $file); dd if=/dev/urandom of=$file bs=1 seek=$((size - 5000)) count=500 conv=notrunc",
        "size=$(stat -c %s $file); truncate -s $((size / 2 + 11)) $file",
    ],
    ids=["cut", "zeros", "garbage", "half"],
)
def test_all_before_a_tear_of_the_relay_log_is_applied(group: Group, tear: str) -> None:
    first, second, third = group.members
    group.form()
    written = _receive_unapplied(first, second, 30)
    for member in (second, first, third):
        member.kill()
    second.in_volume(_LAST + tear)
    second.start()
    readable = second.observe().known()
    assert readable.is_subset(written)
    assert readable.subtract(second.observe().executed)
    second.form()
    eventually(lambda: second.observe().writable, "it takes writes")
    assert second.observe().executed == readable
    assert sum(_rows(second)) == readable.count() - (written.count() - 31 * _CLIENTS)


@pytest.mark.long
def test_a_relay_log_that_cannot_be_read_at_all_is_deleted_after_three_stops(group: Group) -> None:
    first, second, third = group.members
    group.form()
    written = _receive_unapplied(first, second, 5)
    second.kill()
    second.in_volume(_LAST + "truncate -s 0 $file")
    second.start()
    held = second.observe().executed
    memory = torn_relay_log.Memory()
    first.await_members(first, third)
    for stop in range(1, 4):
        with pytest.raises(errors.StatementFailed, match="relay log"):
            second.join(first)
        second.leave()
        memory = torn_relay_log.look(memory, second.observe())
        assert memory.stops == stop
        assert second.observe().executed == held
    assert memory.why_to_drop()
    second.drop_received()
    second.join(first)
    first.await_members(first, second, third)
    second.await_executed(written)


@pytest.mark.long
def test_a_copied_member_keeps_its_donors_data_over_a_restart_and_joins(group: Group) -> None:
    first, second, third = group.members
    group.form(second)
    written = _write(first, 3)
    second.await_executed(written)
    third.copy(second)
    third.start()
    third.kill()
    third.start()
    assert third.observe().known() == written
    third.join(first)
    first.await_members(first, second, third)


@pytest.mark.long
def test_a_history_that_was_left_behind_does_not_come_back_by_itself(group: Group) -> None:
    """The group goes on under another name: what the old line wrote since is refused, and its numbers stay free."""
    first, second, third = group.members
    group.form()
    common = _write(first, 1)
    for member in (second, third):
        member.await_executed(common)
        member.leave()
    first.await_members(first)
    alone = _write(first, 1)
    first.kill()
    second.form(OTHER_NAME)
    eventually(lambda: second.observe().writable, "it takes writes")
    after = _write(second, 2).subtract(common)
    assert {uuid for (uuid, _), _ in after.intervals} == {OTHER_NAME}
    third.join(second, group_name=OTHER_NAME)
    second.await_members(second, third)
    first.start()
    with pytest.raises(errors.StatementFailed, match="more executed transactions"):
        first.join(second, group_name=OTHER_NAME)
    assert first.observe().known() == alone
    with pytest.raises(errors.StatementFailed):
        first.join(second, group_name=NAME)
    second.await_members(second, third)


def test_a_group_speaks_the_newest_protocol_from_its_start_so_that_no_upgrade_has_one_to_raise(group: Group) -> None:
    """Whoever raised it would shut older members out, and so the way back. 8.0.27 is what each supported series speaks:
    https://dev.mysql.com/doc/refman/9.7/en/group-replication-compatibility-communication.html"""
    protocol = "SELECT group_replication_get_communication_protocol()"
    primary = group.members[0]
    primary.form()
    eventually(lambda: primary.observe().writable, "it takes writes")
    assert primary.query(protocol) == [("8.0.27",)]
    (running,) = primary.query("SELECT SUBSTRING_INDEX(VERSION(), '-', 1)")[0]
    primary.query(f"SELECT group_replication_set_communication_protocol('{running}')")
    assert primary.query(protocol) == [("8.0.27",)]


def _join_nobody(member: Member) -> None:
    with member.server(60) as server, pytest.raises(errors.StatementFailed):
        group_replication.start(server, REPLICATION, group_name=NAME, seeds=[_NOBODY], bootstrap=False)


@pytest.mark.long
def test_until_a_start_has_ended_the_server_lets_nobody_name_the_group(group: Group) -> None:
    """Whoever comes after the agent that sent it learns by that whether its member may still get into a group. The
    member shows itself OFFLINE, and its address and the flag may change meanwhile."""
    first = group.members[0]
    with ThreadPoolExecutor(1) as agents:
        joining = agents.submit(_join_nobody, first)
        eventually(lambda: first.query(_STARTS), "the START is on its way")
        with first.server() as server, pytest.raises(errors.StatementFailed):
            group_replication.name_group(server, NAME)
        assert first.observe().state == view.OFFLINE
        with first.server() as server:
            group_replication.respell_address(server)
            group_replication.clear_bootstrap(server)
        assert not joining.done()
    assert joining.exception() is None
    with first.server() as server:
        group_replication.name_group(server, NAME)
