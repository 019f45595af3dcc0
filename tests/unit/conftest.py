"""Unit tests read nothing of the shell that starts them."""

from __future__ import annotations

import os

import pytest


@pytest.fixture(autouse=True)
def _without_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """`eval "$(scripts/lab env)"` gives every command the lab's images: a test failed only in such a shell."""
    for name in [one for one in os.environ if one.startswith("MYSQLOPS_")]:
        monkeypatch.delenv(name)
