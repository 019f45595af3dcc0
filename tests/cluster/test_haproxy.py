"""The HAProxy of docs/how-to/haproxy.md: what a switchover and a kill -9 cost behind it, beside the Service."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable

import pytest

from tests.cluster import haproxy
from tests.cluster.conftest import Namespace, eventually
from tests.faults.ledger import Ledger

pytestmark = pytest.mark.long

_MEMBERS = ["mysql-0", "mysql-1", "mysql-2"]
_ASK = (
    "import http.client, json\n"
    "told = {}\n"
    "for pod in ('mysql-0', 'mysql-1', 'mysql-2'):\n"
    "    for path in ('/primary', '/replica?lag=5'):\n"
    "        door = http.client.HTTPConnection(pod + '.mysql', 8306, timeout=2)\n"
    "        door.request('GET', path)\n"
    "        told[pod + path] = door.getresponse().status\n"
    "print(json.dumps(told))"
)
_READ = (
    "import sys; sys.path.insert(0, '/agent/agent.pyz')\n"
    "from mysqlops.mysql import connect\n"
    "login = connect.Login('app', sys.stdin.read(), '/run/tls/ca.crt', ssl_mode='verify-ca')\n"
    "print(connect.connect_tcp(sys.argv[1], login, port=int(sys.argv[2])).scalar('SELECT @@hostname'))"
)


@pytest.fixture(scope="module")
def behind(cluster: Namespace) -> str:
    """The proxy's host."""
    return haproxy.start(cluster)


def test_each_member_says_what_it_may_be_given(cluster: Namespace) -> None:
    now = cluster.await_healthy()
    told = json.loads(cluster.kubectl("exec", "mysql-0", "-c", "agent", "--", "python3", "-c", _ASK))
    wanted = {f"{pod}/primary": 200 if pod == now["primary"] else 503 for pod in _MEMBERS}
    assert told == {**wanted, **{f"{pod}/replica?lag=5": 503 if pod == now["primary"] else 200 for pod in _MEMBERS}}


@pytest.mark.parametrize("change", list(haproxy.CHANGES))
def test_writes_go_on_behind_it_and_nothing_is_lost(
    cluster: Namespace, behind: str, change: str, record_property: Callable[[str, object], None]
) -> None:
    gaps = {}
    for name, host in (("service", ""), ("haproxy", behind)):
        cluster.await_healthy()
        outcome = Ledger(cluster).under_writes(lambda: haproxy.CHANGES[change](cluster), _MEMBERS, through=host)
        assert outcome.is_clean(), outcome.verdict
        assert outcome.acknowledged > 50
        gaps[name] = outcome.gap_seconds
    record_property("gaps", gaps)
    print(f"{change}: {gaps}")
    # The group's own part is the same; a look of HAProxy and one of the agent come on top.
    assert gaps["haproxy"] < max(20.0, gaps["service"] + 3.0), gaps


def test_reads_reach_replicas_and_the_primary_if_none_is_left(cluster: Namespace, behind: str) -> None:
    primary = cluster.await_healthy()["primary"]

    def read(port: int) -> str:
        secret = json.loads(cluster.kubectl("get", "secret", "mysql-app", "-o", "json"))["data"]["password"]
        words = ("exec", "-i", primary, "-c", "agent", "--", "python3", "-c", _READ, behind, str(port))
        return cluster.kubectl(*words, stdin=base64.b64decode(secret).decode(), check=False).strip()

    replicas = [one for one in _MEMBERS if one != primary]
    eventually(lambda: read(3307) in replicas, "a replica answers a read", 30)
    assert read(3306) == primary
    for one in replicas:
        assert cluster.mysqlops("member", "fence", "mysql", one, "--yes").code == 0
    eventually(lambda: read(3307) == primary, "the primary answers a read", 30)
    for one in replicas:
        assert cluster.mysqlops("member", "unfence", "mysql", one).code == 0
    cluster.await_healthy()
