"""The verbs on a running cluster, in the order of this file, each right and wrong, each with exactly its rights."""

from __future__ import annotations

import base64
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

import pytest

from mysqlops.core import names, view
from mysqlops.planning import catching_up, copying
from tests.cluster import data
from tests.cluster.conftest import KUBECONFIG, SMALL, Namespace, eventually, fill, purge
from tests.unit.objects.test_network_policy import Other, allows

MEMBERS = ["mysql-0", "mysql-1", "mysql-2"]


@pytest.fixture(scope="module")
def cluster(namespace: Namespace, tmp_path_factory: pytest.TempPathFactory) -> Namespace:
    namespace = namespace.with_logins(tmp_path_factory.mktemp("logins"))
    namespace.must("deploy", "mysql", *SMALL)
    seen = namespace.status()
    namespace.sql(seen["primary"], "CREATE TABLE app.kept (id INT PRIMARY KEY)")
    namespace.sql(seen["primary"], "INSERT INTO app.kept VALUES (1), (2), (3)")
    return namespace


def _all_have(cluster: Namespace, rows: int) -> None:
    _all_answer(cluster, "SELECT COUNT(*) FROM app.kept", [[rows]])


def _all_answer(cluster: Namespace, query: str, rows: list[list[int]]) -> None:
    """A replica may apply what the primary answered a moment later."""
    eventually(lambda: all(cluster.sql(member, query) == rows for member in MEMBERS), f"{rows} in each to {query}")


def _password(cluster: Namespace) -> str:
    data = json.loads(cluster.kubectl("get", "secret", "mysql-app", "-o", "json"))["data"]
    return base64.b64decode(data["password"]).decode()


def _login(cluster: Namespace, password: str, host: str = "mysql-0", ca: str = "/run/tls/ca.crt") -> str:
    """Log in as the application over the network, verifying the server; the password goes through stdin."""
    program = (
        "import sys; sys.path.insert(0, '/agent/agent.pyz')\n"
        "from mysqlops.mysql import connect\n"
        "from mysqlops import errors\n"
        "try:\n"
        f"  login = connect.Login('app', sys.stdin.readline().rstrip(), {ca!r})\n"
        "  print(connect.connect_tcp(sys.argv[1], login).scalar('SELECT @@hostname'))\n"
        "except errors.MysqlError as error: print(error.code, error)"
    )
    words = ["kubectl", f"--kubeconfig={KUBECONFIG}", "-n", cluster.name, "exec", "-i", "mysql-1", "-c", "agent", "--"]
    done = subprocess.run(
        [*words, "python3", "-c", program, f"{host}.mysql.{cluster.name}.svc"],
        input=f"{password}\n",
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    return done.stdout.strip() or done.stderr


def test_switchover_moves_the_primary_and_measures_the_gap(cluster: Namespace) -> None:
    before = cluster.status()["primary"]
    done = cluster.mysqlops("switchover", "mysql", "-o", "json")
    assert done.code == 0, done.err
    told = done.json()
    seen = cluster.status()
    assert seen["primary"] == told["primary"] != before
    assert seen["services"]["mysql-primary"] == [told["primary"]]
    assert told["write_gap_seconds"] > 0
    _all_have(cluster, 3)


def test_switchover_to_the_primary_changes_nothing_and_to_nobody_is_refused(cluster: Namespace) -> None:
    primary = cluster.status()["primary"]
    done = cluster.mysqlops("switchover", "mysql", "--to", primary)
    assert (done.code, "nothing changed" in done.out) == (0, True)
    done = cluster.mysqlops("switchover", "mysql", "--to", "mysql-7")
    assert (done.code, "mysql has mysql-0, mysql-1, mysql-2" in done.err) == (3, True)
    done = cluster.mysqlops("switchover", "mysql", "--dry-run")
    assert (done.code, "would hand the primary over" in done.out) == (0, True)
    assert cluster.status()["primary"] == primary
    assert cluster.mysqlops("switchover", "other").code == 10


def test_switchover_does_not_roll_back_a_long_transaction_unless_told_to(cluster: Namespace) -> None:
    primary = cluster.status()["primary"]
    program = (
        "import sys, time; sys.path.insert(0, '/agent/agent.pyz')\n"
        "from mysqlops.agent import member, pod, settings\n"
        "server = member.Member(pod.Pod(settings.read())).connect()\n"
        "server.query('BEGIN'); server.query('INSERT INTO app.kept VALUES (99)'); time.sleep(30)"
    )
    words = ["kubectl", f"--kubeconfig={KUBECONFIG}", "-n", cluster.name, "exec", primary, "-c", "agent", "--"]
    with subprocess.Popen([*words, "python3", "-c", program], stderr=subprocess.DEVNULL) as idle:
        time.sleep(4)
        done = cluster.mysqlops("switchover", "mysql", "--transactions-timeout", "2")
        assert done.code == 3, done.out
        assert "long-transactions" in done.err
        done = cluster.mysqlops("switchover", "mysql", "--transactions-timeout", "2", "--roll-back-transactions")
        assert done.code == 0, done.err
        idle.kill()
    _all_have(cluster, 3)


def test_one_command_at_a_time(cluster: Namespace) -> None:
    """Another command's Lease is one that is renewed; whatever moment is written in it."""
    results = []
    first = threading.Thread(
        target=lambda: results.append(cluster.mysqlops("member", "fence", "mysql", "mysql-9", "--yes"))
    )
    lease = {
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": {"name": "mysql-operation", "labels": names.selector("mysql")},
        "spec": {"holderIdentity": "somebody", "renewTime": "2020-01-01T00:00:00.000000Z"},
    }
    cluster.kubectl("create", "-f", "-", stdin=json.dumps(lease))
    first.start()
    while first.is_alive():
        moment = f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime())}.000000Z"
        cluster.kubectl("patch", "lease", "mysql-operation", "-p", json.dumps({"spec": {"renewTime": moment}}))
        first.join(2)
    cluster.kubectl("delete", "lease", "mysql-operation")
    assert (results[0].code, "somebody" in results[0].err) == (4, True)


