"""What a drill decides: whether it may begin, whom it hits, whether it kept its SLO, what changed since the last."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any, cast

import pytest

from mysqlops.clock import SystemClock
from mysqlops.core import names
from mysqlops.drill import healing
from mysqlops.drill import model as drill
from mysqlops.drill.faults import FAULTS
from mysqlops.drill.model import LAB, NODE, Record, Report, Round
from mysqlops.drill.plan import choice, filters, objects
from mysqlops.drill.reach import lab, nodes
from mysqlops.drill.report import compare, markdown, page, slo, statistic
from mysqlops.drill.scene import Scene
from mysqlops.errors import ConfigError, StepFailed
from mysqlops.objects import schedule
from mysqlops.operations.session import Progress, Session
from mysqlops.planning import status

GOOD = {"lost": 0, "ghosts": 0, "diverged": 0, "duplicates": 0, "acknowledged": 500, "unknown": 1}


def a_round(number: int = 1, gap: float = 1.0, **other: object) -> Round:
    line = {
        "from": -3.0, "step": 0.1, "writes": [4] * 60, "errors": [0] * 60,
        "events": [[0.0, "freeze"], [gap, "first write"]], "members": {"mysql-0": [[-3.0, 3.0, "W"]]},
    }  # fmt: skip
    made = Round(number, "2026-11-25T10:00:00Z", "mysql-0", "lab-1", GOOD, gap, {"main0": gap}, timeline=line)
    return replace(made, first_write=gap, redundancy=9.0, latency={"p95": 0.02}, **other)  # type: ignore[arg-type]


def a_report(*rounds: Round, **other: object) -> Report:
    limits = slo.parse(str(other.pop("slo", "")))
    made = Report("freeze", "does", "mysql", "shop", "2026-11-25T10:00:00Z", 7, len(rounds), 4, limits)
    return statistic.finish(replace(made, **other), rounds)  # type: ignore[arg-type]


def member(name: str, role: str, node: str) -> status.Member:
    return status.Member(
        name, int(name[-1]), node, "ONLINE", role, role, True, role == "primary", "9.7.4", "", 0, 0, 0, f"data-{name}",
        None, None, "",
    )  # fmt: skip


def seen(*conditions: status.Condition, verdict: str = status.HEALTHY) -> status.Status:
    members = (member("mysql-0", "replica", "a"), member("mysql-1", "primary", "b"), member("mysql-2", "replica", "c"))
    return status.Status("mysql", "shop", verdict, "", 3, 3, "mysql-1", members, {}, conditions)


def schedules(**ages: int | None) -> list[schedule.Seen]:
    return [
        schedule.Seen("mysql", kind, "0 3 * * *", "local", "", None if age is None else "then", age or 0, 100, 0, False)
        for kind, age in ages.items()
    ]


FRESH = schedules(backup=1, verify=1)


EVERYTHING = choice.Has(lab=True, nodes=True, target=True)


def codes(name: str, now: status.Status, made: list[schedule.Seen], force: str = "", **lacks: bool) -> list[str]:
    found = choice.refusals(FAULTS[name].about, now, made, replace(EVERYTHING, **lacks), force=force)
    assert all(reason.hint for reason in found)
    return [reason.code for reason in found]


def test_a_healthy_cluster_with_a_fresh_verified_backup_may_be_drilled() -> None:
    assert codes("freeze", seen(), FRESH) == []


@pytest.mark.parametrize(
    ("made", "words"),
    [
        ([], "no schedule makes a backup"),
        (schedules(backup=1), "no schedule makes a verification"),
        (schedules(backup=1, verify=None), "has made no verification"),
        (schedules(backup=200, verify=1), "older than the schedule allows"),
    ],
)
def test_without_a_fresh_verified_backup_it_is_refused_unless_forced(made: list[schedule.Seen], words: str) -> None:
    assert codes("switchover", seen(), made) == ["no-fresh-backup"]
    assert words in str(choice.no_fresh_backup(made))
    assert codes("switchover", seen(), made, force="a test") == []


def test_an_unhealthy_cluster_is_refused_whatever_is_forced() -> None:
    broken = seen(status.Condition("member-not-online", "mysql-2 is OFFLINE", "look"), verdict=status.DEGRADED)
    assert codes("switchover", broken, FRESH, force="a test") == ["not-healthy"]
    overdue = seen(status.Condition("backup-overdue", "old", "run-now"), verdict=status.DEGRADED)
    assert codes("switchover", overdue, FRESH) == []


def test_what_lacks_is_named() -> None:
    assert codes("node-loss", seen(), FRESH, lab=False) == ["needs-lab"]
    assert codes("freeze", seen(), FRESH, nodes=False) == ["needs-node"]
    assert codes("restore", seen(), FRESH, target=False) == ["needs-target"]
    assert codes("pod-delete", replace(seen(), replicas=1), FRESH) == ["too-few-members"]
    assert choice.still_open("mysql", Record("freeze", "then", "me")).hint == "mysqlops drill abort mysql"


def test_the_faults_of_the_issue_are_there_and_tell_whom_they_hit() -> None:
    wanted = """switchover pod-delete kill-mysqld kill-agent freeze isolate-primary isolate-replica partition node-loss
    full-outage disk-full slow-disk slow-network api-server-loss backup-under-load restore upgrade-under-load
    scale-under-load agent-frozen stale-api""".split()
    assert set(wanted) <= set(FAULTS)
    for name, fault in FAULTS.items():
        text = "\n".join(choice.preview(fault.about, seen(), "mysql-1", 20, 4))
        assert name in text
        assert "{" not in text
        assert ("lab" in text) == (fault.about.needs in (LAB, NODE))


def test_the_seed_alone_makes_the_choice() -> None:
    about = FAULTS["isolate-replica"].about
    chosen = [choice.target(about, seen(), 7, number, None) for number in range(1, 21)]
    assert chosen == [choice.target(about, seen(), 7, number, None) for number in range(1, 21)]
    assert set(chosen) == {"mysql-0", "mysql-2"}
    assert {choice.target(about, seen(), 7, number, "a") for number in range(20)} == {"mysql-2"}
    assert choice.target(FAULTS["freeze"].about, seen(), 7, 1, None) == "mysql-1"
    assert choice.must_move(FAULTS["node-loss"].about, seen(), "b")
    assert not choice.must_move(FAULTS["freeze"].about, seen(), "a")
    assert not choice.must_move(FAULTS["switchover"].about, seen(), "b")
    assert choice.pause(7, 1) == choice.pause(7, 1) != choice.pause(8, 1)


def test_a_count_below_one_is_refused() -> None:
    choice.check_count(1)
    with pytest.raises(ConfigError, match="expected 1 or more"):
        choice.check_count(0)


def test_an_slo_is_times_and_counts() -> None:
    found = slo.parse("rto=500ms, redundancy=2m,unknown=3")
    assert (found["rto"], found["redundancy"], found["unknown"], found["lost"]) == (0.5, 120.0, 3.0, 0.0)


@pytest.mark.parametrize("text", ["rto", "rto=fast", "lost=-1", "lost=1s", "speed=3", "rto=10h"])
def test_a_bad_slo_is_told(text: str) -> None:
    with pytest.raises(ConfigError, match="expected"):
        slo.parse(text)


def test_each_round_must_keep_the_slo() -> None:
    rounds = [
        a_round(1, 2.0),
        a_round(2, 12.0),
        a_round(3, 3.0, counts={**GOOD, "lost": 2}, stale_reads=1, backwards=2),
    ]
    missed = slo.missed(slo.parse("rto=10s,stale=0,backwards=1,minority=1s"), rounds)
    assert len(missed) == 4
    assert any("lost: 2 in round 3, 0 allowed" in one for one in missed)
    assert any("backwards: 2 in round 3, 1 allowed" in one for one in missed)
    assert any("rto: 12.00 s in round 2, 10.00 s allowed" in one and "1 of 3 rounds" in one for one in missed)
    assert slo.missed(slo.parse("rto=12s"), rounds[:2]) == ()


def test_a_report_sums_its_rounds_up() -> None:
    report = a_report(*(a_round(n, float(n)) for n in range(1, 21)), slo="rto=10s")
    assert report.summary["gap"] == {"n": 20, "median": 10.5, "p95": 19.0, "max": 20.0}
    assert report.totals["acknowledged"] == 20 * 500
    assert report.is_clean
    assert len(report.missed) == 1
    assert "minority_last" not in report.summary
    wrong = a_report(a_round(counts={**GOOD, "diverged": 1}))
    assert not wrong.is_clean
    assert statistic.worst(report).number == 20


def test_a_report_survives_its_file() -> None:
    report = a_report(a_round(), a_round(2, 3.0), forced="a test")
    assert drill.load_report(json.loads(json.dumps(report.as_json()))) == report


def test_a_round_that_failed_is_no_good_result() -> None:
    report = a_report(a_round(1), a_round(2, 240.0, failed="no client could write for 240 s after the fault"))
    assert report.missed == ("round 2 failed: no client could write for 240 s after the fault",)
    text = markdown.of(report)
    assert "did not come back" in page.of(report)
    assert "Nothing lost" not in page.of(report)
    assert "**Round 2: no client could write" in text
    assert "none was lost" not in text
    assert report.summary["gap"]["max"] == 240.0


def test_the_command_that_repeats_a_drill_is_whole() -> None:
    report = a_report(a_round(), forced="a test's", options={"target": "far", "no-lab": ""})
    assert "--target far --no-lab --force 'a test'" in markdown.command(report)


def test_what_undoes_a_fault_is_made_of_checked_values() -> None:
    """The record is in the cluster, where others write too."""
    own = lab.Lab("lab", "lab-0", ("lab-0", "lab-1"))
    cluster = objects.Cluster("mysql", "shop", ("mysql-0",), "image", "agent")
    scene = Scene(cast("Any", None), seen(), cluster, "mysql-0", own, own)
    good = {"node": "lab-1", "pod": "0b5f0a4e-0000-4000-8000-00000000000a", "versions": [4]}
    agents = {"address": "172.28.0.10", "mysqld": [], "pods": [{**good, "uid": good["pod"], "name": "mysql-0"}]}
    for name, facts in (
        ("stale-api", {**agents, "address": "10.0.0.1 -j ACCEPT"}),
        ("stale-api", {**agents, "pods": [{"node": "../lab", "uid": good["pod"]}]}),
        ("stale-api", {**agents, "pods": [{"node": "lab-1", "uid": "x; reboot"}]}),
        ("freeze", {"node": "lab-1; reboot", "pids": [7]}),
        ("freeze", {"node": "lab-1", "pids": ["7; reboot"]}),
        ("isolate-primary", {**good, "spared": ["10.0.0.1 -j ACCEPT"]}),
        ("partition", {**good, "pod": "x; reboot", "peers": ["10.0.0.1"]}),
        ("slow-network", {**good, "every": "4; reboot"}),
        ("node-loss", {"nodes": ["../lab"]}),
        ("api-server-loss", {"pids": ["$(reboot)"]}),
    ):
        undo = FAULTS[name].undo
        assert undo is not None
        with pytest.raises((StepFailed, ValueError)):
            undo(scene, facts)
    undo = FAULTS["partition"].undo
    assert undo is not None
    (made,) = undo(scene, {**good, "peers": ["10.0.0.1"]})
    assert made[:4] == ("docker", "exec", "lab-1", "sh")
    assert "-D INPUT -s 10.0.0.1 -m comment --comment mysqlops-drill-mysql -j DROP" in made
    undo = FAULTS["stale-api"].undo
    assert undo is not None
    back, stopped = undo(scene, agents)
    assert any(
        "-D OUTPUT -p tcp --dport 443 " in word and "DNAT --to-destination 172.28.0.10:" in word for word in back
    )
    assert stopped == ("docker", "exec", "lab-0", "second-api-entry", "stop")
    with pytest.raises(StepFailed):
        own.pull("../etc/passwd")


def test_a_filter_drops_all_but_the_spared_or_the_peers_of_each_family() -> None:
    cut = filters.Filter("mark", spared=["10.0.0.1", "fd00::1"])
    mark = "-m comment --comment mark -j"
    assert cut.lines("-I", 4)[1:-1] == [
        f"-I INPUT ! -i lo {mark} DROP",
        f"-I OUTPUT ! -o lo {mark} DROP",
        f"-I INPUT -s 10.0.0.1 {mark} ACCEPT",
        f"-I OUTPUT -d 10.0.0.1 {mark} ACCEPT",
    ]
    assert f"-I INPUT -s fd00::1 {mark} ACCEPT" in cut.lines("-I", 6)
    assert filters.Filter("mark", peers=["10.0.0.2"]).lines("-D", 6) == ["*filter", "COMMIT"]
    assert "--every 4 " in filters.Filter("mark", every=4).lines("-I", 4)[1]


def test_a_detour_leads_new_connections_elsewhere_and_resets_the_old_ones() -> None:
    """The nat table sees a connection's first packet only; what it has led elsewhere has another port by then."""
    match = "OUTPUT -p tcp --dport 443 -m comment --comment mark -j"
    assert filters.detour("mark", "-I", 443, "172.28.0.10", 6444) == [
        "*nat",
        f"-I {match} DNAT --to-destination 172.28.0.10:6444",
        "COMMIT",
        "*filter",
        f"-I {match} REJECT --reject-with tcp-reset",
        "COMMIT",
    ]


