"""The checks of `doctor`: each with facts that make it find something, and with facts that do not."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mysqlops import errors
from mysqlops.cli.main import run
from mysqlops.core import activity, names, rehearsal
from mysqlops.core.spec import ClusterSpec
from mysqlops.operations import carried, deploy, doctor, observe, programs
from mysqlops.planning import verdict
from mysqlops.planning.checks import answers, fixes
from mysqlops.planning.checks.model import BUDGET, CLASSES, MAPS, ROLE, VOLUMES, Answer, Facts, Map
from mysqlops.planning.status import Condition, Observed
from tests.unit.clusters import CLAIMS, GROUP, HEALTHY, LEASE, NOW, pod
from tests.unit.fakes.cluster import NAME, Cluster
from tests.unit.fakes.verbs import world
from tests.unit.operations.test_rehearsal import made_rehearsal

CHECKS = {one.name: one for one in doctor.checks()}
ROOT = Path(__file__).parents[3]
AT = NOW.timestamp()
MEMBERS = ("mysql-0", "mysql-1", "mysql-2")
OPEN = {"connection": 7, "user": "app", "seconds": 3, "rows_modified": 1, "lock": ""}
SANE: dict[str, Any] = {
    "failed": {},
    "moment": "2026-01-01T00:00:00.500000+00:00",
    "variables": {
        "max_connections": "100",
        "require_secure_transport": "ON",
        "long_query_time": "1.000000",
        "server_id": "100",
    },
    "my-cnf": "[mysqld]\nmax_connections = 100\n",
    "connections": {"Threads_connected": 10, "Max_used_connections": 20},
    "tables": [],
    "transactions": [OPEN],
    "errors": [],
    "limits": [],
    "flushes": [["wait/io/file/sql/binlog", 5000, 4000]],
    "reach": [],
    "growth": {"seconds_left": 30 * 86400},
    "binlogs": {"bytes": 1 << 20},
    "group": [["u", f"{one}.mysql.db.svc", "ONLINE", "PRIMARY", "9.7.4"] for one in MEMBERS],
}
DEFAULT_CLASS = {
    "metadata": {"name": "fast", "annotations": {"storageclass.kubernetes.io/is-default-class": "true"}},
    "allowVolumeExpansion": True,
    "volumeBindingMode": "WaitForFirstConsumer",
}
ROLE_FOUND = doctor._wanted("mysql")[ROLE]


def _observed(*members: dict[str, Any], **changed: Any) -> Observed:
    stateful_set = {"metadata": {"name": "mysql", "namespace": "db"}, "spec": {"replicas": 3, **CLAIMS}}
    found = {one["metadata"]["name"]: one for one in members or HEALTHY}
    for number, one in enumerate(found.values()):
        one["spec"]["nodeName"] = f"node-{number}"
    return replace(
        Observed("mysql", NOW, stateful_set, found, {}, {"mysql-primary": ("mysql-0",)}, lease=LEASE), **changed
    )


def _facts(seen: Observed | None = None, **parts: Any) -> Facts:
    """A cluster in which only backups are missing; `parts` are the answer of mysql-1's server."""
    seen = seen or _observed()
    told = {one: Answer(AT, AT + 1, {**SANE, **(parts if one == "mysql-1" else {})}) for one in MEMBERS}
    wanted = doctor._wanted("mysql")
    return Facts(seen, verdict.judge(seen), told, dict(wanted), wanted, classes=(DEFAULT_CLASS,))


def _found(facts: Facts, check: str) -> Sequence[str]:
    return [one.evidence for one in CHECKS[check].findings(facts)]


def test_a_healthy_cluster_without_schedules_has_only_that() -> None:
    facts = _facts()
    assert {name for name in CHECKS if _found(facts, name)} == {"backups"}
    assert {name: why for name in CHECKS if (why := CHECKS[name].unchecked(facts))} == {}


def test_a_rehearsal_that_failed_is_found_until_the_image_runs_anyway() -> None:
    last = made_rehearsal(ok=False, why="app.t is missing")
    noted = {**LEASE["metadata"].get("annotations", {}), rehearsal.ANNOTATION_LAST: last.text()}
    facts = _facts(_observed(lease={**LEASE, "metadata": {**LEASE["metadata"], "annotations": noted}}))
    (found,) = CHECKS["rehearsal"].findings(facts)
    assert "mysql:9.7.5 was rehearsed 2h ago with backup b: failed: app.t is missing" in found.evidence
    assert "--image mysql:9.7.5 --rehearse" in found.fix
    assert not CHECKS["rehearsal"].findings(replace(facts, now=replace(facts.now, image="mysql:9.7.5")))
    newer = tuple(replace(one, version="9.7.6") for one in facts.now.members)
    assert not CHECKS["rehearsal"].findings(replace(facts, now=replace(facts.now, members=newer)))