@pytest.mark.long
def test_a_command_that_slept_and_lost_the_lock_changes_nothing_more(cluster: Namespace) -> None:
    """SIGSTOP for as long as the lock lasts: the other command takes it, and the first one ends without a change."""
    words = [sys.executable, "-m", "mysqlops", "restart", "mysql"]
    environment = {**os.environ, "MYSQLOPS_NAMESPACE": cluster.name}
    with subprocess.Popen(words, env=environment, stderr=subprocess.PIPE, text=True) as first:
        eventually(lambda: bool(cluster.kubectl("get", "lease", "mysql-operation", check=False)), "it has the lock", 60)
        first.send_signal(signal.SIGSTOP)
        done = cluster.mysqlops("member", "fence", "mysql", "mysql-2", "--reason", "held meanwhile", "--yes")
        assert done.code == 0, done.err
        before = {pod["metadata"]["uid"] for pod in cluster.objects("pods")}
        first.send_signal(signal.SIGCONT)
        _, told = first.communicate(timeout=120)
    assert (first.returncode, "lost the lock" in told) == (4, True), told
    assert {pod["metadata"]["uid"] for pod in cluster.objects("pods")} == before
    done = cluster.mysqlops("member", "unfence", "mysql", "mysql-2")
    assert done.code == 0, done.err
    cluster.mysqlops("restart", "mysql", timeout=900)
    cluster.await_healthy()


def test_a_fenced_replica_serves_nobody_and_stays_in_the_group(cluster: Namespace) -> None:
    replica = cluster.replicas()[0]
    done = cluster.mysqlops("member", "fence", "mysql", replica, "--reason", "slow disk", "--yes")
    assert done.code == 0, done.err
    seen = cluster.status()
    fenced = next(one for one in seen["members"] if one["name"] == replica)
    assert (fenced["state"], fenced["role"], fenced["ready"]) == ("ONLINE", "none", False)
    assert "slow disk" in fenced["waiting_for"]
    # The Service's controller follows a moment later.
    eventually(lambda: replica not in cluster.status()["services"]["mysql-replicas"], "no client is sent to it", 30)
    assert "offline mode" in _login(cluster, _password(cluster), replica)
    assert "nothing changed" in cluster.mysqlops("member", "fence", "mysql", replica, "--yes").out
    done = cluster.mysqlops("switchover", "mysql", "--to", replica)
    assert (done.code, "accepts no clients" in done.err) == (3, True)
    done = cluster.mysqlops("restart", "mysql")
    assert done.code == 3
    cluster.sql(seen["primary"], "INSERT INTO app.kept VALUES (4)")
    done = cluster.mysqlops("member", "unfence", "mysql", replica)
    assert done.code == 0, done.err
    cluster.await_healthy()
    _all_have(cluster, 4)


def _member(cluster: Namespace, name: str) -> dict[str, object]:
    found: dict[str, object] = next(one for one in cluster.status()["members"] if one["name"] == name)
    return found


