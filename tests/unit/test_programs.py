"""How the mysql client reads the text of a program: each of these is one statement for the server. What the client does
with them is tried in tests/database/test_programs.py."""

from __future__ import annotations

import pytest

from mysqlops.mysql import programs
from tests.database.payloads import COMMANDING, HARMLESS, HIDING, SPLITTING


@pytest.mark.parametrize("body", [*SPLITTING, *COMMANDING, *HIDING])
def test_a_text_that_the_client_reads_otherwise_is_refused(body: str) -> None:
    assert programs.is_misread("procedure", f"CREATE DEFINER=`app`@`%` PROCEDURE `p`()\n{body}")


@pytest.mark.parametrize("kind", ["procedure", "trigger", "event"])
@pytest.mark.parametrize("body", HARMLESS)
def test_a_text_that_both_read_alike_is_not(kind: str, body: str) -> None:
    assert not programs.is_misread(kind, f"CREATE DEFINER=`app`@`%` {kind.upper()} `p`()\n{body}")


def test_a_mode_and_a_character_set_decide_where_a_string_ends() -> None:
    backslash = "CREATE PROCEDURE `p`() SELECT 'a\\'"
    assert programs.is_misread("procedure", backslash)
    assert not programs.is_misread("procedure", backslash, "ANSI_QUOTES,NO_BACKSLASH_ESCAPES")
    japanese = "CREATE PROCEDURE `p`() SELECT 'ソ'"  # its second byte is a backslash
    assert programs.is_misread("procedure", japanese, "", "sjis")
    assert not programs.is_misread("procedure", japanese, "", "utf8mb4")


def test_a_view_may_hold_a_semicolon_only_where_the_client_sees_a_quote() -> None:
    for text, charset, is_misread in (
        ("select 'a;b' AS `c;d`", "utf8mb4", False),
        ("select 'it\\'s; ' AS `a`", "utf8mb4", False),
        ("select 'ソ;' AS `a`", "utf8mb4", False),
        ("select 'ソ' AS `a`,'; DROP TABLE t; -- ' AS `b`", "sjis", True),
        ("select 'ソ\\'; DROP TABLE t; -- ' AS `a`", "sjis", True),
    ):
        assert programs.is_misread("view", f"CREATE VIEW `v` AS {text}", "", charset) is is_misread, text


def test_a_word_that_the_client_would_cut_is_refused() -> None:
    assert programs.is_misread("procedure", "CREATE PROCEDURE `p`() SELECT 1 AS /* x */été")
    assert not programs.is_misread("procedure", "CREATE PROCEDURE `p`() SELECT 1 AS /* é */ été")
