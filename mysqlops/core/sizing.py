"""mysqld's memory and disk variables, derived from the memory limit and the volume's size.

What must fit into the limit besides the buffer pool: Group Replication's message cache, which fills up to its size
under writes, and the server itself with its performance schema: 420 MiB after 46 000 transactions of 12 clients,
measured with 9.7 in the lab. With less room members were killed while they recovered, and took the group with them
(docs/adr/0010). A smaller buffer pool costs only reads from disk.
"""

from __future__ import annotations

from dataclasses import dataclass

from mysqlops.core.quantity import GIB, MIB
from mysqlops.errors import ConfigError

SMALLEST_MEMORY = 768 * MIB
SMALLEST_STORAGE = 1 * GIB
_SERVER = 480 * MIB
_PER_CONNECTION = 1 * MIB


@dataclass(frozen=True)
class Sizing:
    """Sizes in bytes, and a count of connections."""

    buffer_pool_bytes: int
    message_cache_bytes: int
    redo_log_bytes: int
    max_binlog_bytes: int
    max_connections: int
    temporary_tables_bytes: int
    statement_digests: int

    def variables(self) -> dict[str, str]:
        return {
            "innodb_buffer_pool_size": str(self.buffer_pool_bytes),
            "loose_group_replication_message_cache_size": str(self.message_cache_bytes),
            "innodb_redo_log_capacity": str(self.redo_log_bytes),
            "max_binlog_size": str(self.max_binlog_bytes),
            "max_connections": str(self.max_connections),
            "temptable_max_ram": str(self.temporary_tables_bytes),
            "performance_schema_digests_size": str(self.statement_digests),
            "performance_schema_events_statements_history_long_size": str(self.statement_digests // 2),
        }


def size_for(memory_bytes: int, storage_bytes: int) -> Sizing:
    """Sizes for one member; raises ConfigError below the smallest that works."""
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
    free = memory_bytes - _SERVER - cache - connections * _PER_CONNECTION
    pool = _clamp(_down_to(free * 3 // 4, 64 * MIB), 64 * MIB, memory_bytes)
    return Sizing(
        buffer_pool_bytes=pool,
        message_cache_bytes=cache,
        redo_log_bytes=_clamp(_down_to(min(pool // 2, storage_bytes // 16), 8 * MIB), 64 * MIB, 8 * GIB),
        max_binlog_bytes=_clamp(_down_to(storage_bytes // 40, 4096), 16 * MIB, 512 * MIB),
        max_connections=connections,
        temporary_tables_bytes=_clamp(_down_to(memory_bytes // 16, MIB), 16 * MIB, GIB),
        statement_digests=_clamp(memory_bytes // (512 * 1024), 1000, 10000),
    )


def _clamp(value: int, low: int, high: int) -> int:
    return max(low, min(value, high))


def _down_to(value: int, step: int) -> int:
    return value // step * step