def test_a_full_replica_leaves_the_group_and_comes_back(cluster: Namespace) -> None:
    replica = cluster.replicas()[0]
    fill(cluster, replica)
    eventually(lambda: "full" in str(_member(cluster, replica)["waiting_for"]), "it says that it is full", 30)
    eventually(lambda: _member(cluster, replica)["state"] == "OFFLINE", "it left the group", 30)
    assert cluster.status()["primary"] not in (None, replica)
    cluster.kubectl("exec", replica, "-c", "mysqld", "--", "rm", "/var/lib/mysql/filler")
    cluster.await_healthy()


def test_a_full_primary_hands_over(cluster: Namespace) -> None:
    primary = cluster.status()["primary"]
    fill(cluster, primary)
    eventually(lambda: cluster.status()["primary"] not in (None, primary), "another primary", 30)
    eventually(lambda: "full" in str(_member(cluster, primary)["waiting_for"]), "it says that it is full", 30)
    cluster.kubectl("exec", primary, "-c", "mysqld", "--", "rm", "/var/lib/mysql/filler")
    cluster.await_healthy()


def test_a_fenced_primary_hands_over_first(cluster: Namespace) -> None:
    primary = cluster.status()["primary"]
    assert cluster.mysqlops("member", "fence", "mysql", primary, "--yes").code == 0
    eventually(lambda: cluster.status()["primary"] not in (None, primary), "another primary", 30)
    assert cluster.mysqlops("member", "unfence", "mysql", primary).code == 0
    cluster.await_healthy()


def test_the_certificate_rotates_without_a_restart(cluster: Namespace) -> None:
    def containers() -> list[int]:
        return [one["restarts"] for one in cluster.status()["members"]]

    before, restarts = cluster.status()["members"][0]["certificate"], containers()
    done = cluster.mysqlops("tls", "rotate", "mysql", "-o", "json")
    assert done.code == 0, done.err
    after = {one["certificate"] for one in cluster.status()["members"]}
    assert after == {done.json()["certificate"]}
    assert before not in after
    assert containers() == restarts
    assert _login(cluster, _password(cluster)) == "mysql-0"
    stranger = _login(cluster, _password(cluster), ca="/var/run/secrets/kubernetes.io/serviceaccount/ca.crt")
    assert "certificate verify failed" in stranger


@pytest.mark.long
def test_a_new_ca_is_trusted_beside_the_old_one_until_that_is_dropped(cluster: Namespace) -> None:
    def held(key: str) -> str:
        data = json.loads(cluster.kubectl("get", "secret", "mysql-tls", "-o", "json"))["data"]
        return base64.b64decode(data[key]).decode()

    def authorities() -> int:
        return held("ca.crt").count("BEGIN CERTIFICATE")

    assert authorities() == 1
    certificate = held("tls.crt")
    done = cluster.mysqlops("tls", "rotate", "mysql", "--new-ca")
    assert (done.code, authorities()) == (0, 2), done.err
    assert held("tls.crt") == certificate  # which clients verify that do not have the new CA yet
    cluster.await_healthy()
    done = cluster.mysqlops("tls", "rotate", "mysql", "--drop-old-ca", "--yes")
    assert (done.code, authorities()) == (0, 1), done.err
    assert held("tls.crt") != certificate
    cluster.await_healthy()
    assert _login(cluster, _password(cluster)) == "mysql-0"


def test_passwords_rotate_beside_the_old_ones(cluster: Namespace) -> None:
    old = _password(cluster)
    done = cluster.mysqlops("users", "rotate", "mysql")
    assert done.code == 0, done.err
    new = _password(cluster)
    assert new != old
    assert (_login(cluster, old), _login(cluster, new)) == ("mysql-0", "mysql-0")
    assert old not in done.out + done.err
    assert new not in done.out + done.err
    done = cluster.mysqlops("users", "rotate", "mysql", "--finish", "--yes")
    assert done.code == 0, done.err
    assert "mysqlops_replication" in done.out
    assert "mysql-access-denied" in _login(cluster, old)
    assert _login(cluster, new) == "mysql-0"
    assert [one["code"] for one in cluster.status()["conditions"]] == ["rotation-open"]


def test_restart_replaces_every_pod_and_the_last_old_password_goes(cluster: Namespace) -> None:
    before = {pod["metadata"]["uid"] for pod in cluster.objects("pods")}
    done = cluster.mysqlops("restart", "mysql", "-o", "json", timeout=400)
    assert done.code == 0, done.err
    assert sorted(done.json()["restarted"]) == MEMBERS
    assert before.isdisjoint({pod["metadata"]["uid"] for pod in cluster.objects("pods")})
    done = cluster.mysqlops("users", "rotate", "mysql", "--finish", "--yes")
    assert (done.code, "the old passwords are dropped\n" in done.out) == (0, True), done.err
    _all_have(cluster, 4)


