"""What clients do on a server, as its agent reports it and `top` shows it. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mysqlops.core import names, typed

MOST = 500  # rows of each kind
# Whoever ended one of these would stop replication, a backup or the agent; all of them come back by themselves.
OURS = (
    names.USER_ADMIN,
    names.USER_REPLICATION,
    names.USER_PROBE,
    names.USER_BACKUP,
    names.USER_ADOPT,
    names.USER_LOAD,
    names.USER_DUMP,
    names.USER_EXPORTER,
    *("system user", "event_scheduler", "mysql.session", "mysql.infoschema", "mysql.sys"),
)
_OTHER_FORM = "the answer has another form than this release expects"
_SENDING = ("Binlog Dump", "Daemon", "Group Replication", "Clone")


def mark(user: str) -> str:
    """What stands for an account in an argument: arguments are in audit logs, where no account's name should be."""
    return hashlib.sha256(user.encode(errors="surrogatepass")).hexdigest()[:16]


@dataclass(frozen=True)
class Slow:
    """One kind of statement that took longer than long_query_time: its text without values, when it last ran (seconds
    since 1970), and times in milliseconds."""

    at: int
    statement: str
    database: str
    count: int
    most: int
    average: int
    examined: int

    def sentence(self) -> str:
        where = f" in {self.database}" if self.database else ""
        times = f"up to {self.most / 1000:.1f} s, {self.average / 1000:.3f} s on average of {self.count}"
        return f"{times}, {self.examined} rows examined{where}: {self.statement}"


@dataclass(frozen=True)
class Session:
    """One connection; `statement` is its text without values (a digest), empty while it runs none."""

    id: int
    user: str
    host: str
    database: str
    command: str
    seconds: int
    state: str
    statement: str

    @property
    def is_ours(self) -> bool:
        return is_ours(self.user, self.command)

    @property
    def is_idle(self) -> bool:
        return self.command in ("Sleep", "Daemon")


@dataclass(frozen=True)
class Transaction:
    """An open transaction of a client; its statements are not shown, because they may hold data."""

    connection: int
    user: str
    seconds: int  # for a session that holds a lock: since its last statement
    rows_modified: int
    lock: str = ""  # the lock that it holds, which blocks a switchover


@dataclass(frozen=True)
class Wait:
    """A connection that waits for a lock, and one that holds it."""

    id: int
    user: str
    seconds: int
    on: str
    blocker: int
    blocker_user: str


@dataclass(frozen=True)
class Account:
    """An account of a server."""

    user: str
    host: str
    plugin: str
    requires_tls: bool
    is_locked: bool
    is_expired: bool
    has_second_password: bool


@dataclass(frozen=True)
class Activity:
    """One server's; `failed` says what could not be asked, and why."""

    sessions: tuple[Session, ...]
    transactions: tuple[Transaction, ...]
    waits: tuple[Wait, ...]
    failed: Mapping[str, str]


def is_ours(user: str, command: str) -> bool:
    return user in OURS or command.startswith(_SENDING)


def read(answer: Any) -> Activity:
    """An agent's answer, which comes from a pod: what does not fit is left out, and said to be."""
    answer = answer if isinstance(answer, Mapping) else {}
    failed = answer.get("failed")
    pairs = failed.items() if isinstance(failed, Mapping) else ()
    seen = {part: why if isinstance(why, str) else _OTHER_FORM for part, why in pairs}
    return Activity(
        tuple(_all(Session, answer, "sessions", seen)),
        tuple(_all(Transaction, answer, "transactions", seen)),
        tuple(_all(Wait, answer, "waits", seen)),
        seen,
    )


def transactions(answer: Any) -> list[Transaction] | None:
    """Those of an agent's answer; None if it has another form. Their numbers become part of statements that a user
    copies."""
    made = [typed.make(Transaction, row, plain=False) for row in answer] if isinstance(answer, list) else [None]
    return None if None in made else [one for one in made if one is not None]


def _all(kind: type[Any], answer: Mapping[str, Any], part: str, failed: dict[str, str]) -> list[Any]:
    rows = answer.get(part)
    made = [typed.make(kind, row, plain=False) for row in rows[: 2 * MOST]] if isinstance(rows, list) else []
    if part not in failed and (not isinstance(rows, list) or None in made or len(rows) > 2 * MOST):
        failed[part] = _OTHER_FORM
    return [item for item in made if item is not None][:MOST]
