"""Any name of a cluster and any size."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import example, given
from hypothesis import strategies as st

from mysqlops.core import names, sizing
from mysqlops.core.quantity import GIB, MIB
from mysqlops.errors import ConfigError


@given(st.from_regex(r"[a-z]([-a-z0-9]{0,38}[a-z0-9])?", fullmatch=True), st.integers(0, names.MAX_MEMBERS))
@example("r20261124163000-a", 0)
@example("r2026112416300-a", 0)
def test_no_claim_is_that_of_two_clusters(cluster: str, ordinal: int) -> None:
    try:
        names.check_cluster_name(cluster)
    except ConfigError:
        return
    for template in ("data", names.restored_template(datetime(2026, 11, 24, tzinfo=UTC))):
        claim = names.claim(cluster, ordinal, template)
        assert names.pod_of_claim(claim) == names.pod(cluster, ordinal)
        assert names.is_claim_of(claim, cluster)


@given(st.integers(768 * MIB, 512 * GIB), st.integers(GIB, 64 * 1024 * GIB))
def test_what_mysqld_may_take_fits_its_limit(memory: int, storage: int) -> None:
    found = sizing.size_for(memory, storage)
    outside = found.message_cache_bytes + found.client_connections * MIB + (478 + (0 if found.is_small else 198)) * MIB
    room = memory - outside - found.buffer_pool_bytes
    assert room >= (200 * MIB if memory >= GIB else 38 * MIB), "for transactions on their way"
    assert found.transaction_bytes * 8 <= room
    assert found.redo_log_bytes * 8 <= storage or found.redo_log_bytes == 64 * MIB
    assert found.max_binlog_bytes % 4096 == 0
