"""The queries of `doctor`, on a real server: every part answers, in the form that the checks read."""

from __future__ import annotations

import contextlib
import json

from mysqlops import errors
from mysqlops.core import server_log
from mysqlops.mysql import activity, examination
from mysqlops.operations import programs
from mysqlops.planning.checks import answers
from tests.database.conftest import Database


def test_every_part_answers_in_the_form_that_checks_read(database: Database) -> None:
    with database.connect() as server:
        told = examination.examine(server, list(examination.PARTS))
    found = answers.read(json.loads(json.dumps(told, default=str)))
    assert found["failed"] == {}
    assert found.keys() == {*examination.PARTS, "failed"}
    assert found["connections"]["Threads_connected"] >= 1
    assert "max_connections" in found["variables"]


def test_tables_that_a_group_cannot_hold_are_named(writable: Database) -> None:
    with writable.connect() as server:
        server.query("CREATE DATABASE examined")
        try:
            for table in (
                "well (id INT PRIMARY KEY)",
                "by_key (id INT NOT NULL, UNIQUE KEY (id))",
                "nullable (id INT, other INT NOT NULL, UNIQUE KEY (id, other))",
                "keyless (id INT)",
                "other (id INT PRIMARY KEY) ENGINE = MyISAM",
            ):
                server.query(f"CREATE TABLE examined.{table}")
            told = examination.examine(server, ["tables"])["tables"]
        finally:
            server.query("DROP DATABASE examined")
    assert [(table, engine) for schema, table, engine in told if schema == "examined"] == [
        ("keyless", "InnoDB"),
        ("nullable", "InnoDB"),
        ("other", "MyISAM"),
    ]


def test_a_part_that_fails_does_not_stop_the_others(database: Database) -> None:
    broken = {"broken": lambda server: server.query("SELECT * FROM no.such_table")}
    examination.PARTS.update(broken)
    try:
        with database.connect() as server:
            told = examination.examine(server, ["broken", "moment"])
    finally:
        del examination.PARTS["broken"]
    assert "1049" in told["failed"]["broken"] or "1146" in told["failed"]["broken"]
    assert "moment" in told


def test_flushes_and_refused_sizes_are_counted(database: Database) -> None:
    """A packet that is too large is counted where the server counts errors."""
    with database.connect() as server:
        told = examination.examine(server, ["flushes", "limits", "binlogs"])
        counts = {event: count for event, count, _ in told["flushes"]}
        is_counted = int(str(server.scalar("SELECT @@global.performance_schema_error_size"))) > 0
        with contextlib.suppress(errors.MysqlError):
            server.query(f"SELECT LENGTH('{'x' * (int(str(server.scalar('SELECT @@max_allowed_packet'))) + 1024)}')")
    assert counts["wait/io/file/innodb/innodb_log_file"] > 0
    assert told["binlogs"]["bytes"] > 0
    with database.connect() as server:
        codes = [code for code, _, _ in examination.examine(server, ["limits"])["limits"]]
    assert ("MY-001153" in codes) == is_counted


def test_slow_statements_are_named_without_their_values(database: Database) -> None:
    with database.connect() as server:
        server.query("SET GLOBAL long_query_time = 0.2")
        try:
            server.query("SELECT SLEEP(0.3), 'a secret'")
            answer = programs.SLOW.read(json.loads(json.dumps(activity.slow(server))), ())
            found = server_log.of_slow("m", answer, "2000-01-01T00:00:00Z")
        finally:
            server.query("SET GLOBAL long_query_time = DEFAULT")
    (one,) = [entry for entry in found if "SLEEP" in entry.text]
    assert "secret" not in one.text
    assert one.text.startswith("up to 0.")
