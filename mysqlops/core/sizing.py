"""mysqld's memory and disk variables, derived from the memory limit and the volume's size.

What must fit into the limit besides the buffer pool: Group Replication's message cache, which fills up to its size
under writes; an applier worker's queue, 11 MiB each; the performance schema; the server itself, 330 MiB in a group; and
room for transactions in flight. Measured with 9.7 (docs/adr/0010). With less room, members crawl or are killed while
they recover, and take the group with them. A smaller buffer pool costs only reads from disk.
"""

from __future__ import annotations

from dataclasses import dataclass

from mysqlops.core.quantity import GIB, MIB
from mysqlops.errors import ConfigError

SMALLEST_MEMORY = 768 * MIB
SMALLEST_STORAGE = 1 * GIB
_SERVER = 390 * MIB
_PER_WORKER = 11 * MIB
# Measured: 0.9 to 1.4 MiB beside temptable_max_ram (docs/measurements/figures.md, scripts/bench-connections).
_PER_CONNECTION = 1 * MIB
# Connections that no client account can use: members connect to each other for the group's messages and to recover, and
# backups connect to copy. (The agent has its own interface.)
KEPT_CONNECTIONS = 10
# Transactions are held several times over while they are sent, received, certified and applied, and wait in memory for
# a member that comes or goes.
_ROOM = 200 * MIB
_TIMES_HELD = 8
_LARGEST_TRANSACTION = 150_000_000  # the server's own default
# Below this, the performance schema runs without summaries per account, host and error: 100 MiB.
_SMALL = 2 * GIB
_WHOLE_PERFORMANCE_SCHEMA = 110 * MIB


@dataclass(frozen=True)
class Sizing:
    """Sizes in bytes, and a count of connections."""

    buffer_pool_bytes: int
    message_cache_bytes: int
    transaction_bytes: int
    redo_log_bytes: int
    max_binlog_bytes: int
    client_connections: int
    temporary_tables_bytes: int
    statement_digests: int
    applier_workers: int
    applier_queue_bytes: int
    is_small: bool

    def max_connections(self) -> int:
        return self.client_connections + KEPT_CONNECTIONS

    def variables(self) -> dict[str, str]:
        small = {
            "performance_schema_error_size": "0",
            "performance_schema_accounts_size": "0",
            "performance_schema_hosts_size": "0",
            "performance_schema_max_thread_instances": str(self.max_connections() + 140),
        }
        return (small if self.is_small else {}) | {
            "replica_parallel_workers": str(self.applier_workers),
            "replica_pending_jobs_size_max": str(self.applier_queue_bytes),
            "innodb_buffer_pool_size": str(self.buffer_pool_bytes),
            "loose_group_replication_message_cache_size": str(self.message_cache_bytes),
            "loose_group_replication_transaction_size_limit": str(self.transaction_bytes),
            "innodb_redo_log_capacity": str(self.redo_log_bytes),
            "max_binlog_size": str(self.max_binlog_bytes),
            "max_connections": str(self.max_connections()),
            "max_user_connections": str(self.client_connections),
            "temptable_max_ram": str(self.temporary_tables_bytes),
            "performance_schema_digests_size": str(self.statement_digests),
            "performance_schema_events_statements_history_long_size": str(self.statement_digests // 2),
        }


def size_for(memory_bytes: int, storage_bytes: int) -> Sizing:
    """Sizes for one member; raises ConfigError below the smallest working ones."""
    if memory_bytes < SMALLEST_MEMORY:
        raise ConfigError(
            f"--memory {memory_bytes // MIB}Mi: a member needs at least {SMALLEST_MEMORY // MIB}Mi "
            "(server, message cache of the group, buffer pool)"
        )
    if storage_bytes < SMALLEST_STORAGE:
        raise ConfigError(
            f"--storage-size {storage_bytes // MIB}Mi: a member needs at least {SMALLEST_STORAGE // GIB}Gi "
            "(system tables, redo and binary logs)"
        )
    connections = _clamp(memory_bytes // (16 * MIB), 60, 1000)
    cache = _clamp(memory_bytes // 16, 128 * MIB, GIB)
    is_small = memory_bytes < _SMALL
    workers = 8 if is_small else 16
    server = _SERVER + workers * _PER_WORKER + (0 if is_small else _WHOLE_PERFORMANCE_SCHEMA)
    free = memory_bytes - server - cache - connections * _PER_CONNECTION
    pool = _clamp(_down_to(free - max(free // 4, _ROOM), 32 * MIB), 64 * MIB, memory_bytes)
    return Sizing(
        buffer_pool_bytes=pool,
        message_cache_bytes=cache,
        transaction_bytes=_clamp(_down_to((free - pool) // _TIMES_HELD, MIB), 4 * MIB, _LARGEST_TRANSACTION),
        redo_log_bytes=_clamp(
            _down_to(min(max(pool // 2, 128 * MIB), storage_bytes // 16), 8 * MIB), 64 * MIB, 8 * GIB
        ),
        max_binlog_bytes=_clamp(_down_to(storage_bytes // 40, 4096), 16 * MIB, 512 * MIB),
        client_connections=connections,
        temporary_tables_bytes=_clamp(_down_to(memory_bytes // 16, MIB), 16 * MIB, GIB),
        statement_digests=_clamp(memory_bytes // (512 * 1024), 1000, 10000),
        applier_workers=workers,
        applier_queue_bytes=_clamp(_down_to(memory_bytes // 32, MIB), 16 * MIB, 128 * MIB),
        is_small=is_small,
    )


def _clamp(value: int, low: int, high: int) -> int:
    return max(low, min(value, high))


def _down_to(value: int, step: int) -> int:
    return value // step * step
