"""A tutorial's MySQL, one pod with its password in the environment, is taken over with everything in it."""

from __future__ import annotations

import json
import os
from typing import Any

import pytest

from tests.cluster.conftest import SMALL, Namespace, eventually, killed

PASSWORD = 'pa"ss\\word of 1999'
FROM = ("--from", "old", "--password-secret", "old:MYSQL_ROOT_PASSWORD", "--user", "root")
SCHEMA = """
CREATE DATABASE shop; USE shop;
CREATE TABLE customers (id INT PRIMARY KEY AUTO_INCREMENT, name VARCHAR(50) CHARACTER SET latin1, born DATE, photo BLOB,
  rating DOUBLE, money DECIMAL(10,3), tags JSON, flags BIT(5), doubled DOUBLE AS (rating * 2), spot POINT);
INSERT INTO customers (name, born, photo, rating, money, tags, flags, spot) VALUES
  ('Zoe', '1970-01-01', x'00FF10', 0.1, 12.345, '{"a": [1, 2]}', b'101', POINT(1, 2)),
  (NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL), ('', '2000-02-29', '', -1e300, 0, '[]', 0, POINT(0, 0));
CREATE TABLE orders (id INT PRIMARY KEY, customer INT, FOREIGN KEY (customer) REFERENCES customers (id));
INSERT INTO orders WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 900) SELECT i, 1 FROM n;
CREATE VIEW big AS SELECT * FROM orders WHERE id > 100;
CREATE PROCEDURE count_orders () SELECT COUNT(*) FROM orders;
CREATE TRIGGER lower_name BEFORE INSERT ON customers FOR EACH ROW SET NEW.rating = COALESCE(NEW.rating, 1);
CREATE EVENT nightly ON SCHEDULE EVERY 1 DAY DO DELETE FROM orders WHERE id < 0;
CREATE USER shopper@'%' IDENTIFIED BY 'shop-secret'; GRANT SELECT, INSERT ON shop.* TO shopper@'%';
CREATE DATABASE notes; CREATE TABLE notes.lines (line TEXT);
"""
START = """
[ -d /var/lib/mysql/data ] || mysqld --no-defaults --datadir=/var/lib/mysql/data --initialize-insecure
printf "CREATE USER IF NOT EXISTS root@'%%' IDENTIFIED BY '%s'; GRANT ALL ON *.* TO root@'%%' WITH GRANT OPTION;" \
  "$(printf %s "$MYSQL_ROOT_PASSWORD" | sed 's/\\\\/\\\\\\\\/g')" >/tmp/init.sql
exec mysqld --no-defaults --datadir=/var/lib/mysql/data --socket=/tmp/mysqld.sock --pid-file=/tmp/pid --mysqlx=OFF \
  --init-file=/tmp/init.sql --secure-file-priv=NULL
"""


def _naive() -> list[dict[str, Any]]:
    labels = {"app": "old"}
    locked = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
    container = {
        "name": "mysql",
        "image": os.environ.get("MYSQLOPS_IMAGE", "mysql:9.7"),
        "command": ["sh", "-c", START],
        "env": [{"name": "MYSQL_ROOT_PASSWORD", "value": PASSWORD}],
        "securityContext": locked,
        "volumeMounts": [{"name": "data", "mountPath": "/var/lib/mysql"}],
    }
    security = {
        "runAsNonRoot": True,
        "runAsUser": 999,
        "runAsGroup": 999,
        "fsGroup": 999,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    claim = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    stateful_set = {
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        "metadata": {"name": "old"},
        "spec": {
            "serviceName": "old",
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": {"securityContext": security, "containers": [container]},
            },
            "volumeClaimTemplates": [{"metadata": {"name": "data"}, "spec": claim}],
        },
    }
    service = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "old"}}
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "old"}}
    return [
        stateful_set,
        {**service, "spec": {"selector": labels, "ports": [{"port": 3306}]}},
        {**secret, "stringData": {"MYSQL_ROOT_PASSWORD": PASSWORD, "wrong": "no"}},
    ]


def _old(namespace: Namespace, statements: str) -> str:
    words = ("exec", "-i", "old-0", "--", "mysql", "-uroot", "--socket=/tmp/mysqld.sock", "-N")
    return namespace.kubectl(*words, stdin=statements).strip()


