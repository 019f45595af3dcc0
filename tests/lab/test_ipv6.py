"""A second lab whose nodes, pods and Services have IPv6 addresses only: a cluster's life on it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from ipaddress import ip_address

import pytest

from tests.cluster.conftest import SMALL, Namespace, eventually
from tests.lab import second

pytestmark = [pytest.mark.long, pytest.mark.alone]  # minutes each; CI has an hour

NAME = "labipv6"


@pytest.fixture(scope="module")
def cluster() -> Iterator[Namespace]:
    with second.lab(NAME, "ipv6") as namespace:
        namespace.must("deploy", "mysql", *SMALL)
        yield namespace


def test_every_address_is_an_ipv6_one_and_the_cluster_is_healthy(cluster: Namespace) -> None:
    pods, services = cluster.objects("pods"), cluster.objects("services")
    addresses = [address["ip"] for pod in pods for address in pod["status"]["podIPs"]]
    addresses += [address for service in services for address in service["spec"]["clusterIPs"] if address != "None"]
    assert len(addresses) >= 5
    assert {ip_address(address).version for address in addresses} == {6}
    status = cluster.await_healthy()
    assert [member["state"] for member in status["members"]] == ["ONLINE"] * 3


def test_clients_write_through_the_service_and_a_switchover_keeps_what_they_wrote(cluster: Namespace) -> None:
    _sql(cluster, "CREATE TABLE t (id INT PRIMARY KEY); INSERT INTO t VALUES (1)")
    assert cluster.mysqlops("switchover", "mysql").code == 0
    _sql(cluster, "INSERT INTO t VALUES (2)")
    eventually(
        lambda: _sql(cluster, "SELECT COUNT(*) FROM t", "--replica").split()[-1] == "2", "both rows on a replica"
    )


def test_a_member_whose_server_was_killed_comes_back(cluster: Namespace) -> None:
    old = cluster.status()["primary"]
    kill = "prlimit --pid 1 --cpu=0:0 2>/dev/null || kill -SEGV 1"
    cluster.kubectl("exec", old, "-c", "mysqld", "--", "sh", "-c", kill, check=False)
    eventually(lambda: cluster.status()["primary"] not in (None, old), "another primary")
    cluster.await_healthy()


def test_a_backup_is_stored_on_s3_and_verified(cluster: Namespace) -> None:
    """The lab's S3 server, the restic in the Job and the copy's server use the pods' network too."""
    second.run(NAME, "s3", "up")
    keys = json.loads(cluster.kubectl("get", "secret", "s3-keys", "-n", "lab-s3", "-o", "json"))["data"]
    pairs = {"AWS_ACCESS_KEY_ID": keys["ROOT_ACCESS_KEY"], "AWS_SECRET_ACCESS_KEY": keys["ROOT_SECRET_KEY"]}
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s3-keys"}, "data": pairs}
    cluster.kubectl("apply", "-f", "-", stdin=json.dumps(secret))
    target = ("--s3", "http://s3.lab-s3.svc:9000/six", "--credentials", "s3-keys")
    cluster.must("backup", "target", "add", "store", *target)
    cluster.must("backup", "create", "mysql")
    (stored,) = cluster.must("backup", "list", "mysql", "-o", "json")
    cluster.must("backup", "verify", "mysql", stored["id"])
    assert cluster.must("backup", "list", "mysql", "-o", "json")[0]["verified"]


def _sql(cluster: Namespace, statement: str, *where: str) -> str:
    done = cluster.mysqlops("sql", "mysql", *where, "-e", statement)
    assert done.code == 0, done.err
    return done.out
