"""What `doctor` asks a server, on a real one: every part answers, in the form that the checks read."""

from __future__ import annotations

import json

from mysqlops.mysql import examination
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


def test_tables_that_a_group_cannot_hold_are_named(database: Database) -> None:
    with database.connect() as server:
        server.query("SET GLOBAL super_read_only = OFF")
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
            server.query("SET GLOBAL super_read_only = ON")
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
