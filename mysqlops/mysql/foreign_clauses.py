"""Clauses of CREATE USER from a foreign server's row of mysql.user, whose values they quote
(foreign_accounts.py)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from mysqlops.mysql import accounts

Row = dict[str, Any]
_TLS = {"": "SSL", "ANY": "SSL", "X509": "X509"}


def tls(row: Row) -> str:
    if (kind := text(row.get("ssl_type"))) in _TLS:
        return _TLS[kind]
    wanted = (("CIPHER", "ssl_cipher"), ("ISSUER", "x509_issuer"), ("SUBJECT", "x509_subject"))
    return " AND ".join(f"{word} {accounts.quote(found)}" for word, key in wanted if (found := text(row[key]))) or "SSL"


def limits(row: Row) -> Iterator[str]:
    """The MAX_… limits per hour, or of all connections."""
    words = ("QUERIES_PER_HOUR", "UPDATES_PER_HOUR", "CONNECTIONS_PER_HOUR", "USER_CONNECTIONS")
    keys = ("max_questions", "max_updates", "max_connections", "max_user_connections")
    if found := [f"MAX_{word} {n}" for word, key in zip(words, keys, strict=True) if (n := number(row, key))]:
        yield f"WITH {' '.join(found)}"


def policy(row: Row, attributes: Row) -> Iterator[str]:
    if row.get("password_lifetime") is not None:
        days = number(row, "password_lifetime")
        yield f"PASSWORD EXPIRE INTERVAL {days} DAY" if days else "PASSWORD EXPIRE NEVER"
    if row.get("password_reuse_history") is not None:
        yield f"PASSWORD HISTORY {number(row, 'password_reuse_history')}"
    if row.get("password_reuse_time") is not None:
        yield f"PASSWORD REUSE INTERVAL {number(row, 'password_reuse_time')} DAY"
    if (current := text(row.get("password_require_current"))) in ("Y", "N"):
        yield f"PASSWORD REQUIRE CURRENT{' OPTIONAL' * (current == 'N')}"
    locking = attributes.get("Password_locking", {})
    for word in ("failed_login_attempts", "password_lock_time_days"):
        if count := number(locking, word):
            yield f"{word.upper().removesuffix('_DAYS')} {count}"


def number(row: Row, key: str) -> int:
    return int(row.get(key) or 0)


def text(value: Any) -> str:
    """The text of a column that may be binary."""
    if value is None:
        return ""
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
