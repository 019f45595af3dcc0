"""What a user's my.cnf may say: one reading of its lines, rules for its settings, and the memory that they take."""

from __future__ import annotations

from pathlib import Path

import pytest

from mysqlops.core import memory as memory_of
from mysqlops.core import my_cnf, mysqld_config, quantity, setting_rules
from mysqlops.core.spec import ClusterSpec
from mysqlops.errors import ConfigError
from mysqlops.planning import settings

_INPUTS = Path(__file__).parents[2] / "inputs"


def _checked(text: str) -> dict[str, str | None]:
    return mysqld_config.check_user_settings(mysqld_config.parse(text, "my.cnf"), "my.cnf")


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("max_connections = 150   # the old server had 151", "150"),
        ("sql_mode = \"A,B\" # as 'before'", "A,B"),
        ("init_connect='SET NAMES utf8mb4'", "SET NAMES utf8mb4"),
        ("init_connect = 'a#b'#c", "a#b"),
        (r"init_connect = a\sb\\c\x", r"a b\c\x"),
        ("init_connect = ''", ""),
        ("init_connect =", ""),
        ("init_connect = 'it''s", "'it''s"),
        ("slow-query-log", None),
    ],
)
def test_a_line_has_one_value(line: str, value: str | None) -> None:
    assert [one.value for one in my_cnf.parse(f"[mysqld]\n{line}\n", "x")] == [value]


@pytest.mark.parametrize("line", ["a = \x1b[2J", "a = b\x00", "init_connect = à", f"a = {'x' * 5000}", "= 3"])
def test_what_mysqld_would_read_otherwise_is_no_line(line: str) -> None:
    with pytest.raises(ConfigError, match="line 2"):
        my_cnf.parse(f"[mysqld]\n{line}\n", "my.cnf")


def test_other_separators_do_not_begin_a_line() -> None:
    assert [one.key for one in my_cnf.parse("[mysqld]\na = \u2028'b\u2028sync_binlog=0'\r\nc=1", "x")] == ["a", "c"]


@pytest.mark.parametrize(
    "line",
    [
        "binlog_ignore_db = scratch",
        "binlog-do-db=shop",
        "replicate-ignore-db = scratch",
        "replicate-wild-ignore-table=a.%",
        "slave-skip-errors=all",
        "binlog-format = mixed",
        "loose_binlog_format = STATEMENT",
        "default-storage-engine = MyISAM",
        "disabled_storage_engines = 'MyISAM, InnoDB'",
        "init_connect = 'SET sql_log_bin = 0'",
        "init-slave=x",
        "skip-grant-tables",
        "loose-skip-grant-tables",
        "skip-networking = 0",
        "skip-slave-start=0",
        "slave_preserve_commit_order=OFF",
        "skip-loose-log_slave_updates",
        "enable_innodb_doublewrite = 0",
        "maximum-max_connections=5",
        "default-time-zone='Europe/Berlin'",
        "default-time-zone=UTC",
        "log-error=/var/log/mysql/error.log",
        "slow_query_log_file = /var/log/mysql/slow.log",
        "general_log_file = ../x",
        "general_log_file = mysql.ibd",
        "slow_query_log_file = ibdata1",
        "max_prepared_stmt_count = 0",
        "tls_version = TLSv1.1",
        "innodb_undo_directory=/tmp",
        "group-replication=OFF",
        "early-plugin-load=x.so",
        "default_table_encryption=ON",
        "performance-schema=OFF",
        "transaction-read-only",
        "default_password_lifetime=90",
        "max_connections=5",
        "innodb_flush_method=nosync",
        "innodb_data_file_path=../x:1M",
        "max_join_size = 1000000",
        "back-log = 1",
        "interactive_timeout = 1",
        "protocol_compression_algorithms = zstd,zlib",
        "completion_type = CHAIN",
        "completion_type = 2",
        "max_binlog_cache_size = 4096",
        "group_replication_transaction_size_limit = 0",
        "loose-group-replication-transaction-size-limit = 1",
        "log-raw",
        "thread_stack = 128K",
        "tls_certificates_enforced_validation = ON",
        "innodb_fast_shutdown = 2",
        "binlog_expire_logs_seconds = 60",
        "caching_sha2_password_enforce_storage_format",
        "tls_ciphersuites = ''",
        "tls_ciphersuites = TLS_AES_128_CCM_SHA256",
        "ssl_cipher = ECDHE-RSA-AES128-GCM-SHA256",
        "ssl_cipher = ECDHE-ECDSA-AES256-CCM:ECDHE-RSA-AES128-GCM-SHA256",
        "initialize",
    ],
)
def test_a_setting_that_would_break_the_group_is_refused(line: str) -> None:
    with pytest.raises(ConfigError, match=r"my.cnf line 2: .* may not be set") as caught:
        _checked(f"[mysqld]\n{line}\n")
    assert caught.value.hint


