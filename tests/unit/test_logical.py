"""What a dump is told: names as no script can misread them, and accounts as statements."""

from __future__ import annotations

from mysqlops.kube import manifests
from mysqlops.mysql import account_statements


def test_an_accounts_name_is_no_clause() -> None:
    hostile = "x IDENTIFIED BY DEFAULT ROLE `r`@`%` REQUIRE "
    quoted = "`" + hostile.replace("`", "``") + "`@`%`"
    made = {
        "plain@%": [
            "CREATE USER `plain`@`%` IDENTIFIED WITH 'p' AS ' DEFAULT ROLE `a`@`b`' DEFAULT ROLE `r``1`@`%`,`s`@`%` "
            "REQUIRE SSL COMMENT ' DEFAULT ROLE `z`@`%`'",
            "GRANT USAGE ON *.* TO `plain`@`%`",
        ],
        "root@localhost": ["CREATE USER `root`@`localhost` IDENTIFIED WITH 'p' AS 'CREATE USER' REQUIRE NONE"],
        f"{hostile}@%": [f"CREATE USER {quoted} IDENTIFIED WITH 'p' REQUIRE NONE"],
    }
    assert account_statements.script(made, "").splitlines() == [
        "CREATE USER `plain`@`%` IDENTIFIED WITH 'p' AS ' DEFAULT ROLE `a`@`b`' REQUIRE SSL "
        "COMMENT ' DEFAULT ROLE `z`@`%`';",
        "ALTER USER `root`@`localhost` IDENTIFIED WITH 'p' AS 'CREATE USER' REQUIRE NONE;",
        f"CREATE USER {quoted} IDENTIFIED WITH 'p' REQUIRE NONE;",
        "GRANT USAGE ON *.* TO `plain`@`%`;",
        "ALTER USER `plain`@`%` DEFAULT ROLE `r``1`@`%`,`s`@`%`;",
        "SET GLOBAL gtid_purged = '';",
    ]


def test_no_name_follows_an_option() -> None:
    """Every call that takes a name takes it after `--`."""
    script = manifests.read_text("backup/logical.sh").replace("\\\n", " ")
    calls = [line for line in script.splitlines() if "dump_sql --" in line]
    assert len(calls) == 3
    assert all(" -- " in line and line.index(" -- ") < line.index('"$') for line in calls)
