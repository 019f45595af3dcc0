"""`python -m mysqlops` and the `mysqlops` command."""

from __future__ import annotations

import sys


def main() -> None:
    from mysqlops.cli.main import run

    sys.exit(run())


if __name__ == "__main__":
    main()
