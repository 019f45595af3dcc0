"""Find out what is wrong with a real cluster, as somebody on call does: doctor, logs, report."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.conftest import KUBECONFIG, Namespace, eventually

pytestmark = pytest.mark.long


def _doctor(cluster: Namespace, *words: str) -> dict[str, Any]:
    done = cluster.mysqlops("doctor", "mysql", "-o", "json", *words)
    assert done.code in (0, 8), done.err
    (found,) = json.loads(done.out)["clusters"]
    return dict(found)


def _found(cluster: Namespace, *checks: str) -> dict[str, str]:
    words = [word for check in checks for word in ("--check", check)]
    return {one["check"]: one["evidence"] for one in _doctor(cluster, *words)["findings"]}


def test_a_new_cluster_is_well_but_for_its_backups(cluster: Namespace) -> None:
    """With the operator's rights, every check is made but those of Secrets, ConfigMaps and objects in no namespace."""
    seen = _doctor(cluster)
    assert seen["unchecked"].keys() == {"targets", "contents", "storage-class", "volumes"}
    assert {one["check"] for one in seen["findings"]} <= {"backups", "spread", "errors"}, seen["findings"]
    assert "backups" in {one["check"] for one in seen["findings"]}


def test_an_administrator_sees_what_becomes_of_the_volumes(cluster: Namespace) -> None:
    """The lab's class can expand, waits for pods, and deletes volumes with their claims."""
    words = ("doctor", "mysql", "--check", "storage-class", "--check", "volumes", "-o", "json")
    done = cluster.mysqlops(*words, MYSQLOPS_KUBECONFIG=KUBECONFIG)
    (seen,) = json.loads(done.out)["clusters"]
    assert (done.code, seen["unchecked"]) == (8, {})
    (found,) = seen["findings"]
    assert found["check"] == "volumes"
    bound = {claim["spec"]["volumeName"] for claim in cluster.objects("pvc")}
    assert {volume for volume in bound if volume in found["evidence"]} == bound
    assert "reclaim policy Delete; no backup is scheduled" in found["evidence"]


def test_who_may_patch_config_maps_changes_no_program_and_the_rest_is_found(cluster: Namespace) -> None:
    def evidence() -> list[str]:
        words = ("doctor", "mysql", "--check", "contents", "-o", "json")
        (seen,) = json.loads(cluster.mysqlops(*words, MYSQLOPS_KUBECONFIG=KUBECONFIG).out)["clusters"]
        assert seen["unchecked"] == {}
        return [one["evidence"] for one in seen["findings"]]

    def patch(name: str, change: dict[str, Any]) -> None:
        cluster.kubectl("patch", "configmap", name, "--type=merge", "-p", json.dumps(change))

    assert evidence() == []
    for change in ({"binaryData": {"agent.pyz": "eA=="}}, {"immutable": False}, {"data": {"more.py": "x"}}):
        with pytest.raises(AssertionError, match="field is immutable when `immutable` is set"):
            patch("mysql-agent", change)
    ours = json.loads(cluster.kubectl("get", "configmap", "mysql-config", "-o", "json"))["data"]["start.sh"]
    patch("mysql-config", {"data": {"evil.sql": "SELECT 1", "start.sh": "exec true"}})
    assert evidence() == ["differs: evil.sql, start.sh"]
    patch("mysql-config", {"data": {"evil.sql": None, "start.sh": ours}})
    assert evidence() == []


def test_what_somebody_broke_is_found_and_the_fix_is_a_command(cluster: Namespace) -> None:
    checks = ("tables", "settings", "disruption-budget", "rights")
    assert _found(cluster, *checks) == {}
    primary = cluster.status()["primary"]
    cluster.sql(primary, "SET GLOBAL sql_generate_invisible_primary_key = OFF")
    cluster.sql(primary, "CREATE TABLE app.keyless (id INT)")
    cluster.sql(primary, "SET GLOBAL max_connections = 33")
    cluster.kubectl("delete", "poddisruptionbudget", "mysql")
    cluster.kubectl("patch", "role", "mysql", "--type=json", "-p", '[{"op": "remove", "path": "/rules/0/verbs/1"}]')
    found = _found(cluster, *checks)
    assert "app.keyless (InnoDB)" in found["tables"]
    assert "max_connections is 33" in found["settings"]
    assert found["disruption-budget"] == "PodDisruptionBudget mysql does not exist"
    assert "list pods" in found["rights"]
    cluster.kubectl("delete", "role", "mysql")  # as the check says: kubectl owns the edited rules
    cluster.must("deploy", "mysql")
    cluster.sql(primary, "DROP TABLE app.keyless")
    assert _found(cluster, "tables", "disruption-budget", "rights") == {}


