"""Objects made from a cluster's image, agent and settings, which must be updated when those change."""

from __future__ import annotations

from mysqlops.operations import binlog, schedule
from mysqlops.operations.session import Session


def refresh(session: Session, name: str) -> None:
    """Update the CronJobs and the receiver of binary logs, where they exist."""
    schedule.refresh(session, name)
    binlog.refresh(session, name)
