"""The applier of one channel, and how it ends.

A receiver that was stopped, or whose source died, leaves the beginning of a transaction in the relay log. STOP REPLICA
lets an applier that has read it wait a minute for the rest, and then ends it with error 1756; after the next start it
does the same. So it is killed instead, once nothing else is left to apply: that transaction was not received, the
workers roll back what they have of it, and its source has it.
https://dev.mysql.com/doc/refman/9.7/en/stop-replica.html
"""

from __future__ import annotations

import contextlib

from mysqlops import errors
from mysqlops.mysql import connect

# Without a receiver, nothing more comes; with everything received executed, what it has begun is not whole.
_WAITS_IN_VAIN = """
SELECT t.processlist_id FROM performance_schema.replication_applier_status_by_coordinator a
JOIN performance_schema.threads t ON t.thread_id = a.thread_id
JOIN performance_schema.replication_connection_status c ON c.channel_name = a.channel_name
WHERE a.channel_name = %s AND c.service_state = 'OFF' AND a.processing_transaction <> ''
  AND GTID_SUBSET(c.received_transaction_set, @@global.gtid_executed)
"""


def end_if_it_waits_in_vain(server: connect.Server, channel: str) -> None:
    """Before STOP REPLICA: end an applier that waits for the rest of a transaction that nobody sends."""
    for (thread,) in server.query(_WAITS_IN_VAIN, [channel]):
        with contextlib.suppress(errors.StatementFailed):  # it has ended by itself
            server.query("KILL %s", [int(thread)])
