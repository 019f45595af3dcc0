"""The clients of a drill, run inside a pod: each journals every write before it is sent and after the answer.

One INSERT of a unique key at a time, autocommit, over a persistent connection. Every line about a write is on disk
before the next write (drill/ledger/journal.py describes the lines). Unless switched off, one more writer knows the
members' names instead of the Service, and one reader for each Service and a poll of every member run in a separate
process: observers must not slow what they measure, and the threads of one Python process take turns. The file runs by
itself, with the agent's zip as its only library.
"""

from __future__ import annotations

import argparse
import mmap
import os
import secrets
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, "/agent/agent.pyz")

from mysqlops import errors
from mysqlops.core import names
from mysqlops.mysql import connect

# Only errors of the statement itself, before any commit, prove that nothing was written.
_REFUSED = {1290, 1836, 3032, 3100, 3101}
NAMED = "named"  # the client that knows the members' names
_CONNECT_SECONDS = 2.0
_CONNECT_BY_NAME_SECONDS = 1.0
_PAUSE_SECONDS = 0.02
_ROUND_SECONDS = 0.05  # until that client asks all members again
_IS_READ_ONLY = "SELECT @@global.super_read_only OR @@global.read_only"
_LOOK_SECONDS = 0.1
_POLITE = 10  # the observers' niceness: if both need the processor, the writers get it


class Journal:
    """One file; every durable line is on disk when add() returns."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("a", encoding="utf-8")

    def add(self, kind: str, who: str, number: int, text: str = "", *, durable: bool = True) -> None:
        self._file.write(f"{kind} {who} {number} {time.time():.6f} {' '.join(text.split())[:160]}\n")
        self._file.flush()
        if durable:
            os.fdatasync(self._file.fileno())


class Clients:
    """All clients of one pod, and their shared state: the last acknowledged write of each."""

    def __init__(self, options: argparse.Namespace, login: connect.Login, folder: Path) -> None:
        self._options, self._login, self._folder = options, login, folder
        self._acknowledged = memoryview(mmap.mmap(-1, 8 * options.clients)).cast("Q")  # shared after a fork

    def start(self) -> None:
        """Returns at once in the writing process; never in the observing one."""
        observers: list[Callable[[], None]] = [
            *(lambda host=host: self.poll(host) for host in self._options.poll),
            *(lambda pair=pair: self.read(*pair.split("=", 1)) for pair in self._options.read),
        ]
        if observers:
            self._fork(observers)
        writers = [lambda n=n: self.write(n) for n in range(self._options.clients)]
        by_name = [self.write_by_name] if self._options.by_name else []
        self._run("writer", [*writers, *by_name])

    def _fork(self, observers: list[Callable[[], None]]) -> None:
        process = os.fork()
        if process:
            self._run("observers", [lambda: _never_ends(process)])
            return
        os.nice(_POLITE)
        self._run("observer", observers)
        while True:  # ends with the container
            time.sleep(60)

    def _run(self, what: str, jobs: list[Callable[[], None]]) -> None:
        for number, job in enumerate(jobs):
            threading.Thread(target=self._until_over, args=(job, f"{what}-{number}"), daemon=True).start()

    def _until_over(self, job: Callable[[], None], name: str) -> None:
        """A thread that dies is reported: silence would look like a good result."""
        try:
            job()
        except Exception as error:
            Journal(self._folder / f"died-{self._options.name}-{name}.log").add(
                "X", f"{self._options.name}-{name}", 0, f"{type(error).__name__}: {error}"
            )
            raise

    def is_over(self) -> bool:
        return (self._folder / "stop").exists()

    def write(self, one: int) -> None:
        """Writes through the Service until the end."""

        def acknowledged(number: int) -> None:
            self._acknowledged[one] = number

        options = self._options
        self._write(f"{options.name}{one}", lambda: self._connect(options.host, options.timeout), acknowledged)

    def write_by_name(self) -> None:
        """Writes to the members themselves until the end, as a driver or a pool with a list of hosts does: it keeps the
        member that takes writes and, once that fails, asks each for itself. No label has to move for it."""
        members = Members(self._options.by_name, self._connect, self._options.timeout)
        self._write(f"{NAMED}0", members.find, lambda _: None)

    def _write(self, client: str, find: Callable[[], connect.Server], acknowledged: Callable[[int], None]) -> None:
        """A restarted pod continues after its last intended write."""
        path = self._folder / f"{client}.log"
        number, journal, server = _last_number(path), Journal(path), None
        while not self.is_over():
            try:
                server = server or find()
            except errors.MysqlError:
                time.sleep(_PAUSE_SECONDS)
                continue
            number += 1
            if self._write_once(server, journal, client, number):
                acknowledged(number)
            else:
                server.close()
                server = None
            time.sleep(_PAUSE_SECONDS)

    def _write_once(self, server: connect.Server, journal: Journal, client: str, number: int) -> bool:
        token = secrets.token_hex(8)
        journal.add("I", client, number, token)
        began = time.monotonic()
        try:
            server.query(f"INSERT INTO {self._options.table} VALUES (%s, %s, %s)", [client, number, token])  # noqa: S608 (our own table)
        except errors.StatementFailed as error:
            journal.add("F" if error.errno in _REFUSED else "U", client, number, str(error))
            return False
        except errors.MysqlError as error:
            journal.add("U", client, number, str(error))
            return False
        journal.add("O", client, number, f"{time.monotonic() - began:.6f}")
        return True

    def poll(self, host: str) -> None:
        """Ten times a second: would this member accept a write?"""
        member = host.partition(".")[0]
        journal, server, number = Journal(self._folder / f"poll-{member}.log"), None, 0
        while not self.is_over():
            number += 1
            try:
                server = server or self._connect(host, 1.0)
                read_only, offline = server.query("SELECT @@global.super_read_only, @@global.offline_mode")[0]
                journal.add("R" if read_only or offline else "W", member, number, durable=False)
            except errors.MysqlError as error:
                journal.add("S", member, number, str(error), durable=False)
                _close(server)
                server = None
            time.sleep(_LOOK_SECONDS)

    def read(self, kind: str, host: str) -> None:
        """Ten times a second: how many of a client's acknowledged writes does the Service show? Each client in turn."""
        journal, server, turn = Journal(self._folder / f"read-{kind}.log"), None, 0
        while not self.is_over():
            turn = (turn + 1) % self._options.clients
            client, promised = f"{self._options.name}{turn}", self._acknowledged[turn]
            try:
                server = server or self._connect(host, self._options.timeout)
                statement = f"SELECT MAX(sequence) FROM {self._options.table} WHERE client = %s"  # noqa: S608 (our own table)
                journal.add(kind, client, promised, str(server.scalar(statement, [client]) or 0), durable=False)
            except errors.MysqlError:
                _close(server)
                server = None
            time.sleep(_LOOK_SECONDS)

    def _connect(self, host: str, timeout: float, connect_seconds: float = _CONNECT_SECONDS) -> connect.Server:
        server = connect.connect_tcp(host, self._login, timeout_seconds=min(timeout, connect_seconds))
        connect.set_read_timeout(server, timeout)
        return server


