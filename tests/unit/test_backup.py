"""What a repository's tags say, which backups stay, which member is copied, and what a Job is made of."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mysqlops.core import backup, retention, target, view
from mysqlops.core.spec import ClusterSpec
from mysqlops.errors import ConfigError, Refused
from mysqlops.kube import manifests
from mysqlops.mysql import contents
from mysqlops.operations import restic
from mysqlops.planning import backup as planning
from mysqlops.planning import donor, schedule

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
TARGET = target.Target("local", "/repository", "restic/restic:0", "backups")
SPEC = ClusterSpec("orders", "db")


def made(number: int, at: datetime = NOW, **facts: Any) -> backup.Backup:
    common = {
        **{"id": f"orders-{number}", "cluster": "orders", "namespace": "db", "origin": "uid", "method": "archive"},
        **{"member": "orders-1", "role": "replica", "server_version": "9.7.4", "gtid": "a:1-5,b:1", "binlog": "x:4"},
        **{"at": f"{at:%Y-%m-%dT%H:%M:%SZ}", "seconds": 1.0, "size": 10, "tables": 1, "rows": 2},
        **{"checked": backup.CHECKSUM, "storage_size": "1Gi"},
    }
    return backup.Backup(**{**common, **facts})


def proven(one: backup.Backup, *, ok: bool = True) -> backup.Backup:
    return replace(one, verified=backup.Verification(one.id, one.at, ok, 3.0))


def test_a_repository_alone_tells_everything() -> None:
    one, check = made(1), backup.Verification("orders-1", "2026-11-25T00:00:00Z", True, 3.0)
    later = backup.Verification("orders-1", "2026-11-26T00:00:00Z", False, 3.0, "app.t lacks")
    summary = {
        "backup_start": "2026-11-24T12:00:00.123456789Z",
        "backup_end": "2026-11-24T12:00:02.123456789Z",
        "data_added_packed": 7,
    }
    snapshots: list[dict[str, Any]] = [
        {"id": "s1", "tags": backup.tags(one), "summary": summary},
        {"id": "s3", "tags": backup.tags(later)},
        {"id": "s2", "tags": backup.tags(check)},
        {"id": "s4", "tags": ["somebody-else"]},
        {"id": "s5", "tags": ["mysqlops", "facts:bm9ub25z"]},
        {"id": "s6"},
    ]
    (found,) = backup.catalogue(snapshots, "local")
    assert (found.snapshot, found.stored, found.store_seconds, found.target) == ("s1", 7, 2.0, "local")
    assert (found.level, found.verified) == (backup.FAILED, replace(later, snapshot="s3"))
    assert replace(found, snapshot="", stored=0, store_seconds=0.0, target="", verified=None) == one
    assert backup.snapshots_of(snapshots, ["orders-1"]) == ["s1", "s3", "s2"]
    assert not any("," in tag for tag in backup.tags(one))  # restic parts tags at commas


_LEVELS = st.sampled_from(["restored", "failed", "checksum"])


@given(
    st.lists(st.tuples(st.integers(0, 3000), _LEVELS), max_size=40, unique_by=lambda pair: pair[0]),
    st.builds(retention.Policy, *(st.integers(0, 5) for _ in retention.PERIODS)),
)
def test_no_policy_removes_the_newest_good_backup_or_the_last_restored_one(
    ages: list[tuple[int, str]], policy: retention.Policy
) -> None:
    plain = [(made(age, NOW - timedelta(hours=age)), level) for age, level in ages]
    there = [one if level == "checksum" else proven(one, ok=level == "restored") for one, level in plain]
    gone = {one.id for one in retention.expired(there, policy)}
    by_age = sorted(there, key=lambda one: one.at, reverse=True)
    good = [one.id for one in by_age if one.level != backup.FAILED]
    restored = [one.id for one in by_age if one.level == backup.RESTORED]
    assert not gone & {*good[:1], *restored[:1], *good[: policy.last]}
    if not policy:
        assert not gone
    days = {datetime.fromisoformat(one.at).date() for one in there if one.id in good}
    assert len(set(good) - gone) >= min(policy.daily, len(days))


def test_failed_backups_push_no_good_one_out() -> None:
    good = made(9, NOW - timedelta(hours=9))
    bad = [proven(made(n, NOW - timedelta(hours=n)), ok=False) for n in range(5)]
    assert {one.id for one in retention.expired([good, *bad], retention.Policy(last=1))} == {one.id for one in bad}


@pytest.mark.parametrize(
    ("wanted", "last", "chosen"),
    [("", "", "orders-2"), ("", "orders-1", "orders-1"), ("", "orders-3", "orders-2"), ("orders-0", "", "orders-0")],
)
def test_the_least_busy_replica_is_copied_and_among_equals_the_one_of_last_time(
    wanted: str, last: str, chosen: str
) -> None:
    members = [
        view.GroupMember("a", "orders-0.x", view.ONLINE, "primary"),
        view.GroupMember("b", "orders-1.x", view.ONLINE, "replica", 50),
        view.GroupMember("c", "orders-2.x", view.ONLINE, "replica", 3),
        view.GroupMember("d", "orders-3.x", view.ONLINE, "replica", 5000),
        view.GroupMember("e", "orders-4.x", view.RECOVERING, "replica"),
    ]
    assert donor.choose(members, wanted, last).pod == chosen
    assert donor.choose(members[:1], "", "").pod == "orders-0"
    with pytest.raises(Refused, match="orders-4: not ONLINE"):
        donor.choose(members, "orders-4", "")


@pytest.mark.parametrize("steps", [planning.CREATE, (*planning.CREATE, *planning.PRUNE), planning.VERIFY])
def test_a_job_has_its_steps_in_order_and_no_secret(steps: tuple[planning.Step, ...]) -> None:
    source = planning.Source(SPEC, "orders-config", "orders-agent")
    job = planning.job(restic.templates(), "orders-backup", TARGET, steps, source, BACKUP_ID="x")
    pod = job["spec"]["template"]["spec"]
    assert [one["name"] for one in (*pod["initContainers"], *pod["containers"])] == [step.name for step in steps]
    sidecars = [one["name"] for one in pod["initContainers"] if one.get("restartPolicy") == "Always"]
    assert sidecars == ["mysqld"]
    volumes = {one["name"]: one for one in pod["volumes"]}
    mounts = {mount["name"] for one in (*pod["initContainers"], *pod["containers"]) for mount in one["volumeMounts"]}
    assert mounts <= set(volumes)
    assert volumes["repository"]["persistentVolumeClaim"]["claimName"] == "backups"
    assert volumes["login"]["secret"]["secretName"] == "orders-credentials"
    assert job["metadata"]["labels"]["app.kubernetes.io/instance"] == "orders"


def test_a_command_of_restic_needs_no_cluster() -> None:
    job = planning.job(restic.templates(), "x", TARGET, planning.one_command("snapshots"), planning.Source())
    assert job["spec"]["template"]["spec"]["containers"][0]["command"][-2:] == ["run", "snapshots"]
    assert "mysql-" not in str(job["spec"]["template"]["spec"]["volumes"])
    assert manifests.read_text("backup/restic.sh").startswith("#!/bin/sh")


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("", "storing"),
        ("words", "storing: words"),
        ('{"message_type":"summary"}', "storing"),
        (
            '{"bytes_done":1048576,"total_bytes":3145728,"seconds_elapsed":1}',
            "storing: 1.0MiB of 3.0MiB, 1.0MiB/s, 2 s to go",
        ),
        ('{"of":"orders-1","seconds":3}', "storing"),
    ],
)
def test_progress_has_bytes_rate_and_time_left(line: str, told: str) -> None:
    assert planning.progress("store", line) == told


@pytest.mark.parametrize(
    ("given_", "where"),
    [
        (("http://s3/b", None, None), "s3:http://s3/b"),
        ((None, "c", None), "/repository"),
        ((None, None, "gs:b:/"), "gs:b:/"),
    ],
)
def test_a_target_is_one_of_three(given_: tuple[str | None, str | None, str | None], where: str) -> None:
    assert target.repository_of(*given_) == where


@pytest.mark.parametrize(
    "wrong",
    [(None, None, None), ("http://s3/b", "c", None), ("s3/b", None, None), (None, None, "rest:http://u:p@host/")],
)
def test_a_wrong_target_is_refused(wrong: tuple[str | None, str | None, str | None]) -> None:
    with pytest.raises(ConfigError):
        target.repository_of(*wrong)


def test_keys_of_s3_are_in_a_file_and_not_in_an_environment() -> None:
    keys = {"AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "key\n", "AWS_DEFAULT_REGION": "eu"}
    secret = target.make_secret(TARGET, "password", keys)
    assert secret["stringData"].keys() == {"repository", "password", "aws-credentials", "AWS_DEFAULT_REGION"}
    assert "aws_secret_access_key = key\n" in secret["stringData"]["aws-credentials"]
    assert target.of_secret(secret) == TARGET
    with pytest.raises(ConfigError, match="'password'"):
        target.check_credentials({"password": "x"}, "s3")


def _cron_job(wish: schedule.Wish, kind: str, **status: Any) -> dict[str, Any]:
    source = planning.Source(SPEC, "orders-config", "orders-agent")
    job = planning.job(restic.templates(), "orders-backup", TARGET, planning.CREATE, source)
    found = schedule.cron_job(job, kind, wish)
    found["metadata"]["creationTimestamp"] = "2026-11-20T00:00:00Z"
    return {**found, "status": status}


def test_a_schedule_counts_what_failed_and_says_when_it_is_too_long() -> None:
    wish = schedule.Wish("0 3 * * *", "0 5 * * 0", "local", max_age=172800, verify_max_age=604800)
    never = schedule.judge(_cron_job(wish, "backup"), NOW)
    assert (never.failures, never.is_overdue, never.last_success) == (0, True, None)
    status = {"lastSuccessfulTime": "2026-11-22T03:01:00Z", "lastScheduleTime": "2026-11-24T03:00:00Z"}
    late = schedule.judge(_cron_job(wish, "backup", **status), NOW)
    assert (late.failures, late.is_overdue, late.next) == (2, True, "2026-11-25T03:00:00Z")
    running = schedule.judge(_cron_job(wish, "backup", **status, active=[{}]), NOW)
    assert (running.failures, running.running) == (1, True)
    fine = schedule.judge(_cron_job(wish, "verify", lastSuccessfulTime="2026-11-22T05:09:00Z"), NOW)
    assert (fine.cron, fine.is_overdue) == ("0 5 * * 0", False)
    with pytest.raises(ConfigError, match="--cron '61"):
        schedule.check_cron("--cron", "61 * * * *", NOW)


def test_what_a_restored_server_lacks_is_told() -> None:
    before = contents.Contents({"a.t": contents.Table(1, 2), "a.u": contents.Table(1, 2)}, {}, {"view a.v": "x"})
    after = contents.Contents({"a.t": contents.Table(1, 3), "a.w": contents.Table(0, 0)}, {}, {"view a.v": "y"})
    assert contents.differences(before, after) == [
        "a.u lacks",
        "a.w is new",
        "a.t: 1 rows, checksum 3 instead of 1 rows, checksum 2",
        "view a.v: y instead of x",
    ]
    assert contents.load(before.as_json()) == before