@pytest.mark.parametrize(
    "line",
    [
        "binlog_format = ROW",
        "default-storage-engine = 'InnoDB'",
        "init_connect = 'SET NAMES utf8mb4'",
        "default_time_zone = '+02:00'",
        "slow_query_log_file = slow.log",
        "password_history = 3",
        "default_password_lifetime=0",
        "lower_case_table_names=1",
        "group_replication_member_weight=70",
        "skip-log-slow-extra",
        "max_user_connections=0",
        "event_scheduler=OFF",
        "protocol_compression_algorithms = 'zstd, uncompressed'",
        "completion_type = NO_CHAIN",
        "back_log = -1",
        "group_replication_transaction_size_limit = 50M",
        "group_replication_consistency = AFTER",
        "binlog_expire_logs_seconds = 0",
        "skip_caching_sha2_password_enforce_storage_format",
        "tls_ciphersuites = TLS_AES_256_GCM_SHA384:TLS_AES_128_CCM_SHA256",
        "ssl_cipher = ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384",
    ],
)
def test_what_does_no_harm_is_allowed(line: str) -> None:
    assert len(_checked(f"[mysqld]\n{line}\n")) == 1


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("ignore.cnf", "hides transactions from some members"),
        ("filters.cnf", "hides transactions from some members"),
        ("real1.cnf", "hides transactions from some members"),
        ("format.cnf", "expected ROW"),
        ("engine.cnf", "expected InnoDB"),
        ("tz.cnf", "no named time zones"),
        ("logs.cnf", "read-only"),
        ("client.cnf", "only the section"),
    ],
)
def test_files_of_real_people_are_refused_by_name_with_the_reason(file: str, text: str) -> None:
    with pytest.raises(ConfigError, match=text):
        _checked((_INPUTS / file).read_text())


@pytest.mark.parametrize("file", ["comments.cnf", "history.cnf", "autocommit.cnf", "pool.cnf"])
def test_files_of_real_people_that_are_taken(file: str) -> None:
    user = _checked((_INPUTS / file).read_text())
    assert _checked(mysqld_config.layer([], user)) == user


def test_a_plugins_setting_never_stops_the_server_that_makes_the_data() -> None:
    assert _checked("[mysqld]\nclone-ddl-timeout=5\nloose_x=1\nskip_log_raw") == {
        "loose_clone_ddl_timeout": "5",
        "loose_x": "1",
        "log_raw": "OFF",
    }


def test_settings_that_an_older_version_allowed_can_still_be_seen() -> None:
    found = mysqld_config.read(mysqld_config.parse("[mysqld]\nbinlog_format = mixed\nsync_binlog=1\nx=2", "x"))
    assert found == {"binlog_format": "mixed", "sync_binlog": "1", "x": "2"}
    assert [one.partition(":")[0] for one in mysqld_config.objections(found)] == ["binlog_format", "sync_binlog"]


@pytest.mark.parametrize(
    ("name", "configured", "running", "is_drift"),
    [
        ("long_query_time", "2", "2.0", False),
        ("long_query_time", "2", "2.5", True),
        ("long_query_time", ".5", "0.500000", False),
        ("optimizer_switch", "index_merge_intersection=off", "index_merge=on,index_merge_intersection=off", False),
        ("optimizer_switch", "index_merge_intersection=off", "index_merge=on,index_merge_intersection=on", True),
        ("max_allowed_packet", "1234567", "1233920", False),
        ("max_connections", "5000", "4096", True),
        ("innodb_buffer_pool_size", "200M", str(256 * 1024**2), False),
        ("innodb_buffer_pool_size", "200M", str(512 * 1024**2), True),
        ("sql_mode", "NO_ENGINE_SUBSTITUTION,STRICT_TRANS_TABLES", "STRICT_TRANS_TABLES,NO_ENGINE_SUBSTITUTION", False),
        ("sql_mode", "STRICT_TRANS_TABLES", "STRICT_TRANS_TABLES,ANSI_QUOTES", True),
        ("sql_mode", "", "", False),
        ("init_connect", "SET @a='x'", "SET @a='X'", True),
        ("init_connect", "", None, False),
    ],
)
def test_only_what_is_otherwise_is_drift(name: str, configured: str, running: str, is_drift: bool) -> None:
    assert settings.differs(name, configured, running) is is_drift


def test_a_change_can_be_taken_back_to_what_my_cnf_says() -> None:
    before = "[mysqld]\nmax_connections = 90\nsql_mode = 'A,B'\n"
    assert settings.as_configured(["max_connections", "sql_mode", "new"], before) == {
        "max_connections": "90",
        "sql_mode": "A,B",
        "new": None,
    }


def test_every_rule_says_why_and_names_an_option_once() -> None:
    names = [name for rule in setting_rules.RULES for name in rule.names]
    assert len(names) == len(set(names))
    assert all(rule.why and rule.kind in setting_rules.KINDS for rule in setting_rules.RULES)


