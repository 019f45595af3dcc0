"""What is made of a cluster's image, agent and settings, and must follow when they change."""

from __future__ import annotations

from mysqlops.operations import binlog, schedule
from mysqlops.operations.session import Session


def refresh(session: Session, name: str) -> None:
    """Bring the CronJobs and the receiver of binary logs in line, if there are any."""
    schedule.refresh(session, name)
    binlog.refresh(session, name)
