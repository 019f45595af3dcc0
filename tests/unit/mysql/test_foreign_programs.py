"""Programs of another server: created as one statement of a checked text, and with no other account's rights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

import pytest

from mysqlops import errors
from mysqlops.mysql import comparison, connect, foreign_accounts, foreign_programs


class Server:
    """Answers by the beginning of a statement, and keeps all of them."""

    def __init__(self, answers: Mapping[str, Sequence[tuple[Any, ...]]] = {}) -> None:
        self._answers, self.ran = answers, list[tuple[str, Sequence[Any]]]()

    def query(self, sql: str, parameters: Sequence[Any] = ()) -> list[connect.Row]:
        self.ran.append((sql, parameters))
        return [row for beginning, rows in self._answers.items() if sql.startswith(beginning) for row in rows]


def _server(answers: Mapping[str, Sequence[tuple[Any, ...]]] = {}) -> Any:
    return cast("connect.Server", Server(answers))


@pytest.fixture(autouse=True)
def _no_socket(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connect, "set_read_timeout", lambda *_: None)


_SCHEMA = {"SELECT default_character_set_name": [("latin1", "latin1_swedish_ci")]}
_LISTED = "SELECT LOWER(routine_type)"


def _source(text: str | None, mode: str = "") -> Any:
    shown = ("p", mode, text, "latin1", "latin1_german1_ci", "latin1_swedish_ci")
    return _server({**_SCHEMA, _LISTED: [("procedure", "p")], "SHOW CREATE": [shown]})


def test_a_routine_is_one_statement_in_the_session_that_it_was_written_in() -> None:
    text = "CREATE DEFINER=`a`@`%` PROCEDURE `p`() BEGIN SELECT ';;'; END"
    target = _server()
    foreign_programs.begin(_source(text, "NO_AUTO_CREATE_USER,ANSI_QUOTES"), target, "sh`op")
    ran = [sql for sql, _ in target.ran]
    assert ran[0] == "CREATE DATABASE `sh``op` CHARACTER SET latin1 COLLATE latin1_swedish_ci"
    assert ran.index("USE `sh``op`") < ran.index(text)
    assert ["latin1_german1_ci", "ANSI_QUOTES"] in [list(given) for _, given in target.ran]
    assert ran[-1].startswith("SET SESSION time_zone"), "what comes next is compared with the settings for that"


@pytest.mark.parametrize(
    "text",
    [
        None,
        "CREATE DEFINER=`a`@`%` PROCEDURE `q`() BEGIN END",
        "CREATE DEFINER=`a`@`%` EVENT `p` ON SCHEDULE EVERY 1 SECOND DO SELECT 1",
        "GRANT ALL ON *.* TO a",
    ],
)
def test_a_text_that_does_not_create_just_that_object_is_never_run(text: str | None) -> None:
    target = _server()
    with pytest.raises(errors.StepFailed, match="its text cannot be read, or is not that of this object"):
        foreign_programs.begin(_source(text), target, "shop")
    assert text not in [sql for sql, _ in target.ran]


def test_a_character_set_is_a_name() -> None:
    source = _server({"SELECT default_character_set_name": [("latin1", "x; DROP DATABASE app")]})
    target = _server()
    with pytest.raises(errors.StepFailed, match="no character set has such a name"):
        foreign_programs.begin(source, target, "shop")
    assert target.ran == []


def test_an_event_keeps_its_time_zone_and_must_be_there_in_the_end() -> None:
    text = "CREATE DEFINER=`a`@`%` EVENT `e` ON SCHEDULE EVERY 1 DAY DO SELECT 1"
    shown = ("e", "", "Europe/Berlin", text, "utf8mb4", "utf8mb4_bin", "utf8mb4_bin")
    events = [("event", "e", "digest")]
    source = _server({"SELECT 'event'": events, "SHOW CREATE": [shown]})
    target = _server({"SELECT 'event'": events})
    foreign_programs.create_events(source, target, ["shop"])
    assert ("SET SESSION time_zone = %s", ["Europe/Berlin"]) in target.ran
    assert text in [sql for sql, _ in target.ran]
    with pytest.raises(errors.StepFailed, match="source and copy differ in shop event e"):
        foreign_programs.create_events(source, _server(), ["shop"])


def _account(name: str, **rights: Any) -> foreign_accounts.Account:
    user, _, host = name.rpartition("@")
    return foreign_accounts.Account(user, host, **rights)


_ADMIN = {"administrative": ["SELECT", "SUPER"]}
_APP = {"reaches": {"app": "`app`.*"}}


@pytest.mark.parametrize(
    ("theirs", "ours", "is_refused"),
    [
        ({}, {}, False),  # nobody has that name: it cannot run
        (None, {}, False),
        ({}, _APP, True),  # anybody's account there, the application's own here
        ({}, {"administrative": ["CREATE USER"]}, True),
        ({}, {"roles": [("r", "%", False)]}, True),
        (None, _APP, True),  # dropped on the source, where the program cannot run
        ({"administrative": ["no password", "SELECT"]}, _APP, True),  # which does not make an administrator
        (_ADMIN, _ADMIN, False),  # whoever may choose any definer is trusted with the content
        ({"administrative": ["SET_USER_ID"]}, _APP, False),
        ({}, {"reaches": {"shop": "`shop`.*"}}, False),  # what was adopted
    ],
)
def test_a_program_gets_no_rights_that_nobody_gave_it(
    monkeypatch: pytest.MonkeyPatch, theirs: dict[str, Any] | None, ours: dict[str, Any], is_refused: bool
) -> None:
    source, target = _server({"SELECT 'view'": [("view", "v", "app@%")]}), _server()
    found = {
        id(source): [] if theirs is None else [_account("app@%", **theirs)],
        id(target): [_account("app@%", **ours)],
    }
    monkeypatch.setattr(foreign_accounts, "read", lambda server: found[id(server)])
    reasons = foreign_programs.borrowing(source, target, ["shop"], {"app"})
    assert [one.code for one in reasons] == ["borrowed-rights"] * is_refused
    assert all("view `shop`.`v`" in one.message and "app@%" in one.message for one in reasons)


def test_what_was_created_is_looked_at_and_not_what_was_shown_before(monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody who may create routines replaces a harmless one between the check and the copy of a rehearsal."""
    source, target = _server(), _server({"SELECT 'view'": [("view", "v", "app@%")]})
    monkeypatch.setattr(foreign_accounts, "read", lambda _: [_account("app@%", **_APP)])
    foreign_programs.must_borrow_nothing(source, source, ["shop"], {"app"})
    with pytest.raises(errors.StepFailed, match="its definer app@% is another account in the cluster"):
        foreign_programs.must_borrow_nothing(source, target, ["sh`op"], {"app"})
    assert target.ran[-1][0] == "DROP DATABASE IF EXISTS `sh``op`"


def test_the_server_s_own_accounts_are_nobody_s() -> None:
    source = _server({"SELECT 'trigger'": [("trigger", "t", "mysql.session@localhost")]})
    (reason,) = foreign_programs.borrowing(source, _server(), ["shop"], {"app"})
    assert "of the server itself" in reason.message


def test_events_are_compared_on_their_own() -> None:
    assert comparison.is_event("event clean")
    assert not comparison.is_event("procedure event x")
