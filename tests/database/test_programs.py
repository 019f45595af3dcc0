"""Programs whose text ends a statement for the client and not for the server: what follows would be run at the load."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from mysqlops.mysql import connect, programs
from tests.database.conftest import Database


@pytest.fixture
def server(database: Database) -> Iterator[connect.Server]:
    with database.connect() as one:
        one.query("SET GLOBAL super_read_only = OFF")
        one.query("CREATE DATABASE tricky")
        one.query("CREATE TABLE tricky.t (id INT PRIMARY KEY)")
        yield one
        one.query("DROP DATABASE tricky")
        one.query("SET GLOBAL super_read_only = ON")


def test_programs_that_a_client_would_split_are_named(server: connect.Server) -> None:
    """The server takes `--` and a control character for a comment; the mysql client does not, and sees two ends."""
    hidden = "--\x01;; CREATE USER evil;; DO 0\n"
    server.query(f"CREATE PROCEDURE tricky.p() SELECT 1 {hidden}+ 1")
    server.query(f"CREATE FUNCTION tricky.f() RETURNS INT DETERMINISTIC RETURN 1 {hidden}+ 1")
    server.query(f"CREATE TRIGGER tricky.g BEFORE INSERT ON tricky.t FOR EACH ROW SET NEW.id = 1 {hidden}+ 1")
    server.query("CREATE EVENT tricky.e ON SCHEDULE EVERY 1 DAY DO SELECT ';;'")
    server.query("CREATE PROCEDURE tricky.commented() BEGIN SELECT 1; -- a comment; and another\nSELECT 2; END")
    server.query("CREATE PROCEDURE tricky.plain() BEGIN SELECT 1; SELECT 2; END")
    found = programs.splitting(server, "tricky")
    assert set(found) == {
        "event `tricky`.`e`",
        "function `tricky`.`f`",
        "procedure `tricky`.`p`",
        "trigger `tricky`.`g`",
    }
    assert programs.splitting(server, "app") == []
    assert set(found) <= set(programs.splitting(server))


def test_a_session_commits_and_reads_as_ever_whatever_a_site_made_the_default(
    server: connect.Server, database: Database
) -> None:
    before = server.query("SELECT @@global.autocommit, @@global.sql_mode")[0]
    server.query("SET GLOBAL autocommit = 0")
    try:
        with database.connect() as session:
            assert session.query("SELECT @@autocommit") == [(1,)]
            session.query("INSERT INTO tricky.t VALUES (1)")
        assert server.query("SELECT id FROM tricky.t") == [(1,)]
    finally:
        server.query(f"SET GLOBAL autocommit = {before[0]}")
