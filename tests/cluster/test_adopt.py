"""A tutorial's MySQL, one pod with its password in the environment, is taken over with everything in it."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from tests.cluster import old_server
from tests.cluster.conftest import KUBECONFIG, SMALL, Namespace, eventually, killed
from tests.cluster.old_server import FROM, PASSWORD

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
CREATE DEFINER=shopper@'%' VIEW a_few AS SELECT id FROM orders WHERE id < 4 WITH CHECK OPTION;
CREATE DEFINER=shopper@'%' VIEW a_pair AS SELECT id FROM a_few WHERE id < 3;
CREATE DATABASE notes; CREATE TABLE notes.lines (line TEXT);
"""


@pytest.fixture(scope="module")
def cluster(namespace: Namespace, tmp_path_factory: pytest.TempPathFactory) -> Namespace:
    namespace = namespace.with_logins(tmp_path_factory.mktemp("logins"))
    namespace.must("deploy", "mysql", *SMALL)
    old_server.start(namespace)
    old_server.sql(namespace, SCHEMA)
    return namespace


_COPIED_ACCOUNTS = "SELECT user FROM mysql.user WHERE user IN ('shopper', 'mysqlops_adopt', 'mysqlops_load')"


def _until_replicated(cluster: Namespace, query: str, rows: list[list[Any]]) -> None:
    """A member that is not the primary has what was copied, a moment after the command has ended."""
    eventually(lambda: cluster.sql("mysql-2", query) == rows, f"mysql-2 answers {rows} to {query}")


def _orders(cluster: Namespace) -> int:
    return int(cluster.sql(cluster.status()["primary"], "SELECT COUNT(*) FROM shop.orders")[0][0])


def test_what_cannot_be_taken_over_is_named_and_nothing_is_copied(cluster: Namespace) -> None:
    done = cluster.mysqlops(
        "adopt", "mysql", "--yes", "--from", "old", "--password-secret", "nothing", "--ca", "nothing"
    )
    assert (done.code, "no key password in such a Secret" in done.err) == (3, True), done.err
    assert "no key ca.crt in such a Secret" in done.err
    done = cluster.mysqlops("adopt", "mysql", "--yes", *FROM[:4])
    assert (done.code, "source-unverified" in done.err) == (3, True), done.err
    done = cluster.mysqlops("adopt", "mysql", "--yes", "--from", "old", "--password-secret", "old:wrong", *FROM[4:])
    assert (done.code, "Access denied" in done.err) == (6, True), done.err
    done = cluster.mysqlops("adopt", "mysql", "--yes", *FROM)
    assert (done.code, "notes.lines has no primary key" in done.err) == (3, True), done.err
    done = cluster.mysqlops("adopt", "mysql", "--yes", *FROM, "--database", "none")
    assert (done.code, "the source has notes, shop" in done.err) == (3, True), done.err
    assert cluster.sql("mysql-0", "SHOW DATABASES LIKE 'shop'") == []
    assert "Traceback" not in done.err


def test_a_rehearsal_copies_everything_and_leaves_the_source_alone(cluster: Namespace) -> None:
    old_server.sql(cluster, "ALTER TABLE notes.lines ADD COLUMN id INT PRIMARY KEY AUTO_INCREMENT")
    done = cluster.mysqlops("adopt", "mysql", "--yes", *FROM, "-o", "json")
    assert done.code == 0, done.err
    told = done.json()
    assert (told["databases"], told["different"], told["tables"], told["rows"]) == (["notes", "shop"], [], 3, 903)
    assert old_server.sql(cluster, "SELECT @@super_read_only; INSERT INTO shop.orders VALUES (1000, 2)") == "0"
    _until_replicated(cluster, "SELECT COUNT(*) FROM shop.big", [[800]])
    assert "shopper@%" in told["accounts"]
    _until_replicated(cluster, _COPIED_ACCOUNTS, [])
    assert PASSWORD not in done.out + done.err