@pytest.mark.parametrize(
    ("check", "parts", "shown"),
    [
        ("clocks", {"moment": "2026-01-01T00:00:06+00:00"}, "mysql-1 is at least 4.5 s ahead of that of mysql-0"),
        ("transactions", {"transactions": [{**OPEN, "seconds": 90}]}, "connection 7 of app"),
        ("transactions", {"transactions": [{**OPEN, "seconds": 60, "lock": "a lock on t"}]}, "a lock on t"),
        ("settings", {"variables": {"max_connections": "50"}}, "max_connections is 50, my.cnf has 100"),
        ("encryption", {"variables": {"require_secure_transport": "OFF"}}, "require_secure_transport is OFF"),
        ("connections", {"connections": {"Threads_connected": 85}}, "85 of 100 connections"),
        ("errors", {"errors": [["MY-011522", "Repl", 2, 1767225600]]}, "2 times, last at 2026-01-01T00:00:00Z: this"),
        ("errors", {"errors": [["MY-019999", "Repl", 1, 1767225600]]}, "MY-019999 (Repl), 1 time, last"),
        ("limits", {"limits": [["MY-011608", 3, 1767225600]]}, "MY-011608, 3 times, last at 2026-01-01T00:00:00Z"),
        (
            "storage",
            {"flushes": [["wait/io/file/sql/binlog", 1000, 50000]]},
            "binary log took 50 ms on average of 1000",
        ),
        ("growth", {"growth": {"seconds_left": 86400}}, "full in 1.0 days"),
        ("names", {"reach": [["mysql-2", "", "Name or service not known"]]}, "mysql-1: cannot resolve it: Name or"),
        ("ports", {"reach": [["mysql-2", "10.0.0.3", "refused, or no answer"]]}, "mysql-1: port 3306: refused"),
        (
            "alike",
            {"variables": {"long_query_time": "10.000000", "server_id": "101"}},
            "long_query_time is 1.000000, but 10.000000 on mysql-1",
        ),
        ("views", {"group": [["u", "mysql-0.mysql.db.svc", "ONLINE", "PRIMARY", "9.7.4"]]}, "mysql-1 sees mysql-0"),
    ],
)
def test_what_one_server_answers_is_found(check: str, parts: dict[str, Any], shown: str) -> None:
    found = _found(_facts(**parts), check)
    assert len(found) == 1
    assert shown in found[0]


def test_a_name_that_leads_to_another_pod_and_who_sees_it_so() -> None:
    facts = _facts()
    facts.seen.pods["mysql-2"]["status"] = {**facts.seen.pods["mysql-2"]["status"], "podIPs": [{"ip": "10.0.0.3"}]}
    row = {"reach": [["mysql-2", "10.0.0.9", ""], ["mysql-7", "", "there is no such pod"]]}
    there = {pod: replace(one, parts={**one.parts, **row}) for pod, one in facts.answers.items() if pod != "mysql-2"}
    found = _found(replace(facts, answers=there), "names")
    assert found == ["mysql-0, mysql-1: it leads to 10.0.0.9, its pod has 10.0.0.3"]
    right = {"mysql-0": replace(there["mysql-0"], parts={"reach": [["mysql-2", "10.0.0.3,10.0.0.4", ""]]})}
    assert _found(replace(facts, answers=right), "names") == []


def test_a_server_that_its_own_agent_does_not_reach_is_no_matter_of_ports() -> None:
    facts = _facts(reach=[["mysql-2", "10.0.0.3", "refused, or no answer"]])
    gone = {pod: one for pod, one in facts.answers.items() if pod != "mysql-2"}
    assert _found(replace(facts, answers=gone), "ports") == []


def test_binary_logs_that_take_most_of_the_volume() -> None:
    full = pod("mysql-1", volume_size=10 << 30, volume_used=7 << 30)
    found = _found(_facts(_observed(HEALTHY[0], full, HEALTHY[2]), binlogs={"bytes": 6 << 30}), "growth")
    assert found == ["6.0GiB of 10.0GiB are binary logs"]


