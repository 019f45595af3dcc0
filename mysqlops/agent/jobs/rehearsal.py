"""The program of a rehearsed upgrade (operations/rehearsal.py): the sidecar has the new version and a copy of the data.

It starts the server, which upgrades the data, and compares. Whether that succeeds is a result; only what says nothing
about the new version, such as a full volume, is an error.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

from mysqlops import errors
from mysqlops.agent.jobs import backup, comparing, local
from mysqlops.core import backup as core
from mysqlops.core import facts, rehearsal
from mysqlops.mysql import connect, contents

_WORK, _SCRATCH = Path("/work"), Path("/scratch")
_START_SECONDS = 4 * 3600.0  # a server that upgrades its data answers nobody until it is done
_USER_TABLE = "user"


class Rehearsal(backup.Job):
    """One run of the program."""

    def run(self) -> None:
        self._check_manifest()
        manifest = json.loads((_SCRATCH / "copy" / "manifest.json").read_text())
        made, recorded = facts.make(core.Backup, manifest["backup"]), contents.load(manifest["contents"])
        # Both files are written at the moment that counts, before this container is started.
        fetched, began = float((_WORK / "started").read_text()), (_WORK / "mysqld.began").stat().st_mtime
        try:
            outcome = self._tried(made, recorded, began)
        except (errors.MysqlError, errors.StepFailed) as error:
            if not local.blames_data(self._clock, "mysqld", error):
                raise
            outcome = rehearsal.Outcome(ok=False, why=rehearsal.shortened(str(error)))
        self._say(json.dumps({**asdict(outcome), "fetch_seconds": round(max(0.0, began - fetched), 1)}))

    def _tried(self, made: core.Backup, recorded: contents.Contents, began: float) -> rehearsal.Outcome:
        """Raises StepFailed, MysqlError."""
        with local.wait_for(self._clock, "mysqld", connect.Login("root", ""), _START_SECONDS) as server:
            up, version = self._clock.now().timestamp(), str(server.scalar("SELECT @@version"))
            self._say(f"MySQL {version} has started on the data; comparing")
            found, different = comparing.compare(server, made, recorded, self._say)
            different += _fewer_accounts(server, recorded)
            compared = self._clock.now().timestamp()
            self._stop(server)
        return rehearsal.Outcome(
            ok=not different,
            why=rehearsal.shortened("; ".join(different)),
            version=version,
            start_seconds=round(max(0.0, up - began), 1),
            compare_seconds=round(compared - up, 1),
            tables=len(found.tables),
            rows=sum(one.rows for one in found.tables.values()),
        )


def _fewer_accounts(server: connect.Server, recorded: contents.Contents) -> list[str]:
    """A newer version may add accounts of its own; none may be lost."""
    before = recorded.rights.get(_USER_TABLE)
    now = int(server.scalar("SELECT COUNT(*) FROM mysql.user"))
    return [f"{now} accounts instead of {before.rows}"] if before and now < before.rows else []


PROGRAMS = {"backup-rehearse": Rehearsal.run}
