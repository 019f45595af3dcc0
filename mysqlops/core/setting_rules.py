"""Which settings of mysqld a user may have: refused, allowed with a check, or allowed. Pure.

A setting is refused if it decides what reaches the group, locks out the accounts that run the cluster, makes data
unreadable, or cannot work in a pod. Anything not listed is allowed: the server in its image decides, and the test write
after a change. tests/database asks a real server for all its options and requires a decision on each.
https://dev.mysql.com/doc/refman/en/group-replication-requirements.html
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from mysqlops.core import my_cnf

REFUSED, CHECKED, FIXED = KINDS = ("refused", "allowed with a check", "only when data is created")


@dataclass(frozen=True)
class Rule:
    """Options, by name or by prefix (`x_*`); `why` says what they would do, or what must hold."""

    names: tuple[str, ...]
    kind: str
    why: str
    holds: Callable[[str | None], bool] = lambda _: False


def _refuse(why: str, names: str) -> Rule:
    return Rule(tuple(names.split()), REFUSED, why)


def _check(names: str, why: str, holds: Callable[[str | None], bool]) -> Rule:
    return Rule(tuple(names.split()), CHECKED, why, holds)


def _one_of(*words: str) -> Callable[[str | None], bool]:
    return lambda value: (value or "").strip().lower() in words


def _only(*words: str) -> Callable[[str | None], bool]:
    return lambda value: bool(value) and {part.strip().lower() for part in (value or "").split(",")} <= set(words)


def _at_least(smallest: int, *others: int) -> Callable[[str | None], bool]:
    def holds(value: str | None) -> bool:
        number = my_cnf.number(value)
        return number is None or number >= smallest or number in others  # the server refuses what is no number

    return holds


def _includes(*kinds: set[str]) -> Callable[[str | None], bool]:
    """At least one of each kind."""
    return lambda value: all(kind & {part.strip() for part in re.split("[:,]", value or "")} for kind in kinds)


def _is_file_of_data(value: str | None) -> bool:
    return bool(re.fullmatch(r"\w[\w.-]*\.log", value or ""))


_OFFSET = re.compile(r"system|[+-](0?\d|1[0-4]):[0-5]\d", re.IGNORECASE)
_OUTSIDE_BINLOG = re.compile(r"sql_log_bin|gtid_next", re.IGNORECASE)

# Ciphers that clients know by default: the agents', and those since 2018. A site's certificate may use RSA.
_ENDS = ("AES256-GCM-SHA384", "AES128-GCM-SHA256", "CHACHA20-POLY1305")
_OF_EC, _OF_RSA = ({f"ECDHE-{kind}-{end}" for end in _ENDS} for kind in ("ECDSA", "RSA"))
_SUITES = {"TLS_AES_256_GCM_SHA384", "TLS_AES_128_GCM_SHA256", "TLS_CHACHA20_POLY1305_SHA256"}

_LOSE_DATA = "a change could lose acknowledged writes"
_OURS = "mysqlops sets it for each member"
_GROUP = "the group cannot form or heal without it"
_FILTER = "it hides transactions from some members: the group would break at the next statement that needs them"
_PATH = "the root file system is read-only; mysqld writes to its volume and /tmp"
_KEYRING = "no keyring is set up, so nothing could be encrypted or read again"
_ACTION = "mysqld would do something other than serve"

RULES: tuple[Rule, ...] = (
    _refuse(
        _LOSE_DATA,
        """
innodb_flush_log_at_trx_commit sync_binlog innodb_doublewrite log_bin log_replica_updates binlog_error_action
relay_log_recovery replica_preserve_commit_order innodb_force_recovery innodb_force_load_corrupted innodb_read_only
innodb_log_checksums binlog_order_commits log_bin_use_v1_row_events tc_heuristic_recover log_tc xa_detach_on_prepare""",
    ),
    _refuse(_FILTER, "binlog_do_db binlog_ignore_db replicate_* replica_skip_errors replica_exec_mode"),
    _refuse("it would run on each member, in the thread that applies the group's transactions", "init_replica"),
    _refuse(
        _GROUP,
        """
gtid_mode enforce_gtid_consistency super_read_only read_only offline_mode transaction_read_only plugin_load
plugin_load_add early_plugin_load transaction_write_set_extraction skip_replica_start group_replication
group_replication_* clone clone_valid_donor_list clone_ssl_* master_info_repository relay_log_info_repository
relay_log_info_file relay_log relay_log_* relay_log_space_limit replica_max_allowed_packet
server_id_bits performance_schema innodb_api_* replica_allow_higher_version_source
max_binlog_dump_events sporadic_binlog_dump_fail""",
    ),
    _refuse("members would not start after an upgrade of their image", "upgrade"),
    _refuse(
        _OURS,
        """
