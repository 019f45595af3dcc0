"""`status --at-risk`: what only those hold that go, by what members reported and when."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from mysqlops.cli.main import run
from mysqlops.core import names, retention, target
from mysqlops.objects import schedule
from mysqlops.planning import at_risk, verdict
from mysqlops.planning.status import Observed
from tests.unit.clusters import CLAIMS, DOWN, GROUP, LEASE, NOW, pod
from tests.unit.fakes.cluster import NAME, Cluster


def _judge(*members: dict[str, Any], nodes: str = "abc", **changed: Any) -> at_risk.AtRisk:
    for one, node in zip(members, nodes, strict=False):
        one["spec"]["nodeName"] = node
    found = {one["metadata"]["name"]: one for one in members}
    stateful_set = {"metadata": {"name": "mysql", "namespace": "db"}, "spec": {"replicas": 3, **CLAIMS}}
    seen = Observed("mysql", NOW, stateful_set, found, {}, {"mysql-primary": ("mysql-0",)}, lease=LEASE, **changed)
    return at_risk.judge(seen, verdict.judge(seen))


def _primary(executed: str = "1-5", **more: Any) -> dict[str, Any]:
    return pod("mysql-0", role="primary", executed=f"{GROUP}:{executed}", **more)


def _replica(number: int, executed: str = "1-5", **more: Any) -> dict[str, Any]:
    return pod(f"mysql-{number}", executed=f"{GROUP}:{executed}", **more)


def _lost(found: at_risk.AtRisk) -> dict[str, str]:
    return {one.what: one.lost() for one in found.losses}


def test_nothing_is_at_risk_that_every_member_has_except_without_a_backup() -> None:
    found = _judge(_primary(), _replica(1), _replica(2))
    assert _lost(found) == {at_risk.PRIMARY: "nothing", at_risk.NODE: "nothing", at_risk.ALL: "everything"}
    assert (found.below_majority, found.unstored_seconds, found.verified) == (0, None, None)


def test_what_only_the_primary_was_seen_to_hold() -> None:
    found = _judge(_primary("1-9"), _replica(1, "1-5", received=f"{GROUP}:6-7"), _replica(2))
    assert _lost(found)[at_risk.PRIMARY] == "at most 2 transactions"
    assert found.losses[0].gtids == f"{GROUP}:8-9"
    assert found.below_majority == 2
    assert [one.missing for one in found.words] == [0, 2, 4]
    other = _judge(_primary("1-5"), _replica(1, "1-6"), _replica(2))  # it reported later than the primary
    assert (_lost(other)[at_risk.PRIMARY], other.below_majority) == ("nothing", 1)


def test_a_node_with_several_members_costs_what_only_they_hold() -> None:
    found = _judge(_primary("1-9"), _replica(1, "1-9"), _replica(2), nodes="aab")
    assert _lost(found)[at_risk.PRIMARY] == "nothing"
    assert (found.losses[1].who, found.losses[1].lost()) == ("a (mysql-0, mysql-1)", "at most 4 transactions")
    assert found.below_majority == 0
    everyone = _judge(_primary(), _replica(1), _replica(2), nodes="aaa")
    assert everyone.losses[1].lost() == "everything"


def test_an_old_report_counts_with_its_age_and_a_missing_one_is_unknown() -> None:
    old = NOW - timedelta(hours=1)
    found = _judge(_primary("1-9"), _replica(1, "1-8", at=old))
    assert [(one.age, one.missing) for one in found.words] == [(0.0, 0), (3600.0, 1), (None, None)]
    assert (found.losses[0].transactions, found.below_majority) == (1, 1)
    alone = _judge(_primary())
    assert (alone.losses[0].lost(), alone.below_majority) == ("everything", None)
    assert _judge(_replica(1, **DOWN), _replica(2, **DOWN)).losses[-1].what == at_risk.ALL


def _receiver(**report: Any) -> dict[str, Any]:
    told = {"at": "2026-01-01T00:00:00Z", "until": "2025-12-31T23:59:48Z", "target": "local", "every": 15.0, **report}
    annotations = {names.ANNOTATION_BINLOG: json.dumps(told)}
    return {
        "metadata": {"name": "mysql-binlog", "creationTimestamp": "2025-01-01T00:00:00Z", "annotations": annotations}
    }


def _cron_job(kind: str, success: str, due: str) -> dict[str, Any]:
    request = schedule.Request("0 3 * * *", "0 5 * * 0", "local", "", 0, retention.Policy(), 0, 0)
    job = {"metadata": {"labels": {names.LABEL_INSTANCE: "mysql"}}, "spec": {}}
    found = schedule.cron_job(job, kind, request)
    found["metadata"]["creationTimestamp"] = "2025-01-01T00:00:00Z"
    return {**found, "status": {"lastSuccessfulTime": success, "lastScheduleTime": due}}


def test_a_disaster_costs_what_is_not_stored() -> None:
    jobs = (
        _cron_job(schedule.BACKUP, "2025-12-31T03:02:00Z", "2025-12-31T03:00:00Z"),
        _cron_job(schedule.VERIFY, "2025-12-28T05:07:30Z", "2025-12-28T05:00:00Z"),
    )
    members = (_primary(), _replica(1), _replica(2))
    found = _judge(*members, schedules=jobs)
    assert _lost(found)[at_risk.ALL] == "the last 20h58m of writes"
    assert found.verified == at_risk.Proof("2025-12-28T05:07:30Z", 327150, 450.0)
    found = _judge(*members, schedules=jobs, receiver=_receiver())
    assert _lost(found)[at_risk.ALL] == "the last 12s of writes"
    running = (_cron_job(schedule.VERIFY, "2025-12-28T05:07:30Z", "2026-01-01T00:00:00Z"),)
    proof = _judge(*members, schedules=running).verified
    assert proof is not None
    assert proof.took is None  # of the run that succeeded it is not known any more


def test_stored_binary_logs_count_only_on_top_of_a_backup_and_without_a_gap() -> None:
    members = (_primary(), _replica(1), _replica(2))
    verified = (_cron_job(schedule.VERIFY, "2025-12-28T05:07:30Z", "2025-12-28T05:00:00Z"),)
    without = _judge(*members, schedules=verified, receiver=_receiver()).losses[-1]
    assert without.lost() == "everything"
    assert "no scheduled backup to apply them to" in without.why
    jobs = (_cron_job(schedule.BACKUP, "2025-12-31T03:02:00Z", "2025-12-31T03:00:00Z"),)
    found = _judge(*members, schedules=jobs, receiver=_receiver(gap="1-2"))
    assert (found.losses[-1].lost(), found.gap) == ("the last 20h58m of writes", "1-2")
    assert "have a gap" in found.losses[-1].why
    late = _judge(*members, schedules=jobs, receiver=_receiver(until="2025-12-29T00:00:00Z")).losses[-1]
    assert late.lost() == "the last 20h58m of writes"  # the backup is newer than the logs


def _target(name: str = "local", created: str = "2025-01-01T00:00:00Z", claim: str = "backups") -> dict[str, Any]:
    made = target.make_secret(target.Target(name, "/repository", "restic", claim), "secret", {})
    return {"metadata": {**made["metadata"], "creationTimestamp": created}}


def _mounting(job: dict[str, Any], mounts: str = "backup-target-local", claim: str = "backups") -> dict[str, Any]:
    volumes = [
        {"name": "target", "secret": {"secretName": mounts}},
        {"name": "repository", "persistentVolumeClaim": {"claimName": claim}},
    ]
    return {
        **job,
        "spec": {**job["spec"], "jobTemplate": {"spec": {"template": {"spec": {"volumes": volumes}}}}},
    }


BACKUP = _mounting(_cron_job(schedule.BACKUP, "2025-12-31T03:02:00Z", "2025-12-31T03:00:00Z"))
VERIFY = _mounting(_cron_job(schedule.VERIFY, "2025-12-28T05:07:30Z", "2025-12-28T05:00:00Z"))


@pytest.mark.parametrize("targets", [None, (_target(),), (_target(), _target("other"))])
def test_targets_that_are_as_the_schedule_and_the_receiver_use_them(targets: Any) -> None:
    found = _judge(
        _primary(), _replica(1), _replica(2), schedules=(BACKUP, VERIFY), receiver=_receiver(), targets=targets
    )
    assert (found.targets, _lost(found)[at_risk.ALL]) == ((), "the last 12s of writes")


@pytest.mark.parametrize(
    ("targets", "said"),
    [
        ((), "CronJob mysql-backup uses target local; the namespace has none"),
        ((_target("other"),), "uses target local; the namespace has other"),
        ((_target(claim="another"),), "mounts backups, and target local is another"),
        ((_target(created="2025-12-31T09:00:00Z"),), "was added at 2025-12-31T09:00:00Z, after 2025-12-31T03:02:00Z"),
    ],
)
def test_a_backup_in_a_target_that_went_or_was_replaced_does_not_count(targets: Any, said: str) -> None:
    found = _judge(_primary(), _replica(1), _replica(2), schedules=(BACKUP,), receiver=_receiver(), targets=targets)
    assert _lost(found)[at_risk.ALL] == "everything"
    assert said in found.losses[-1].why
    assert said in found.targets[0]


def test_binary_logs_in_another_target_than_the_backups_are_worth_nothing() -> None:
    members = (_primary(), _replica(1), _replica(2))
    found = _judge(*members, schedules=(BACKUP, VERIFY), receiver=_receiver(target="other"))
    assert _lost(found)[at_risk.ALL] == "the last 20h58m of writes"
    assert "binary logs go to target other, and backups to local" in found.losses[-1].why
    assert [one.partition(":")[0] for one in found.targets] == ["the binary logs and the backups use different targets"]
    other = _mounting(_cron_job(schedule.VERIFY, "2025-12-28T05:07:30Z", "2025-12-28T05:00:00Z"), "backup-target-other")
    found = _judge(*members, schedules=(BACKUP, other))
    assert "is noted with target local and mounts Secret backup-target-other" in found.targets[0]


@pytest.mark.parametrize("form", ["table", "json"])
def test_it_is_shown(form: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    cluster = Cluster(3)
    monkeypatch.setattr("mysqlops.cli.context.client", lambda *_: cluster.session().client)
    monkeypatch.setattr("mysqlops.clock.SystemClock", lambda: cluster.clock)
    code = run(["status", NAME])
    capsys.readouterr()
    assert run(["status", NAME, "--at-risk", "-o", form]) == code
    shown = capsys.readouterr().out
    if form == "json":
        assert (json.loads(shown)["kind"], len(json.loads(shown)["losses"])) == ("AtRisk", 3)
    else:
        assert "a node" in shown
        assert "transactions that no majority was seen to hold: 0" in shown