def test_the_gateways_are_those_of_the_default_routes() -> None:
    table = """Iface Destination Gateway Flags RefCnt Use Metric Mask MTU Window IRTT
eth0 00000000 0103F40A 0003 0 0 0 00000000 0 0 0
eth0 0003F40A 00000000 0001 0 0 0 00FFFFFF 0 0 0"""
    assert filters.gateways(table) == ["10.244.3.1"]


def test_what_is_planted_is_what_heals(monkeypatch: pytest.MonkeyPatch) -> None:
    own = lab.Lab("lab", "lab-0", ("lab-0", "lab-1"))
    ran: list[nodes.Command] = []
    session = Session(cast("Any", None), SystemClock(), Progress(print, print, print), 1)
    cluster = objects.Cluster("mysql", "shop", ("mysql-0",), "image", "agent")
    scene = Scene(session, seen(), cluster, "mysql-0", own, own)
    monkeypatch.setattr(lab.Lab, "output", lambda _, command: ran.append(command))
    fault = replace(FAULTS["freeze"], is_healed=lambda _, __: bool(ran))
    facts = {"node": "lab-1", "pids": [7]}
    healing.heal(fault, scene, facts)
    assert fault.undo is not None
    assert ran == fault.undo(scene, facts) == [("docker", "exec", "lab-1", "sh", "-c", 'kill "$0" "$@"', "-CONT", "7")]


