"""The application tries to get rights, other people's rows and a broken backup by what it calls its tables."""

from __future__ import annotations

import pytest

from tests.cluster.conftest import SMALL, Namespace

pytestmark = [pytest.mark.cluster, pytest.mark.long]
_NAMES = (
    'app`.`--init-command=UPDATE mysql.user SET Super_priv="Y"',
    "app`.`--init-command=INSERT INTO app.z SELECT * FROM bank.accounts",
    "app`.`--result-file=/scratch/copy/dump/schema.sql",
    "app`.`--all-databases",
    "app`.`i\nj",
    "app`.`\n\\! touch /scratch/copy/data/loot\nx",
)


@pytest.fixture(scope="module")
def backup(namespace: Namespace) -> str:
    """Of a server whose application has done its worst; made with a least member, as the attack needs none."""
    namespace.claim("backups")
    namespace.must("deploy", "mysql", *SMALL, "--replicas", "1")
    namespace.must("backup", "target", "add", "local", "--claim", "backups")
    for statement in (
        "CREATE DATABASE bank",
        "CREATE TABLE bank.accounts (id INT PRIMARY KEY, sum INT)",
        "INSERT INTO bank.accounts VALUES (1, 1000)",
        "CREATE TABLE app.orders (id INT PRIMARY KEY)",
        "INSERT INTO app.orders VALUES (1), (2)",
        "CREATE TABLE app.z (id INT PRIMARY KEY, sum INT)",
        *(f"CREATE TABLE `{name}` (id INT PRIMARY KEY)" for name in _NAMES),
    ):
        namespace.sql("mysql-0", statement)
    made = namespace.must("backup", "create", "mysql", "--method", "logical", "-o", "json")
    assert (made["tables"], made["rows"]) == (3 + len(_NAMES), 3)
    return str(made["id"])


def test_the_backup_restores_and_holds_what_the_source_held(namespace: Namespace, backup: str) -> None:
    namespace.must("restore", backup, "--as", "copy", "--replicas", "1")
    for statement in (
        "SHOW GRANTS FOR app",
        "SELECT user, host FROM mysql.user WHERE super_priv = 'Y' AND host = '%'",
        "SELECT * FROM bank.accounts",
        "SELECT * FROM app.z",
        "SELECT * FROM app.orders",
        "SHOW TABLES FROM app",
    ):
        assert namespace.sql("copy-0", statement) == namespace.sql("mysql-0", statement), statement
    assert not any("SUPER" in grant for (grant,) in namespace.sql("copy-0", "SHOW GRANTS FOR app"))
    assert namespace.sql("copy-0", "SELECT * FROM app.z") == []


def test_the_backup_proves_good(namespace: Namespace, backup: str) -> None:
    verified = namespace.must("backup", "verify", "mysql", backup, "-o", "json")
    assert verified["verified"]["ok"]


def test_an_event_that_would_hang_the_dump_is_refused_by_name(namespace: Namespace, backup: str) -> None:
    namespace.sql("mysql-0", "CREATE EVENT app.endless ON SCHEDULE EVERY 1 DAY DO SELECT ';;'")
    done = namespace.mysqlops("backup", "create", "mysql", "--method", "logical")
    assert done.code == 3, done.err
    assert "`app`.`endless`" in done.err
    namespace.sql("mysql-0", "DROP EVENT app.endless")


def test_values_that_sql_cannot_hold_are_refused_by_name(namespace: Namespace, backup: str) -> None:
    namespace.sql("mysql-0", "CREATE TABLE app.sensors (id INT PRIMARY KEY, value FLOAT)")
    namespace.sql("mysql-0", "INSERT INTO app.sensors VALUES (1, 0.5), (2, 16777215)")
    done = namespace.mysqlops("backup", "create", "mysql", "--method", "logical")
    assert done.code == 3, done.err
    assert "`app`.`sensors`" in done.err
    namespace.sql("mysql-0", "DROP TABLE app.sensors")