basedir socket port bind_address pid_file server_id report_* user plugin_dir skip_networking
skip_grant_tables admin_* create_admin_listener_thread mysqlx mysqlx_* init_file
proxy_protocol_networks
require_secure_transport ssl ssl_ca ssl_cert ssl_key ssl_capath ssl_crl ssl_crlpath auto_generate_certs
log_error_services skip_new persisted_globals_load""",
    ),
    _refuse(
        "mysqlops' own accounts use caching_sha2_password; others: CREATE USER … IDENTIFIED WITH",
        "default_authentication_plugin authentication_policy",
    ),
    _refuse(
        _PATH,
        """
datadir tmpdir secure_file_priv log_error log_bin_index replica_load_tmpdir lc_messages_dir character_sets_dir
innodb_data_home_dir innodb_log_group_home_dir innodb_undo_directory innodb_temp_tablespaces_dir innodb_tmpdir
innodb_directories innodb_doublewrite_dir innodb_redo_log_archive_dirs innodb_buffer_pool_filename
innodb_temp_data_file_path caching_sha2_password_private_key_path caching_sha2_password_public_key_path
sha256_password_private_key_path sha256_password_public_key_path chroot ft_stopword_file""",
    ),
    _refuse(
        _KEYRING,
        "binlog_encryption innodb_redo_log_encrypt innodb_undo_log_encrypt default_table_encryption keyring_* "
        "binlog_rotate_encryption_master_key_at_startup",
    ),
    _refuse(_ACTION, "initialize initialize_insecure help verbose version validate_config daemonize gdb console"),
    _refuse("it sizes by the node's memory; mysqlops sizes by --memory", "innodb_dedicated_server server_memory"),
    _refuse("a dump and the comparison of a backup would see only some of the rows", "sql_select_limit"),
    _refuse("the agents' queries on the group join tables, and dumps read large ones", "max_join_size"),
    _refuse(
        "a server would not start with the certificate that mysqlops creates", "tls_certificates_enforced_validation"
    ),
    _refuse("no variable shows a session's upper limit, so nobody would see it", "maximum_*"),
    _check("binlog_format", "ROW: the group takes nothing else", _one_of("row", "2")),
    _check("replica_parallel_type", "LOGICAL_CLOCK: the group takes nothing else", _one_of("logical_clock")),
    _check("default_storage_engine", "InnoDB: the group takes writes to no other", _one_of("innodb")),
    _check(
        "disabled_storage_engines",
        "without InnoDB, which holds all data of the group",
        lambda value: "innodb" not in (value or "").lower().replace(" ", "").split(","),
    ),
    _check(
        "init_connect",
        "no sql_log_bin or gtid_next in it: writes would bypass the group",
        lambda value: not _OUTSIDE_BINLOG.search(value or ""),
    ),
    _check(
        "innodb_flush_method",
        "not nosync or littlesync: a crash would lose data",
        _one_of("fsync", "o_dsync", "o_direct", "o_direct_no_fsync", "0", "1", "4", "5"),
    ),
    _check(
        "innodb_checksum_algorithm",
        "not none: damage would go unnoticed",
        _one_of("crc32", "strict_crc32", "innodb", "strict_innodb"),
    ),
    _check(
        "default_time_zone",
        "SYSTEM or an offset such as +02:00: a new data directory holds no named time zones yet",
        lambda value: bool(_OFFSET.fullmatch((value or "").strip())),
    ),
    _check(
        "general_log_file slow_query_log_file",
        "a name without a folder that ends in .log: it is put into the data directory",
        _is_file_of_data,
    ),
    _check("default_password_lifetime", "0: the passwords of mysqlops' own accounts would expire", _at_least(2**31, 0)),
    _check("max_connections", "at least 20: members and agents need some", _at_least(20)),
    _check("max_user_connections", "0 or at least 20: mysqlops' own accounts count too", _at_least(20, 0)),
    _check("max_connect_errors", "at least 100000: port checks by waiting clients count", _at_least(100_000)),
    _check(
        "caching_sha2_password_enforce_storage_format",
        "OFF: it locks out accounts whose password is stored another way, mysqlops' own too",
        _one_of("off", "0", "false"),
    ),
    _check(
        "caching_sha2_password_digest_rounds",
        "at most 100000: agents compare passwords with their hashes",
        lambda value: (my_cnf.number(value) or 0) <= 100_000,
    ),
    _check("log_raw", "OFF: passwords would appear in the general log", _one_of("off", "0", "false")),
    _check("thread_stack", "at least 256K: a server with less cannot clone a donor", _at_least(2**18)),
    _check("back_log", "at least 50: the members' own connections use that queue too", _at_least(50, -1)),
    _check(
        "protocol_compression_algorithms",
        "with uncompressed: agents and many clients do not compress, and would be refused",
        _includes({"uncompressed"}),
    ),
    _check(
        "completion_type",
        "NO_CHAIN: after a COMMIT, clients would be in a transaction they do not know of, or disconnected",
        _one_of("no_chain", "0"),
    ),
    _check(
        "wait_timeout interactive_timeout",
        "at least 30 s: agents query every second, and a node may freeze",
        _at_least(30),
    ),
    _check("net_read_timeout net_write_timeout connect_timeout", "at least 5 s", _at_least(5)),
    _check("max_execution_time", "0 or at least 60000 ms: backups read whole tables", _at_least(60_000, 0)),
    _check("performance_schema_max_thread_instances", "at least 100: clients are looked up there", _at_least(100)),
    _check("thread_handling", "one-thread-per-connection", _one_of("one-thread-per-connection", "loaded-dynamically")),
    _check("max_allowed_packet", "at least 1M", _at_least(2**20)),
    _check("max_prepared_stmt_count", "at least 1000: they set the accounts' passwords", _at_least(1000)),
    _check(
        "max_binlog_cache_size max_binlog_stmt_cache_size",
        "at least 1G: a replica that cannot hold a transaction of the primary leaves the group",
        _at_least(2**30),
    ),
    _check(
        "group_replication_transaction_size_limit",
        "at least 1M; 0 is no limit: one transaction could exhaust the memory of all members at once",
        _at_least(2**20),
    ),
    _check("innodb_fast_shutdown", "0 or 1: after 2, a newer version cannot open the data", _one_of("0", "1")),
    _check(
        "binlog_expire_logs_seconds",
        "0 or at least 3600: members that come back and point-in-time restores need them",
        _at_least(3600, 0),
    ),
    _check("tls_version", "TLSv1.2, TLSv1.3 or both", _only("tlsv1.2", "tlsv1.3")),
    _check(
        "tls_ciphersuites",
        "with one that all clients know, such as TLS_AES_256_GCM_SHA384: agents would be locked out",
        _includes(_SUITES),
    ),
    _check(
        "ssl_cipher",
        "with one for each kind of key, such as ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384: agents and "
        "clients of TLS 1.2 would be locked out",
        _includes(_OF_EC, _OF_RSA),
    ),
    Rule(("lower_case_table_names",), FIXED, "the server does not start on data with another value", _at_least(0)),
    Rule(("innodb_page_size",), FIXED, "the server does not start on data with another value", _at_least(0)),
    Rule(
        ("innodb_data_file_path",),
        FIXED,
        "names without a folder; the server does not start on data with other values",
        lambda value: "/" not in (value or "") and ".." not in (value or ""),
    ),
)
# Variables of the group and the clone plugin that do not affect membership.
ALLOWED_GROUP = frozenset(
    """
