"""The only place where PyMySQL's errors are mapped to ours, and where an answer is read that may be anybody's.

A member's server, or that of `adopt`, may be whatever somebody made of it: what it sends is a server's answer in the
expected form, or one of our errors, so that whoever asks several servers goes on with the next one.
"""

from __future__ import annotations

import contextlib
import ssl
import struct
import traceback
from collections.abc import Iterator
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pymysql

from mysqlops import errors
from mysqlops.core import form
from mysqlops.mysql import wire_text

if TYPE_CHECKING:
    from mysqlops.mysql import connect

_NO_CONNECTION = {2002, 2003, 2006, 2013, 2026, 2027, 2055, 1053, 1927, 3032, 4031}  # 4031: it was idle for too long
MALFORMED, NO_PLUGIN, TLS_FAILED = 2027, 2059, 2026
# What PyMySQL raises of bytes that are no MySQL server's, or not its own error: it expects no other.
NO_MYSQL = (ValueError, LookupError, TypeError, AttributeError, ArithmeticError, AssertionError, struct.error)
_MOST_DIGITS = 18
_DENIED = {1044, 1045, 1142, 1227, 1698, 3118, 3955}


@contextlib.contextmanager
def understood(connection: pymysql.connections.Connection[Any]) -> Iterator[None]:
    """Around an answer, which may be anybody's as well as a greeting; where it would end, nobody knows then."""
    try:
        yield
    except UnicodeEncodeError:  # of our own statement
        raise
    except (RuntimeError, *NO_MYSQL) as error:  # RuntimeError: it asks for a file of ours (LOAD DATA LOCAL)
        connection._force_close()  # type: ignore[attr-defined]
        text = f"its answer cannot be read: {type(error).__name__}: {error}"
        raise pymysql.OperationalError(MALFORMED, text) from error


def unreadable(where: str, sql: str, why: str) -> errors.ConnectFailed:
    """The error for an answer of another form than that of the server's own."""
    text = f"{where}: {short(sql)} failed with MySQL error {MALFORMED}: its answer cannot be read: {why}"
    return errors.ConnectFailed(text, errno=MALFORMED)


@contextlib.contextmanager
def mapped(where: str, what: str, *, secret: bool = False) -> Iterator[None]:
    try:
        yield
    except (pymysql.Error, OSError) as error:
        # pymysql's frames refer to their own error. Until such a cycle is collected, it keeps an open socket and a TLS
        # context, of which the collector sees nothing: an agent that waited for its mysqld grew by 17 MiB.
        traceback.clear_frames(error.__traceback__)
        number = number_of(error)
        detail = "" if secret and number not in _NO_CONNECTION | _DENIED | {NO_PLUGIN} else f": {message_of(error)}"
        text = f"{where}: {what if secret else short(what)} failed with MySQL error {number}{detail}"
        if number in _DENIED:
            raise errors.AccessDenied(text, errno=number) from error
        if number in _NO_CONNECTION or isinstance(error, (OSError, pymysql.InterfaceError)):
            raise errors.ConnectFailed(text, errno=number) from error
        raise errors.StatementFailed(text, errno=number) from error


def number_of(error: Exception) -> int:
    """PyMySQL reports every failure of a handshake as 2003; one that either side declared is an answer."""
    cause = getattr(error, "original_exception", error)
    if isinstance(cause, ssl.SSLError) and not isinstance(cause, ssl.SSLEOFError | ssl.SSLZeroReturnError):
        return TLS_FAILED
    return error.args[0] if error.args and isinstance(error.args[0], int) else 0


def message_of(error: Exception) -> str:
    return str(error.args[1] if len(error.args) > 1 else error)[:400]


def short(sql: str) -> str:
    return wire_text.printable(" ".join(sql.split())[:80])


def row(server: connect.Server, sql: str, *forms: form.Form[Any]) -> connect.Row:
    """The one row of an answer, each value as its type; raises MysqlError."""
    found = rows(server, sql, *forms)
    if len(found) != 1:
        raise unreadable(server.where, sql, f"it has {len(found)} rows instead of one")
    return found[0]


def rows(server: connect.Server, sql: str, *forms: form.Form[Any]) -> list[connect.Row]:
    """The same of any number of rows."""
    read = form.row(*forms)
    try:
        return [read("", [_integer(value) for value in one]) for one in server.query(sql)]
    except form.Misfit as why:
        raise unreadable(server.where, sql, str(why)) from why


def _integer(value: object) -> object:
    """A sum of integers is a DECIMAL: a whole number to us. One beyond any counter's stays what it is."""
    if not isinstance(value, Decimal) or not value.is_finite() or value.adjusted() > _MOST_DIGITS:
        return value
    return int(value) if value == value.to_integral_value() else value
