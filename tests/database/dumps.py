"""A logical backup and its load, by the very scripts of the Job."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Callable, Iterator

from mysqlops.agent.jobs import logical
from mysqlops.clock import SystemClock
from mysqlops.mysql import connect, contents
from tests.database import copies
from tests.database.containers import docker

GTIDS = "3e11fa47-71ca-11e1-9e33-c80aa9429562:1-7"


def say(_: str) -> None:
    pass


def dump(source: copies.Copy, server: connect.Server, say: Callable[[str], None] = say) -> contents.Contents:
    """As the Job does it, with the server as it is after the clone: without accounts in force, and read-only."""
    for file in ("dump", "dumped"):
        (source.root / "work" / file).unlink(missing_ok=True)
    server.query("SET GLOBAL super_read_only = ON")
    source.shell("rm -rf /scratch/copy/dump; dump_when_told")
    return logical.dump(server, SystemClock(), say, GTIDS, source.root)


@contextlib.contextmanager
def loaded(source: copies.Copy) -> Iterator[connect.Server]:
    """A server with what was dumped, as verify and restore load it."""
    with copies.Copy() as other:
        shutil.copytree(source.root / "scratch" / "copy" / "dump", other.root / "scratch" / "copy" / "dump")
        docker(*other.run("0:0", "--rm"), "chown", "-R", "999:999", "/scratch")
        with other.start() as server:
            assert str(server.scalar("SELECT @@global.gtid_executed")) == GTIDS
            yield server


def load(source: copies.Copy) -> contents.Contents:
    """The contents of such a server."""
    with loaded(source) as server:
        return contents.of_any_version(server, say)
