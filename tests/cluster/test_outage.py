"""Full outages and members that are given up, on real mysqld: nothing acknowledged is lost unless a user accepts it
(findings S1, S2, S4, S6, S11, S12, S13). In the order of this file."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import pytest

from mysqlops.core import names
from tests.cluster.conftest import KUBECONFIG, SMALL, Namespace, Result, eventually, killed

LEASE = "mysql-group"
MEMBERS = ["mysql-0", "mysql-1", "mysql-2"]


@pytest.fixture(scope="module")
def cluster(namespace: Namespace) -> Namespace:
    namespace.must("deploy", "mysql", *SMALL)
    namespace.sql(namespace.status()["primary"], "CREATE TABLE app.kept (id INT PRIMARY KEY, what TEXT)")
    return namespace


def _write(cluster: Namespace, what: str, *ids: int, member: str = "") -> None:
    rows = ", ".join(f"({number}, '{what}')" for number in ids)
    cluster.sql(member or cluster.status()["primary"], f"INSERT INTO app.kept VALUES {rows}")


def _rows(cluster: Namespace, member: str) -> dict[int, str]:
    return {int(number): str(what) for number, what in cluster.sql(member, "SELECT id, what FROM app.kept")}


def _notes(cluster: Namespace) -> dict[str, str]:
    lease = json.loads(cluster.kubectl("get", "lease", LEASE, "-o", "json"))
    return dict(lease["metadata"].get("annotations") or {})


def _group_name(cluster: Namespace, member: str) -> str:
    return str(cluster.sql(member, "SELECT @@group_replication_group_name")[0][0])


def _waiting_for(cluster: Namespace, member: str) -> str:
    return next((one["waiting_for"] for one in cluster.status()["members"] if one["name"] == member), "")


def _waits(cluster: Namespace, member: str, what: str) -> bool:
    return what in _waiting_for(cluster, member)


@contextmanager
def _held_back(cluster: Namespace, member: str) -> Iterator[None]:
    """Its pod waits in its first init container, as for a restore onto its volume: nobody can ask it anything."""
    cluster.kubectl("annotate", "lease", LEASE, f"{names.ANNOTATION_FILLING}={json.dumps({member: 'held back'})}")
    try:
        yield
    finally:
        cluster.kubectl("annotate", "lease", LEASE, f"{names.ANNOTATION_FILLING}-")


def _scale(cluster: Namespace, replicas: int) -> None:
    """By hand, past mysqlops."""
    cluster.kubectl("scale", "statefulset", "mysql", f"--replicas={replicas}")
    eventually(lambda: len(_pods(cluster)) == replicas, f"{replicas} pods", 90)


def _pods(cluster: Namespace) -> set[str]:
    return {one["metadata"]["name"] for one in cluster.objects("pods")} & set(MEMBERS)


def _claim_uid(cluster: Namespace, member: str) -> str:
    return cluster.kubectl("get", "pvc", f"data-{member}", "-o", "jsonpath={.metadata.uid}")


def _recover(cluster: Namespace, *words: str) -> Result:
    return cluster.mysqlops("recover", "mysql", *words)


def test_a_bootstrap_flag_left_on_forms_no_second_group(cluster: Namespace) -> None:
    _write(cluster, "before", 1, 2)
    replica = cluster.replicas()[0]
    # What an agent leaves that is killed between two statements while it forms the group. It has to be quick: the
    # agent that runs now turns it off as soon as it sees it.
    program = (
        "import sys; sys.path.insert(0, '/agent/agent.pyz')\n"
        "from mysqlops.agent import member, pod, settings\n"
        "server = member.Member(pod.Pod(settings.read())).connect()\n"
        "server.query('STOP GROUP_REPLICATION')\n"
        "server.query('SET GLOBAL group_replication_bootstrap_group = ON')"
    )
    cluster.kubectl("exec", replica, "-c", "agent", "--", "python3", "-c", program)
    flag = "SELECT @@global.group_replication_bootstrap_group"
    eventually(lambda: cluster.sql(replica, flag) == [[0]], "its agent turns the flag off", 30)
    # What the members published before they saw anything of it would still look healthy: each is asked itself.
    views = "SELECT view_id, COUNT(*) FROM performance_schema.replication_group_member_stats GROUP BY view_id"

    def is_one_group() -> bool:
        first, *others = [cluster.sql(member, views) for member in MEMBERS]
        return [count for _, count in first] == [len(MEMBERS)] and all(one == first for one in others)

    eventually(is_one_group, "every member sees one group of three", 120)
    assert cluster.await_healthy()["online"] == 3


def _joins(cluster: Namespace) -> int:
    return int(json.loads(_notes(cluster)[names.ANNOTATION_GROUP])["joins"])


def _apply_as_it_was_once(cluster: Namespace) -> int:
    """The Lease, by a tool that stored it when the first group had just been formed; returns what it counted before."""
    noted, before = json.loads(_notes(cluster)[names.ANNOTATION_GROUP]), _joins(cluster)
    past = noted | {"joins": "1", "incarnation": "17000000000000000", "outcasts": {}, "members": {"mysql-0": "another"}}
    cluster.kubectl("annotate", "lease", LEASE, "--overwrite", f"{names.ANNOTATION_GROUP}={json.dumps(past)}")
    return before


def _view_ids(cluster: Namespace) -> list[str]:
    found = "SELECT view_id FROM performance_schema.replication_group_member_stats LIMIT 1"
    return [str(cluster.sql(member, found)[0][0]) for member in MEMBERS]


@pytest.mark.long
def test_a_lease_from_the_past_is_put_right_and_nobody_goes_by_it(cluster: Namespace) -> None:
    """All members would bar themselves, or wait for whom nobody has any more."""
    cluster.await_healthy()
    views = _view_ids(cluster)
    before = _apply_as_it_was_once(cluster)
    eventually(lambda: _joins(cluster) >= before, "the primary has written what it remembers", 60)
    assert cluster.await_healthy()["online"] == 3
    assert _view_ids(cluster) == views, "nobody has left"
    with _held_back(cluster, "mysql-0"):
        cluster.kubectl("delete", "pod", *MEMBERS, "--wait=true")
        before = _apply_as_it_was_once(cluster)
        eventually(lambda: _joins(cluster) >= before, "agents that begin have compared it with its copy", 120)
    assert cluster.await_healthy(seconds=180)["online"] == 3
    assert _notes(cluster)[names.ANNOTATION_GROUP].count("another") == 0
    assert {1, 2} <= _rows(cluster, cluster.status()["primary"]).keys()


@pytest.mark.long
def test_a_rebuild_that_was_killed_after_its_note_is_no_licence_once_the_member_leads(cluster: Namespace) -> None:
    member = cluster.replicas()[0]
    claim, rebuild = _claim_uid(cluster, member), ("member", "rebuild", "mysql", member, "--confirm", member)
    killed(cluster, lambda: member in _notes(cluster).get(names.ANNOTATION_REBUILDING, ""), *rebuild)
    assert _claim_uid(cluster, member) == claim, "killed too late: the member has not left its group yet"
    # The next command ends what the killed one began: the member comes back, and may lead.
    switch = ("switchover", "mysql", "--to", member)
    eventually(lambda: cluster.mysqlops(*switch).code == 0, f"{member} leads", 180)
    _write(cluster, "on the member that was to be emptied", 50, member=member)
    refused = cluster.mysqlops(*rebuild)
    assert refused.code == 3, refused.err
    assert "is-primary" in refused.err
    assert _claim_uid(cluster, member) == claim
    assert cluster.await_healthy()["primary"] == member
    assert [_rows(cluster, one)[50] for one in MEMBERS] == ["on the member that was to be emptied"] * 3


@pytest.mark.long
def test_who_was_given_up_never_comes_back_by_itself(cluster: Namespace) -> None:
    _scale(cluster, 1)
    eventually(lambda: cluster.status()["primary"] == "mysql-0", "mysql-0 leads alone", 60)
    _write(cluster, "only on mysql-0", 3, 4)
    before = _group_name(cluster, "mysql-0")
    with _held_back(cluster, "mysql-0"):
        cluster.kubectl("delete", "pod", "mysql-0", "--wait=true")
        _scale(cluster, 3)
        eventually(lambda: "mysql-0" in _waiting_for(cluster, "mysql-1"), "mysql-1 waits for mysql-0", 120)
        eventually(partial(_waits, cluster, "mysql-2", "holds is not known"), "mysql-2 waits for it too", 60)
        refused = _recover(cluster)
        assert refused.code == 3
        assert "loss-not-accepted" in refused.err
        assert "not known" in refused.err
        # The order belongs to the outage, not to the command: killed right after it, the members obey all the same.
        order = ("recover", "mysql", "--accept-loss", "--confirm", "mysql")
        killed(cluster, lambda: names.ANNOTATION_GIVEN_UP in _notes(cluster), *order)
        eventually(lambda: cluster.status()["primary"] in ("mysql-1", "mysql-2"), "a primary without mysql-0", 120)
        assert names.ANNOTATION_GIVEN_UP not in _notes(cluster), "who obeys an order clears it in the same write"
        primary = cluster.status()["primary"]
        assert _group_name(cluster, primary) != before, "other transactions must not get the same GTIDs"
        _write(cluster, "after", 3, 4, 5)
    eventually(lambda: "member rebuild" in _waiting_for(cluster, "mysql-0"), "mysql-0 stays out", 120)
    assert cluster.mysqlops("status", "mysql").code == 8
    refused = cluster.mysqlops("member", "rebuild", "mysql", "mysql-0", "--confirm", "mysql-0")
    assert refused.code == 3
    assert "only-copy" in refused.err
    done = cluster.mysqlops("member", "rebuild", "mysql", "mysql-0", "--confirm", "mysql-0", "--accept-loss")
    assert done.code == 0, done.err
    cluster.await_healthy()
    rows = [_rows(cluster, member) for member in MEMBERS]
    assert rows[0] == rows[1] == rows[2]
    assert rows[0][3] == "after"


@pytest.mark.long
def test_members_that_diverged_are_shown_and_one_is_chosen(cluster: Namespace) -> None:
    with _held_back(cluster, "mysql-0"):
        cluster.kubectl("delete", "pod", *MEMBERS, "--wait=true")
        for member in ("mysql-1", "mysql-2"):
            eventually(partial(_waits, cluster, member, "no group"), f"{member} waits", 120)
            program = (
                "import sys; sys.path.insert(0, '/agent/agent.pyz')\n"
                "from mysqlops.agent import member, pod, settings\n"
                "server = member.Member(pod.Pod(settings.read())).connect()\n"
                "server.query('SET GLOBAL super_read_only = OFF')\n"
                f"server.query(\"INSERT INTO app.kept VALUES (90, '{member}')\")"
            )
            cluster.kubectl("exec", member, "-c", "agent", "--", "python3", "-c", program)
    eventually(lambda: "no member holds all" in _waiting_for(cluster, "mysql-0"), "nobody holds all", 120)
    refused = _recover(cluster)
    assert refused.code == 3
    assert refused.err.count("diverged:") == 3, refused.err
    assert "only mysql-1 holds" in refused.err
    assert _recover(cluster, "--without", "mysql-7").code == 3
    done = cluster.mysqlops("recover", "mysql", "--without", "mysql-2", "--accept-loss", "--confirm", "mysql")
    assert done.code == 0, done.err
    eventually(lambda: cluster.status()["online"] == 2, "mysql-0 and mysql-1 ONLINE", 120)
    assert _rows(cluster, "mysql-0")[90] == "mysql-1"
    eventually(lambda: "member rebuild" in _waiting_for(cluster, "mysql-2"), "mysql-2 stays out", 60)
    done = cluster.mysqlops("member", "rebuild", "mysql", "mysql-2", "--confirm", "mysql-2", "--accept-loss")
    assert done.code == 0, done.err
    cluster.await_healthy()


@pytest.mark.long
def test_fewer_replicas_form_nothing_without_the_last_members(cluster: Namespace) -> None:
    if cluster.status()["primary"] != "mysql-2":
        cluster.must("switchover", "mysql", "--to", "mysql-2")
    # The others leave; mysql-2 acknowledges alone until it goes too.
    _write(cluster, "the last words", 100)
    done = cluster.mysqlops("delete", "mysql", "--yes")
    assert done.code == 0, done.err
    refused = cluster.mysqlops("deploy", "mysql", *SMALL, "--replicas", "1")
    assert refused.code == 3
    assert "claims-left-out" in refused.err
    assert "data-mysql-2" in refused.err
    # Past mysqlops, as from a repository: the agent waits for who was in the last group.
    rendered = cluster.mysqlops("render", "mysql", *SMALL, "--replicas", "1").out
    cluster.kubectl("apply", "-f", "-", stdin=rendered)
    eventually(lambda: "no group is running" in _waiting_for(cluster, "mysql-0"), "mysql-0 waits", 120)
    assert cluster.mysqlops("status", "mysql").code == 9
    _scale(cluster, 3)
    cluster.await_healthy(seconds=180)
    for member in MEMBERS:
        assert _rows(cluster, member)[100] == "the last words"


@pytest.mark.long
def test_a_member_that_cannot_be_asked_is_not_rebuilt_as_if_it_held_nothing(cluster: Namespace) -> None:
    member = cluster.replicas()[0]
    program = (
        "import sys; sys.path.insert(0, '/agent/agent.pyz')\n"
        "from mysqlops.agent import member, pod, settings\n"
        "from mysqlops.core import names\n"
        "server = member.Member(pod.Pod(settings.read())).connect()\n"
        "server.query('SET sql_log_bin = 0')\n"
        "server.query('SET GLOBAL super_read_only = OFF')\n"
        # For each way in: the agent takes another one if one is refused.
        "for (host,) in server.query('SELECT host FROM mysql.user WHERE user = %s', [names.USER_ADMIN]):\n"
        "    server.query('ALTER USER %s@%s IDENTIFIED BY %s', [names.USER_ADMIN, host, 'not what the Secret says'])\n"
        "server.query('SET GLOBAL super_read_only = ON')"
    )
    cluster.kubectl("exec", member, "-c", "agent", "--", "python3", "-c", program)
    claim = f"data-{member}"
    before = json.loads(cluster.kubectl("get", "pvc", claim, "-o", "json"))["metadata"]["uid"]
    # Its agent starts again, and cannot log in.
    end = ("kubectl", f"--kubeconfig={KUBECONFIG}", "-n", cluster.name, "exec", member, "-c", "agent", "--")
    subprocess.run([*end, "python3", "-c", "import os; os.kill(1, 15)"], check=False, timeout=60, capture_output=True)
    eventually(lambda: "password" in _waiting_for(cluster, member), "the agent cannot log in", 120)
    refused = cluster.mysqlops("member", "rebuild", "mysql", member, "--confirm", member)
    assert refused.code == 3
    assert "unknown-data" in refused.err
    assert json.loads(cluster.kubectl("get", "pvc", claim, "-o", "json"))["metadata"]["uid"] == before
    done = cluster.mysqlops("member", "rebuild", "mysql", member, "--confirm", member, "--accept-loss")
    assert done.code == 0, done.err
    cluster.await_healthy()