def test_stop_and_start_keep_every_transaction(cluster: Namespace) -> None:
    done = cluster.mysqlops("stop", "mysql", "--yes", "-o", "json")
    assert done.code == 0, done.err
    held = done.json()["executed"]
    assert sorted(held) == MEMBERS
    assert len(set(held.values())) == 1
    assert [pod for pod in cluster.objects("pods") if pod["metadata"]["name"] in MEMBERS] == []
    assert cluster.mysqlops("status", "mysql").code == 9
    done = cluster.mysqlops("deploy", "mysql", *SMALL)
    assert (done.code, "mysqlops start mysql" in done.err) == (3, True)
    done = cluster.mysqlops("start", "mysql")
    assert done.code == 0, done.err
    _all_have(cluster, 4)
    assert cluster.mysqlops("start", "mysql").code == 3


@pytest.fixture
def strayed(cluster: Namespace) -> Iterator[str]:
    """A replica that wrote something of its own while it was outside the group."""
    replica = cluster.replicas()[0]
    data.stray(cluster, replica)
    yield replica
    cluster.await_healthy()


def test_a_member_that_diverged_is_named_and_rebuilt_only_when_told_to(cluster: Namespace, strayed: str) -> None:
    def waits_for() -> str:
        return str(next(one["waiting_for"] for one in cluster.status()["members"] if one["name"] == strayed))

    eventually(lambda: "errant transactions" in waits_for(), "the errant transaction is named", 60)
    assert cluster.mysqlops("member", "rebuild", "mysql", strayed).code == 3
    done = cluster.mysqlops("member", "rebuild", "mysql", strayed, "--confirm", strayed)
    assert (done.code, "only-copy" in done.err) == (3, True), done.err
    primary = cluster.status()["primary"]
    done = cluster.mysqlops("member", "rebuild", "mysql", primary, "--confirm", primary)
    assert (done.code, "is-primary" in done.err) == (3, True)
    done = cluster.mysqlops("member", "rebuild", "mysql", strayed, "--confirm", strayed, "--accept-loss")
    assert done.code == 0, done.err
    _all_have(cluster, 4)


@pytest.mark.long
def test_a_member_whose_missing_transactions_are_purged_copies_a_donors_data(cluster: Namespace) -> None:
    for member in MEMBERS:
        purge(cluster, member)
    replica = cluster.replicas()[0]
    done = cluster.mysqlops("member", "rebuild", "mysql", replica, "--confirm", replica)
    assert done.code == 0, done.err
    assert cluster.sql(replica, "SELECT state FROM performance_schema.clone_status") == [["Completed"]]
    assert "cloning a donor's data" in done.err
    _all_have(cluster, 4)


@pytest.mark.long
def test_an_empty_member_copies_a_replica_before_it_joins(cluster: Namespace) -> None:
    """It joins once: with Group Replication's own copy the members change thrice, and writes stop each time."""
    now = cluster.await_healthy()
    data.prepare_often(cluster, now["primary"])
    data.commit_often(cluster, now["primary"], copying.COPIES_FROM)
    first, other = (one["name"] for one in now["members"] if one["role"] == "replica")
    done = cluster.mysqlops("member", "rebuild", "mysql", first, "--confirm", first)
    assert done.code == 0, done.err
    assert cluster.sql(first, "SELECT state FROM performance_schema.clone_status") == [["Completed"]]
    told = cluster.agent_log(first)
    assert f"copying: it is being rebuilt, from {other}" in told
    assert told.index("copying: ") < told.index("joining: ")
    assert "recovering: cloning" not in told
    counted = "SELECT COUNT(*) FROM app.many"
    _all_answer(cluster, counted, cluster.sql(now["primary"], counted))
    cluster.sql(now["primary"], "DROP TABLE app.many")


