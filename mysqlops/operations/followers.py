"""Objects that depend on a cluster's image, agent and settings, and are updated once its pods have changed."""

from __future__ import annotations

from mysqlops.operations import binlog, schedule, services
from mysqlops.operations.session import Session


def refresh(session: Session, name: str) -> None:
    """Update the Services, and the CronJobs and the receiver of binary logs where they exist."""
    services.refresh(session, name)
    schedule.refresh(session, name)
    binlog.refresh(session, name)