def test_what_belongs_to_a_member_or_another_check_makes_no_difference() -> None:
    own = {"server_uuid": "a", "hostname": "b", "ssl_ca": "c", "version": "9.7.5", "gtid_executed": "d"}
    facts = _facts()
    parts = {pod: {**one.parts["variables"], **dict.fromkeys(own, pod)} for pod, one in facts.answers.items()}
    answers_of = {pod: replace(one, parts={**one.parts, "variables": parts[pod]}) for pod, one in facts.answers.items()}
    assert _found(replace(facts, answers=answers_of), "alike") == []


def test_an_agent_of_the_first_release_answers_what_it_knows(
    cluster: Cluster, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def answer(_: Any, pod: str, program: programs.Program[Any], *words: str, timeout_seconds: float) -> Any:
        asked.append((program.name, *words))
        if "reach" in words:
            raise errors.StepFailed(f"the agent of {pod} has another version and does not know 'examine'")
        return {"failed": {}, **{part: SANE[part] for part in words}}

    monkeypatch.setattr("mysqlops.operations.agents.run", answer)
    words = ["doctor", NAME, "-o", "json", "--check", "names", "--check", "tables", "--check", "storage"]
    assert run(words) == 0
    (one,) = json.loads(capsys.readouterr().out)["clusters"]
    assert sorted(one["unchecked"]) == ["names", "storage"]
    assert ("examine", "flushes", "reach", "tables", "--replicas", "3") in asked
    assert ("examine", "tables") in asked


def test_tables_that_a_group_cannot_hold_are_those_that_the_primary_has() -> None:
    facts = _facts(tables=[["app", "t", "InnoDB"]])
    assert _found(facts, "tables") == []
    there = {**facts.answers, "mysql-0": replace(facts.answers["mysql-0"], parts={"tables": [["app", "t", "MyISAM"]]})}
    assert _found(replace(facts, answers=there), "tables") == ["no primary key, or not InnoDB: app.t (MyISAM)"]


def test_a_clock_that_only_this_machine_does_not_share_is_its_own() -> None:
    facts = _facts()
    late = {name: Answer(one.asked - 60, one.answered - 60, one.parts) for name, one in facts.answers.items()}
    assert "from this machine's" in _found(replace(facts, answers=late), "clocks")[0]


@pytest.mark.parametrize(
    ("check", "members", "shown"),
    [
        ("errant", (*HEALTHY[:2], pod("mysql-2", executed=f"{GROUP}:1-5,{GROUP[:-1]}2:1-3")), f"{GROUP[:-1]}2:1-3"),
        ("lag", (*HEALTHY[:2], pod("mysql-2", behind=1000)), "1000 transactions"),
        ("version", (*HEALTHY[:2], pod("mysql-2", server_version="9.7.5")), "mysql-2 9.7.5"),
        (
            "version",
            [pod(one["metadata"]["name"], server_version="9.4.0") for one in HEALTHY],
            "9.4 is an innovation series that 9.5 replaced",
        ),
        ("members", HEALTHY[:2], "member-not-online: mysql-2 is ABSENT"),
    ],
)
def test_what_members_publish_is_found(check: str, members: Sequence[dict[str, Any]], shown: str) -> None:
    made = [{**one, "spec": {}} for one in members]
    if check == "errant":  # its own server_uuid
        text = made[2]["metadata"]["annotations"][names.ANNOTATION_MEMBER]
        made[2]["metadata"]["annotations"] = {
            names.ANNOTATION_MEMBER: text.replace("uuid of mysql-2", f"{GROUP[:-1]}2")
        }
    found = _found(_facts(_observed(*made)), check)
    assert len(found) == 1
    assert shown in found[0]


def test_transactions_of_the_group_that_have_not_reached_everyone_are_not_errant() -> None:
    ahead = pod("mysql-0", role="primary", executed=f"{GROUP}:1-9")
    assert _found(_facts(_observed(ahead, *HEALTHY[1:])), "errant") == []


def test_members_on_one_node_are_found_and_what_its_loss_means() -> None:
    facts = _facts()
    for one in facts.seen.pods.values():
        one["spec"]["nodeName"] = "a"
    found = CHECKS["spread"].findings(replace(facts, now=verdict.judge(facts.seen)))
    assert (found[0].what, found[0].evidence) == (
        "several members run on one node: its failure takes the majority",
        "node a: mysql-0, mysql-1, mysql-2",
    )


def test_objects_are_compared_with_those_of_this_release() -> None:
    facts = _facts()
    assert _found(replace(facts, objects={**facts.objects, BUDGET: None}), "disruption-budget")
    wide = {"spec": {**facts.wanted[BUDGET]["spec"], "maxUnavailable": 2}}
    assert (
        "wanted 1, found 2" in _found(replace(facts, objects={**facts.objects, BUDGET: wide}), "disruption-budget")[0]
    )
    less = {"rules": [one for one in ROLE_FOUND["rules"] if "leases" not in one["resources"]]}
    assert "get leases, update leases" in _found(replace(facts, objects={**facts.objects, ROLE: less}), "rights")[0]


def test_a_role_with_rights_beyond_count_is_judged() -> None:
    facts = _facts()
    lists = ("apiGroups", "resources", "resourceNames", "verbs")
    many = {"rules": [*ROLE_FOUND["rules"], {key: ["x"] * 5000 for key in lists}]}
    assert _found(replace(facts, objects={**facts.objects, ROLE: many}), "rights") == []
    assert _found(replace(facts, objects={**facts.objects, ROLE: {"rules": many["rules"][-1:]}}), "rights")


def test_what_may_not_be_read_is_not_taken_for_missing() -> None:
    facts = replace(_facts(), objects={}, unread={BUDGET: "forbidden", ROLE: "forbidden", "mysql-2": "silent"})
    facts = replace(facts, answers={one: facts.answers[one] for one in MEMBERS[:2]})
    assert _found(facts, "disruption-budget") == _found(facts, "rights") == []
    assert CHECKS["rights"].unchecked(facts) == f"{ROLE}: forbidden"
    assert CHECKS["tables"].unchecked(facts) == "mysql-2: silent"


def _map(**changed: Any) -> Map:
    wanted = {"metadata": {"name": "mysql-config"}, "data": {"my.cnf": "[mysqld]\n", "start.sh": "exec mysqld\n"}}
    found = {"data": {**wanted["data"], "previous.cnf": "x", **changed}}
    return Map(wanted, found)


def test_what_somebody_put_into_the_members_config_maps_is_found() -> None:
    facts = _facts()
    assert _found(replace(facts, maps=(_map(), Map(_map().wanted, None))), "contents") == []
    changed = _map(**{"start.sh": "x", "evil.sql": "GRANT"})
    assert _found(replace(facts, maps=(changed,)), "contents") == ["differs: evil.sql, start.sh"]
    refused = replace(_map(), refused=("init_file: it runs statements",))
    assert _found(replace(facts, maps=(refused,)), "contents") == ["init_file: it runs statements"]
    program = {"metadata": {"name": "mysql-agent"}, "binaryData": {"agent.pyz": "b3Vycw=="}, "immutable": True}
    open_to_all = Map(program, {"binaryData": {"agent.pyz": "dGhlaXJz"}})
    found = _found(replace(facts, maps=(open_to_all,)), "contents")
    assert found == ["differs: agent.pyz", "a change would reach members that run"]
    assert CHECKS["contents"].unchecked(replace(facts, unread={MAPS: "forbidden"})) == f"{MAPS}: forbidden"


def test_the_config_maps_are_compared_with_what_this_release_writes(cluster: Cluster) -> None:
    spec = ClusterSpec(name=NAME, namespace="db")
    for made in deploy.objects(spec):
        if made["kind"] in ("ConfigMap", "StatefulSet"):
            cluster.store.put(made)

    def look() -> list[str]:
        report = doctor.examine(cluster.session(), NAME, [CHECKS["contents"]])
        assert report.unchecked == {}
        return [one.evidence for one in report.findings]

    assert look() == []
    config = cluster.store.objects["ConfigMap", names.config_map(NAME)]
    config["data"]["user.cnf"] = "[mysqld]\ninit_file = /etc/mysqlops/evil.sql\n"
    config["data"]["evil.sql"] = "GRANT ALL ON *.* TO app"
    first, second = look()
    assert first == "differs: evil.sql, my.cnf"
    assert second.startswith("init_file: ")
    del cluster.store.objects["ConfigMap", names.agent_config_map(NAME)]["immutable"]
    assert look()[-1] == "a change would reach members that run"
    annotations = cluster.store.objects["StatefulSet", NAME]["spec"]["template"]["metadata"]["annotations"]
    annotations[names.ANNOTATION_AGENT] = "0.0.9-000000000000"
    report = doctor.examine(cluster.session(), NAME, [CHECKS["contents"]])
    assert "runs agent 0.0.9-000000000000, and this mysqlops would render" in report.unchecked["contents"]


def test_an_answer_of_another_form_does_not_count() -> None:
    told = answers.read({"moment": "noon", "tables": [["a"]], "errors": [["MY-1", "x", True, 1]], "connections": {}})
    assert told["failed"].keys() == {"moment", "tables"}
    assert answers.read("nothing") == {"failed": {}}
    assert answers.read({"failed": {"tables": "error 3024"}})["failed"] == {"tables": "error 3024"}


@pytest.mark.parametrize("number", [2**63, -(10**400), "1; GRANT ALL ON *.* TO app", True, None])
def test_no_answer_decides_what_a_user_pastes(number: Any) -> None:
    told = answers.read({"transactions": [{**OPEN, "connection": number, "seconds": 90}]})
    assert told["failed"].keys() == {"transactions"}
    assert activity.transactions([{**OPEN, "connection": number}]) is None


def test_each_condition_of_status_is_in_exactly_one_check() -> None:
    page = (ROOT / "docs/reference/errors.md").read_text().partition("## Conditions of `status`")[2]
    codes = re.findall(r"^\| `([a-z-]+)` \|", page.partition("\n## ")[0], re.MULTILINE)
    assert len(codes) > 25
    listed = [code for one in CHECKS.values() for code in one.codes]
    assert sorted(listed) == sorted(codes)


def test_every_check_is_documented_in_order() -> None:
    page = (ROOT / "docs/reference/doctor.md").read_text()
    rows = re.findall(r"^\| `([a-z-]+)` \| (.+?) \| (.+?) \|", page, re.MULTILINE)
    assert rows == [(one.name, one.holds, one.why) for one in CHECKS.values()]


def test_a_condition_keeps_its_next_command() -> None:
    facts = _facts()
    now = replace(facts.now, conditions=(Condition("volume-filling", "90 % full", "mysqlops storage resize mysql"),))
    (found,) = CHECKS["disk"].findings(replace(facts, now=now))
    assert (found.fix, found.evidence) == ("mysqlops storage resize mysql", "volume-filling: 90 % full")


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Cluster:
    made = Cluster(3)

    def client(*_: object) -> Any:
        found = made.session().client
        found.answer = lambda *_: {**SANE, "moment": f"{made.clock.now().isoformat()}"}  # type: ignore[attr-defined]
        return found

    for one in doctor._wanted(NAME).values():
        made.store.put(one)
    monkeypatch.setattr("mysqlops.cli.context.client", client)
    monkeypatch.setattr("mysqlops.clock.SystemClock", lambda: made.clock)
    return made


def test_the_exit_status_and_document_of_findings(cluster: Cluster, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["doctor", "-o", "json", "--check", "backups", "--check", "tables"]) == errors.EXIT_DEGRADED
    shown = json.loads(capsys.readouterr().out)
    assert (shown["apiVersion"], shown["kind"]) == ("mysqlops.io/v1", "Doctor")
    (one,) = shown["clusters"]
    assert (one["name"], one["checked"], one["unchecked"]) == (NAME, ["tables", "backups"], {})
    assert {found["check"] for found in one["findings"]} == {"backups"}
    assert run(["doctor", NAME, "--check", "tables"]) == 0
    assert "1 check, nothing found" in capsys.readouterr().out


def test_for_people_it_fits_eighty_columns(cluster: Cluster, capsys: pytest.CaptureFixture[str]) -> None:
    cluster.silence("mysql-1")
    assert run(["doctor", NAME]) == errors.EXIT_DEGRADED
    out = capsys.readouterr().out
    assert "fix:" in out
    assert [line for line in out.splitlines() if len(line) > 80] == []


def test_unknown_names_are_refused(cluster: Cluster, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["doctor", NAME, "--check", "weather"]) == errors.ConfigError.exit_code
    assert "choose from: members, " in capsys.readouterr().err
    assert run(["doctor", "other"]) == errors.NotFound.exit_code


def test_a_code_of_mysql_is_explained_however_it_is_written() -> None:
    assert carried.mysql_code("MY-001062") == carried.mysql_code("1062") != ""
    assert carried.mysql_code("MY-019999") == carried.mysql_code("x") == carried.mysql_code("9" * 5000) == ""
    assert "MY-011522 (MySQL)" in carried.explain("my-011522")


def _fixed(cluster: Cluster) -> dict[str, Any]:
    return {kind: found["spec"] for (kind, name), found in cluster.store.objects.items() if kind == BUDGET}


def test_a_missing_budget_is_made_again_under_the_lock(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cluster = world(monkeypatch, tmp_path)
    assert _fixed(cluster) == {}
    words = ["doctor", NAME, "--check", "disruption-budget", "--check", "backups"]
    assert run([*words, "--dry-run", "-o", "json"]) == 0
    (step,) = json.loads(capsys.readouterr().out)["steps"]
    assert (step["action"], step["kind"], step["name"]) == ("apply", BUDGET, NAME)
    assert run([*words, "--fix"]) == errors.Refused.exit_code
    assert _fixed(cluster) == {}
    capsys.readouterr()
    assert run([*words, "--fix", "--yes", "-o", "json"]) == errors.EXIT_DEGRADED
    (told,) = json.loads(capsys.readouterr().out)["clusters"]
    assert {one["check"] for one in told["findings"]} == {"backups"}  # for the user to decide
    assert _fixed(cluster) == {BUDGET: doctor._wanted(NAME)[BUDGET]["spec"]}
    held = names.operation_lease(NAME)
    assert [line for line in cluster.store.log if held in line], "it took the lock"


def test_only_what_is_wrong_and_chosen_is_made_again() -> None:
    facts = _facts(_observed(missing=(f"Service {NAME}-primary", "ConfigMap mysql-config-1", f"RoleBinding {NAME}")))
    everything = [one.name for one in CHECKS.values()]
    found = [(one.kind, one.name) for one in fixes.steps(facts, everything)]
    assert found == [("Service", f"{NAME}-primary"), ("RoleBinding", NAME)]
    assert fixes.steps(facts, ["tables"]) == []
    unread = replace(facts, objects={}, unread={BUDGET: "forbidden", ROLE: "forbidden"})
    assert [one.kind for one in fixes.steps(unread, everything)] == ["Service", "RoleBinding"]
    assert set(fixes.CHECKS) <= CHECKS.keys()


def test_without_a_name_nothing_is_fixed(cluster: Cluster, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["doctor", "--fix", "--yes"]) == errors.ConfigError.exit_code
    assert cluster.store.log == []


def test_a_target_that_is_gone_is_a_finding_and_one_that_nobody_may_read_is_unchecked(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    cluster = world(monkeypatch, tmp_path)
    session = cluster.session()
    chosen = [CHECKS["targets"]]

    def found() -> tuple[list[str], dict[str, str]]:
        report = doctor.examine(session, NAME, chosen)
        return [one.evidence for one in report.findings], dict(report.unchecked)

    assert found() == ([], {})
    del cluster.store.objects["Secret", "backup-target-local"]
    assert found()[0][0] == "CronJob mysql-backup uses target local; the namespace has none"
    monkeypatch.setattr(observe, "targets", lambda _: None)
    assert found() == ([], {"targets": "Secrets of targets: this user may not list Secrets"})


def test_volumes_and_classes_are_read_with_the_callers_rights(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What only an administrator of all of Kubernetes may read is unchecked for others."""
    cluster = world(monkeypatch, tmp_path)
    chosen = [CHECKS["storage-class"], CHECKS["volumes"]]
    cluster.store.objects["PersistentVolumeClaim", f"data-{NAME}-1"]["spec"]["volumeName"] = "pv-1"
    cluster.store.put(
        {"kind": VOLUMES, "metadata": {"name": "pv-1"}, "spec": {"persistentVolumeReclaimPolicy": "Delete"}}
    )
    report = doctor.examine(cluster.session(), NAME, chosen)
    (found,) = report.findings
    assert (report.unchecked, found.check) == ({}, "volumes")
    assert found.evidence.startswith("PersistentVolume pv-1: reclaim policy Delete; the scheduled backups are on claim")
    session = cluster.session()
    find, listed = session.client.find, session.client.list

    def refuse(read: Any) -> Any:
        def reading(kind: str, *words: str) -> Any:
            if kind in (CLASSES, VOLUMES):
                raise errors.Forbidden(f"you may not read {kind}")
            return read(kind, *words)

        return reading

    session.client.find, session.client.list = refuse(find), refuse(listed)  # type: ignore[method-assign]
    report = doctor.examine(session, NAME, chosen)
    assert report.findings == ()
    assert report.unchecked["storage-class"] == "StorageClass: you may not read StorageClass"
    assert report.unchecked["volumes"].endswith("PersistentVolume: you may not read PersistentVolume")
