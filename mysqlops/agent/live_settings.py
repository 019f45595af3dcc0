"""Sets variables of the own server live, for a command whose note the Lease still has (operations/unproven.py).

A program that was paused goes on although its command was given up: it must not set what a later command, or
`config set --settle`, has set to other values since.
"""

from __future__ import annotations

from collections.abc import Mapping

from mysqlops import errors
from mysqlops.agent import api, group_lease
from mysqlops.core import ordered
from mysqlops.mysql import connect, group_replication, variables


def put(
    client: api.Api, cluster: str, server: connect.Server, values: Mapping[str, str | None], run: str
) -> dict[str, str]:
    """Those that the server refuses, with its reason, in which case none is changed. `run` is as in the note; empty for
    a command of an older release. Raises StepFailed, KubeError, MysqlError."""
    if run:
        group_replication.soon_or_never(server)  # whoever is paused after the look sets nothing any more
        lease = group_lease.read(client, cluster)
        if ordered.setting_run(lease["metadata"].get("annotations") or {}) != run:
            raise errors.StepFailed(
                f"the command that sets {', '.join(values)} is over: its note is gone or another's",
                hint=f"mysqlops status {cluster}, then run it again",
            )
    return variables.set_all(server, values)
