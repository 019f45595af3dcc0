"""The folder decides the mark; what is missing is a loud skip for a person and a failure in CI (--require)."""

from __future__ import annotations

import os
import sys
from collections import Counter
from pathlib import Path

import pytest

_MARKED = ("database", "cluster", "lab", "packaging", "shells")
_ROOT = Path(__file__).parent
# Minutes each, the longest first: with workers that take whole files, one that begins late is waited for alone.
LONGEST = (
    "cluster/test_backup.py",
    "cluster/test_changes.py",
    "cluster/test_verbs.py",
    "cluster/test_life.py",
    "cluster/test_pitr.py",
    "database/test_group_contract.py",
    "cluster/test_drill.py",
    "cluster/test_interrupted.py",
    "cluster/test_adopt.py",
    "cluster/test_fake_api.py",
)

if sys.dont_write_bytecode:
    # Whoever wants no bytecode in the tree still need not wait until pytest has rewritten and compiled all tests, in
    # each run and each of its workers: that was a third of the time of the unit tests.
    sys.pycache_prefix = str(
        Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "mysqlops" / "bytecode"
    )
    sys.dont_write_bytecode = False


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--require", default="", help="kinds whose needs must be met: database,cluster,lab,packaging,shells"
    )


def pytest_configure(config: pytest.Config) -> None:
    """Hypothesis' plugin loads all of Hypothesis to end a session, and unit tests generate nothing."""
    named = [Path(one.partition("::")[0]).resolve() for one in config.args]
    plugin = config.pluginmanager.get_plugin("hypothesispytest")
    if plugin is not None and all(one.is_relative_to(_ROOT / "unit") for one in named):
        config.pluginmanager.unregister(plugin)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        folder = item.path.relative_to(_ROOT).parts[0]
        if folder in _MARKED:
            item.add_marker(folder)
    items.sort(key=lambda item: _turn(_file(item.nodeid)))


def _file(nodeid: str) -> str:
    return nodeid.partition("::")[0].removeprefix("tests/")


def _turn(file: str) -> int:
    return LONGEST.index(file) if file in LONGEST else len(LONGEST)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Beside the slowest tests, what each file took: for the list above."""
    most = terminalreporter.config.getoption("durations")
    if not most:
        return
    took = Counter[str]()
    for report in [one for some in terminalreporter.stats.values() for one in some if hasattr(one, "when")]:
        took[_file(report.nodeid)] += report.duration
    terminalreporter.section("slowest files")
    for file, seconds in took.most_common(2 * most):
        terminalreporter.line(f"{seconds:.0f}s {file}")


def missing(config: pytest.Config, kind: str, what: str) -> None:
    """A need is not met: fail where it is required, skip elsewhere."""
    if kind in config.getoption("--require").split(","):
        pytest.fail(f"{kind} tests are required, and {what}", pytrace=False)
    pytest.skip(f"{kind} tests need {what}")
