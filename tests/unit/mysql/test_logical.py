"""The input of a dump: names that no script can misread, and accounts as statements."""

from __future__ import annotations

from mysqlops.kube import manifests
from mysqlops.mysql import account_statements, comparison


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


def test_a_dump_only_reads_and_whoever_loads_it_obeys_no_command_in_it() -> None:
    """In binary mode a client has no commands of its own: in 8.0 and 8.4, `\\!` in a dump is a shell."""
    script = manifests.read_text("backup/logical.sh").replace("\\\n", " ")
    loads, dumps = (script.partition(f"\n{name}() {{")[2].partition("\n}\n")[0] for name in ("sql", "dump_sql"))
    assert "--binary-mode" in loads
    assert "--loose-comments" in loads
    assert "--user=mysqlops_dump " in dumps
    clients = [line for line in script.splitlines() if line.strip().startswith(("mysql ", "mysqldump "))]
    assert len(clients) == 2, "nothing else calls a client"


def test_a_database_that_mysqldump_takes_for_the_servers_own_is_refused_by_name() -> None:
    """It compares names without regard to case; the server does not."""
    (text,) = comparison.misread(["mysql", "Mysql", "Sys", "mysqlops", "app"])
    assert text == "database `Mysql`: mysqldump takes it for the server's own, because it ignores case"
