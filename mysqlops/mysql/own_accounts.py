"""Our own accounts as they are on a server, and as they must be: if one is dropped, locked, expired or has too few
rights, members cannot join and backups fail, and nobody sees why. Only what is missing is restored; additional rights
from a site stay.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from mysqlops.mysql import accounts, connect, password_hash

_ACCOUNT = """
SELECT ssl_type, account_locked, password_expired, password_lifetime, authentication_string,
  user_attributes->>'$.additional_password'
FROM mysql.user WHERE user = %s AND host = %s
"""
_PROBE = "SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = 'mysqlops' AND table_name = 'probe'"
_GRANT = re.compile(r"GRANT (?P<rights>.+) ON (?P<object>\S+) TO .*")
# ALL is shown as a list that grows with each version. Without any of these rights, the agent cannot work.
ALL = "CREATE USER, RELOAD, SHUTDOWN, PROCESS, SUPER, SELECT, UPDATE, SYSTEM_VARIABLES_ADMIN, CONNECTION_ADMIN ON *.*"


def hashes_of(server: connect.Server, one: accounts.Account) -> tuple[str, ...]:
    """The hashes of the account's password and second password; none if nobody can log in: it is missing or locked."""
    rows = server.query(_ACCOUNT, [one.user, one.host])
    return tuple(str(text) for text in rows[0][4:] if text is not None) if rows and rows[0][1] != "Y" else ()


def accepts(server: connect.Server, one: accounts.Account, password: str) -> bool | None:
    """Whether that is a password of the account. This compares hashes and does not log in: a wrong password would count
    against the account and fill a log that people watch. None if comparing would take too long."""
    return matches(hashes_of(server, one), password)


def matches(hashes: Sequence[str], password: str) -> bool | None:
    if not all(map(password_hash.is_cheap, hashes)):
        return None
    return any(password_hash.is_of(stored, password) for stored in hashes)


def differs_because(server: connect.Server, one: accounts.Account) -> str:
    """What is wrong with one of our accounts, apart from its password; empty if nothing."""
    rows = server.query(_ACCOUNT, [one.user, one.host])
    if not rows:
        return "does not exist"
    ssl, locked, expired, lifetime, *_ = rows[0]
    if locked == "Y" or expired == "Y":
        return "is locked" if locked == "Y" else "has an expired password"
    if one.requirement() and not ssl:
        return "does not require TLS"
    if lifetime != 0:
        return "has a password that expires"
    held = _rights(str(grant) for (grant,) in server.query(f"SHOW GRANTS FOR {one}"))
    wanted = _rights(f"GRANT {ALL if rights == accounts.ADMIN.rights[0] else rights} TO x" for rights in one.rights)
    missing = [right for right, on in wanted if not held & {(right, on), ("ALL PRIVILEGES", on), (right, "*.*")}]
    return f"may not {', '.join(sorted(missing))}" if missing else ""


def lacks_probe(server: connect.Server) -> bool:
    """Whether the table for test writes is missing."""
    return not server.scalar(_PROBE)


def put_back(server: connect.Server, one: accounts.Account, password: str, *, is_accepted: bool) -> None:
    """Restore the account; each statement may be repeated, on this server and where it is replicated."""
    made = f"CREATE USER IF NOT EXISTS {one} IDENTIFIED {{}} {one.clauses()}"
    accounts.set_password(server, one, password, made)
    if not is_accepted:
        # Without the clauses, a history that somebody gave the account would refuse a password that it had before.
        accounts.set_password(server, one, password, f"ALTER USER {one} IDENTIFIED {{}} {one.clauses()}")
    server.query(f"ALTER USER {one} {one.clauses()} ACCOUNT UNLOCK")
    for grant in one.grants():
        server.query(grant)


def _rights(grants: Iterable[str]) -> set[tuple[str, str]]:
    found = [match for match in map(_GRANT.fullmatch, grants) if match]
    return {(right, match["object"].replace("`", "")) for match in found for right in re.split(", ?", match["rights"])}
