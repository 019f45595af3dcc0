"""Start one program inside a pod: that of a container, or one that a command runs beside the agent.

agent.pyz wait-for-database | run | wait [options] HOST[:PORT]… | …
It imports little until the program has its place beside the agent (slots.py).
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Sequence
from typing import Any

from mysqlops import errors
from mysqlops.agent import settings, slots
from mysqlops.clock import SystemClock
from mysqlops.version import __version__

_CLOCK = SystemClock()
_CONTAINERS = ("wait-for-database", "run", "wait")


def _end(*_: object) -> None:
    sys.exit(128 + signal.SIGTERM)


def main(arguments: Sequence[str] | None = None, *, is_process_1: bool = os.getpid() == 1) -> int:
    """Run one program; an error is two lines on stderr, one for the CLI and one for people, and its exit code."""
    if arguments is None:
        arguments = sys.argv[1:]
        slots.limit_this_process("".join(arguments[:1]))
    if is_process_1:  # the kernel ignores a signal that it does not handle: a deleted pod would wait for all its grace
        signal.signal(signal.SIGTERM, _end)
    try:
        with slots.taken("".join(arguments[:1]), settings.CREDENTIALS, _CLOCK):
            _run(arguments)
    except errors.MysqlopsError as error:
        from mysqlops.core import error_record, typed

        print(error_record.dump(error), file=sys.stderr)
        # On one line, whatever a server or repository put into it: no later line may look like a record.
        print(f"{error.code}: {typed.visible(str(error))}", file=sys.stderr, flush=True)
        return error.exit_code
    return 0


def _adders(word: str) -> Sequence[Callable[[Any], None]]:
    """What adds the parser for that program, and imports what it needs: the agent itself needs no Job's code, and a
    question not the agent's."""
    if word in slots.LOOKING:
        from mysqlops.agent import questions

        return [questions.add_to]
    if word in _CONTAINERS:
        from mysqlops.agent import programs

        return [programs.add_to]
    from mysqlops.agent import commands, programs, questions

    return [programs.add_to, questions.add_to, commands.add_to]


def _run(arguments: Sequence[str]) -> None:
    if len(arguments) == 1 and arguments[0] in _CONTAINERS:
        from mysqlops.agent import programs

        if (program := programs.WITHOUT_OPTIONS.get(arguments[0])) is not None:
            return program()
    import argparse  # half a megabyte, which an agent would keep

    parser = argparse.ArgumentParser(prog="agent.pyz", description=f"mysqlops agent {__version__}")
    commands = parser.add_subparsers(required=True)
    for add in _adders("".join(arguments[:1])):
        add(commands)
    options = parser.parse_args(arguments)
    options.action(options)


if __name__ == "__main__":
    sys.exit(main())
