"""Global variables of a running server: which can be set live, set them, read them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from mysqlops import errors
from mysqlops.core import quantity
from mysqlops.core.setting_kinds import DYNAMIC, STATIC, UNKNOWN
from mysqlops.mysql import accounts, connect

_NAME = re.compile(r"[a-z][a-z0-9_.]*")
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?")
_NO_SUCH, _READ_ONLY, _WRONG_TYPE = 1193, 1238, 1232


def kind(server: connect.Server, name: str) -> str:
    """Whether the variable can be set live, tested by setting it to its current value."""
    try:
        server.query(f"SET GLOBAL {_checked(name)} = @@GLOBAL.{name}")
    except errors.StatementFailed as error:
        return {_NO_SUCH: UNKNOWN, _READ_ONLY: STATIC}.get(error.errno, DYNAMIC)
    return DYNAMIC


def set_all(server: connect.Server, values: Mapping[str, str | None]) -> dict[str, str]:
    """Set each variable, None to the server's default. If one is refused, all are reset; returns the refused one."""
    before = get(server, list(values))
    done: list[str] = []
    for name, value in values.items():
        try:
            _set(server, name, value)
        except errors.StatementFailed as error:
            for earlier in done:
                _set(server, earlier, before[earlier])
            return {name: str(error)}
        done.append(name)
    return {}


def _set(server: connect.Server, name: str, value: str | None) -> None:
    """Set one variable; a value that looks like a number may have to be sent as text."""
    statement = f"SET GLOBAL {_checked(name)} = "
    try:
        server.query(statement + ("DEFAULT" if value is None else literal(value)))
    except errors.StatementFailed as error:
        if error.errno != _WRONG_TYPE or value is None:
            raise
        server.query(statement + accounts.quote(value))


def get(server: connect.Server, names: Sequence[str]) -> dict[str, str | None]:
    """The values in force; variables that the server does not know are left out."""
    found: dict[str, str | None] = {}
    for name in names:
        try:
            value = server.scalar(f"SELECT @@GLOBAL.{_checked(name)}")
        except errors.StatementFailed as error:
            if error.errno != _NO_SUCH:
                raise
            continue
        found[name] = None if value is None else str(value)
    return found


def literal(value: str) -> str:
    """A value of my.cnf for SET: sizes as numbers, all others as text that means the same under any sql_mode."""
    size = quantity.parse_my_cnf(value)
    if size is not None:
        return str(size)
    if _NUMBER.fullmatch(value):
        return value
    return f"_utf8mb4 X'{value.encode().hex()}'" if "\\" in value else accounts.quote(value)


def _checked(name: str) -> str:
    """Names go into statements unquoted; raises ConfigError for an invalid one."""
    if not _NAME.fullmatch(name):
        raise errors.ConfigError(f"{name!r} is not a variable's name")
    return name