def test_a_member_that_comes_back_catches_up_before_it_joins(cluster: Namespace) -> None:
    now = cluster.await_healthy()
    replica = cluster.replicas()[0]
    data.prepare_often(cluster, now["primary"])
    cluster.kubectl("delete", "pod", replica, "--wait=false")
    eventually(lambda: len(cluster.replicas()) == 1, "it has left")
    data.commit_often(cluster, now["primary"], 10 * catching_up.AT_LEAST)
    cluster.await_healthy()
    told = cluster.agent_log(replica)
    assert "catching up: as a replica of mysql-" in told
    assert told.index("caught up: ") < told.index("joining: ")
    channels = "SELECT COUNT(*) FROM performance_schema.replication_connection_configuration WHERE channel_name = "
    assert cluster.sql(replica, f"{channels}'{view.CHANNEL}'") == [[0]]
    counted = "SELECT COUNT(*) FROM app.many"
    _all_answer(cluster, counted, cluster.sql(now["primary"], counted))
    cluster.sql(now["primary"], "DROP TABLE app.many")


@pytest.mark.long
def test_a_certificate_for_other_names_is_not_loaded(cluster: Namespace) -> None:
    """As a user would bring one: the members keep the old one, and say why."""
    before = cluster.status()["members"][0]["certificate"]
    kept = json.loads(cluster.kubectl("get", "secret", "mysql-tls", "-o", "json"))["data"]
    foreign = {"tls.crt": kept["ca.crt"]}
    cluster.kubectl("patch", "secret", "mysql-tls", "-p", json.dumps({"data": foreign}))
    eventually(lambda: "secrets-refused" in cluster.mysqlops("status", "mysql").out, "the refusal is told", 60)
    assert cluster.status()["members"][0]["certificate"] == before
    cluster.kubectl("patch", "secret", "mysql-tls", "-p", json.dumps({"data": kept}))
    cluster.await_healthy()


def test_named_time_zones_work_on_every_member_without_a_transaction_of_its_own(cluster: Namespace) -> None:
    for member in MEMBERS:
        asked = "SELECT CONVERT_TZ('2026-07-01 12:00:00', 'UTC', 'Europe/Berlin')"
        assert cluster.sql(member, asked) == [["2026-07-01 14:00:00"]], member
    cluster.await_healthy()


def test_a_service_for_clients_from_outside_is_opened_named_in_the_certificate_and_closed(cluster: Namespace) -> None:
    words = ("mysql", "mysql-outside", "--type", "NodePort", "--source-ranges", "0.0.0.0/0")
    done = cluster.mysqlops("expose", *words, "--hostname", "db.example.com", "-o", "json")
    assert done.code == 0, done.err
    (address,) = done.json()["addresses"]
    (seen,) = cluster.status()["exposed"]
    assert (seen["addresses"], seen["hostname"], seen["signed"]) == ([address], "db.example.com", True)
    node = cluster.kubectl("get", "nodes", "-o", "jsonpath={.items[0].status.addresses[0].address}")
    program = (
        "import sys; sys.path.insert(0, '/agent/agent.pyz')\n"
        "import socket; real = socket.create_connection\n"
        f"there = ({node!r}, {int(address.partition(':')[2])})\n"
        "socket.create_connection = lambda _, *rest, **more: real(there, *rest, **more)\n"
        "from mysqlops.mysql import connect\n"
        "login = connect.Login('app', sys.stdin.readline().rstrip(), '/run/tls/ca.crt')\n"
        "print(connect.connect_tcp('db.example.com', login).scalar('SELECT @@hostname'))"
    )
    inside = ("exec", "-i", "mysql-1", "-c", "agent", "--", "python3", "-c", program)
    password, primary = f"{_password(cluster)}\n", cluster.status()["primary"]
    # kube-proxy opens the port on each node a moment later.
    opened = lambda: cluster.kubectl(*inside, stdin=password, check=False).strip() == primary  # noqa: E731
    eventually(opened, "clients get in from outside", 30)
    done = cluster.mysqlops("unexpose", "mysql", "mysql-outside", "--yes")
    assert done.code == 0, done.err
    assert cluster.status()["exposed"] == []
    assert "mysql-outside" not in [one["metadata"]["name"] for one in cluster.objects("services")]
    assert "mysql-outside-clients" not in [one["metadata"]["name"] for one in cluster.objects("networkpolicies")]


def test_the_network_policy_fits_the_real_pods(cluster: Namespace) -> None:
    policy = next(one for one in cluster.objects("networkpolicies") if one["metadata"]["name"] == "mysql")
    for pod in cluster.objects("pods"):
        labels = pod["metadata"]["labels"]
        is_member = pod["metadata"]["name"] in MEMBERS
        assert allows(policy["spec"]["ingress"], "from", Other(labels), "sql") is is_member
    ports = {
        port["name"] for pod in cluster.objects("pods") for one in pod["spec"]["containers"] for port in one["ports"]
    }
    assert ports == {"sql", "agent"}
