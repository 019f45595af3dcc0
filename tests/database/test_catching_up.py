"""An ordinary replica's channel beside Group Replication, on real servers with the manifests' own settings."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from mysqlops import errors
from mysqlops.core import names, view
from mysqlops.core.gtid import GtidSet
from mysqlops.mysql import catching_up, connect
from tests.database.containers import Template, eventually
from tests.database.group import REPLICATION, Group, Member, Settings

_CA = "/run/tls/ca.crt"
_ROWS = 30
_FOR = f"FOR CHANNEL '{view.CHANNEL}'"
_QUEUEING = f"""
SELECT queueing_transaction FROM performance_schema.replication_connection_status WHERE channel_name = '{view.CHANNEL}'
"""
_READING = f"""
SELECT 1 FROM performance_schema.replication_applier_status_by_coordinator
WHERE channel_name = '{view.CHANNEL}' AND processing_transaction = %s
"""
_PATIENCE_SECONDS = 50.0  # the server itself waits a minute for the rest of a transaction; the lab may stall for 45 s


@pytest.fixture(scope="module")
def group(template: Template) -> Iterator[Group]:
    with Group(Settings(), template) as servers:
        yield servers


def _write(member: Member) -> int:
    member.query("CREATE DATABASE IF NOT EXISTS shop")
    member.query("CREATE TABLE IF NOT EXISTS shop.c (id INT AUTO_INCREMENT PRIMARY KEY)")
    member.query(*["INSERT INTO shop.c VALUES ()"] * _ROWS)
    return int(member.query("SELECT COUNT(*) FROM shop.c")[0][0])


def _write_as(member: Member, other: Member) -> None:
    """As if the other one had led and died before its own log had this: the group has it, under its server_id."""
    (own,), (its,) = (one.query("SELECT @@global.server_id")[0] for one in (member, other))
    member.query("CREATE TABLE IF NOT EXISTS shop.last (id INT PRIMARY KEY, v INT)")
    member.query(f"SET GLOBAL server_id = {its}")
    member.query("REPLACE INTO shop.last VALUES (1, 1)")
    member.query(f"SET GLOBAL server_id = {own}")
    member.query("UPDATE shop.last SET v = 2")


def _ask(member: Member) -> catching_up.Source:
    with connect.connect_tcp(member.address(), REPLICATION) as source:
        return catching_up.ask(source)


def _begin(member: Member, source: Member) -> None:
    with member.server() as server:
        catching_up.begin(server, source.host, replace(REPLICATION, ca_file=_CA), _CA)


def _state(member: Member) -> catching_up.State:
    with member.server() as server:
        found = catching_up.state(server)
    assert found is not None
    return found


def test_a_member_catches_up_outside_the_group_read_only_and_joins_without_the_channel(group: Group) -> None:
    first, second, third = group.members
    group.form()
    third.leave()
    rows = _write(first)
    _write_as(first, third)
    second.await_executed(first.observe().executed)
    asked = _ask(second)
    assert asked.server_uuid == second.observe().server_uuid
    assert asked.executed == first.observe().executed
    assert asked.serves is not second.observe().offline_mode
    second.query("SET GLOBAL offline_mode = ON")
    assert not _ask(second).serves  # and the account gets in
    second.query("SET GLOBAL offline_mode = OFF")

    _begin(third, second)
    third.await_executed(asked.executed)
    caught = third.observe()
    assert (caught.has_channel, caught.state, caught.writable) == (True, view.OFFLINE, False)
    assert caught.known() == asked.executed
    assert _state(third).source == asked.server_uuid
    assert not _state(third).left()
    assert not _state(third).trouble()
    kept = third.query("SELECT user_name, user_password FROM mysql.slave_master_info WHERE channel_name <> ''")
    assert REPLICATION.password not in str(kept)

    assert third.query("SELECT v FROM shop.last") == [(2,)]
    third.join(first)  # removes it
    assert third.query("SELECT @@global.server_id") == [(102,)]
    first.await_members(first, second, third)
    assert not third.observe().has_channel
    assert third.query("SELECT COUNT(*) FROM shop.c") == [(rows,)]
    assert third.observe().role() == names.ROLE_REPLICA


def test_what_the_channel_received_survives_kill_9_and_counts_and_is_applied(group: Group) -> None:
    first, second, third = group.members
    first.await_members(first, second, third)
    third.leave()
    rows = _write(first)
    _write_as(first, third)
    second.await_executed(first.observe().executed)
    wanted = first.observe().executed
    with third.server(60) as holder:
        holder.query("LOCK TABLES shop.c READ")  # it receives and does not apply
        _begin(third, second)
        eventually(lambda: wanted.is_subset(third.observe().known()), "it is received")
        assert not wanted.is_subset(third.observe().executed)
        third.kill()
    third.start()
    seen = third.observe()
    assert (seen.has_channel, seen.known()) == (True, wanted)
    assert not wanted.is_subset(seen.executed)  # nobody has started it
    with third.server() as server:
        catching_up.stop_receiving(server)
        catching_up.start_applying(server)
    third.await_executed(wanted)
    assert third.query("SELECT v FROM shop.last") == [(2,)]
    with third.server() as server:
        catching_up.remove(server)
        catching_up.remove(server)  # nothing is there
        assert catching_up.state(server) is None
    assert third.observe().known() == wanted
    assert third.query("SELECT COUNT(*) FROM shop.c") == [(rows,)]
    third.join(second)
    first.await_members(first, second, third)


def test_a_filter_that_somebody_set_lets_nothing_be_received(group: Group) -> None:
    first, second, third = group.members
    first.await_members(first, second, third)
    third.leave()
    third.query("CHANGE REPLICATION FILTER REPLICATE_IGNORE_DB = (shop)")  # the server takes it
    with pytest.raises(errors.StepFailed, match="REPLICATE_IGNORE_DB"):
        _begin(third, second)
    seen = third.observe()
    assert (seen.has_channel, third.query("SELECT @@global.server_id")) == (False, [(102,)])
    third.query("CHANGE REPLICATION FILTER REPLICATE_IGNORE_DB = ()")
    third.join(second)
    first.await_members(first, second, third)


def test_a_purged_source_and_one_that_ends_are_reported(group: Group) -> None:
    first, second, third = group.members
    first.await_members(first, second, third)
    third.leave()
    _write(first)
    second.await_executed(first.observe().executed)
    second.query("FLUSH BINARY LOGS", "PURGE BINARY LOGS BEFORE DATE_ADD(NOW(), INTERVAL 1 DAY)")
    assert not _ask(second).purged.is_subset(third.observe().executed)
    _begin(third, second)
    eventually(lambda: "purged" in _state(third).trouble(), "it is told so")
    with third.server() as server:
        catching_up.remove(server)
    _begin(third, first)
    third.await_executed(first.observe().executed)
    first.leave()  # of two, nobody could go on without one that was killed
    second.await_members(second)
    first.kill()
    eventually(lambda: _state(third).trouble(), "the source has gone")
    with third.server() as server:
        catching_up.remove(server)
    third.join(second)
    second.await_members(second, third)


def test_the_server_itself_refuses_a_member_whose_channel_runs(group: Group) -> None:
    _, second, third = group.members
    second.await_members(second, third)
    third.leave()
    _begin(third, second)
    with pytest.raises(errors.StatementFailed), third.server(60) as server:
        server.query("START GROUP_REPLICATION")
    assert third.observe().state == view.OFFLINE
    third.join(second)
    second.await_members(second, third)


def test_the_beginning_of_a_transaction_holds_up_no_stop_and_is_received_again(group: Group) -> None:
    """Under writes, a receiver may be stopped in the middle of one at any time."""
    _, second, third = group.members
    second.await_members(second, third)
    third.leave()
    last = _write_much(second)
    eventually(lambda: _receives_a_part(third, second, last), "receiving ends in the middle of the last transaction")
    with third.server(_PATIENCE_SECONDS) as server:
        catching_up.start_applying(server)
        eventually(lambda: server.query(_READING, [last]), "the applier has read its beginning")
        eventually(lambda: not _state(third).left(), "all others are applied")
        catching_up.stop(server)
        assert _state(third).trouble() == ""
        catching_up.remove(server)
        assert catching_up.state(server) is None
    _begin(third, second)
    third.await_executed(second.observe().executed)
    third.join(second)
    second.await_members(second, third)
    counted = "SELECT COUNT(*) FROM shop.much"
    assert third.query(counted) == second.query(counted)


def _write_much(member: Member) -> str:
    """The last transaction, of 23 MB; the group would refuse one that is much larger."""
    rows = "WITH RECURSIVE n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n WHERE i < 900) SELECT REPEAT('x', 3200)"
    member.query(
        "CREATE TABLE shop.much (id INT AUTO_INCREMENT PRIMARY KEY, v VARCHAR(4000))",
        f"INSERT INTO shop.much (v) {rows} FROM n",
        *["INSERT INTO shop.much (v) SELECT v FROM shop.much"] * 4,
    )
    uuid, _, numbers = str(member.observe().executed).rpartition(":")
    return f"{uuid}:{numbers.rpartition('-')[2]}"


def _receives_a_part(member: Member, source: Member, last: str) -> bool:
    """Nothing applies, so that it can be tried again."""
    with member.server(60) as server:
        catching_up.remove(server)
        server.query(
            "CHANGE REPLICATION SOURCE TO SOURCE_HOST = %s, SOURCE_PORT = 3306, SOURCE_AUTO_POSITION = 1, "
            f"SOURCE_SSL = 1 {_FOR}",
            [source.host],
        )
        login = f"USER = '{REPLICATION.user}' PASSWORD = %s"
        server.query(f"START REPLICA IO_THREAD {login} {_FOR}", [REPLICATION.password])
        eventually(lambda: server.query(_QUEUEING)[0][0] == last or _has(server, last), "the last transaction comes")
        catching_up.stop_receiving(server)
        return not _has(server, last)


def _has(server: connect.Server, transaction: str) -> bool:
    found = catching_up.state(server)
    return found is not None and GtidSet.parse(transaction).is_subset(found.received)
