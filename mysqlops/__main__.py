"""`python -m mysqlops` and the commands `mysqlops` and `kubectl-mysqlops`."""

from __future__ import annotations

import sys


def main() -> None:
    from mysqlops.cli.main import run

    sys.exit(run())


def plugin() -> None:
    """`kubectl mysqlops`: kubectl finds the program `kubectl-mysqlops` by its name."""
    from mysqlops.cli.main import run

    sys.exit(run(program="kubectl mysqlops"))


if __name__ == "__main__":
    main()
