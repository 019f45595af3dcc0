"""This terminal as keyboard and screen of a program elsewhere: raw while the program runs, and then restored."""

from __future__ import annotations

import contextlib
import os
import re
import select
import shutil
import signal
import sys
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING

from mysqlops import errors
from mysqlops.cli import output, screen

if TYPE_CHECKING:
    from mysqlops.kube.attach import Attached

_MOST = 4096


def is_there() -> bool:
    return sys.stdin.isatty() and sys.stdout.isatty()


def kind() -> str:
    """What TERM says, if a program elsewhere can know it."""
    found = os.environ.get("TERM", "")
    return found if re.fullmatch(r"[A-Za-z0-9.+_-]{1,40}", found) else "dumb"


def tell_size(running: Attached) -> None:
    columns, rows = shutil.get_terminal_size()
    running.resize(columns, rows)


def lend(running: Attached, first: bytes) -> int:
    """Pass keys and output on until the program ends; its exit status. `first` is what it has printed so far."""
    shown = screen.Screen()
    with _raw(), _resizes() as resized:
        try:
            output.raw(shown.pass_on(first))
            threading.Thread(target=_keys, args=(running, resized), daemon=True).start()
            while (said := running.read()) is not None:
                output.raw(shown.pass_on(said[1]))
        finally:  # a lost connection must not leave a terminal that draws lines instead of letters
            output.raw(shown.end())
    return running.exit_code or 0


@contextlib.contextmanager
def _raw() -> Iterator[None]:
    """Every key reaches the program, Control-C too."""
    try:
        import termios
        import tty
    except ImportError as error:
        raise errors.ConfigError("sql: this system's terminal cannot be used", hint="give -e, or a pipe") from error
    keyboard = sys.stdin.fileno()
    before = termios.tcgetattr(keyboard)
    try:
        tty.setraw(keyboard, termios.TCSADRAIN)  # what was typed meanwhile stays
        yield
    finally:
        termios.tcsetattr(keyboard, termios.TCSADRAIN, before)


@contextlib.contextmanager
def _resizes() -> Iterator[int]:
    """A pipe that can be read whenever the window's size has changed: a signal handler must not send."""
    readable, writable = os.pipe()
    os.set_blocking(writable, False)
    before = signal.signal(signal.SIGWINCH, lambda *_: None)
    old = signal.set_wakeup_fd(writable, warn_on_full_buffer=False)
    try:
        yield readable
    finally:
        signal.set_wakeup_fd(old)
        signal.signal(signal.SIGWINCH, before)


def _keys(running: Attached, resized: int) -> None:
    """On a thread of its own, past Python's buffers: one that is still waiting when Python ends must hold no lock."""
    keyboard = sys.stdin.fileno()
    with contextlib.suppress(Exception):  # the reader of the same connection raises it
        while True:
            ready, _, _ = select.select([keyboard, resized], [], [])
            if resized in ready:
                os.read(resized, _MOST)
                tell_size(running)
            if keyboard in ready:
                running.write(os.read(keyboard, _MOST))
