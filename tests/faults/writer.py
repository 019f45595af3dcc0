"""The ledger's writer, run inside a pod: clients that journal each write before and after, and a poll of all members.

One INSERT of a unique key per write, autocommit, over a kept connection. The journal is flushed to disk before the
next write. Lines: KIND CLIENT SEQUENCE SECONDS TEXT, where KIND is
I intent, O acknowledged, F refused for certain, U unknown; for members W writable, R not writable, S silent.
"""

from __future__ import annotations

import argparse
import os
import sys
import threading
import time
from pathlib import Path

sys.path.insert(0, "/agent/agent.pyz")

from mysqlops import errors
from mysqlops.mysql import connect

# Only errors of the statement itself, before any commit, prove that nothing was written.
_REFUSED = {1290, 1836, 3032, 3100, 3101}


class Journal:
    """One file; every line is on disk when add() returns."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("a")

    def add(self, kind: str, who: str, sequence: int, text: str = "", *, durable: bool = True) -> None:
        self._file.write(f"{kind} {who} {sequence} {time.time():.6f} {' '.join(text.split())[:160]}\n")
        self._file.flush()
        if durable:
            os.fdatasync(self._file.fileno())


def write_for_ever(options: argparse.Namespace, client: str, password: str, folder: Path) -> None:
    journal, server = Journal(folder / f"{client}.log"), None
    sequence = _last_sequence(folder / f"{client}.log")
    while not (folder / "stop").exists():
        try:
            if server is None:
                server = connect.connect_tcp(options.host, connect.Login("app", password), timeout_seconds=2)
                connect.set_read_timeout(server, options.timeout)
        except errors.MysqlError:
            time.sleep(0.02)
            continue
        sequence += 1
        journal.add("I", client, sequence)
        try:
            server.query("INSERT INTO app.ledger (client, sequence) VALUES (%s, %s)", [client, sequence])
            journal.add("O", client, sequence)
        except errors.StatementFailed as error:
            journal.add("F" if error.errno in _REFUSED else "U", client, sequence, str(error))
            server.close()
            server = None
        except errors.MysqlError as error:
            journal.add("U", client, sequence, str(error))
            server.close()
            server = None
        time.sleep(options.pause)


def _last_sequence(file: Path) -> int:
    """A restarted writer goes on after what it last intended."""
    lines = [line.split() for line in file.read_text().splitlines()] if file.exists() else []
    return max((int(words[2]) for words in lines if len(words) > 3), default=0)


def poll_for_ever(host: str, password: str, folder: Path) -> None:
    """Ten times a second: would this member take a write?"""
    name = host.partition(".")[0]
    journal, server, sequence = Journal(folder / f"poll-{name}.log"), None, 0
    while not (folder / "stop").exists():
        sequence += 1
        try:
            server = server or connect.connect_tcp(host, connect.Login("app", password), timeout_seconds=1)
            read_only, offline = server.query("SELECT @@global.super_read_only, @@global.offline_mode")[0]
            journal.add("R" if read_only or offline else "W", name, sequence, durable=False)
        except errors.MysqlError as error:
            journal.add("S", name, sequence, str(error), durable=False)
            if server is not None:
                server.close()
            server = None
        time.sleep(0.1)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--host", required=True)
    parser.add_argument("--name", required=True)
    parser.add_argument("--clients", type=int, default=4)
    parser.add_argument("--pause", type=float, default=0.02)
    parser.add_argument("--timeout", type=float, default=2.0, help="seconds a client waits for an answer")
    parser.add_argument("--poll", nargs="*", default=[])
    options = parser.parse_args()
    password, folder = Path("/secret/app-password").read_text(), Path("/journal")
    targets = [
        threading.Thread(
            target=write_for_ever,
            args=(options, f"{options.name}{n}", password, folder),
        )
        for n in range(options.clients)
    ]
    targets += [threading.Thread(target=poll_for_ever, args=(host, password, folder)) for host in options.poll]
    for thread in targets:
        thread.start()
    for thread in targets:
        thread.join()
    while True:  # the journal is read from outside
        time.sleep(1)


if __name__ == "__main__":
    main()
