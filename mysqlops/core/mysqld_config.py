"""my.cnf: what the base sets, what the sizes set, what a user may set, and what nobody may.

Layers, each over the one before: `manifests/base/config/my.cnf`, the sizes, the user's file. The server
itself has the last word: preflight runs `mysqld --validate-config` in the image.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from mysqlops.core import typed
from mysqlops.errors import ConfigError

_LOSE_DATA = "a change could lose acknowledged writes"
_OURS = "mysqlops sets it for each member"
_GROUP = "the group cannot form or heal without it"

# Normalised name -> why a user's file may not set it. moco left the first three to the user, who could
# lose RPO 0 silently (anchors: moco, `pkg/mycnf/generator.go`).
_UNSAFE = """
innodb_flush_log_at_trx_commit sync_binlog innodb_doublewrite log_bin log_replica_updates
log_slave_updates binlog_error_action relay_log_recovery replica_preserve_commit_order innodb_force_recovery
"""
_PER_MEMBER = """
datadir basedir socket port bind_address pid_file server_id report_host report_port user tmpdir secure_file_priv
plugin_dir init_file mysqlx networking grant_tables admin_address default_authentication_plugin
authentication_policy require_secure_transport ssl_ca ssl_cert ssl_key ssl_capath
"""
_GROUP_NEEDS = """
gtid_mode enforce_gtid_consistency super_read_only read_only offline_mode plugin_load plugin_load_add
transaction_write_set_extraction replica_start
"""
PROTECTED: Mapping[str, str] = {
    **dict.fromkeys(_UNSAFE.split(), _LOSE_DATA),
    **dict.fromkeys(_PER_MEMBER.split(), _OURS),
    **dict.fromkeys(_GROUP_NEEDS.split(), _GROUP),
}
_PROTECTED_PREFIXES = {"group_replication_": _GROUP}
# Of the group's variables, those that change no rule of membership.
_ALLOWED_GROUP = {
    "group_replication_message_cache_size",
    "group_replication_member_weight",
    "group_replication_consistency",
    "group_replication_flow_control_mode",
    "group_replication_flow_control_applier_threshold",
    "group_replication_flow_control_certifier_threshold",
    "group_replication_transaction_size_limit",
    "group_replication_poll_spin_loops",
}


@dataclass(frozen=True)
class Setting:
    """One line of my.cnf: the key as written, its value (None for a bare flag), and the line's number."""

    key: str
    value: str | None
    line: int


def normalise(key: str) -> str:
    """The variable's name: `Loose-Max-Connections` and `loose_max_connections` are `max_connections`."""
    name = key.strip().lower().replace("-", "_")
    for prefix in ("loose_", "skip_loose_", "maximum_"):
        name = name.removeprefix(prefix)
    return name


def parse(text: str, source: str) -> list[Setting]:
    """The settings of the [mysqld] sections; raises ConfigError with the line for what is not my.cnf."""
    settings: list[Setting] = []
    section: str | None = None
    for number, raw in enumerate(text.splitlines(), start=1):
        line = raw.strip()
        if not line or line[0] in "#;":
            continue
        if line.startswith("!"):
            raise ConfigError(f"{source} line {number}: {line!r}: includes cannot be followed into a pod")
        if line.startswith("["):
            section = _section(line, source, number)
            continue
        if section is None:
            raise ConfigError(f"{source} line {number}: {line!r} stands before any [mysqld] section")
        key, equals, value = line.partition("=")
        settings.append(Setting(key.strip(), value.strip() if equals else None, number))
    return settings


def _section(line: str, source: str, number: int) -> str:
    if line != "[mysqld]":
        raise ConfigError(f"{source} line {number}: {line}: only the section [mysqld] is read")
    return line


def check_user_settings(settings: list[Setting], source: str) -> dict[str, str | None]:
    """The settings by normalised name; raises ConfigError for a name that a user may not set, or sets twice."""
    checked: dict[str, str | None] = {}
    for setting in settings:
        name = normalise(setting.key)
        why = protected_because(name)
        if why:
            raise ConfigError(
                f"{source} line {setting.line}: {setting.key} may not be set: {why}",
                hint="remove the line; docs/configuration.md lists what mysqlops sets and why",
            )
        if name in checked:
            raise ConfigError(f"{source} line {setting.line}: {setting.key} is set twice")
        checked[name] = setting.value
    return checked


def protected_because(name: str) -> str | None:
    """Why a user may not set a variable (`skip_name` counts as `name`), or None."""
    for candidate in (name, name.removeprefix("skip_"), name.removeprefix("disable_")):
        if candidate in PROTECTED:
            return PROTECTED[candidate]
        if candidate in _ALLOWED_GROUP:
            return None
        for prefix, why in _PROTECTED_PREFIXES.items():
            if candidate.startswith(prefix):
                return why
    return None


def layer(base: list[Setting], *overrides: Mapping[str, str | None]) -> str:
    """The text of my.cnf: the base in its order, each override over it, new names at the end, sorted."""
    values: dict[str, str | None] = {setting.key: setting.value for setting in base}
    written = {normalise(key): key for key in values}
    for override in overrides:
        for key, value in sorted(override.items()):
            target = written.setdefault(normalise(key), key)
            values[target] = value
    return "\n".join(["[mysqld]", *(_line(key, value) for key, value in values.items()), ""])


def _line(key: str, value: str | None) -> str:
    """One line, whoever the value is from; raises ConfigError for what would be more than one."""
    text = key if value is None else f"{key} = {value}"
    if not typed.is_plain(text.replace("\t", " ")):
        raise ConfigError(f"my.cnf: {typed.visible(text)}: a setting holds no control characters")
    return text