group_replication_message_cache_size group_replication_member_weight group_replication_consistency
group_replication_flow_control_mode group_replication_flow_control_applier_threshold
group_replication_flow_control_certifier_threshold
group_replication_poll_spin_loops
""".split()
)


def rule_of(name: str) -> Rule | None:
    """The rule for a variable, by its current name."""
    if name in ALLOWED_GROUP:
        return None
    exact = next((rule for rule in RULES if name in rule.names), None)
    return exact or next((rule for rule in RULES if _begins_like(rule, name)), None)


def _begins_like(rule: Rule, name: str) -> bool:
    return any(known.endswith("*") and name.startswith(known[:-1]) for known in rule.names)


def may_be_set(name: str) -> bool:
    """Whether a user may set it at all."""
    rule = rule_of(name)
    return rule is None or rule.kind != REFUSED


def refused_because(name: str, value: str | None) -> str | None:
    """Why a user may not set it to that value, or None."""
    rule = rule_of(name)
    if rule is None or (rule.kind != REFUSED and rule.holds(value)):
        return None
    return rule.why if rule.kind == REFUSED else f"expected {rule.why}"


def fixed() -> tuple[str, ...]:
    """Settings that belong to the data: the server does not start on data created with another value."""
    return tuple(name for rule in RULES if rule.kind == FIXED for name in rule.names)


def is_same_data(name: str, left: str | None, right: str | None) -> bool:
    """Whether data made with one value can be served with the other."""
    default = _DEFAULTS[name]
    return my_cnf.plain(left or default) == my_cnf.plain(right or default)


_DEFAULTS = {
    "lower_case_table_names": "0",
    "innodb_page_size": "16K",
    "innodb_data_file_path": "ibdata1:12M:autoextend",
}
