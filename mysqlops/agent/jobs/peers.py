"""What a backup's Job reads from a cluster's members, over TLS, with the backup account."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from mysqlops import errors
from mysqlops.core import backup, binlog, instant, names, pitr, view
from mysqlops.core.owner import Owner
from mysqlops.core.typed import Json
from mysqlops.mysql import connect, receiver

_KEY = Path("/run/login/key")


def login() -> connect.Login:
    return connect.read_login(names.USER_BACKUP, "/run/login/password", "/run/ca/ca.crt")


def ask(host: str) -> connect.Server:
    """Connect to a member, which somebody may have entered: its answers are short, or end. Raises MysqlError."""
    return connect.connect_tcp(host, login(), is_bounded=True)


def hosts(environment: Mapping[str, str]) -> list[str]:
    """The members that have an address."""
    found = []
    for ordinal in range(names.MAX_MEMBERS):
        host = names.member_host(environment["MYSQLOPS_CLUSTER"], ordinal, environment["MYSQLOPS_NAMESPACE"])
        try:
            socket.getaddrinfo(host, names.PORT_MYSQL)
        except OSError:
            continue
        found.append(host)
    return found


def as_of(donor: view.GroupMember, now: str) -> str:
    """The time that a copy represents: for a lagging member, the time of its last applied commit."""
    try:
        with ask(donor.host) as server:
            behind = receiver.applied_until(server)
    except errors.MysqlError:
        return now
    return min(now, behind) if behind else now


def committed_until(environment: Mapping[str, str], now: datetime) -> str:
    """Read at `now`, after a copy was made: no transaction in it was committed later, by the clock of any member that
    answers. Empty if none answers. A member may say any time: it cannot keep a backup from being recovered to one that
    is later than clocks may differ."""
    found = [""]
    for host in hosts(environment):
        try:
            with ask(host) as server:
                found.append(receiver.committed_until(server))
        except errors.MysqlError:
            continue
    return min(max(found), instant.precise(now + pitr.MARGIN))


def key() -> str:
    """The key with which this Job or receiver seals entries; empty if the cluster's agents are too old to have one."""
    return _KEY.read_text().strip() if _KEY.exists() else ""


def owner(environment: Mapping[str, str]) -> Owner:
    return environment["ORIGIN"], environment["MYSQLOPS_CLUSTER"], environment["MYSQLOPS_NAMESPACE"]


def keys(environment: Mapping[str, str]) -> backup.Keys:
    own = {environment["MYSQLOPS_CLUSTER"]: key()} if key() else {}
    return backup.Keys(environment["MYSQLOPS_NAMESPACE"], own)


def held(environment: Mapping[str, str], snapshots: list[Json]) -> tuple[list[backup.Backup], list[binlog.Chunk]]:
    """What the repository holds, and which of it this cluster has sealed."""
    own = keys(environment)
    return backup.catalogue(snapshots, keys=own), binlog.chunks(snapshots, own)
