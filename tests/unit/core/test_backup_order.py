"""A repository with very many entries, which anybody with its password may have put there, is read in the time that its
size takes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from mysqlops.core import backup, backup_order, binlog, facts
from mysqlops.core.gtid import GtidSet
from mysqlops.core.typed import Json
from tests.unit.operations.test_backup import NOW, made

GROUP = "a471ad45-d50b-450d-9104-65c08b7c3c14"
KEYS = backup.Keys("db", {"orders": "the key"})


def _counted(monkeypatch: pytest.MonkeyPatch, of: Any, name: str) -> Callable[[], int]:
    found, real = [0], getattr(of, name)

    def counting(*words: Any) -> Any:
        found[0] += 1
        return real(*words)

    monkeypatch.setattr(of, name, counting)
    return lambda: found[0]


def _each_later_than_it_says(count: int) -> list[backup.Backup]:
    """The more an entry holds, the earlier it says it is, and none holds all of another."""
    return [made(0, NOW - timedelta(seconds=n), gtid=f"{GROUP}:{10 * n + 1}-{10 * n + 2 + n}") for n in range(count)]


def test_the_order_of_backups_takes_a_bounded_number_of_comparisons_for_each(monkeypatch: pytest.MonkeyPatch) -> None:
    compared = _counted(monkeypatch, GtidSet, "is_subset")
    forged = _each_later_than_it_says(600)
    assert len(backup_order.newest_first(forged)) == 600
    assert compared() < 110 * 600


def test_what_holds_more_is_newer_whatever_clocks_say() -> None:
    """A Job's clock was an hour ahead; and one that diverged is ordered by its time alone."""
    first = made(1, NOW + timedelta(hours=1), gtid=f"{GROUP}:1-5")
    second, third = (made(n, NOW + timedelta(minutes=n), gtid=f"{GROUP}:1-{n}0") for n in (2, 3))
    other = made(4, NOW + timedelta(minutes=2, seconds=30), gtid=f"{GROUP[:-1]}5:1-5")
    found = backup_order.newest_first([first, other, third, second])
    assert [one.id[-1] for one in found] == ["3", "2", "1", "4"]


def test_what_nobody_signed_moves_no_backup_that_is_signed() -> None:
    real = [replace(made(n, NOW + timedelta(hours=n), gtid=f"{GROUP}:1-{n}"), signed=backup.SIGNED) for n in (1, 2)]
    apart = replace(made(3, NOW + timedelta(hours=3), gtid=f"{GROUP[:-1]}5:1"), signed=backup.SIGNED)
    forged = made(4, NOW + timedelta(days=900), gtid=f"{GROUP}:1")
    found = backup_order.newest_first([*real, apart, forged])
    assert [one.id[-1] for one in found] == ["4", "3", "2", "1"], "later than one that diverged, by the forged time"


def _entry(fact: Any, name: str, key: str = "") -> Json:
    return {"id": name, "tags": backup.tags(fact, key), "tree": "a" * 64}


def test_each_verification_and_binding_is_looked_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of copied tags of a sealed backup, and of forged verifications and bindings of it."""
    one = made(1)
    copies = [_entry(one, f"copy{n}", "the key") for n in range(200)]
    bound = backup.Binding(one.id, "a" * 64, facts.digest(copies[0]))
    forged = [_entry(backup.Verification(one.id, one.at, False, 1.0), f"check{n}") for n in range(200)]
    forged += [_entry(bound, f"bound{n}") for n in range(200)]
    proof = backup.Verification(one.id, one.at, True, 1.0)
    sealed = _counted(monkeypatch, facts, "is_sealed_with")
    found = backup.catalogue(
        [*copies, _entry(proof, "proof", "the key"), *forged, _entry(bound, "b", "the key")], keys=KEYS
    )
    assert {(stored.signed, stored.level) for stored in found} == {(backup.SIGNED, backup.RESTORED)}
    assert sealed() < 3 * 800


def test_the_histories_of_binary_logs_are_put_in_order_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    chunk = binlog.Chunk("c", "orders", "db", "uid", "g", "", f"{GROUP}:1-5", 5, until="2026-11-24T12:00:00.000000Z")
    there = [replace(chunk, id=f"c{n}", group=f"g{n}") for n in range(300)]
    stored = [{"id": str(n), "tags": binlog.tags(one)} for n, one in enumerate(there)]
    looked = [0]

    def history(one: Any) -> Any:
        looked[0] += 1
        return one.owner, one.group

    monkeypatch.setattr(binlog.Chunk, "history", property(history))
    monkeypatch.setattr(backup.Backup, "history", property(history))
    chunks = binlog.chunks(stored)
    assert len(chunks) == 300
    binlog.with_reach([made(n, group=f"g{n}") for n in range(300)], chunks)
    assert looked[0] < 10 * 300