class Members:
    """The members by name, and which of them takes writes."""

    def __init__(self, hosts: list[str], connect_to: Callable[[str, float, float], connect.Server], timeout: float):
        self._hosts, self._connect, self._timeout = list(hosts), connect_to, timeout

    def find(self) -> connect.Server:
        """Begins with the member after the last one, which has just failed; raises ConnectFailed if none takes
        writes."""
        for _ in range(len(self._hosts)):
            self._hosts.append(self._hosts.pop(0))
            if server := self._writable(self._hosts[-1]):
                return server
        time.sleep(_ROUND_SECONDS)
        raise errors.ConnectFailed("no member takes writes")

    def _writable(self, host: str) -> connect.Server | None:
        server = None
        try:
            server = self._connect(host, self._timeout, _CONNECT_BY_NAME_SECONDS)
            if not server.scalar(_IS_READ_ONLY):
                return server
        except errors.MysqlError:
            pass
        _close(server)
        return None


def _never_ends(process: int) -> None:
    _, status = os.waitpid(process, 0)
    raise RuntimeError(f"the process that observes ended with {os.waitstatus_to_exitcode(status)}")


def _close(server: connect.Server | None) -> None:
    if server is not None:
        server.close()


def _last_number(file: Path) -> int:
    lines = [line.split() for line in file.read_text(encoding="utf-8").splitlines()] if file.exists() else []
    return max((int(words[2]) for words in lines if len(words) > 3), default=0)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--host", required=True)
    parser.add_argument("--name", required=True)
    parser.add_argument("--table", required=True)
    parser.add_argument("--clients", type=int, default=4)
    parser.add_argument("--timeout", type=float, default=2.0, help="seconds a client waits for an answer")
    parser.add_argument("--ssl-mode", default="", help="how a proxy's name is verified; empty: as the server's own")
    parser.add_argument("--by-name", nargs="*", default=[], metavar="HOST", help="members that one more client knows")
    parser.add_argument("--poll", nargs="*", default=[], metavar="HOST")
    parser.add_argument("--read", nargs="*", default=[], metavar="KIND=HOST")
    parser.add_argument("--for", dest="seconds", type=float, default=86400.0, help="then all clients end by themselves")
    options = parser.parse_args()
    mode = [options.ssl_mode] if options.ssl_mode else []  # the program of the members may be an older release's
    login = connect.read_login(names.USER_APP, "/secret/app-password", "/ca/ca.crt", *mode)
    Clients(options, login, Path("/journal")).start()
    # The journal is read from outside; a pod whose journal is never fetched ends at its own deadline.
    time.sleep(options.seconds)


if __name__ == "__main__":
    main()
