"""Prints backups."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from mysqlops.cli import output
from mysqlops.core import counting, gtid, quantity
from mysqlops.core.backup import Backup

_COLUMNS = "BACKUP CLUSTER MEMBER METHOD GTIDS SIZE STORED DURATION VERIFIED SIGNED RESTORABLE-TO".split()


def as_json(one: Backup) -> dict[str, Any]:
    return {**asdict(one), "level": one.level}


def table(backups: Sequence[Backup], form: str) -> None:
    if form != "table":
        output.data([as_json(backup) for backup in backups], form)
        return
    if not backups:
        output.say("no backups")
        return
    output.table(_COLUMNS, [_row(backup) for backup in backups])


def _row(one: Backup) -> tuple[str, ...]:
    return (
        one.id,
        one.where,
        one.member,
        one.method,
        str(gtid.GtidSet.parse(one.gtid).count()),
        quantity.format_bytes(one.size),
        quantity.format_bytes(one.stored),
        f"{one.seconds + one.store_seconds:.0f}s",
        verified(one),
        one.signed,
        one.restorable_to or one.at,
    )


def verified(one: Backup) -> str:
    """The level of verification, and when a backup was restored."""
    return f"{one.level} {one.verified.at}" if one.verified else one.level


def sentence(one: Backup) -> str:
    """One sentence about a backup that was made."""
    return (
        f"{one.id}: {quantity.format_bytes(one.size)} of {one.member} "
        f"({counting.of(one.tables, 'table')}, {counting.of(one.rows, 'row')}), "
        f"{quantity.format_bytes(one.stored)} new in target {one.target}, "
        f"copied in {one.seconds:.0f} s, stored in {one.store_seconds:.0f} s; verified: {verified(one)}"
    )
