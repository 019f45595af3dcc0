"""Which settings of mysqld hold a secret: one rule for all that prints or takes settings. Pure.

my.cnf is in a ConfigMap, which more people may read than a Secret; mysqld knows no other place for these settings. What
mysqlops can do is to repeat them nowhere: in no output, argument, report or statement that a log may keep.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from mysqlops.core import known_secrets, my_cnf
from mysqlops.errors import Reason, Refused

HIDDEN = "(hidden)"
# `password_history` and `ssl_key` are no secrets: words count at the end, and a `key` unless it is a path or a number.
_SECRET = re.compile(
    r"(?:.*[._])?(?:pwd|pass|passwd|password|passphrase|secret|secret_id|role_id|token|credentials?|headers)"
)
_KEY = re.compile(r"(?:.*[._])?key")
_NO_KEY = re.compile(r"(?:/|\./|file:).*|\d*|on|off|true|false", re.IGNORECASE)


def is_secret(key: str, value: str | None) -> bool:
    """Whether nobody should see the value; the key is as my.cnf or the server writes it. An empty value is none."""
    name = my_cnf.option(key, value).name
    return bool(value) and bool(
        _SECRET.fullmatch(name) or (_KEY.fullmatch(name) and not _NO_KEY.fullmatch(value or ""))
    )


def shown(key: str, value: str | None) -> str | None:
    """The value as it may be printed."""
    return HIDDEN if is_secret(key, value) else value


def shown_all(settings: Mapping[str, Any]) -> dict[str, Any]:
    """All settings as a document may show them, also those that anybody may have written."""
    found = {str(key): value for key, value in settings.items()}
    is_hidden = {key: is_secret(key, None if value is None else str(value)) for key, value in found.items()}
    return {key: HIDDEN if is_hidden[key] else value for key, value in found.items()}


def shown_spec(spec: Mapping[str, Any]) -> dict[str, Any]:
    """A cluster's spec, as it is or as a backup recorded it, with its settings as a document may show them."""
    settings = spec.get("mysqld")
    return {**spec, "mysqld": shown_all(settings)} if isinstance(settings, Mapping) else dict(spec)


def said(key: str, settings: Mapping[str, str | None]) -> str:
    """In words what the settings have for that key."""
    return shown(key, settings[key]) or "a bare flag" if key in settings else "not set"


def of(settings: Mapping[str, str | None]) -> list[str]:
    """The names of those that are secrets."""
    return sorted(key for key, value in settings.items() if is_secret(key, value))


def without_values(text: str) -> str:
    """The text of a my.cnf, also of part of one, without these values."""
    return "\n".join(map(_line, text.split("\n")))


def _line(line: str) -> str:
    key, equals, value = line.partition("=")
    return f"{key}= {HIDDEN}" if equals and is_secret(key.strip(), value.strip(" \t\"'") or None) else line


def without_those_of(settings: Mapping[str, str | None], text: str) -> str:
    """A server's words about these settings, without their values."""
    return known_secrets.without(text, [settings[key] or "" for key in of(settings)])


def must_not_be_printed(settings: Mapping[str, str | None], command: str) -> None:
    """Raises Refused if a whole my.cnf would show one: a placeholder in its place would be applied."""
    if found := of(settings):
        text = f"{', '.join(found)}: the output would hold the value of a setting that is a secret"
        raise Refused([Reason("secret-setting", text, f"{command} --show-secrets prints it")])


def must_not_be_arguments(settings: Mapping[str, str | None], command: str) -> None:
    """Raises Refused for a secret on the command line, which others can read."""
    if found := of(settings):
        text = f"{', '.join(found)}: every user of this machine can see the value in the list of processes"
        raise Refused([Reason("secret-argument", text, f"{command} {found[0]}=- reads one line of stdin")])


def any_of(names: Iterable[str]) -> list[str]:
    """The names of settings that could hold a secret, whatever they do hold."""
    return sorted(name for name in names if is_secret(name, "x"))