def _fit(memory: str, **user: str) -> memory_of.Fit:
    spec = ClusterSpec("c", "n", memory=memory, storage_size="100Gi", mysqld=dict(user))
    return memory_of.fit(quantity.parse_bytes(memory), spec.sizing(), spec.mysqld)


@pytest.mark.parametrize("memory", ["768Mi", "1Gi", "2Gi", "3Gi", "8Gi", "64Gi", "512Gi"])
def test_what_mysqlops_sizes_fits(memory: str) -> None:
    assert _fit(memory) == memory_of.Fit()
    sized = ClusterSpec("c", "n", memory=memory, storage_size="100Gi").sizing()
    own = {my_cnf.option(key, value).name: value for key, value in sized.variables().items()}
    assert memory == "768Mi" or memory_of.need(own).most <= quantity.parse_bytes(memory)


@pytest.mark.parametrize(
    ("memory", "user", "refused"),
    [
        ("768Mi", {"innodb_buffer_pool_size": "4G"}, True),
        ("8Gi", {"innodb_buffer_pool_size": "8G"}, True),
        ("2Gi", {"innodb_log_buffer_size": "2G"}, True),
        ("1Gi", {"key_buffer_size": "1G"}, True),
        ("1Gi", {"replica_parallel_workers": "200"}, True),
        ("1Gi", {"max_connections": "2000"}, False),
        ("1Gi", {"sort_buffer_size": "256M"}, False),
        ("2Gi", {"temptable_max_ram": "4G"}, False),
        ("1Gi", {"table_open_cache": "200000"}, False),
        (
            "1Gi",
            {"tmp_table_size": "1G", "max_heap_table_size": "1G", "internal_tmp_mem_storage_engine": "MEMORY"},
            False,
        ),
    ],
)
def test_what_cannot_fit_is_refused_and_what_may_not_is_warned_of(
    memory: str, user: dict[str, str], refused: bool
) -> None:
    found = _fit(memory, **user)
    assert (bool(found.refused), bool(found.warning)) == (refused, not refused)
    assert next(iter(user)) in found.refused + found.warning


def test_sizes_that_fit_are_no_matter() -> None:
    assert _fit("1Gi", innodb_buffer_pool_size="100M") == memory_of.Fit()
    assert _fit("8Gi", innodb_buffer_pool_size="4G", sort_buffer_size="512K") == memory_of.Fit()
    assert _fit("1Gi", tmp_table_size="8G", max_heap_table_size="8G") == memory_of.Fit(), (
        "TempTable has one limit for all"
    )
    assert _fit("8Gi", max_connections="not a number", long_query_time="4G") == memory_of.Fit()


@pytest.mark.parametrize(
    ("made_with", "served_with", "is_logical", "refused"),
    [
        ({}, {}, False, []),
        ({"lower_case_table_names": "1"}, {}, False, ["lower_case_table_names"]),
        ({"lower_case_table_names": "1"}, {}, True, ["lower_case_table_names"]),
        ({}, {"innodb_page_size": "32K"}, False, ["innodb_page_size"]),
        ({}, {"innodb_page_size": "32K"}, True, []),
        ({"innodb_page_size": "16384"}, {"loose_innodb_page_size": "16k"}, False, []),
        ({"innodb_data_file_path": "ibdata1:24M:autoextend"}, {}, False, ["innodb_data_file_path"]),
    ],
)
def test_a_backup_goes_only_to_servers_that_can_read_it(
    made_with: dict[str, str | None], served_with: dict[str, str | None], is_logical: bool, refused: list[str]
) -> None:
    found = settings.other_data("b1", made_with, ClusterSpec("c", "n", mysqld=served_with), is_logical=is_logical)
    assert [one.message.split("=")[0].rpartition(" ")[2] for one in found] == refused
    assert {one.code for one in found} == ({"other-data"} if refused else set())


def test_a_backup_of_an_older_version_has_its_settings_as_lines() -> None:
    """They were kept as they stood in the file."""
    old = {"sql_mode": '"A,B"', "max_connections": "150  # the old server had 151", "slow_query_log": None}
    found = mysqld_config.of_record(old, "x")
    assert found == {"sql_mode": "A,B", "max_connections": "150", "slow_query_log": None}
    assert mysqld_config.of_record(mysqld_config.recorded(found), "x") == found
    text = {"init_connect": " a'b\"c#d\\e "}
    assert mysqld_config.of_record(mysqld_config.recorded(text), "x") == text
    with pytest.raises(ConfigError, match="control characters"):
        mysqld_config.of_record({"init_connect": "x\n[client]"}, "x")
    with pytest.raises(ConfigError, match="may not be set"):
        mysqld_config.of_record({"sync_binlog": "0"}, "x")
