"""Objects that depend on a cluster's image, agent and settings, and are updated once its pods have changed."""

from __future__ import annotations

from mysqlops.core import names, ownership
from mysqlops.objects import render
from mysqlops.operations import binlog, schedule, services
from mysqlops.operations.session import Session


def refresh(session: Session, name: str) -> None:
    """Update the Services, and the CronJobs and the receiver of binary logs where they exist."""
    services.refresh(session, name)
    schedule.refresh(session, name)
    binlog.refresh(session, name)


def bring_program(session: Session, name: str, used: str) -> None:
    """To applications, whose ConfigMap has the plain name, from that of the members. No member starts with the plain
    one then, so it is made again: it is immutable."""
    if used == (plain := names.agent_config_map(name)):
        return
    wanted = render.renamed(session.client.get("ConfigMap", used), plain)
    found = session.client.find("ConfigMap", plain)
    if found is not None and ownership.fixed(wanted, found) and ownership.stranger(wanted, found) is None:
        session.client.delete("ConfigMap", plain, uid=found["metadata"]["uid"])
    session.client.apply(wanted)
