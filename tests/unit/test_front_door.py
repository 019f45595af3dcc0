"""What users of a released package meet first: its names, pages and scripts."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from mysqlops import __main__
from mysqlops.version import __version__

_ROOT = Path(__file__).parents[2]


def test_the_plugin_of_kubectl_says_how_it_was_called(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["kubectl-mysqlops", "version", "--help"])
    with pytest.raises(SystemExit) as ended:
        __main__.plugin()
    assert ended.value.code == 0
    assert capsys.readouterr().out.startswith("Usage: kubectl mysqlops version ")


def test_the_changelog_has_the_version() -> None:
    (newest, *_) = re.findall(r"^## \[(\d\S*)\]", (_ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert newest == __version__