@pytest.mark.parametrize("change", [{"kind": "other"}, {"schema": 99}, {"rounds": [{"x": 1}]}])
def test_what_is_no_report_is_told(change: dict[str, object]) -> None:
    with pytest.raises(ConfigError):
        drill.load_report({**a_report(a_round()).as_json(), **change})
    with pytest.raises(ConfigError):
        drill.load_report([])  # type: ignore[arg-type]


def test_a_record_is_enough_to_undo_and_never_overlooked() -> None:
    record = Record("freeze", "then", "me", "mysql-1", "soon", {"pids": [7]})
    assert drill.record_of({names.ANNOTATION_DRILL: drill.dump_record(record)}) == record
    assert drill.record_of({}) is None
    for text in ("{", "[]", '{"fault": "x"}'):
        assert drill.record_of({names.ANNOTATION_DRILL: text}) is not None


def _verdicts(before: Report, after: Report) -> dict[str, str]:
    return {line.name: line.verdict for line in compare.compare(before, after)}


def test_a_clear_change_is_told_from_noise() -> None:
    slow = a_report(*(a_round(n, 8.0 + n / 10) for n in range(10)))
    fast = a_report(*(a_round(n, 1.0 + n / 10) for n in range(10)))
    assert _verdicts(slow, fast)["write gap"] == compare.BETTER
    assert _verdicts(fast, slow)["write gap"] == compare.WORSE
    assert _verdicts(slow, slow)["write gap"] == compare.SAME
    shuffled = a_report(*(a_round(n, 8.05 + n / 10) for n in range(10)))
    assert _verdicts(slow, shuffled)["write gap"] == compare.SAME


