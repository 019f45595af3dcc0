"""No text that others write stands unquoted in what a user is asked to paste into a shell: it would run with the user's
rights."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mysqlops import errors
from mysqlops.core import names, ordered, rehearsal, snapshot_notes, timeline
from mysqlops.mysql import foreign_accounts
from mysqlops.objects import field_owners, schedule
from mysqlops.operations import snapshot
from mysqlops.planning import backup_targets, member, order_state, restore, status
from mysqlops.planning.checks import placement
from tests.properties.test_typed import LINE, NEW

NOW = datetime(2026, 1, 1, tzinfo=UTC)
MARK = "injected"
SIGNS = st.lists(st.sampled_from([*";$()`'\"\\|&<>#*?~!{}[] \n\t-=", "$(", "a", "mysql-1", "--force"]), max_size=6)
FOREIGN = st.tuples(SIGNS, SIGNS).map(lambda parts: f"{''.join(parts[0])};{MARK}{''.join(parts[1])}")


def _lease(key: str, told: Any) -> dict[str, str]:
    return {key: json.dumps(told)}


def _of(reasons: list[errors.Reason]) -> Iterator[str]:
    for reason in reasons:
        yield reason.message
        yield reason.hint or ""


def _conditions(annotations: Mapping[str, str]) -> Iterator[str]:
    seen = status.Observed("x", NOW, {}, {}, {}, {}, lease={"metadata": {"annotations": annotations}})
    for condition in order_state.conditions(seen, []):
        yield condition.message
        yield condition.hint


def _filling(text: str) -> Iterator[str]:
    for told in ({text: "b"}, {"mysql-1": text}, {text: text}):
        yield from _of(restore.other_restores("x", _lease(names.ANNOTATION_FILLING, told)))
        yield from _conditions(_lease(names.ANNOTATION_FILLING, told))


def _rebuilding(text: str) -> Iterator[str]:
    for told in ({text: {"at": "x"}}, {"mysql-1": {"at": text}}, {"mysql-1": text}, {text: text}):
        yield from _conditions(_lease(names.ANNOTATION_REBUILDING, told))
    note = member.emptying({"mysql-1": {"uid": "u", "backup": text}}, "mysql-1")
    yield note.backup if note else ""


def _aim(text: str) -> Iterator[str]:
    for backup, to in ((text, ""), ("b", text), (text, text)):
        notes = {names.ANNOTATION_RESTORED: backup, names.ANNOTATION_POINT: to}
        aim = restore.aim_of({"metadata": {"annotations": notes}})
        assert aim is not None
        yield from (str(aim), aim.command("x"))


def _swap(text: str) -> Iterator[str]:
    for backup, to in ((text, ""), ("b", text)):
        found = timeline.swap_of(
            {names.ANNOTATION_RESTORING: timeline.dump(timeline.Swap(LINE, NEW, 3, backup, to=to))}
        )
        if found is not None:
            yield from _of([restore.open_swap("x", found)])


def _account(text: str) -> Iterator[str]:
    yield foreign_accounts.why_not(foreign_accounts.Account(text, "%", administrative=["SUPER"]), set(), []) or ""


def _rehearsal(text: str) -> Iterator[str]:
    last = rehearsal.Rehearsal(text, "s", "b", "2026-01-01T00:00:00Z", "", False, "why", "9.7.0", 1, 1, 1, 1, 1)
    seen = SimpleNamespace(lease={"metadata": {"annotations": {rehearsal.ANNOTATION_LAST: last.text()}}}, taken_at=NOW)
    facts = SimpleNamespace(seen=seen, now=SimpleNamespace(image="mysql:8.4", members=()), name="x")
    yield from (fix for _, _, fix in placement.rehearsed(cast("Any", facts)))


def _target(text: str) -> Iterator[str]:
    yield from (fix for *_, fix in backup_targets._missing("x", backup_targets.Use(schedule.BACKUP, "it", text), {}))


def _pending(text: str) -> Iterator[str]:
    run = SimpleNamespace(_name="x", _target=SimpleNamespace(name="t"))
    note = snapshot_notes.dump(snapshot_notes.Note("mysql-1", target=text))
    made = {"metadata": {"name": "s", "annotations": {names.ANNOTATION_PENDING: note}}}
    try:
        snapshot._Run.check_same_target(cast("Any", run), made)
    except errors.OperationLocked as error:
        yield error.hint or ""


def _manager(text: str) -> Iterator[str]:
    manifest = {"kind": "Service", "metadata": {"name": "x"}}
    yield field_owners.conflict(manifest, [errors.FieldOwner(text, ".spec.ports")]).hint or ""


SOURCES: Mapping[str, Callable[[str], Iterator[str]]] = {
    "a member that is filled": _filling,
    "a member that is rebuilt": _rebuilding,
    "what fills a claim": _aim,
    "a restore in place": _swap,
    "an account of another server": _account,
    "an image that was rehearsed": _rehearsal,
    "the target of a schedule": _target,
    "the target of a volume snapshot": _pending,
    "the manager of a field": _manager,
}


def _unquoted(text: str) -> str:
    return re.sub(r"'[^']*'", "", text.replace("'\"'\"'", ""))


@pytest.mark.parametrize("source", SOURCES)
@settings(max_examples=60, deadline=None)
@given(text=FOREIGN)
def test_no_foreign_text_stands_unquoted_in_a_hint(source: str, text: str) -> None:
    for said in SOURCES[source](text):
        assert MARK not in _unquoted(said), said


@pytest.mark.parametrize("text", ["--force", "-x", "a b", "a;b", "$(id)", "", "a\n"])
def test_what_is_no_word_is_named_by_its_kind(text: str) -> None:
    aim = restore.aim_of(
        {"metadata": {"annotations": {names.ANNOTATION_RESTORED: text or "-", names.ANNOTATION_POINT: text}}}
    )
    assert aim is not None
    assert aim == restore.Aim("BACKUP", "POINT" if text else "")


def test_a_member_waits_for_a_backup_whatever_its_name_is() -> None:
    """Its volume is half filled: a server must not start on it because somebody garbled the note."""
    assert ordered.filling(_lease(names.ANNOTATION_FILLING, {"mysql-1": "a b", "x;y": "b"})) == {"mysql-1": "BACKUP"}
