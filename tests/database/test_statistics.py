"""The agent's queries for /metrics, on real servers in a group."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from mysqlops import errors
from mysqlops.core import metrics
from mysqlops.mysql import statistics
from tests.database.containers import Template, eventually
from tests.database.group import Group, Member, Settings


@pytest.fixture
def group(template: Template) -> Iterator[Group]:
    with Group(Settings(), template) as servers:
        yield servers


def _read(member: Member) -> dict[str, float]:
    with member.server() as server:
        found = statistics.read(server)
    assert {one.name for one in found} <= set(metrics.HELP)
    return {f"{one.name} {' '.join(one.labels.values())}".strip(): one.value for one in found}


def test_a_server_is_counted_in_its_group_and_outside(group: Group) -> None:
    first, second, _ = group.members
    outside = _read(first)
    assert "certification_queue_transactions" not in outside, "it is in no group, so nobody knows"
    first.form()
    second.join(first)
    first.await_members(first, second)
    eventually(lambda: first.observe().writable, "it takes writes")
    first.query("CREATE DATABASE shop", "CREATE TABLE shop.t (id INT PRIMARY KEY, v TEXT)")
    before = _read(first)
    for number in range(20):
        first.query(f"INSERT INTO shop.t VALUES ({number}, 'x')")
    second.await_executed(first.observe().executed)
    after = _read(first)
    assert after["commands_total insert"] == before["commands_total insert"] + 20
    assert after["certified_total"] >= before["certified_total"] + 20
    assert after["connections_limit"] > after["connections"] >= 1
    assert after["innodb_buffer_pool_size_bytes"] > 1 << 20
    assert after["innodb_history_length"] >= 0
    assert after["flow_control_threshold_transactions applier"] > 0
    # Counted a moment after it is executed.
    eventually(
        lambda: _read(second)["lag_seconds"] == 0 and _read(second)["remote_applied_total"] >= 20, "it is counted"
    )
    missing = {line.split()[0] for line in statistics._VARIABLES.strip().splitlines()} - {
        name for name, _ in _counted(first)
    }
    assert {name for name in missing if not name.startswith("gr_flow_control")} == set()


def _counted(member: Member) -> list[tuple[str, str]]:
    with member.server() as server:
        return [(str(name), str(value)) for name, value in server.query(statistics._COUNTED)]


@pytest.mark.parametrize("size", ["0", "6000"])
def test_failed_statements_are_counted_whether_or_not_errors_are_by_name(template: Template, size: str) -> None:
    """0 is what members below 2Gi have."""
    with Group(Settings((("performance_schema_error_size", size),), members=1), template) as servers:
        (first,) = servers.members
        first.form()
        eventually(lambda: first.observe().writable, "it takes writes")
        first.query("CREATE DATABASE shop", "CREATE TABLE shop.t (id INT PRIMARY KEY)", "INSERT INTO shop.t VALUES (1)")
        first.query("CREATE PROCEDURE shop.fails() INSERT INTO shop.t VALUES (1)")
        before = _read(first)
        for wrong in ("INSERT INTO shop.t VALUES (1)", "SELECT nothing FROM shop.t", "no SQL at all"):
            with pytest.raises(errors.MysqlError):
                first.query(wrong)
        after = _read(first)
        assert after["statement_errors_total"] == before["statement_errors_total"] + 3
        with pytest.raises(errors.MysqlError):
            first.query("CALL shop.fails()")
        assert _read(first)["statement_errors_total"] == after["statement_errors_total"] + 2, "CALL and INSERT"
        first.query("DROP TABLE IF EXISTS shop.gone")
        assert _read(first)["statement_warnings_total"] > after["statement_warnings_total"]
        assert {name for name in after if name.startswith("connection_errors_total")} == {
            f"connection_errors_total {error}" for error in ("accept", "internal", "peer_address", "select")
        }
        is_named = any(name.startswith("errors_total") for name in after)
        assert is_named == (size != "0")


def test_the_lag_of_a_replica_that_is_held_up_grows(group: Group) -> None:
    first, second, _ = group.members
    first.form()
    second.join(first)
    first.await_members(first, second)
    eventually(lambda: first.observe().writable, "it takes writes")
    first.query("CREATE DATABASE shop", "CREATE TABLE shop.t (id INT PRIMARY KEY)", "INSERT INTO shop.t VALUES (1)")
    second.await_executed(first.observe().executed)
    second.hold_up()
    first.query("INSERT INTO shop.t VALUES (2)")
    eventually(lambda: _read(second)["lag_seconds"] > 2, "its lag grows", 30)
    second.go_on()
    eventually(lambda: _read(second)["lag_seconds"] == 0, "it has caught up", 30)