def test_few_rounds_prove_nothing_but_a_lost_row_does() -> None:
    one, other = a_report(a_round(1, 9.0)), a_report(a_round(1, 1.0, counts={**GOOD, "lost": 1, "unknown": 9}))
    found = _verdicts(one, other)
    assert found["write gap"] == compare.SAME
    assert found["outcome unknown"] == compare.SAME
    assert found["lost"] == compare.WORSE
    assert _verdicts(other, one)["lost"] == compare.BETTER
    assert any("fewer than" in text for text in compare.warnings(one, other))


def test_counts_are_compared_by_the_round() -> None:
    few = a_report(*(a_round(n, counts={**GOOD, "unknown": n % 2}) for n in range(10)))
    many = a_report(*(a_round(n, counts={**GOOD, "unknown": 20 + n}) for n in range(10)))
    assert _verdicts(few, many)["outcome unknown"] == compare.WORSE
    assert _verdicts(many, few)["outcome unknown"] == compare.BETTER


def test_unlike_drills_are_warned_of() -> None:
    one = a_report(a_round(), versions={"MySQL": "8.4.1"})
    other = replace(one, clients=9, versions={"MySQL": "9.7.4"}, namespace="stage", options={"no-lab": ""})
    other = statistic.finish(other, [a_round(failed="nobody could write")], stopped="round 1")
    text = "\n".join(compare.warnings(one, other))
    assert "namespace: shop before, stage now" in text
    assert "options: none before" in text
    assert "now: round 1: nobody could write" in text
    assert "clients: 4 before, 9 now" in text
    with pytest.raises(ConfigError, match="freeze and calm"):
        compare.compare(one, replace(one, fault="calm"))
    assert "MySQL: 8.4.1 before, 9.7.4 now" in text
