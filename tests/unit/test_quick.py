"""Unit tests run on every save: conftest.py fails those that make it slow."""

from __future__ import annotations

import os
import subprocess
import time

import pytest


def test_what_starts_a_program_belongs_elsewhere() -> None:
    with pytest.raises(pytest.fail.Exception, match="tests/programs"):
        subprocess.run(["true"], check=True)
    with pytest.raises(pytest.fail.Exception, match="tests/programs"):
        os.fork()


def test_what_waits_for_a_clock_belongs_elsewhere() -> None:
    with pytest.raises(pytest.fail.Exception, match=r"time\.sleep in a unit test"):
        time.sleep(0)
