"""Programs whose text ends a statement for the client and not for the server: what follows would be run at the load."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from mysqlops.mysql import comparison, connect, contents, programs
from tests.database.conftest import Database
from tests.database.containers import docker
from tests.database.payloads import COMMANDING, HARMLESS, HIDING, SPLITTING


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


@pytest.mark.parametrize("body", [*SPLITTING, *HIDING])
def test_what_the_client_reads_otherwise_is_named_and_would_be_so(
    server: connect.Server, database: Database, body: str
) -> None:
    """Each is one statement for the server; that the client fails or runs what its author wants shows that the refusal
    is needed."""
    server.query(f"CREATE PROCEDURE tricky.p() {body}")
    assert programs.splitting(server, "tricky") == ["procedure `tricky`.`p`"]
    assert not _copied(server, database)


_KINDS = {
    "procedure": "PROCEDURE tricky.p() SELECT 1",
    "function": "FUNCTION tricky.p() RETURNS INT DETERMINISTIC RETURN 1",
    "trigger": "TRIGGER tricky.p BEFORE INSERT ON tricky.t FOR EACH ROW SET NEW.id = 1",
    "event": "EVENT tricky.p ON SCHEDULE EVERY 1 DAY DO SELECT 1",
}


@pytest.mark.parametrize("kind", _KINDS)
def test_a_definer_whose_name_mysqldump_would_take_for_a_keyword_is_named(server: connect.Server, kind: str) -> None:
    definer = f"`x {kind} y`@`%`"
    server.query(f"CREATE USER {definer}")
    try:
        server.query(f"CREATE DEFINER={definer} {_KINDS[kind]}")
        assert programs.splitting(server, "tricky") == [f"{kind} `tricky`.`p`"]
    finally:
        server.query(f"DROP {kind} IF EXISTS tricky.p")
        server.query(f"DROP USER {definer}")


@pytest.mark.parametrize("sql_mode", ["", "ANSI_QUOTES"])
def test_a_head_is_recognised_however_its_author_wrote_it(server: connect.Server, sql_mode: str) -> None:
    server.query("SET SESSION sql_mode = %s", [sql_mode])
    server.query('CREATE USER `o``dd "one"`@`%`')
    try:
        for number, by in enumerate(("", 'DEFINER=`o``dd "one"`@`%` ')):
            name = f'`p``{number} "x" ü`'
            server.query(f"CREATE {by}PROCEDURE tricky.{name}(IN a INT) SELECT a")
            server.query(f"CREATE {by}FUNCTION tricky.{name}() RETURNS INT DETERMINISTIC RETURN 1")
            written = f"trigger /* of\nmine */ tricky . {name} # x\n before insert on tricky.t"
            server.query(f"create {by}{written} for each row set @a = 1")
            server.query(f"CREATE {by}EVENT IF NOT EXISTS tricky.{name} ON SCHEDULE EVERY 1 DAY DO SELECT 1")
            server.query(f"CREATE {by}VIEW tricky.{name} AS SELECT 1 AS a")
        server.query("CREATE TRIGGER IF NOT EXISTS tricky.plain AFTER INSERT ON tricky.t FOR EACH ROW SET @a = 1")
        assert programs.splitting(server, "tricky") == []
    finally:
        server.query('DROP USER `o``dd "one"`@`%`')


@pytest.mark.parametrize("body", COMMANDING)
def test_a_command_in_the_middle_of_a_line_is_named(server: connect.Server, body: str) -> None:
    server.query(f"CREATE PROCEDURE tricky.p() {body}")
    assert programs.splitting(server, "tricky") == ["procedure `tricky`.`p`"]


_TRAILED = "BEGIN\n SELECT 1;\nEND -- done"  # the server keeps no comment after END


@pytest.mark.parametrize("body", [*HARMLESS, _TRAILED])
def test_what_both_read_alike_is_copied_by_the_client(server: connect.Server, database: Database, body: str) -> None:
    server.query(f"CREATE PROCEDURE tricky.p() {body}")
    assert programs.splitting(server, "tricky") == []
    assert _copied(server, database)


# The second byte of each is a backslash, which the server takes for an escape when it reads its own view again.
@pytest.mark.parametrize(
    ("charset", "character"), [("gbk", b"\xad\\"), ("sjis", b"\x83\\"), ("big5", b"\xa5\\"), ("gb18030", b"\xad\\")]
)
@pytest.mark.parametrize(
    "text", ["'%s' AS a, '; CREATE DATABASE evil; -- ' AS b", "'%s''; CREATE DATABASE evil; -- ' AS a"]
)
def test_a_view_of_a_character_set_with_signs_in_its_bytes_is_named(
    server: connect.Server, charset: str, character: bytes, text: str
) -> None:
    server.query(f"SET NAMES {charset}")
    server._connection.query(b"CREATE VIEW tricky.v AS SELECT " + text.encode() % character)
    server.query("SET NAMES utf8mb4")
    assert programs.splitting(server, "tricky") == ["view `tricky`.`v`"]


def _create(server: connect.Server, charset: str, statement: bytes) -> None:
    server.query(f"SET NAMES {charset}")
    server._connection.query(statement)
    server.query("SET NAMES utf8mb4")


def test_a_byte_of_no_character_hides_no_end_of_a_statement(server: connect.Server) -> None:
    """Shown in UTF-8, what gbk cannot read becomes a question mark together with the semicolon after it. The client is
    outside of quotes here, since it sees no comment."""
    hidden = b"_binary'\xe4;; CREATE TABLE tricky.evil (id INT PRIMARY KEY) SELECT 1 -- '"
    _create(server, "gbk", b"CREATE PROCEDURE tricky.p() SELECT 1 --\x01'\n + LENGTH(" + hidden + b")\n+ 1 AS id")
    shown = str(server.query("SHOW CREATE PROCEDURE tricky.p")[0][2])
    assert ";;" not in shown
    assert programs.splitting(server, "tricky") == ["procedure `tricky`.`p`"]


@pytest.mark.parametrize("charset", ["utf8mb4", "latin1", "gbk", "sjis"])
def test_a_literal_may_hold_bytes_of_another_character_set(
    server: connect.Server, database: Database, charset: str
) -> None:
    _create(server, charset, b"CREATE PROCEDURE tricky.p() SELECT HEX(_binary'\xe4'), HEX(_latin1'\xe4\xff'), 'a'")
    assert programs.splitting(server, "tricky") == []
    wanted = server.query("CALL tricky.p()")
    seen: list[list[connect.Row]] = []
    _copied(server, database, keep=lambda: seen.append(server.query("CALL copied.p()")))
    assert seen == [wanted] == [[("E4", "E4FF", "a")]]


def test_a_view_with_semicolons_and_quotes_in_its_names_and_values_is_copied(
    server: connect.Server, database: Database
) -> None:
    values = "'a; b' AS `c;d`, 'it''s; \\\\' AS `e``;`, \"x;;\" AS f, '/*' AS g, '-- ' AS h, 'é;' AS `日;`"
    server.query(f"CREATE VIEW tricky.v AS SELECT {values}")
    assert programs.splitting(server, "tricky") == []
    wanted = server.query("SELECT * FROM tricky.v")
    seen: list[list[connect.Row]] = []
    _copied(server, database, keep=lambda: seen.append(server.query("SELECT * FROM copied.v")))
    assert seen == [wanted]


def test_the_body_of_each_kind_of_program_counts_when_two_servers_are_compared(server: connect.Server) -> None:
    server.query("CREATE VIEW tricky.v AS SELECT 1 AS one")
    bodies = []
    for one in (1, 2):
        server.query(f"CREATE PROCEDURE tricky.p() SELECT {one}")
        server.query(f"CREATE FUNCTION tricky.p() RETURNS INT DETERMINISTIC RETURN {one}")
        server.query(f"CREATE TRIGGER tricky.g BEFORE INSERT ON tricky.t FOR EACH ROW SET NEW.id = {one}")
        server.query(f"CREATE EVENT tricky.e ON SCHEDULE EVERY 1 DAY DO SELECT {one}")
        bodies.append(comparison.programs(server, "tricky"))
        for kind in ("PROCEDURE tricky.p", "FUNCTION tricky.p", "TRIGGER tricky.g", "EVENT tricky.e"):
            server.query(f"DROP {kind}")
    assert comparison.differing(*bodies) == ["event e", "function p", "procedure p", "trigger g"]
    assert bodies[0].keys() == bodies[1].keys() == {"view v", *comparison.differing(*bodies)}


@pytest.mark.parametrize(
    "body", ["SELECT 2 FROM (SELECT 1 AS a /* x */) t", "SELECT 1 /* a *//*b*/+ 1", "SELECT/*a*/2"]
)
def test_a_space_that_the_client_adds_next_to_a_comment_is_no_difference(
    server: connect.Server, database: Database, body: str
) -> None:
    server.query(f"CREATE PROCEDURE tricky.p() {body}")
    wanted = comparison.programs(server, "tricky")
    _copied(server, database, keep=lambda: _same(server, wanted))


def _same(server: connect.Server, wanted: dict[str, str]) -> None:
    assert comparison.differing(wanted, comparison.programs(server, "copied")) == []
    for version, is_same in ((contents.SPACED, False), (contents.VERSION, True)):
        read = contents._programs(server, version)
        found = [text for name, text in read.items() if name.startswith("procedure ") and name.endswith((".p", "p`"))]
        assert len(found) == 2, read
        assert (len({*found}) == 1) is is_same


def _copied(server: connect.Server, database: Database, keep: Callable[[], None] = lambda: None) -> bool:
    """Whether a dump of the only program, loaded by root, leaves exactly this program. `keep` looks at the copy."""
    before = _there(server)
    login = "--no-defaults --host=127.0.0.1 --user=tester --password=tester"
    dump = f"mysqldump {login} --routines --skip-comments --set-gtid-purged=OFF --no-tablespaces tricky >/tmp/dump"
    load = f"mysql {login} --binary-mode --loose-comments copied </tmp/dump && echo loaded"
    server.query("CREATE DATABASE copied")
    try:
        docker("exec", database.container, "sh", "-ec", dump)
        is_loaded = "loaded" in docker("exec", database.container, "sh", "-ec", load, check=False)
        keep()
        return (
            is_loaded and _there(server) == [*before, *((*rest, "copied") for *rest, _ in before)] and not _evil(server)
        )
    finally:
        server.query("DROP DATABASE copied")
        server.query("DROP DATABASE IF EXISTS evil")


def _there(server: connect.Server) -> list[tuple[str, ...]]:
    query = "SELECT routine_name, routine_definition, routine_schema FROM information_schema.routines"
    rows = server.query(f"{query} WHERE routine_schema IN ('tricky', 'copied') ORDER BY routine_schema DESC")
    return [tuple(map(str, row)) for row in rows]


def _evil(server: connect.Server) -> bool:
    return bool(server.query("SHOW DATABASES LIKE 'evil'"))


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