@pytest.fixture(scope="module")
def cluster(namespace: Namespace, tmp_path_factory: pytest.TempPathFactory) -> Namespace:
    namespace = namespace.with_logins(tmp_path_factory.mktemp("logins"))
    namespace.kubectl("apply", "-f", "-", stdin=json.dumps({"apiVersion": "v1", "kind": "List", "items": _naive()}))
    done = namespace.mysqlops("deploy", "mysql", *SMALL)
    assert done.code == 0, done.err
    words = ("exec", "old-0", "--", "mysql", "-uroot", "--socket=/tmp/mysqld.sock", "-e", "SELECT 1")
    eventually(lambda: "1" in namespace.kubectl(*words, check=False), "the old server", 120)
    _old(namespace, SCHEMA)
    return namespace


def _orders(cluster: Namespace) -> int:
    return int(cluster.sql(cluster.status()["primary"], "SELECT COUNT(*) FROM shop.orders")[0][0])


def test_what_cannot_be_taken_over_is_named_and_nothing_is_copied(cluster: Namespace) -> None:
    done = cluster.mysqlops("adopt", "mysql", "--from", "old", "--password-secret", "nothing")
    assert (done.code, "no key password in such a Secret" in done.err) == (3, True), done.err
    done = cluster.mysqlops("adopt", "mysql", "--from", "old", "--password-secret", "old:wrong")
    assert (done.code, "Access denied" in done.err) == (6, True), done.err
    done = cluster.mysqlops("adopt", "mysql", *FROM)
    assert (done.code, "notes.lines has no primary key" in done.err) == (3, True), done.err
    done = cluster.mysqlops("adopt", "mysql", *FROM, "--database", "none")
    assert (done.code, "the source has notes, shop" in done.err) == (3, True), done.err
    assert cluster.sql("mysql-0", "SHOW DATABASES LIKE 'shop'") == []
    assert "Traceback" not in done.err


def test_a_rehearsal_copies_everything_and_leaves_the_source_alone(cluster: Namespace) -> None:
    _old(cluster, "ALTER TABLE notes.lines ADD COLUMN id INT PRIMARY KEY AUTO_INCREMENT")
    done = cluster.mysqlops("adopt", "mysql", *FROM, "-o", "json")
    assert done.code == 0, done.err
    told = done.json()
    assert (told["databases"], told["different"], told["tables"], told["rows"]) == (["notes", "shop"], [], 3, 903)
    assert _old(cluster, "SELECT @@super_read_only; INSERT INTO shop.orders VALUES (1000, 2)") == "0"
    assert cluster.sql("mysql-2", "SELECT COUNT(*) FROM shop.big") == [[800]]
    assert cluster.sql("mysql-2", "SELECT user FROM mysql.user WHERE user IN ('shopper', 'mysqlops_adopt')") == [
        ["shopper"]
    ]
    assert PASSWORD not in done.out + done.err


def test_a_last_copy_that_was_killed_is_finished_by_the_next(cluster: Namespace) -> None:
    killed(cluster, lambda: "adopt" in cluster.kubectl("get", "pods"), "adopt", "mysql", *FROM, "--finish")
    cluster.kubectl("delete", "lease", "mysql-operation", "--ignore-not-found")
    done = cluster.mysqlops("adopt", "mysql", *FROM, "--finish")
    assert done.code == 0, done.err
    assert _orders(cluster) == 901
    assert _old(cluster, "SELECT @@super_read_only") == "1"
    assert cluster.mysqlops("status", "mysql").code == 0
    assert "adopt-password" not in cluster.kubectl("get", "secret", "mysql-internal", "-o", "json")


def test_the_cluster_has_its_own_life_then(cluster: Namespace) -> None:
    cluster.sql(cluster.status()["primary"], "INSERT INTO shop.orders VALUES (2000, 1)")
    done = cluster.mysqlops("adopt", "mysql", *FROM)
    assert (done.code, "holds tables that no open adoption" in done.err) == (3, True), done.err
    assert _orders(cluster) == 902


def test_an_abort_gives_the_source_its_writes_back(cluster: Namespace) -> None:
    done = cluster.mysqlops("adopt", "mysql", *FROM, "--abort")
    assert done.code == 0, done.err
    assert _old(cluster, "SELECT @@super_read_only") == "0"
