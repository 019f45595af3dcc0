"""Whether the sizes that a user sets fit into a member's memory limit, besides what a member needs anyway. Pure.

If they do not fit, all members would be killed once the buffers are full. If only the worst case does not fit, with all
connections sorting at once, the user decides.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from mysqlops.core import my_cnf, quantity, sizing
from mysqlops.core.quantity import GIB, KIB, MIB

_SERVER = 330 * MIB  # in a group, with nothing in its buffers: docs/adr/0010
_PER_CONNECTION = MIB  # with the server's own sizes
_CONTROL = 0.02  # of the buffer pool, for the structures that describe its pages

# Memory that is allocated at start or certain to fill up, with the server's default.
_ALWAYS = {
    "innodb_buffer_pool_size": 128 * MIB,
    "group_replication_message_cache_size": GIB,
    "innodb_log_buffer_size": 16 * MIB,
    "key_buffer_size": 64 * KIB,
}
# Memory that each connection may take while its statement runs.
_EACH = {
    "sort_buffer_size": 256 * KIB,
    "join_buffer_size": 256 * KIB,
    "read_buffer_size": 128 * KIB,
    "read_rnd_buffer_size": 256 * KIB,
    "binlog_cache_size": 32 * KIB,
    "binlog_stmt_cache_size": 32 * KIB,
    "thread_stack": MIB,
    "set_operations_buffer_size": 256 * KIB,
    "bulk_insert_buffer_size": 0,
    "net_buffer_length": 16 * KIB,
}
# Memory that all connections share on demand; and the approximate size of one cached object.
_SHARED = {"temptable_max_ram": 16 * MIB, "replica_pending_jobs_size_max": 128 * MIB, "innodb_sort_buffer_size": MIB}
_CACHED = {"table_open_cache": (4000, 8 * KIB), "table_definition_cache": (2000, 32 * KIB)}
_PARALLEL = ("replica_parallel_workers", 4, 11 * MIB)
# With the engine MEMORY, each connection's temporary tables grow to the smaller of these; with TempTable, which is the
# default, all of them share temptable_max_ram.
_ENGINE, _HEAP = "internal_tmp_mem_storage_engine", ("tmp_table_size", "max_heap_table_size")
SIZES = frozenset({*_ALWAYS, *_EACH, *_SHARED, *_CACHED, _PARALLEL[0], "max_connections"})


@dataclass(frozen=True)
class Need:
    """Bytes that are needed in any case, and if everything is used at once."""

    least: int
    most: int


def need(values: Mapping[str, str | None]) -> Need:
    """The memory that the settings of a my.cnf need, as variable -> value."""

    def size(name: str, default: int) -> int:
        number = my_cnf.number(values.get(name))
        return default if number is None else max(0, number)

    pool = size("innodb_buffer_pool_size", _ALWAYS["innodb_buffer_pool_size"])
    name, default, each = _PARALLEL
    least = _SERVER + int(pool * _CONTROL) + size(name, default) * each
    least += sum(size(name, default) for name, default in _ALWAYS.items())
    extra = sum(max(0, size(name, default) - default) for name, default in _EACH.items())
    if _uses_heap(values):
        extra += min(size(name, 16 * MIB) for name in _HEAP)
    most = least + size("max_connections", 151) * (_PER_CONNECTION + extra)
    most += sum(size(name, default) for name, default in _SHARED.items())
    most += sum(max(0, size(name, count) - count) * each for name, (count, each) in _CACHED.items())
    return Need(least, most)


def _uses_heap(values: Mapping[str, str | None]) -> bool:
    return (values.get(_ENGINE) or "").strip().lower() == "memory"


@dataclass(frozen=True)
class Fit:
    """Why settings cannot fit, and a warning if they might not; both empty if they do."""

    refused: str = ""
    warning: str = ""


def fit(memory_bytes: int, sized: sizing.Sizing, user: Mapping[str, str | None]) -> Fit:
    """Checks the sizes in `user`, by variable name, on top of mysqlops' own sizes."""
    own = {my_cnf.option(key, value).name: value for key, value in sized.variables().items()}
    sizes = SIZES | {_ENGINE, *_HEAP} if _uses_heap(user) else SIZES
    chosen = {name: value for name, value in user.items() if name in sizes}
    wanted, usual = need({**own, **chosen}), need(own)
    settings = ", ".join(f"{name}={value}" for name, value in sorted(chosen.items()))
    limit = quantity.format_bytes(memory_bytes)
    if wanted.least > max(memory_bytes, usual.least):
        return Fit(
            refused=f"{settings}: with these a member needs {quantity.format_bytes(wanted.least)} of memory, but its "
            f"limit is {limit}"
        )
    if wanted.most > max(memory_bytes, usual.most):
        return Fit(
            warning=f"{settings}: if every connection uses its buffers at once, a member needs "
            f"{quantity.format_bytes(wanted.most)} of memory, its limit is {limit}, and it would be killed"
        )
    return Fit()
