"""How the mysql client reads the text of a program: each of these is one statement for the server. What the client does
with them is tried in tests/database/test_programs.py."""

from __future__ import annotations

import pytest

from mysqlops.mysql import program_heads, programs
from tests.database.payloads import COMMANDING, HARMLESS, HIDING, SPLITTING


@pytest.mark.parametrize("body", [*SPLITTING, *COMMANDING, *HIDING])
def test_a_text_that_the_client_reads_otherwise_is_refused(body: str) -> None:
    assert programs.is_misread("procedure", f"CREATE DEFINER=`app`@`%` PROCEDURE `p`()\n{body}".encode())


@pytest.mark.parametrize("kind", ["procedure", "trigger", "event"])
@pytest.mark.parametrize("body", HARMLESS)
def test_a_text_that_both_read_alike_is_not(kind: str, body: str) -> None:
    assert not programs.is_misread(kind, f"CREATE DEFINER=`app`@`%` {kind.upper()} `p`()\n{body}".encode())


def test_a_mode_and_a_character_set_decide_where_a_string_ends() -> None:
    backslash = b"CREATE PROCEDURE `p`() SELECT 'a\\'"
    assert programs.is_misread("procedure", backslash)
    assert not programs.is_misread("procedure", backslash, "ANSI_QUOTES,NO_BACKSLASH_ESCAPES")
    japanese = "CREATE PROCEDURE `p`() SELECT 'ソ'"  # its second byte is a backslash
    assert programs.is_misread("procedure", japanese.encode("cp932"))
    assert not programs.is_misread("procedure", japanese.encode())


def test_a_view_may_hold_a_semicolon_only_where_the_client_sees_a_quote() -> None:
    for text, charset, is_misread in (
        ("select 'a;b' AS `c;d`", "utf-8", False),
        ("select 'it\\'s; ' AS `a`", "utf-8", False),
        ("select 'ソ;' AS `a`", "utf-8", False),
        ("select 'ソ' AS `a`,'; DROP TABLE t; -- ' AS `b`", "cp932", True),
        ("select 'ソ\\'; DROP TABLE t; -- ' AS `a`", "cp932", True),
    ):
        assert programs.is_misread("view", f"CREATE VIEW `v` AS {text}".encode(charset)) is is_misread, text


def test_a_word_that_the_client_would_cut_is_refused() -> None:
    assert programs.is_misread("procedure", "CREATE PROCEDURE `p`() SELECT 1 AS /* x */été".encode())
    assert not programs.is_misread("procedure", "CREATE PROCEDURE `p`() SELECT 1 AS /* é */ été".encode())


def test_bytes_of_no_character_set_hide_nothing() -> None:
    """What a server shows of them in UTF-8 may lack the sign that follows."""
    assert programs.is_misread("procedure", b"CREATE PROCEDURE `p`() SELECT 1 --\x01\xe4;; DROP TABLE t")
    assert programs.is_misread("procedure", b"CREATE PROCEDURE `p`() SELECT 1 /*\xe4")
    assert not programs.is_misread("procedure", b"CREATE PROCEDURE `p`() SELECT _binary'\xe4', '\xc4\xe3'")


_BY = "DEFINER=`app`@`%` "
_OWN = {
    "procedure": (
        f"CREATE {_BY}PROCEDURE `p`(IN a INT)\nSELECT 1",
        'CREATE DEFINER="app"@"%" PROCEDURE "p"()\nSELECT 1',
    ),
    "function": (f"CREATE {_BY}FUNCTION `P`() RETURNS int\nRETURN 1",),
    "event": (f"CREATE {_BY}EVENT `p` ON SCHEDULE EVERY 1 DAY DO SELECT 1",),
    "trigger": (
        f"CREATE {_BY}TRIGGER p BEFORE INSERT ON t FOR EACH ROW SET NEW.id = 1",
        f"CREATE {_BY}trigger /* of\nmine */ db . `p`\n after insert on db.t for each row set @a = 1",
        f"CREATE {_BY}TRIGGER IF NOT EXISTS `p` # mine\nBEFORE INSERT ON t FOR EACH ROW SET NEW.id = 1",
    ),
    "view": (
        f"CREATE ALGORITHM=UNDEFINED {_BY}SQL SECURITY DEFINER VIEW `db`.`p` AS select 1 AS `1`",
        f"CREATE ALGORITHM=MERGE {_BY}SQL SECURITY INVOKER VIEW `p` (`a`) AS select 1 AS `1`",
    ),
}


@pytest.mark.parametrize("kind", _OWN)
def test_a_definition_creates_its_own_object_and_no_other(kind: str) -> None:
    for text in _OWN[kind]:
        assert program_heads.creates(kind, "db", "p", text), text
        for other in (
            text.replace("`p`", "`q`").replace("`P`", "`q`").replace('"p"', '"q"').replace(" p ", " q "),
            text.replace("CREATE", "CREATE OR REPLACE", 1),
            text.replace("CREATE", "DROP", 1),
            f" {text}",
            f"SELECT 1; {text}",
            text.replace(kind.upper(), "USER").replace(kind, "user"),
            text.replace("`app`", "`x TRIGGER y`").replace('"app"', '"x EVENT y"'),
            text.replace("`%`", "`*/ `").replace('"%"', '"a PROCEDURE b"'),
            text.replace("`app`", "`a`` DEFINER=``b`").replace('"app"', '"a"" DEFINER=""b"'),
        ):
            assert other != text
            assert not program_heads.creates(kind, "db", "p", other), other
        for one in _OWN.keys() - {kind}:
            assert not program_heads.creates(one, "db", "p", text)
    qualified = [text for text in _OWN[kind] if "db" in text]
    assert not [text for text in qualified if program_heads.creates(kind, "other", "p", text)]


def test_a_name_is_read_as_the_server_quotes_it() -> None:
    for name, written in (("a`b", "`a``b`"), ('a"b', '"a""b"'), ("a`(", "`a``(`"), ("größe", "größe")):
        text = f"CREATE {_BY}TRIGGER {written} BEFORE INSERT ON t FOR EACH ROW SET NEW.id = 1"
        assert program_heads.creates("trigger", "db", name, text)
        assert not program_heads.creates("trigger", "db", "a", text)


def test_the_time_to_read_a_head_does_not_grow_with_its_square() -> None:
    """If it did, this would take many minutes."""
    for part in ("/**/", " ", "`` ", "# \n", "/*", "``"):
        for begun in (f"CREATE {_BY}TRIGGER ", f"CREATE {_BY}TRIGGER `"):
            assert not program_heads.creates("trigger", "db", "p", begun + part * 50_000)
