"""`mysqlops drill` as a user runs it, with exactly its rights; killed and stopped as well."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from mysqlops.core import names
from mysqlops.drill import back, faults
from mysqlops.drill.clients import fleet
from mysqlops.drill.ledger import journal
from mysqlops.drill.reach import lab
from mysqlops.drill.scene import Scene
from mysqlops.objects import pods
from mysqlops.operations import observe
from tests.cluster.conftest import Namespace, eventually, killed, must_be_the_lab, run
from tests.faults import ledger

FORCE = ("mysql", "--force", "a test", "--confirm", "mysql")


@pytest.fixture(scope="module")
def on_lab(cluster: Namespace, request: pytest.FixtureRequest) -> Namespace:
    must_be_the_lab(request.config, "to stop a process takes the lab's nodes: scripts/lab up")
    return cluster


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (("switchover", "--confirm", "mysql"), 3, "no-fresh-backup"),
        (("freeze", "--no-lab", "--force", "a test", "--confirm", "mysql"), 3, "needs-node"),
        (("node-loss", "--no-lab", "--force", "a test", "--confirm", "mysql"), 3, "needs-lab"),
        (("restore", "--force", "a test", "--confirm", "mysql"), 3, "needs-target"),
        (("switchover", "--force", "a test"), 3, "not-confirmed"),
        (("switchover", "--force", "a test", "--confirm", "other"), 3, "not-confirmed"),
        (("earthquake",), 2, "no fault 'earthquake'"),
        (("switchover", "--count", "0"), 2, "expected 1 or more"),
        (("switchover", "--slo", "speed=1"), 2, "rto=SECONDS"),
        (("compare", "/nowhere", "/nowhere"), 2, "/nowhere"),
    ],
)
def test_what_cannot_be_drilled_is_refused(cluster: Namespace, words: tuple[str, ...], code: int, told: str) -> None:
    done = cluster.mysqlops("drill", *words)
    assert (done.code, told in done.err) == (code, True), done.err
    assert ledger.open_drill(cluster) is None


def test_a_preview_breaks_nothing(cluster: Namespace) -> None:
    primary = cluster.status()["primary"]
    limits = ("--count", "5", "--slo", "rto=10s,lost=0")
    done = cluster.mysqlops("drill", "pod-delete", *FORCE[:3], *limits, "--dry-run", "-o", "json").json()
    assert any(primary in line for line in done["preview"])
    listed = cluster.mysqlops("drill", "all", *FORCE[:3], "--no-lab", "--count", "3", "--dry-run", "-o", "json").json()
    assert "kill-mysqld" in listed["faults"]
    assert set(listed["skipped"]) >= {"freeze", "restore"}
    assert cluster.status()["primary"] == primary
    assert cluster.objects("jobs") == []


def test_two_switchovers_lose_nothing_and_are_reported(cluster: Namespace, tmp_path: Path) -> None:
    words = ("switchover", *FORCE, "--count", "2", "--seed", "7", "--report", str(tmp_path), "-o", "json")
    done = cluster.mysqlops("drill", *words)
    assert done.code == 0, done.err
    report = done.json()
    folder = Path(report["folder"])
    assert json.loads((folder / "report.json").read_text())["rounds"] == report["rounds"]
    assert (report["seed"], len(report["rounds"]), report["forced"]) == (7, 2, "a test")
    assert report["totals"]["acknowledged"] > 100
    assert report["totals"]["reads"] > 20
    assert 0 < report["summary"]["gap"]["median"] < 10
    for one in report["rounds"]:
        kept = [file.read_text() for file in sorted((folder / "journals" / f"{one['number']:03}").glob("*.log"))]
        assert journal.digest(kept) == one["digest"]
        lines = [line for text in kept for line in journal.parse(text)]
        assert sum(line.kind == "O" for line in lines) == one["counts"]["acknowledged"]
    for file in ("report.md", "report.html"):
        assert "switchover" in (folder / file).read_text()
    compared = cluster.mysqlops("drill", "compare", str(folder), str(folder), "-o", "json").json()
    assert {line["verdict"] for line in compared["figures"]} == {"within the noise"}
    _assert_nothing_left(cluster)


def test_an_agent_that_has_hardly_run_is_killed_too_and_waited_for(cluster: Namespace, tmp_path: Path) -> None:
    """The second round meets the agent that the first one had started anew."""
    before = _restarts_of_agents(cluster)
    done = cluster.mysqlops("drill", "kill-agent", *FORCE, "--no-lab", "--count", "2", "--report", str(tmp_path))
    assert done.code == 0, done.err
    eventually(lambda: _restarts_of_agents(cluster) == before + 2, "kubelet counts two restarts", 30)
    assert cluster.status()["verdict"] == "healthy"
    _assert_nothing_left(cluster)


@pytest.mark.long
def test_a_missed_slo_is_a_status_of_its_own(cluster: Namespace, tmp_path: Path) -> None:
    words = ("pod-delete", *FORCE, "--count", "1", "--slo", "rto=1ms", "--report", str(tmp_path))
    done = cluster.mysqlops("drill", *words)
    assert done.code == 7, done.err
    assert "SLO missed: rto" in done.out
    assert "none was lost" in done.out


@pytest.mark.long
def test_a_killed_drill_is_undone_by_abort_and_keeps_a_second_one_out(on_lab: Namespace, tmp_path: Path) -> None:
    words = ("drill", "freeze", *FORCE, "--count", "1", "--report", str(tmp_path))
    killed(on_lab, lambda: _is_frozen(on_lab), *words)
    found = ledger.open_drill(on_lab)
    assert found is not None
    assert found.facts["pids"]
    again = on_lab.mysqlops("drill", "switchover", *FORCE)
    assert again.code == 3
    assert "drill-open" in again.err
    assert "mysqlops drill abort mysql" in again.err
    done = on_lab.mysqlops("drill", "abort", "mysql")
    assert done.code == 0, done.err
    assert not lab.is_planted(found.facts["token"])
    on_lab.await_healthy(seconds=120)
    _assert_nothing_left(on_lab)
    assert "no drill of mysql was open" in on_lab.mysqlops("drill", "abort", "mysql").out


@pytest.mark.long
def test_a_drill_that_is_told_to_stop_heals_first(on_lab: Namespace, tmp_path: Path) -> None:
    words = ["drill", "freeze", *FORCE, "--count", "1", "--report", str(tmp_path), "-n", on_lab.name]
    with subprocess.Popen([sys.executable, "-m", "mysqlops", *words], stderr=subprocess.PIPE, text=True) as running:
        eventually(lambda: running.poll() is not None or _is_frozen(on_lab), "the freeze", 120)
        running.send_signal(signal.SIGTERM)
        _, told = running.communicate(timeout=120)
    assert running.returncode == 130, told
    assert not _is_frozen(on_lab)
    reports = [json.loads(file.read_text()) for file in tmp_path.glob("*/report.json")]
    assert [(one["stopped"], one["rounds"]) for one in reports] == [("interrupted", [])]
    on_lab.await_healthy(seconds=120)
    _assert_nothing_left(on_lab)


@pytest.mark.long
def test_a_cluster_that_does_not_come_back_is_a_result(cluster: Namespace, monkeypatch: pytest.MonkeyPatch) -> None:
    """It would, but is not waited for."""
    cluster.await_healthy(seconds=120)
    monkeypatch.setattr(back, "_HEALTHY_SECONDS", 6.0)
    monkeypatch.setattr(back, "_STABLE_SECONDS", 60.0)
    result = ledger.one_round(cluster, "kill-mysqld")
    assert "not after 6 s: all members of mysql to be back after the fault" in result.round.failed
    assert result.round.redundancy is None
    assert result.round.counts["acknowledged"] > 20
    assert result.round.witnesses == {}, "what a member lacks that is only behind is not lost"
    assert result.journals
    cluster.await_healthy(seconds=120)


@pytest.mark.long
def test_a_fault_undoes_itself_when_nobody_is_left(on_lab: Namespace) -> None:
    scene = _scene(on_lab)
    fault = faults.find("isolate-replica")
    facts = fault.prepare(scene)
    assert fault.undo is not None
    scene.must_have_nodes().plant(fault.undo(scene, facts), 2, "a-test")
    fault.inject(scene, facts)
    assert not fault.is_healed(scene, facts)
    eventually(lambda: fault.is_healed(scene, facts), "the planted undoing", 30)


@pytest.mark.long
def test_a_full_volume_is_emptied_by_a_job_when_nobody_is_left(cluster: Namespace) -> None:
    scene = _scene(cluster, deadline=40)
    fault = faults.find("disk-full")
    facts = fault.prepare(scene)
    fault.inject(scene, facts)
    assert not fault.is_healed(scene, facts)
    eventually(lambda: fault.is_healed(scene, facts), "the Job that empties the volume", 90)
    fault.heal(scene, facts)
    cluster.await_healthy(seconds=120)


def _is_frozen(cluster: Namespace) -> bool:
    return ledger.is_frozen(
        cluster, lambda found, path: run("docker", "exec", found.facts["node"], "cat", path, timeout=20).out
    )


def _scene(cluster: Namespace, deadline: float = 60) -> Scene:
    cluster.await_healthy(seconds=120)
    session = ledger.session(cluster)
    now = observe.judged(session, "mysql")
    own = lab.find(session.client)
    replica = next(
        one.name
        for one in now.members
        if one.role == names.ROLE_REPLICA and (own is None or one.node != own.control_plane)
    )
    return Scene(session, now, fleet.cluster_of(session, now), replica, own, own, deadline)


def _assert_nothing_left(cluster: Namespace) -> None:
    assert ledger.open_drill(cluster) is None

    def is_clean() -> bool:
        """A deleted pod is listed until kubelet has ended it."""
        kinds = ("pods", "configmaps", "jobs")
        named = [item["metadata"]["name"] for kind in kinds for item in cluster.objects(kind)]
        return not any(name.startswith("mysql-drill") for name in named)

    eventually(is_clean, "nothing of the drill is left", 30)
    primary = cluster.status()["primary"]
    assert cluster.sql(primary, "SHOW TABLES FROM app LIKE 'mysqlops_drill'") == []


def _restarts_of_agents(cluster: Namespace) -> int:
    found = [pods.container(pod, names.CONTAINER_AGENT) for pod in cluster.objects("pods")]
    return sum(int(one["restartCount"]) for one in found if one is not None)
