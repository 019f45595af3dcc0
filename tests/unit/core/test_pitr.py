"""Binary logs: what a file holds, how far a backup reaches with what is stored, and where applying them stops."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from mysqlops.core import backup, binlog, making, pitr, receiving, relay_log
from mysqlops.core.gtid import GtidSet
from mysqlops.core.relay_log import Transaction
from mysqlops.core.spec import ClusterSpec
from mysqlops.core.target import Target
from mysqlops.errors import ConfigError, Refused, StorageError
from mysqlops.kube import manifests
from mysqlops.objects import binlog as planning
from mysqlops.planning import backup_state

GROUP = "a471ad45-d50b-450d-9104-65c08b7c3c14"
LOG = (Path(__file__).parents[1] / "binlog-9.7").read_bytes()  # of a server 9.7: three inserts, the second with a tag
EVER = datetime.max.replace(tzinfo=UTC)
NOON = "2026-11-25T12:00:00.000000Z"


def at(minutes: float) -> str:
    return f"{datetime(2026, 11, 25, 12, tzinfo=UTC) + timedelta(minutes=minutes):%Y-%m-%dT%H:%M:%S.%fZ}"


def made(gtid: str, minutes: float = 0, group: str = GROUP, number: int = 1) -> backup.Backup:
    facts: dict[str, Any] = {
        **{"id": f"mysql-{number}", "cluster": "mysql", "namespace": "shop", "origin": "uid", "method": "archive"},
        **{"member": "mysql-1", "role": "replica", "server_version": "9.7.4", "gtid": gtid, "binlog": "b:4"},
        **{"at": at(minutes), "seconds": 1.0, "size": 1, "tables": 1, "rows": 1, "checked": "checksum"},
    }
    return backup.Backup(**facts, storage_size="1Gi", group=group, committed=at(minutes))


OWNER = ("uid", "mysql", "shop")


def chunk(number: int, before: str, gtid: str, until: float, **more: Any) -> binlog.Chunk:
    facts: dict[str, Any] = {"id": f"c{number}", "cluster": "mysql", "namespace": "shop", "origin": "uid"}
    first = binlog.Chunk(**facts, group=GROUP, before=before, gtid=gtid, first=at(until - 1), until=at(until))
    return replace(first, **more)


def of(*spans: str) -> str:
    return f"{GROUP}:{':'.join(spans)}"


def test_a_log_of_a_real_server_is_read_with_and_without_tags() -> None:
    found = list(relay_log.transactions(LOG, "log"))
    assert [one.gtid.removeprefix(GROUP) for one in found][1].startswith(":blue:")
    assert [one.committed for one in found] == sorted(one.committed for one in found)
    assert {binlog.moment(one.committed)[:16] for one in found} == {"2026-11-25T10:39"}
    assert not relay_log.is_empty(LOG, "log")


def test_a_log_that_is_cut_off_says_where() -> None:
    with pytest.raises(StorageError, match="cut off at byte"):
        list(relay_log.transactions(LOG[:-9], "log"))
    with pytest.raises(StorageError, match="not a binary log"):
        list(relay_log.transactions(b"nothing", "log"))


def test_a_backup_reaches_as_far_as_chunks_continue_it() -> None:
    chunks = [
        chunk(1, of("1-10"), of("11-20"), 10),
        chunk(2, of("1-20"), of("21-30"), 20),
        chunk(3, of("1-40"), of("41-50"), 40),
    ]
    found = binlog.reach(made(of("1-15")), chunks)
    assert [one.id for one in found.chunks] == ["c1", "c2"]
    assert (str(found.gtid), found.until) == (of("1-30"), at(20))
    assert "10 transactions before" in found.gap
    later = binlog.reach(made(of("1-41"), 30), chunks)
    assert ([one.id for one in later.chunks], later.until, later.gap) == (["c3"], at(40), "")
    assert {key[1]: one for key, one in binlog.continued(chunks).items()} == {"c1": None, "c2": True, "c3": False}
    assert binlog.reach(made(of("1-5")), chunks).until == ""


def test_another_history_or_another_cluster_is_never_used() -> None:
    chunks = [chunk(1, of("1-10"), of("11-20"), 10)]
    assert binlog.reach(made(of("1-10"), group="another"), chunks).until == ""
    assert binlog.reach(made(of("1-10"), group=""), chunks).until == ""
    assert binlog.reach(replace(made(of("1-10")), origin="other"), chunks).until == ""


def _stored(number: int, one: binlog.Chunk) -> dict[str, Any]:
    return {"id": f"s{number}", "tags": binlog.tags(one)}


def test_the_last_state_of_a_chunk_counts_and_earlier_ones_may_go() -> None:
    early = chunk(1, of("1-10"), of("11-12"), 5, transactions=2)
    late = chunk(1, of("1-10"), of("11-20"), 10, transactions=10)
    idle = chunk(1, of("1-10"), of("11-20"), 15, transactions=10)
    snapshots = [_stored(1, late), _stored(2, early), _stored(3, idle)]
    (found,) = binlog.chunks(snapshots)
    assert (found.snapshot, found.until) == ("s3", at(15))
    assert sorted(binlog.superseded(snapshots)) == ["s1", "s2"]


def test_pruning_keeps_what_a_kept_backup_needs_and_the_last_chunk() -> None:
    chunks = [chunk(n, of(f"1-{n * 10}"), of(f"{n * 10 + 1}-{n * 10 + 10}"), n * 10.0) for n in (1, 2, 3, 4)]
    snapshots = [_stored(n, one) for n, one in enumerate(chunks)]
    assert binlog.not_needed(snapshots, [made(of("1-25"), 15)], OWNER, since=EVER) == ["s0"]
    assert binlog.not_needed(snapshots, [made(of("1-99"), 90)], OWNER, since=EVER) == ["s0", "s1", "s2"]
    assert binlog.not_needed(snapshots, [], ("another", *OWNER[1:]), since=EVER) == []


def test_pruning_keeps_the_chunks_that_a_backup_in_the_making_may_need() -> None:
    """It may be the first after a gap: no backup that is listed needs any of them."""
    chunks = [chunk(n, of(f"1-{n * 10}"), of(f"{n * 10 + 1}-{n * 10 + 10}"), n * 10.0) for n in (1, 2, 3, 4)]
    snapshots = [_stored(n, one) for n, one in enumerate(chunks)]
    since = datetime.fromisoformat(at(20))
    assert binlog.not_needed(snapshots, [], OWNER, since=EVER) == ["s0", "s1", "s2"]
    assert binlog.not_needed(snapshots, [], OWNER, since=since) == ["s0"]


def test_what_is_in_the_making_is_as_old_as_a_job_can_be_or_as_what_is_seen() -> None:
    now = datetime(2026, 11, 24, 12, tzinfo=UTC)
    assert making.at_most(now).since == now - timedelta(hours=12)
    old = now - timedelta(days=3)  # a volume snapshot whose command was killed
    assert making.at_most(now, [now, old]).since == old
    assert making.at_most(now, [now]).since == making.at_most(now).since
    assert making.at_most(now).logs_since < making.at_most(now).since
    limit = manifests.load_one("backup/job.yaml")["spec"]["activeDeadlineSeconds"]
    assert timedelta(seconds=limit) <= making.JOB_LIMIT


def test_a_receiver_goes_on_where_the_last_chunk_ended() -> None:
    chunks = [chunk(1, of("1-10"), of("11-20"), 10)]

    def start(executed: str, purged: str, *backups: backup.Backup, group: str = GROUP) -> receiving.Start:
        source = receiving.Source("uuid", group, GtidSet.parse(executed), GtidSet.parse(purged))
        return receiving.start(OWNER, source, backups, chunks)

    assert start(of("1-30"), of("1-5")) == receiving.Start(GtidSet.parse(of("1-20")), number=1)
    gap = start(of("1-30"), of("1-25"))
    assert "5 transactions" in gap.gap
    assert str(gap.before) == of("1-30")
    # A backup from after the gap is where it goes on, and then nothing is missing.
    assert start(of("1-30"), of("1-25"), made(of("1-26"), 20)) == receiving.Start(GtidSet.parse(of("1-26")), number=1)
    assert "the primary lacks 5" in start(of("1-15"), "").gap
    other = start(of("1-30"), "", group="new")
    assert (str(other.before), other.number, "as group new" in other.gap) == (of("1-30"), 1, True)


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        ("latest", pitr.LATEST, ""),
        ("2026-11-25T12:00:00Z", pitr.TIME, NOON),
        ("2026-11-25 13:00:00+01:00", pitr.TIME, NOON),
        (of("42"), pitr.GTID, of("42")),
        (f"before-{GROUP.upper()}:blue:42", pitr.BEFORE, of("blue", "42")),
    ],
)
def test_a_point_is_read(text: str, kind: str, value: str) -> None:
    assert pitr.parse(text) == pitr.Point(kind, value)
    assert pitr.parse(str(pitr.parse(text))) == pitr.parse(text)


@pytest.mark.parametrize("text", ["", "yesterday", "2026-11-25T12:00:00", of("1-5"), "before-latest", "42"])
def test_a_wrong_point_is_refused_with_what_is_expected(text: str) -> None:
    with pytest.raises(ConfigError, match="--to"):
        pitr.parse(text)


@pytest.mark.parametrize(
    ("to", "why"),
    [
        ("2026-11-25T11:59:59Z", "may hold transactions that were committed until"),
        ("2026-11-25T12:30:00Z", "can be recovered only to"),
        (of("5"), "already holds that transaction"),
        (f"before-{of('99')}", "cannot be recovered to that transaction"),
    ],
)
def test_a_point_out_of_reach_is_refused(to: str, why: str) -> None:
    chosen = made(of("1-10"))
    reach = binlog.reach(chosen, [chunk(1, of("1-10"), of("11-20"), 10)])
    with pytest.raises(Refused, match=why):
        pitr.check(pitr.parse(to), chosen, reach)
    with pytest.raises(Refused, match="no binary logs"):
        pitr.check(pitr.parse(to), chosen, binlog.reach(chosen, []))


NUMBERS = [11, 12, 1_000_001, 13, 1_000_002]  # as after a failover: another member's block
LOGGED = [
    Transaction(f"{GROUP}:{number}", 1_795_608_000_000_000 + 60_000_000 * place) for place, number in enumerate(NUMBERS)
]


@pytest.mark.parametrize(
    ("to", "applied"),
    [
        ("latest", 5),
        (at(0), 1),
        (at(1.5), 2),
        (at(99), 5),
        (of("1000001"), 3),
        (f"before-{of('1000001')}", 2),
        (of("1000002"), 5),
        (f"before-{of('11')}", 0),
    ],
)
def test_applying_stops_in_the_order_of_commits(to: str, applied: int) -> None:
    held = GtidSet.parse(of("1-10"))
    # Chunks overlap, and begin with what the backup holds.
    logged = [Transaction(of("9"), LOGGED[0].committed), *LOGGED[:2], *LOGGED]
    request = pitr.replay(pitr.parse(to), held, logged, [chunk(1, of("1-8"), ",".join(one.gtid for one in logged), 9)])
    assert request.wanted == GtidSet.parse(",".join(one.gtid for one in LOGGED[:applied]))
    assert request.last == (LOGGED[applied - 1] if applied else None)
    assert request.stop == (LOGGED[applied] if applied < 5 else None)


def test_the_beginning_of_a_transaction_is_not_waited_for() -> None:
    """The last file ends inside LOGGED[2], which the chunk does not count; in the middle its second copy is whole."""
    held = GtidSet.parse(of("1-10"))
    first = chunk(1, of("1-10"), ",".join(one.gtid for one in LOGGED[:2]), 9)
    request = pitr.replay(pitr.parse("latest"), held, LOGGED[:3], [first])
    assert (request.last, request.stop) == (LOGGED[1], LOGGED[2])
    second = chunk(2, str(first.after), ",".join(one.gtid for one in LOGGED[2:]), 9)
    assert pitr.replay(pitr.parse("latest"), held, [*LOGGED[:3], *LOGGED[2:]], [first, second]).stop is None


def test_only_a_good_backup_that_the_chunks_continue_reaches_now() -> None:
    now = chunk(2, of("1-20"), of("21-30"), 30)
    before = chunk(1, of("1-10"), of("11-20"), 20)
    assert binlog.can_reach_now(now, [made(of("1-15"))], [before, now])
    assert not binlog.can_reach_now(now, [made(of("1-15"))], [now])
    assert not binlog.can_reach_now(now, [], [before, now])
    bad = replace(made(of("1-15")), verified=backup.Verification("b", at(0), False, 1.0, "differs"))
    assert not binlog.can_reach_now(now, [bad], [before, now])


def _receiver(request: planning.Request) -> dict[str, Any]:
    names = ("serviceaccount", "role", "rolebinding", "lease", "deployment")
    templates = [yaml.safe_load(manifests.read_text(f"binlog/{one}.yaml")) for one in names]
    scripts = {"receiver.sh": "R", "restic.sh": "S"}
    source = planning.Source(ClusterSpec(name="orders", namespace="shop"), "orders-agent-2", "uid")
    return {one["kind"]: one for one in planning.objects(templates, scripts, request, source)}


def test_a_receiver_is_no_member_and_shares_its_claim() -> None:
    found = _receiver(planning.Request(Target("local", "/repository", "restic", "backups"), 20))
    pod = found["Deployment"]["spec"]["template"]
    assert pod["metadata"]["labels"]["mysqlops.io/client"] == "orders"
    assert "app.kubernetes.io/instance" not in pod["metadata"]["labels"]
    assert pod["spec"]["affinity"]["podAffinity"]
    volumes = {one["name"]: one for one in pod["spec"]["volumes"]}
    assert volumes["repository"] == {"name": "repository", "persistentVolumeClaim": {"claimName": "backups"}}
    assert volumes["agent"]["configMap"]["name"] == "orders-agent-2"
    assert planning.noted(found["Deployment"]) == ("local", 20.0)
    assert found["Role"]["rules"][0]["resourceNames"] == ["orders-binlog"]
    with pytest.raises(ConfigError, match="--every 1s"):
        planning.check_every(1)


def test_status_says_when_binary_logs_are_late_or_missing() -> None:
    def codes(minutes: float, lease: dict[str, Any]) -> list[str]:
        now = datetime.fromisoformat(at(minutes))
        return [one[0] for one in backup_state.troubles("mysql", now, (), lease)]

    assert codes(1, {"metadata": {"name": "n", "creationTimestamp": at(0)}}) == []
    assert codes(9, {"metadata": {"name": "n", "creationTimestamp": at(0)}}) == ["binlog-late"]

    def lease(**more: Any) -> dict[str, Any]:
        told = json.dumps({"at": at(0), "until": at(0), "target": "local", "every": 15.0, **more})
        return {"metadata": {"name": "n", "creationTimestamp": at(0), "annotations": {"mysqlops.io/binlog": told}}}

    assert codes(1, lease()) == []
    assert codes(9, lease(trouble="no answer")) == ["binlog-late"]
    assert codes(1, lease(gap="5 transactions")) == ["binlog-gap"]
    assert codes(-9, lease()) == ["binlog-late"]  # a report from the future says nothing of now