@pytest.mark.long
def test_a_last_copy_whose_pod_is_lost_gives_the_source_its_writes_back(cluster: Namespace) -> None:
    """While something in the cluster holds the copy up, here a lock that lets no further table be created. The command
    reports what became of it."""
    program = (
        "import sys, time; sys.path.insert(0, '/agent/agent.pyz')\n"
        "from mysqlops.agent import member, pod, settings\n"
        "server = member.Member(pod.Pod(settings.read())).connect()\n"
        "def is_there():\n"
        "    return server.query(\"SELECT 1 FROM information_schema.tables WHERE table_schema = 'notes'\")\n"
        "while is_there(): time.sleep(0.01)\n"  # the rehearsal's copy
        "while not is_there(): time.sleep(0.001)\n"
        "server.query('LOCK INSTANCE FOR BACKUP'); sys.stdin.read()"  # until this side closes it
    )
    kubectl = ("kubectl", f"--kubeconfig={KUBECONFIG}", "-n", cluster.name)
    held = (*kubectl, "exec", "-i", cluster.status()["primary"], "-c", "agent", "--", "python3", "-c", program)
    words = (sys.executable, "-m", "mysqlops", "adopt", "mysql", *FROM, "--finish", "--yes", "-n", cluster.name)
    with (
        subprocess.Popen(held, stdin=subprocess.PIPE, text=True) as lock,
        subprocess.Popen(words, stderr=subprocess.PIPE, text=True) as finishing,
    ):
        copying = ("get", "pods", "-l", "job-name=mysql-adopt", "-o")
        path = "jsonpath={.items[*].status.initContainerStatuses[?(@.name=='copy')].state.running}"
        eventually(lambda: "startedAt" in cluster.kubectl(*copying, path), "the copy runs", 120)
        assert old_server.sql(cluster, "SELECT @@super_read_only") == "1"
        pod = cluster.kubectl(*copying, "name").strip()
        cluster.kubectl("delete", pod, "--force", "--grace-period=0")
        lock.communicate(timeout=30)
        _, told = finishing.communicate(timeout=240)
    assert finishing.returncode == 6, told
    assert "an earlier pod of this Job was lost; the source takes writes again" in told
    assert old_server.sql(cluster, "SELECT @@super_read_only, @@read_only") == "0\t0"
    _until_replicated(cluster, _COPIED_ACCOUNTS, [])


def test_a_last_copy_that_was_killed_is_finished_by_the_next(cluster: Namespace) -> None:
    killed(cluster, lambda: "adopt" in cluster.kubectl("get", "pods"), "adopt", "mysql", *FROM, "--finish", "--yes")
    cluster.unlock()
    done = cluster.mysqlops("adopt", "mysql", *FROM, "--finish", "--yes")
    assert done.code == 0, done.err
    assert _orders(cluster) == 901
    assert old_server.sql(cluster, "SELECT @@super_read_only") == "1"
    assert cluster.mysqlops("status", "mysql").code == 0
    _until_replicated(cluster, _COPIED_ACCOUNTS, [["shopper"]])
    _until_replicated(cluster, "SELECT COUNT(*) FROM shop.a_pair", [[2]])  # views of an account that came last
    assert "adopt-password" not in cluster.kubectl("get", "secret", "mysql-internal", "-o", "json")


def test_the_cluster_has_its_own_life_then(cluster: Namespace) -> None:
    cluster.sql(cluster.status()["primary"], "INSERT INTO shop.orders VALUES (2000, 1)")
    done = cluster.mysqlops("adopt", "mysql", "--yes", *FROM)
    assert (done.code, "which no open adoption of this source created" in done.err) == (3, True), done.err
    assert _orders(cluster) == 902


def test_an_abort_gives_the_source_its_writes_back(cluster: Namespace) -> None:
    done = cluster.mysqlops("adopt", "mysql", "--yes", *FROM, "--abort")
    assert done.code == 0, done.err
    assert old_server.sql(cluster, "SELECT @@super_read_only") == "0"
