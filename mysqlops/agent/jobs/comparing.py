"""Compares what the server of a Job holds with what was recorded of a backup."""

from __future__ import annotations

from collections.abc import Callable

from mysqlops.core import backup
from mysqlops.mysql import connect, contents


def compare(
    server: connect.Server, made: backup.Backup, recorded: contents.Contents, say: Callable[[str], None]
) -> tuple[contents.Contents, list[str]]:
    """What the server holds, and how that differs from the record; a server of another version must reproduce less
    (contents.of_whatever_version). Raises StatementFailed for a table that cannot be read."""
    gtid = executed(server)
    if made.method == backup.LOGICAL:
        found = contents.of_any_version(server, say, recorded.version)
    else:
        checked = made.checked == backup.CHECKSUM
        found = contents.of(server, say, with_checksums=checked, version=recorded.version)
        if str(server.scalar("SELECT @@version")) != made.server_version:
            recorded, found = contents.of_whatever_version(recorded), contents.of_whatever_version(found)
    different = contents.differences(recorded, found)
    return found, different if gtid == made.gtid else [*different, f"GTID set {gtid} instead of {made.gtid}"]


def executed(server: connect.Server) -> str:
    return str(server.scalar("SELECT @@global.gtid_executed")).replace("\n", "")
