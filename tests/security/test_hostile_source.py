"""Whoever may only create databases on a server that is to be taken over, or only pretends to be that server."""

from __future__ import annotations

import pytest

from tests.cluster import old_server
from tests.cluster.conftest import SMALL, Namespace
from tests.cluster.old_server import FROM, PASSWORD

pytestmark = [pytest.mark.cluster, pytest.mark.long]
_ATTACK = '--init-command=GRANT ALL ON *.* TO limited@"%"'
_GRANTS = "SHOW GRANTS FOR limited@'%'"


@pytest.fixture(scope="module")
def attacked(namespace: Namespace) -> Namespace:
    namespace.must("deploy", "mysql", *SMALL, "--replicas", "1")
    old_server.start(namespace)
    old_server.sql(namespace, "CREATE USER limited@'%' IDENTIFIED BY 'x'; GRANT CREATE, INSERT ON *.* TO limited@'%'")
    return namespace


def test_the_name_of_a_database_that_is_an_option_grants_nothing(attacked: Namespace) -> None:
    """X6: mysqldump took it for --init-command, and ran it as root on the source."""
    as_limited = ("exec", "-i", "old-0", "--", "mysql", "-ulimited", "-px", "-h127.0.0.1")
    attacked.kubectl(*as_limited, stdin=f"CREATE DATABASE `{_ATTACK}`; CREATE TABLE `{_ATTACK}`.t (id INT PRIMARY KEY)")
    before = old_server.sql(attacked, _GRANTS)
    done = attacked.mysqlops("adopt", "mysql", "--yes", *FROM, "-o", "json")
    assert done.code == 0, done.err
    assert done.json()["databases"] == [_ATTACK]
    assert any(
        one.startswith("limited@%: it administers (INSERT, CREATE)") for one in done.json()["accounts_not_copied"]
    )
    assert old_server.sql(attacked, _GRANTS) == before
    assert (
        attacked.sql(
            "mysql-0", "SELECT user FROM mysql.user WHERE user IN ('limited', 'mysqlops_adopt', 'mysqlops_load')"
        )
        == []
    )


def test_a_server_with_another_certificate_gets_no_password_and_copies_nothing(attacked: Namespace) -> None:
    """The cluster's own CA stands for the right one: the server at that address has another."""
    done = attacked.mysqlops("adopt", "mysql", "--yes", *FROM[:4], "--ca", "mysql-tls", "--ssl-mode", "verify-ca")
    assert (done.code, "certificate verify failed" in done.err) == (6, True), done.err
    assert PASSWORD not in done.err
