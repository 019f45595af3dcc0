"""Lines of my.cnf, read and written as mysqld does: mysys/my_default.cc for the file, my_getopt.cc for the names.

The only place that knows what a line means; tests/database compares it with the server. Values have no quotes, escapes
or comments here: these are added when a value is written.
https://dev.mysql.com/doc/refman/en/option-files.html
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal

from mysqlops.core import quantity, typed
from mysqlops.errors import ConfigError

# Like the server's isspace, which works on bytes: a value that ends in `à` loses half of that character.
_SPACE = " \t\r\xa0"
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "s": " ", '"': '"', "'": "'", "\\": "\\"}
_WRITTEN = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n", "\t": "\\t", "\r": "\\r", "\b": "\\b"})
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")  # all but the tab
_LONGEST_LINE = 4000  # the server reads 4095 bytes and treats the rest as another line
# Options whose own name starts like a prefix.
_WHOLE = set(
    """
skip_grant_tables skip_name_resolve skip_networking skip_new skip_replica_start skip_slave_start skip_show_database
skip_stack_trace skip_host_cache skip_external_locking skip_character_set_client_handshake enable_cascade_triggers
enable_secondary_engine_statistics
""".split()
)
_RENAMED = {
    "log_slave_updates": "log_replica_updates",
    "skip_slave_start": "skip_replica_start",
    "init_slave": "init_replica",
    "sync_master_info": "sync_source_info",
    "log_slow_slave_statements": "log_slow_replica_statements",
    "rpl_stop_slave_timeout": "rpl_stop_replica_timeout",
}
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)")
_TRUE, _FALSE = {"1", "on", "true"}, {"0", "off", "false"}
_WORDS = dict.fromkeys(_TRUE, "1") | dict.fromkeys(_FALSE, "0") | {"none": "", "null": ""}


@dataclass(frozen=True)
class Setting:
    """One line: the key as it is written, its value (None for a bare flag), and the line's number."""

    key: str
    value: str | None
    line: int


def parse(text: str, source: str) -> list[Setting]:
    """The settings of the [mysqld] sections; raises ConfigError with the line number for invalid lines."""
    settings: list[Setting] = []
    has_section = False
    for number, raw in enumerate(text.split("\n"), start=1):
        where = f"{source} line {number}"
        line = _bytes_of(raw, where).lstrip(_SPACE)
        if not line or line[0] in "#;":
            continue
        if line.startswith("!"):
            raise ConfigError(f"{where}: `!` begins an include, which cannot be followed into a pod")
        if line.startswith("["):
            _check_section(line, where)
            has_section = True
        elif not has_section:
            # Its value may be a secret.
            name = typed.visible(raw.partition("=")[0].strip())
            raise ConfigError(f"{where}: {name!r} comes before any [mysqld] section")
        else:
            settings.append(_setting(line, where, number))
    return settings


def _bytes_of(raw: str, where: str) -> str:
    """One character for each byte. Other control characters mean nothing to mysqld, and something to terminals."""
    raw = raw.removesuffix("\r")
    if strange := _CONTROL.search(raw):
        raise ConfigError(f"{where}: control character {strange[0]!r}")
    line = raw.encode().decode("latin-1")
    if len(line) > _LONGEST_LINE:
        raise ConfigError(f"{where}: mysqld reads at most {_LONGEST_LINE} bytes of a line")
    return line


def _check_section(line: str, where: str) -> None:
    name, bracket, _ = line[1:].partition("]")
    if not bracket or name.rstrip(_SPACE) != "mysqld":
        raise ConfigError(f"{where}: {_text(line, where)}: only the section [mysqld] is read")


def _setting(line: str, where: str, number: int) -> Setting:
    key, equals, value = _without_comment(line).partition("=")
    key = _text(key.rstrip(_SPACE), where)
    if not key:
        raise ConfigError(f"{where}: a value without a name")
    return Setting(key, _text(_value(value), where) if equals else None, number)


