"""Unit tests read nothing of the shell that starts them, start no program, wait for no clock and build no agent."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator

import pytest

from mysqlops.operations import bundle
from mysqlops.version import __version__

_STARTS = {"subprocess.Popen", "os.system", "os.fork", "os.forkpty", "os.exec", "os.posix_spawn"}
_AGENT = bundle.Bundle(b"the agent", f"{__version__}-0123456789ab")  # the program: tests/docs/test_agent_program.py
_running = False


@pytest.fixture(scope="package", autouse=True)
def _alone() -> Iterator[None]:
    """`eval "$(scripts/lab env)"` gives every command the lab's images: a test failed only in such a shell."""
    global _running  # noqa: PLW0603 (an audit hook cannot be removed)
    with pytest.MonkeyPatch.context() as shell:
        for name in [one for one in os.environ if one.startswith("MYSQLOPS_")]:
            shell.delenv(name)
        shell.setattr(bundle, "build", lambda: _AGENT)
        shell.setattr(time, "sleep", lambda _: _elsewhere("time.sleep"))  # no audit event before Python 3.13
        _running = True
        yield
        _running = False


def _elsewhere(what: str) -> None:
    pytest.fail(f"{what} in a unit test, which runs on every save: such a test belongs in tests/programs")


def _heed(event: str, _: object) -> None:
    if _running and event in _STARTS:
        _elsewhere(event)


sys.addaudithook(_heed)
