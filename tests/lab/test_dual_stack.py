"""A second lab whose nodes, pods and Services have addresses of both families: clients of either are served, and the
group stays in the first."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from ipaddress import ip_address
from typing import Any

import pytest

from tests.cluster.conftest import SMALL, Namespace, eventually
from tests.lab import second

pytestmark = [pytest.mark.long, pytest.mark.alone]  # minutes each; CI has an hour

NAME = "labdual"
# Runs in a member's agent; the password comes by stdin.
_CLIENT = """
import sys, json; sys.path.insert(0, "/agent/agent.pyz")
from mysqlops.core import adoption
from mysqlops.mysql import connect
asked = json.load(sys.stdin)
login = connect.Login(asked["user"], asked["password"], ca_file="/run/tls/ca.crt", ssl_mode=adoption.VERIFY_CA)
with connect.connect_tcp(asked["host"], login, database=asked["database"]) as server:
    for statement in asked["statements"]:
        rows = server.query(statement)
print(json.dumps(rows))
"""
_ASK = """
import sys, urllib.error, urllib.request
try:
    print(urllib.request.urlopen(sys.argv[1], timeout=5).status)
except urllib.error.HTTPError as error:
    print(error.code)
"""


@pytest.fixture(scope="module")
def cluster() -> Iterator[Namespace]:
    with second.lab(NAME, "dual") as namespace:
        namespace.must("deploy", "mysql", *SMALL)
        yield namespace


def _service(cluster: Namespace, name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(cluster.kubectl("get", "service", name, "-o", "json"))["spec"]
    return found


def _inside(cluster: Namespace, program: str, *words: str, stdin: str | None = None) -> str:
    command = ("exec", "-i", "mysql-0", "-c", "agent", "--", "python3", "-c", program, *words)
    return cluster.kubectl(*command, stdin=stdin)


def _sql(cluster: Namespace, host: str, *statements: str) -> list[list[Any]]:
    """As the application, through one address; the last statement's rows."""
    secret = json.loads(cluster.kubectl("get", "secret", "mysql-app", "-o", "json"))["data"]
    known = {key: base64.b64decode(secret[key]).decode() for key in ("username", "password", "database")}
    asked = {"host": host, "user": known["username"], "statements": statements}
    text = json.dumps({**asked, "password": known["password"], "database": known["database"]})
    rows: list[list[Any]] = json.loads(_inside(cluster, _CLIENT, stdin=text))
    return rows


def _versions(addresses: list[str]) -> list[int]:
    return [ip_address(address).version for address in addresses]


def test_pods_and_services_for_clients_have_both_families_and_the_group_one(cluster: Namespace) -> None:
    for pod in cluster.objects("pods"):
        assert _versions([one["ip"] for one in pod["status"]["podIPs"]]) == [4, 6]
    for name in ("mysql-primary", "mysql-replicas"):
        assert _versions(_service(cluster, name)["clusterIPs"]) == [4, 6]
    assert _service(cluster, "mysql")["ipFamilies"] == ["IPv4"]
    assert [member["state"] for member in cluster.await_healthy()["members"]] == ["ONLINE"] * 3
    assert cluster.mysqlops("deploy", "mysql", *SMALL, "--dry-run").code == 0


def test_clients_of_either_family_write_to_the_primary_and_read_from_replicas(cluster: Namespace) -> None:
    first, *_ = written = _service(cluster, "mysql-primary")["clusterIPs"]
    _sql(cluster, first, "CREATE TABLE t (v INT PRIMARY KEY)")
    for number, host in enumerate(written):
        _sql(cluster, host, f"INSERT INTO t VALUES ({number})")
    for host in _service(cluster, "mysql-replicas")["clusterIPs"]:
        eventually(lambda host=host: _sql(cluster, host, "SELECT COUNT(*) FROM t") == [[2]], f"both rows by {host}")  # type: ignore[misc]
        assert _sql(cluster, host, "SELECT @@hostname")[0][0] != cluster.status()["primary"]


def test_both_families_follow_a_switchover(cluster: Namespace) -> None:
    cluster.must("switchover", "mysql")
    primary = cluster.await_healthy()["primary"]
    for number, host in enumerate(_service(cluster, "mysql-primary")["clusterIPs"], 2):
        assert _sql(cluster, host, f"INSERT INTO t VALUES ({number})", "SELECT @@hostname") == [[primary]]


def test_the_agents_port_answers_in_both_families(cluster: Namespace) -> None:
    """kubelet asks the first, a load balancer perhaps the other."""
    for pod in cluster.objects("pods"):
        is_primary = pod["metadata"]["name"] == cluster.status()["primary"]
        for address in (one["ip"] for one in pod["status"]["podIPs"]):
            host = f"[{address}]" if ":" in address else address
            answer = _inside(cluster, _ASK, f"http://{host}:8306/primary").strip()
            assert answer == ("200" if is_primary else "503")


def test_a_member_whose_server_was_killed_comes_back_in_the_groups_family(cluster: Namespace) -> None:
    old = cluster.status()["primary"]
    kill = "prlimit --pid 1 --cpu=0:0 2>/dev/null || kill -SEGV 1"
    cluster.kubectl("exec", old, "-c", "mysqld", "--", "sh", "-c", kill, check=False)
    eventually(lambda: cluster.status()["primary"] not in (None, old), "another primary")
    primary = cluster.await_healthy()["primary"]
    for number, host in enumerate(_service(cluster, "mysql-primary")["clusterIPs"], 4):
        assert _sql(cluster, host, f"INSERT INTO t VALUES ({number})", "SELECT @@hostname") == [[primary]]