def _without_comment(line: str) -> str:
    """`#` ends a line wherever no quote is open, even without a space before it."""
    if "#" not in line:
        return line
    quote, is_escaped = "", False
    for place, one in enumerate(line):
        if one in "'\"" and not is_escaped:
            quote = one if not quote else "" if quote == one else quote
        if one == "#" and not quote:
            return line[:place]
        is_escaped = bool(quote) and one == "\\" and not is_escaped
    return line


def _value(written: str) -> str:
    text = written.strip(_SPACE)
    if len(text) > 1 and text[0] in "'\"" and text[0] == text[-1]:
        text = text[1:-1]
    made, rest = [], iter(enumerate(text))
    for place, one in rest:
        if one == "\\" and place < len(text) - 1:
            _, following = next(rest)
            made.append(_ESCAPES.get(following, one + following))
        else:
            made.append(one)
    return "".join(made)


def _text(line: str, where: str) -> str:
    try:
        return line.encode("latin-1").decode()
    except UnicodeDecodeError:
        raise ConfigError(f"{where}: mysqld would cut a character in two; put the value in quotes") from None


def written(key: str, value: str | None) -> str:
    """The line that mysqld reads as that value; None makes a bare flag. Raises ConfigError for a key that is not the
    name of a setting: it could end the line."""
    if not re.fullmatch(r"[A-Za-z0-9_.-]+", key):
        raise ConfigError(f"my.cnf: {key!r} is not the name of a setting")
    if any(ord(character) < 32 or ord(character) == 127 for character in (value or "").translate(_WRITTEN)):
        raise ConfigError(f"my.cnf: {key}: its value holds control characters")  # which may be a password
    return key if value is None else f"{key} = {quoted(value)}"


def quoted(value: str) -> str:
    """The text after the `=`, with quotes and escapes where they are needed."""
    is_plain = (
        value.isascii() and value == value.strip() and not any(character in value for character in "\\'\"#\n\t\r\b")
    )
    return value if value and is_plain else f'"{value.translate(_WRITTEN)}"'


@dataclass(frozen=True)
class Option:
    """What a line sets: the variable, by its current name, to a value; None where the meaning of a bare flag depends on
    the variable. `is_loose`: a server that does not know the variable ignores it."""

    name: str
    value: str | None
    is_loose: bool = False


def option(key: str, value: str | None) -> Option:
    """The variable and value that a line sets: `Loose-skip_x` and `x=OFF` are the same."""
    name, is_loose, is_off, is_switch = key.strip().lower().replace("-", "_"), False, False, False
    while name not in _WHOLE:
        prefix, underscore, rest = name.partition("_")
        if not underscore or prefix not in ("loose", "skip", "disable", "enable"):
            break
        # The last one counts, even if that is `loose`; `skip_x=0` is on again, and any other value means nothing.
        name, is_loose, is_switch = rest, is_loose or prefix == "loose", prefix != "loose"
        is_off = (prefix != "enable") != (value == "0")
    if is_switch:
        value = "OFF" if is_off else "ON"
    return Option(_renamed(name), value, is_loose)


def _renamed(name: str) -> str:
    if name in _RENAMED:
        return _RENAMED[name]
    return f"replica_{name.removeprefix('slave_')}" if name.startswith("slave_") else name


def shown(value: str | None) -> str:
    """The value as messages show it."""
    return "a bare flag" if value is None else repr(value)


def number(value: str | None) -> int | None:
    """The number that a whole number or a size stands for; None for any other value."""
    text = (value or "").strip()
    size = quantity.parse_my_cnf(text)
    return int(text) if size is None and re.fullmatch(r"[+-]?\d{1,30}", text) else size


def is_on(value: str | None) -> bool:
    """Whether a switch is on: a bare flag is on, and a value that the server does not understand is off."""
    return value is None or value.strip().lower() in _TRUE


def plain(value: str | None) -> str:
    """One form for all ways to write a number, a size or a switch; words in lower case."""
    text = (value or "").strip()
    size = quantity.parse_my_cnf(text)
    if size is not None:
        return str(Decimal(size).normalize())
    if _NUMBER.fullmatch(text):
        return str(Decimal(text).normalize())
    return _WORDS.get(text.lower(), text.lower())
