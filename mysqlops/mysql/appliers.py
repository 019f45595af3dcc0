"""The question why appliers of replication channels stopped.

A worker's message says more than the coordinator's, so it comes first. Without a coordinator, a worker reads.
"""

from __future__ import annotations

# Errors that say that an applier ended, and not why. 1756: the coordinator was ended in the middle of a transaction, by
# somebody or with its workers. 3030 (ER_REPLICA_WORKER_STOPPED_PREVIOUS_THD_ERROR): another worker failed, and has the
# reason.
_NO_CAUSE = "(0, 1756, 3030)"


def failures(columns: str, *channels: str) -> str:
    """The statement that lists these columns of each worker and coordinator that failed; for constants only."""
    wanted = ", ".join(f"'{channel}'" for channel in channels)
    asked = "channel_name, last_error_number, last_error_message, last_error_timestamp"
    return f"""
SELECT {columns} FROM (
  SELECT {asked}, 0 AS is_coordinator FROM performance_schema.replication_applier_status_by_worker
  UNION ALL
  SELECT {asked}, 1 FROM performance_schema.replication_applier_status_by_coordinator) AS appliers
WHERE channel_name IN ({wanted}) AND last_error_number NOT IN {_NO_CAUSE}
ORDER BY is_coordinator, last_error_timestamp
"""  # noqa: S608
