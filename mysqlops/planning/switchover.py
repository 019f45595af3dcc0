"""Which member becomes primary, or why none should now. Pure."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from mysqlops.core import names, view
from mysqlops.core.activity import Transaction
from mysqlops.errors import Reason, Refused
from mysqlops.planning import status
from mysqlops.planning.status import Member, Status


@dataclass(frozen=True)
class Limits:
    """What a switchover may cost: transactions to apply first, and the age at which open transactions block it."""

    behind: int = 1000
    transactions_seconds: int = 10
    rolls_back: bool = False


@dataclass(frozen=True)
class Switchover:
    """From the primary to a replica."""

    primary: str
    to: str


def choose(seen: Status, to: str | None, limits: Limits) -> Switchover | None:
    """The switchover to make, None if `to` is already primary; raises Refused with every reason."""
    primary = status.must_lead(seen)
    if to == primary:
        return None
    by_name = {member.name: member for member in seen.members}
    if to is not None and to not in by_name:
        raise Refused([Reason("no-such-member", f"--to {to}: {seen.name} has {', '.join(by_name)}")])
    candidates = [by_name[to]] if to else [member for member in seen.members if member.name != primary]
    unfit = {member.name: why for member in candidates if (why := unfit_because(member, limits))}
    fit = [member for member in candidates if member.name not in unfit]
    if not fit:
        raise Refused([Reason("no-successor", why, f"mysqlops status {seen.name}") for why in unfit.values()])
    return Switchover(primary, min(fit, key=lambda member: (member.behind or 0, member.ordinal)).name)


_OPEN_ENDS = ("service-stale", "label-stale", "primary-read-only")


def is_over(now: Status, chosen: Switchover, fenced: Collection[str]) -> bool:
    """Whether the new primary leads, the Services lead there, and the old primary serves again, unless it may not."""
    barred = [member for member in now.members if member.state == view.ONLINE and member.role == names.ROLE_NONE]
    is_old_back = not any(member.name == chosen.primary and member.name not in fenced for member in barred)
    return (
        now.primary == chosen.to
        and is_old_back
        and not any(condition.code in _OPEN_ENDS for condition in now.conditions)
    )


def unfit_because(member: Member, limits: Limits) -> str | None:
    """Why a member should not become primary now, or None."""
    if member.state != view.ONLINE:
        return f"{member.name} is {member.state}: {member.waiting_for or 'no reason known'}"
    if member.role != names.ROLE_REPLICA:
        return f"{member.name} accepts no clients: {member.waiting_for or 'no reason known'}"
    if member.behind is not None and member.behind > limits.behind:
        return (
            f"{member.name} has {member.behind} transactions to apply first, more than --max-behind {limits.behind}; "
            "nothing could be written meanwhile"
        )
    return None


def check_transactions(found: Sequence[Transaction], limits: Limits) -> None:
    """Refuse to roll back long-open transactions, unless that is wanted. A lock cannot be rolled back: the switchover
    would begin and block all writes until the lock's session ends. Raises Refused."""
    if locks := [transaction for transaction in found if transaction.lock]:
        raise Refused([_locked(lock) for lock in locks])
    long = [transaction for transaction in found if transaction.seconds >= limits.transactions_seconds]
    if long and not limits.rolls_back:
        shown = ", ".join(f"connection {one.connection} of {one.user}: {one.seconds} s" for one in long[:5])
        text = f"{len(long)} transactions have been open for {limits.transactions_seconds} s or more ({shown})"
        raise Refused(
            [Reason("long-transactions", text, "wait for them, or roll them back with --roll-back-transactions")]
        )


def _locked(one: Transaction) -> Reason:
    text = f"connection {one.connection} of {one.user} holds {one.lock} (idle for {one.seconds} s)"
    hint = f"wait until it ends, or end it on the primary: KILL CONNECTION {one.connection}"
    return Reason("locked-tables", f"{text}: no other member can become primary meanwhile", hint)
