"""Views of another server: created by one statement each, with their own definer once those that read them exist."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import pytest

from mysqlops import errors
from mysqlops.mysql import connect, foreign_views, program_heads

_BODIES = {
    "a": "select `d`.`c`.`x` AS `x` from `d`.`c`",
    "b": "select 1 AS `x`",
    "c": "select `d`.`b`.`x` from `d`.`b`",
}


class Source:
    """A database with views, of which some read others."""

    def __init__(self, **texts: str) -> None:
        self._texts, self._is_binary = texts, False
        self.sent = b""  # instead of the text's bytes

    def query(self, sql: str, _: Sequence[Any] = ()) -> list[connect.Row]:
        if sql.startswith("SET SESSION character_set_results"):
            self._is_binary = sql.endswith(" binary")
            return []
        if sql.startswith("SHOW CREATE view"):
            name = sql.split("`")[3]
            text = self._texts[name]
            shown = (self.sent or text.encode("cp1252", "replace")) if self._is_binary else text
            return [(name, shown, "latin1", "latin1_german1_ci")]
        return [(name,) for name in sorted(self._texts)]


class Target:
    """A server that can read a view only while its definer exists: `ghost` does not."""

    def __init__(self) -> None:
        self.ghosts: dict[str, bool] = {}
        self.ran = list[tuple[str, list[Any]]]()

    def query(self, sql: str, parameters: Sequence[Any] = ()) -> list[connect.Row]:
        self.ran.append((sql, [*parameters]))
        if sql.startswith("SELECT CAST(CONVERT(%s USING latin1)"):
            sent = str(parameters[0]).encode("cp1252", "replace")
            return [(sent, sent.decode("cp1252"))]
        if sql.startswith("CREATE"):
            head, _, body = sql.partition(" AS select")
            for name in _BODIES:
                if f"from `d`.`{name}`" in body and self.ghosts.get(name, True):
                    raise errors.StatementFailed(f"{name} is missing, or its definer is", errno=1449)
            self.ghosts[head.split("`")[-2]] = "ghost" in head
        return []

    def execute_bytes(self, sql: bytes) -> None:
        self.query(sql.decode("latin1"))

    def created(self) -> list[str]:
        return [sql for sql, _ in self.ran if sql.startswith("CREATE")]


def _text(name: str, body: str) -> str:
    return f"CREATE ALGORITHM=MERGE DEFINER=`ghost`@`%` SQL SECURITY DEFINER VIEW `d`.`{name}` AS {body}"


def _create(target: Target, **texts: str) -> None:
    foreign_views.create(cast("Any", Source(**texts)), cast("Any", target), ["d"])


def test_views_that_read_each_other_arrive_with_definers_that_come_later() -> None:
    """As MySQL does, the target refuses to create a view over one whose definer does not exist."""
    target = Target()
    _create(target, **{name: _text(name, body) for name, body in _BODIES.items()})
    assert target.ghosts == dict.fromkeys("abc", True)
    final = [sql for sql in target.created() if "ghost" in sql]
    assert final == [_text(name, _BODIES[name]).replace("CREATE", "CREATE OR REPLACE") for name in "acb"]
    assert all("ALGORITHM=MERGE SQL SECURITY INVOKER VIEW" in sql for sql in target.created() if sql not in final)
    assert ("SET SESSION collation_connection = %s, sql_mode = %s", ["latin1_german1_ci", ""]) in target.ran
    assert ("SET SESSION character_set_client = %s", ["latin1"]) in target.ran
    assert target.ran[-1][0].startswith("SET SESSION time_zone"), "what comes next is compared with those settings"


def test_a_view_that_never_can_be_created_is_named() -> None:
    target = Target()
    with pytest.raises(errors.StepFailed, match=r"view `d`\.`a` cannot be created: c is missing"):
        _create(target, a=_text("a", _BODIES["a"]), b=_text("b", _BODIES["b"]))
    assert target.ran[-1][0].startswith("SET SESSION time_zone")


@pytest.mark.parametrize(
    "text", ["GRANT ALL ON *.* TO a", "CREATE VIEW `d`.`b` AS select 1", "CREATE TABLE `d`.`a` (id INT)", ""]
)
def test_a_text_that_does_not_create_just_that_view_is_never_run(text: str) -> None:
    target = Target()
    with pytest.raises(errors.StepFailed, match=r"view `d`\.`a`: its text cannot be read"):
        _create(target, a=text)
    assert target.created() == []


def test_a_view_s_own_words_are_kept_whatever_they_are() -> None:
    text = "CREATE DEFINER=`x``y`@`%` SQL SECURITY INVOKER VIEW `v` (`a`) AS select ' VIEW `' AS `a`"
    head = program_heads.of_view("d", "v", text)
    assert head is not None
    assert head.original == text.replace("CREATE", "CREATE OR REPLACE")
    assert head.as_invoker == "CREATE OR REPLACE SQL SECURITY INVOKER " + text[text.index("VIEW `v`") :]


def test_a_literal_with_an_introducer_keeps_its_bytes() -> None:
    """The server shows what was sent as a latin1 character; sent in UTF-8, it would be two."""
    target = Target()
    _create(target, b=_text("b", "select _latin1'\u00e4' AS `x`"))
    assert ["_latin1'\u00e4'" in statement for statement in target.created()] == [True, True]
    with pytest.raises(errors.StepFailed, match="holds characters of another set"):
        _create(Target(), b=_text("b", "select '\u65e5' AS `x`"))


def test_bytes_that_no_text_shows_are_refused_by_name() -> None:
    """The server shows a question mark for them, which is another value."""
    source = Source(b=_text("b", "select _gbk'?' AS `x`"))
    source.sent = _text("b", "select _gbk'?' AS `x`").encode().replace(b"?", b"\xe4")
    target = Target()
    with pytest.raises(
        errors.StepFailed, match=r"view `d`\.`b`: its text holds bytes that are no characters of latin1"
    ):
        foreign_views.create(cast("Any", source), cast("Any", target), ["d"])
    assert target.created() == []
