"""my.cnf in layers: the base, the sizes, and the user's settings, each overriding the one before.

The base is `manifests/base/config/my.cnf`. setting_rules decides what a user may set, and so does the server in its
image: preflight runs `mysqld --validate-config`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mysqlops.core import my_cnf, setting_rules, typed
from mysqlops.errors import ConfigError

parse = my_cnf.parse

# Variables of plugins: the server that initialises a data directory loads no plugin, and would refuse to start.
_OF_PLUGINS = ("group_replication_", "clone_")
_LOOSE = "loose_"


def normalise(key: str) -> str:
    """The variable's name: `Loose-Max-Connections` and `max_connections` are the same."""
    return my_cnf.option(key, None).name


def check_user_settings(
    settings: Sequence[my_cnf.Setting], source: str, running: Mapping[str, str | None] | None = None
) -> dict[str, str | None]:
    """The settings by name, with `loose_` where a server may not know one; raises ConfigError for a setting that a user
    may not set, or sets twice. A value that the cluster is `running` with passes: an older mysqlops allowed it."""
    checked: dict[str, str | None] = {}
    lines: dict[str, int] = {}
    for setting in settings:
        where, option = f"{source} line {setting.line}", my_cnf.option(setting.key, setting.value)
        key = _key(option)
        is_running = running is not None and key in running and running[key] == option.value
        if not is_running and (why := setting_rules.refused_because(option.name, option.value)):
            raise ConfigError(
                f"{where}: {setting.key} may not be set{_so(option)}: {why}",
                hint="correct the line or remove it; `mysqlops explain configuration` lists what may be set",
            )
        if option.name in lines:
            text = f"{where}: {setting.key} is set twice: also in line {lines[option.name]}; mysqld would use the last"
            raise ConfigError(text)
        lines[option.name] = setting.line
        checked[key] = option.value
    return checked


def read(settings: Sequence[my_cnf.Setting]) -> dict[str, str | None]:
    """The same for a running cluster, without the check: an older mysqlops allowed more, and its clusters must be
    seen."""
    options = [my_cnf.option(setting.key, setting.value) for setting in settings]
    return {_key(option): option.value for option in options}


def recorded(settings: Mapping[str, str | None]) -> dict[str, str | None]:
    """A user's settings as a backup keeps them: each value as written in a line of my.cnf."""
    return {key: None if value is None else my_cnf.quoted(value) for key, value in settings.items()}


def of_record(record: Mapping[str, str | None], source: str) -> dict[str, str | None]:
    """The settings that a backup keeps, checked like a user's file; raises ConfigError."""
    lines = [key if value is None else f"{key} = {value}" for key, value in record.items()]
    if strange := [line for line in lines if not typed.is_plain(line.replace("\t", " "))]:
        key = typed.visible(strange[0].partition(" = ")[0])
        raise ConfigError(f"{source}: {key}: a setting must not contain control characters")
    return check_user_settings(parse("\n".join(["[mysqld]", *lines]), source), source)


def objections(settings: Mapping[str, str | None]) -> list[str]:
    """The user's settings that would be refused today, with the reason."""
    found = [(name, setting_rules.refused_because(name, value)) for name, value in by_name(settings).items()]
    return [f"{name}: {why}" for name, why in found if why]


def _so(option: my_cnf.Option) -> str:
    rule = setting_rules.rule_of(option.name)
    is_name = rule is None or rule.kind == setting_rules.REFUSED
    return "" if is_name else f" to {my_cnf.shown(option.value)}"


def _key(option: my_cnf.Option) -> str:
    is_loose = option.is_loose or option.name.startswith(_OF_PLUGINS)
    return f"{_LOOSE}{option.name}" if is_loose else option.name


def by_name(settings: Mapping[str, str | None]) -> dict[str, str | None]:
    """A user's settings by the variables' names."""
    return {key.removeprefix(_LOOSE): value for key, value in settings.items()}


def layer(base: Sequence[my_cnf.Setting], *overrides: Mapping[str, str | None]) -> str:
    """The text of my.cnf: the base in its order with all overrides applied, new names sorted at the end."""
    values: dict[str, str | None] = {setting.key: setting.value for setting in base}
    written = {normalise(key): key for key in values}
    for override in overrides:
        for key, value in sorted(override.items()):
            target = written.setdefault(normalise(key), key)
            values[target] = value
    return "\n".join(["[mysqld]", *(my_cnf.written(key, value) for key, value in values.items()), ""])