def test_a_killed_servers_log_is_read_with_that_of_the_others(cluster: Namespace) -> None:
    primary = cluster.status()["primary"]
    cluster.kubectl("exec", primary, "-c", "agent", "--", "python3", "-c", _CRASH)
    eventually(lambda: cluster.restarts(primary, "mysqld") > 0, "the server has ended, and kubelet starts another", 60)
    cluster.await_healthy()
    done = cluster.mysqlops("logs", "mysql", "--since", "1h", "-o", "json")
    assert done.code == 0, done.err
    entries = done.json()
    assert {one["member"] for one in entries} == {"mysql-0", "mysql-1", "mysql-2"}
    assert [one["at"] for one in entries] == sorted(one["at"] for one in entries)
    started = [one for one in entries if one["member"] == primary and "ready for connections" in one["text"]]
    assert len(started) >= 2  # also that of the server that ended
    assert any(one["explanation"] for one in entries if one["code"].startswith("MY-01149"))  # unreachable
    done = cluster.mysqlops("logs", "mysql", "--level", "warning")
    assert done.code == 0
    assert {line.split()[2] for line in done.out.splitlines() if line.startswith("20")} <= {"error", "warning"}


def test_a_slow_statement_is_shown_without_its_values(cluster: Namespace) -> None:
    """Slower than the default of long_query_time, ten seconds."""
    cluster.must("sql", "mysql", "-e", "SELECT SLEEP(11), 'a value'")
    done = cluster.mysqlops("logs", "mysql", "--source", "slow", "--since", "1h", "-o", "json")
    assert done.code == 0, done.err
    (slow,) = [one for one in done.json() if "SLEEP" in one["text"]]
    assert (slow["member"], slow["level"], slow["source"]) == (cluster.status()["primary"], "warning", "slow")
    assert "a value" not in done.out
    assert "SLEEP" not in cluster.mysqlops("logs", "mysql", "--since", "1h").out


def test_a_fence_and_its_end_are_events_of_the_pod(cluster: Namespace) -> None:
    member = cluster.replicas()[0]
    cluster.must("member", "fence", "mysql", member, "--reason", "its disk is being looked at", "--yes")
    eventually(lambda: _events(cluster, member, "Fenced") != [], "the fence is an Event", 60)
    (said,) = _events(cluster, member, "Fenced")
    assert "its disk is being looked at" in said
    cluster.must("member", "unfence", "mysql", member)
    eventually(lambda: _events(cluster, member, "Unfenced") != [], "the end of the fence is an Event", 60)
    cluster.await_healthy()


def _events(cluster: Namespace, pod: str, reason: str) -> list[str]:
    chosen = f"--field-selector=reason={reason},involvedObject.kind=Pod,involvedObject.name={pod}"
    return [str(one["message"]) for one in json.loads(cluster.kubectl("get", "events", chosen, "-o", "json"))["items"]]


# SHUTDOWN as the agent: the server ends, kubelet starts it again in the same pod.
_CRASH = (
    "import sys; sys.path.insert(0, '/agent/agent.pyz')\n"
    "from mysqlops.agent import member, pod, settings\n"
    "member.Member(pod.Pod(settings.read())).connect().query('SHUTDOWN')"
)


def test_a_report_has_everything_and_no_secret(cluster: Namespace, tmp_path: Path) -> None:
    file = tmp_path / "report.zip"
    done = cluster.mysqlops(
        "report", "mysql", "--file", str(file), "-o", "json", MYSQLOPS_KUBECONFIG=cluster.logins["owner"]
    )
    assert done.code == 0, done.err
    assert done.json()["unread"].keys() <= {"Node", "VolumeSnapshot"}, done.out
    assert file.stat().st_mode & 0o777 == 0o600
    with zipfile.ZipFile(file) as archive:
        files = {name.partition("/")[2]: archive.read(name).decode() for name in archive.namelist()}
    everything = "\n".join(files.values())
    lines = cluster.secret_lines()
    assert len(lines) > 10
    assert [line for line in lines if line in everything] == []
    for path in ("status.json", "doctor.json", "events.json", "objects/Secret.json", "servers/mysql-1.json"):
        assert json.loads(files[path]), path
    assert "ready for connections" in files["logs/mysql-0/mysqld.log"]
    assert json.loads(files["servers/mysql-1.json"])["failed"] == {}


def test_a_viewer_gets_a_report_of_what_a_viewer_may_read(cluster: Namespace, tmp_path: Path) -> None:
    file = tmp_path / "report.zip"
    viewer = cluster.logins["viewer"]
    done = cluster.mysqlops("report", "mysql", "--file", str(file), MYSQLOPS_KUBECONFIG=viewer)
    assert done.code == 0, done.err
    with zipfile.ZipFile(file) as archive:
        readme = archive.read("report/README.txt").decode()
        assert "report/status.json" in archive.namelist()
    assert "ConfigMap: " in readme
    assert "logs/mysql-0/mysqld.log: " in readme
    done = cluster.mysqlops("doctor", "mysql", "-o", "json", MYSQLOPS_KUBECONFIG=viewer)
    assert done.code in (0, 8), done.err
    unchecked = json.loads(done.out)["clusters"][0]["unchecked"]
    assert "tables" in unchecked
    assert not {"members", "backups", "spread", "disruption-budget", "rights"} & unchecked.keys()
