"""What a change of my.cnf means for servers that run. Pure."""

from __future__ import annotations

from mysqlops.core import mysqld_config, quantity

# The member's role decides the first; the others show something else than what they are set to.
_DECIDED_ELSEWHERE = {"super_read_only", "log_bin", "datadir"}
_WORDS = {"on": "1", "true": "1", "yes": "1", "off": "0", "false": "0", "no": "0", "none": "", "null": ""}


def values(my_cnf: str) -> dict[str, str]:
    """Each setting's value by its normalised name; a bare flag is ON, `skip_x` stays as it is written."""
    parsed = mysqld_config.parse(my_cnf, "my.cnf")
    return {mysqld_config.normalise(one.key): "ON" if one.value is None else one.value for one in parsed}


def changes(before: str, after: str) -> dict[str, str | None]:
    """From one my.cnf to another: variable -> new value, None if the line goes (then the server's default counts)."""
    old, new = values(before), values(after)
    return {name: new.get(name) for name in sorted({*old, *new}) if old.get(name) != new.get(name)}


def differs(name: str, configured: str, running: str | None) -> bool:
    """True if a server runs with something else than my.cnf says, of what my.cnf decides."""
    return name not in _DECIDED_ELSEWHERE and not is_same(configured, running)


def is_same(left: str | None, right: str | None) -> bool:
    """Whether two ways to write a value mean the same: 1G and 1073741824, ON and 1."""
    return _plain(left) == _plain(right)


def _plain(value: str | None) -> str:
    text = (value or "").strip().strip("'\"")
    size = quantity.parse_my_cnf(text)
    if size is not None:
        return str(size)
    return _WORDS.get(text.lower(), text.lower())
