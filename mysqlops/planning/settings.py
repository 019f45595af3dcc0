"""What a change of my.cnf means for running servers. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any

from mysqlops.core import my_cnf, mysqld_config, setting_rules, setting_secrets
from mysqlops.core.spec import ClusterSpec
from mysqlops.errors import ConfigError, Reason

# The agent decides the first two from a member's role; the others read back differently from what is set.
_DECIDED_ELSEWHERE = {"super_read_only", "offline_mode", "log_bin", "datadir"}
# All other values are compared without regard to case.
_TEXTS = {"init_connect", "ft_boolean_syntax"}
# Servers round these down to whole blocks, the buffer pool up to whole chunks.
_SIZES = re.compile(r".*_(size|packet|length|limit|stack)")
_BLOCKS = (1024, 4096)
_CHUNK = 128 * 1024**2
# Modes that stand for several others, which the server lists as well.
_STRICT = "strict_trans_tables,strict_all_tables,no_zero_in_date,no_zero_date,error_for_division_by_zero"
_MODES = {
    "traditional": f"{_STRICT},no_engine_substitution",
    "ansi": "real_as_float,pipes_as_concat,ansi_quotes,ignore_space,only_full_group_by",
}


def values(text: str) -> dict[str, str]:
    """What each line of my.cnf sets, by the variable's name, as the server reads it."""
    options = [my_cnf.option(setting.key, setting.value) for setting in mysqld_config.parse(text, "my.cnf")]
    return {option.name: "ON" if option.value is None else option.value for option in options}


def of_objects(objects: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """What the files of the ConfigMaps among these objects set."""
    found: dict[str, str] = {}
    for manifest in objects:
        for text in (manifest.get("data") or {}).values() if manifest.get("kind") == "ConfigMap" else ():
            with suppress(ConfigError):  # no my.cnf
                found |= values(text)
    return found


def changes(before: str, after: str) -> dict[str, str | None]:
    """From one my.cnf to another: variable -> new value, None if the line is removed (then the default counts).
    Without what agents decide: a newer release may start servers offline, which must not be set on running ones."""
    old, new = values(before), values(after)
    names = sorted({*old, *new} - _DECIDED_ELSEWHERE)
    return {name: new.get(name) for name in names if old.get(name) != new.get(name)}


def waits_for_start(name: str) -> bool:
    """True of variables that a server accepts and does not use at once: reading them back proves nothing. TLS settings
    take effect with RELOAD TLS, by which an agent loads the next certificate, months later."""
    return name.startswith(("ssl_", "tls_"))


def belongs_to_data(change: Iterable[str]) -> list[Reason]:
    """Why a running cluster must not be changed like that: no server would start on its data."""
    return [
        Reason(
            "fixed-setting",
            f"{name} can be set only when data is created: servers do not start on data with another value",
            "deploy another cluster with it, and move the data there: `mysqlops explain adopt`",
        )
        for name in change
        if name in setting_rules.fixed()
    ]


def other_data(
    backup: str, made_with: Mapping[str, str | None], spec: ClusterSpec, *, is_logical: bool
) -> list[Reason]:
    """Why a backup of a cluster with such settings does not fit servers with those of `spec`. SQL fits any page format,
    but table names that differ only in case do not fit every server."""
    old, new = mysqld_config.by_name(made_with), mysqld_config.by_name(spec.mysqld)
    return [
        Reason(
            "other-data",
            f"{backup} was made with {name}={old.get(name) or 'its default'}, and servers of {spec.name} would run "
            f"with {new.get(name) or 'its default'}",
            f"restore it --as another cluster, with the original {name} in --config",
        )
        for name in setting_rules.fixed()
        if not setting_rules.is_same_data(name, old.get(name), new.get(name))
        and (not is_logical or name == "lower_case_table_names")
    ]


def as_configured(keys: Iterable[str], text: str) -> dict[str, str | None]:
    """The values that set these variables to what my.cnf says, None for the server's default. Without those that a user
    may not set, or that no command sets live: somebody else listed them."""
    configured = values(text)
    return {
        name: configured.get(name)
        for name in keys
        if name not in _DECIDED_ELSEWHERE and setting_rules.may_be_set(name) and not setting_secrets.any_of([name])
    }


def differs(name: str, configured: str, running: str | None) -> bool:
    """True if a server runs with another value than my.cnf has, for variables that my.cnf decides."""
    if name in _TEXTS:
        return configured != (running or "")
    if name in _DECIDED_ELSEWHERE or is_same(configured, running):
        return False
    if "=" in configured and name.endswith("_switch"):
        return not set(_words(configured)) - {"default"} <= set(_words(running))
    if name == "sql_mode":
        return _modes(configured) != _modes(running)
    if "," in configured:
        return sorted(_words(configured)) != sorted(_words(running))
    return not _is_rounded(name, my_cnf.number(configured), my_cnf.number(running))


def is_same(left: str | None, right: str | None) -> bool:
    """Whether two ways to write a value mean the same: 1G and 1073741824, ON and 1, 2 and 2.0."""
    return my_cnf.plain(left) == my_cnf.plain(right)


def _words(value: str | None) -> list[str]:
    return [part.strip().lower() for part in (value or "").split(",") if part.strip()]


def _modes(value: str | None) -> set[str]:
    found = set(_words(value))
    return found.union(*(_words(_MODES[mode]) for mode in found & set(_MODES)))


def _is_rounded(name: str, configured: int | None, running: int | None) -> bool:
    if configured is None or running is None or not _SIZES.fullmatch(name):
        return False
    if name == "innodb_buffer_pool_size":
        return running % _CHUNK == 0 and 0 < running - configured < _CHUNK
    return any(configured // block * block == running for block in _BLOCKS)
