"""The question why appliers of replication channels stopped.

A worker's message says more than the coordinator's, so it comes first. Without a coordinator, a worker reads.
"""

from __future__ import annotations

_PREVIOUS_FAILED = 3030  # ER_REPLICA_WORKER_STOPPED_PREVIOUS_THD_ERROR: it stopped because another worker failed


def failures(columns: str, *channels: str) -> str:
    """The statement that lists these columns of each worker and coordinator that failed; for constants only."""
    wanted = ", ".join(f"'{channel}'" for channel in channels)
    asked = "channel_name, last_error_number, last_error_message, last_error_timestamp"
    return f"""
SELECT {columns} FROM (
  SELECT {asked}, 0 AS is_coordinator FROM performance_schema.replication_applier_status_by_worker
  UNION ALL
  SELECT {asked}, 1 FROM performance_schema.replication_applier_status_by_coordinator) AS appliers
WHERE channel_name IN ({wanted}) AND last_error_number NOT IN (0, {_PREVIOUS_FAILED})
ORDER BY is_coordinator, last_error_timestamp
"""  # noqa: S608
