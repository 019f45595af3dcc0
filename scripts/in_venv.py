"""Runs the calling script by the Python of .venv, which has the packages of requirements.lock: first of all."""

from __future__ import annotations

import os
import sys
from importlib.util import find_spec
from pathlib import Path

_PACKAGES = ("click", "cronsim", "kubernetes", "packaging", "pymysql", "pytest", "tzdata")  # some of each kind
_PYTHON = Path(__file__).resolve().parent.parent / ".venv" / "bin" / "python"
_ENTERED = "MYSQLOPS_SCRIPT_IN_VENV"


def enter() -> None:
    """Returns in a Python that has them; ends the script by naming scripts/setup where none does."""
    if all(map(find_spec, _PACKAGES)):
        return
    if _PYTHON.exists() and os.environ.get(_ENTERED) is None:
        os.execve(_PYTHON, [str(_PYTHON), *sys.argv], {**os.environ, _ENTERED: "yes"})  # noqa: S606
    missing = ", ".join(package for package in _PACKAGES if find_spec(package) is None)
    sys.exit(f"{Path(sys.argv[0]).name}: Python packages are missing ({missing}): run scripts/setup first")
