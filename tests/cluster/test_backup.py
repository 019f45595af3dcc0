"""Backups on the lab: made under writes, proven by restoring, scheduled, pruned; and what can go wrong with each."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.cluster import data
from tests.cluster.conftest import SMALL, Namespace, eventually, killed, s3_target
from tests.faults.ledger import Ledger


@pytest.fixture(scope="module")
def cluster(namespace: Namespace, tmp_path_factory: pytest.TempPathFactory) -> Namespace:
    namespace.claim("backups")
    namespace = namespace.with_logins(tmp_path_factory.mktemp("logins"))
    namespace.must("deploy", "mysql", *SMALL)
    data.seed(namespace, namespace.status()["primary"])
    return namespace


_RUIN = (
    "import pathlib\n"
    "packs = [one for one in pathlib.Path('/volume/data').glob('*/*') if one.stat().st_size > 65536]\n"
    "for one in packs:\n"
    "    with one.open('r+b') as file:\n"
    "        file.seek(4096)\n"
    "        file.write(bytes(one.stat().st_size // 2))\n"
    "print(len(packs))"
)


def _listed(namespace: Namespace, *words: str) -> list[dict[str, Any]]:
    done = namespace.mysqlops("backup", "list", "-o", "json", *words)
    assert done.code == 0, done.err
    found: list[dict[str, Any]] = done.json()
    return found


def _things(namespace: Namespace, pod: str) -> Any:
    return namespace.sql(pod, "CHECKSUM TABLE app.things")[0][1], namespace.sql(pod, "SELECT COUNT(*) FROM app.few")


def test_a_target_is_refused_with_what_is_wrong(cluster: Namespace) -> None:
    done = cluster.mysqlops("backup", "create", "mysql")
    assert done.code == 3
    assert "backup target add" in done.err
    done = cluster.mysqlops("backup", "target", "add", "local", "--claim", "backup")
    assert done.code == 3
    assert "--claim backup: no such claim" in done.err
    done = cluster.mysqlops("backup", "target", "add", "local", "--claim", "backups", "--s3", "http://s3/x")
    assert done.code == 2
    done = cluster.mysqlops("backup", "target", "add", "far", "--s3", "http://key:secret@s3/x")
    assert done.code == 2
    assert "--credentials" in done.err
    assert cluster.objects("secrets,jobs") == [
        one for one in cluster.objects("secrets,jobs") if "backup" not in one["metadata"]["name"]
    ]


def test_a_backup_under_writes_is_verified_and_becomes_a_cluster(cluster: Namespace) -> None:
    done = cluster.mysqlops("backup", "target", "add", "local", "--claim", "backups")
    assert done.code == 0, done.err
    assert "keep its password outside" in done.out

    made: dict[str, Any] = {}

    def back_up() -> None:
        done = cluster.mysqlops("backup", "create", "mysql", "-o", "json")
        assert done.code == 0, done.err
        made.update(done.json())

    outcome = Ledger(cluster).under_writes(back_up, ["mysql-0", "mysql-1", "mysql-2"])
    assert outcome.is_clean(), outcome
    assert (made["role"], made["level"], made["method"]) == ("replica", "checksum", "archive")
    assert _listed(cluster)[0]["gtid"] == made["gtid"]
    assert made["signed"] == _listed(cluster)[0]["signed"] == "yes"

    verified = cluster.mysqlops("backup", "verify", "mysql", made["id"], "-o", "json")
    assert verified.code == 0, verified.err
    assert verified.json()["level"] == "restored"
    described = cluster.mysqlops("backup", "describe", made["id"]).out
    assert "app.things: 900 rows" in described
    assert "procedure app.count_things" in described

    words = ("restore", made["id"], "--as", "copy", "--replicas", "1")
    killed(cluster, lambda: any("copy-restore" in one["metadata"]["name"] for one in cluster.objects("pods")), *words)
    # The killed run's lock lasts 15 s.
    eventually(lambda: cluster.mysqlops(*words).code == 0, "the restore finished", 120)
    assert _things(cluster, "copy-0") == _things(cluster, "mysql-0")
    ledger = cluster.sql("copy-0", "SELECT COUNT(*) FROM app.mysqlops_drill")[0][0]
    assert 0 < ledger <= cluster.sql("mysql-0", "SELECT COUNT(*) FROM app.mysqlops_drill")[0][0]
    held = cluster.sql("copy-0", f"SELECT GTID_SUBSET('{made['gtid']}', @@gtid_executed)")
    assert held == [[1]]
    users = "SELECT user, authentication_string FROM mysql.user WHERE user = 'shop'"
    assert cluster.sql("copy-0", users) == cluster.sql("mysql-0", users)
    cluster.sql("copy-0", "INSERT INTO app.things (name) VALUES ('it takes writes')")

    done = cluster.mysqlops("restore", made["id"], "--as", "copy")
    assert done.code == 3
    assert "a cluster of that name already runs" in done.err
    _lose(cluster, "copy", words)


def _lose(cluster: Namespace, name: str, again: Sequence[str]) -> None:
    """It is deleted, and its volumes are lost; then all of it goes, but what a chart's release of the name has."""
    cluster.must("delete", name, "--yes")
    cluster.kubectl("delete", "pvc", f"data-{name}-0")
    done = cluster.mysqlops(*again)
    assert done.code == 3, done.err
    assert f"the Lease of a deleted cluster {name} exists" in done.err
    theirs = f"data-{name}-1"
    cluster.claim(theirs)
    labels = ("app.kubernetes.io/name=mysql", f"app.kubernetes.io/instance={name}")
    cluster.kubectl("label", "pvc", theirs, *labels)
    cluster.must("delete", name, "--purge-data", "--confirm", name)
    left = [one["metadata"] for kind in ("pvc", "leases", "secrets") for one in cluster.objects(kind)]
    assert [one["name"] for one in left if name in one["name"] and "deletionTimestamp" not in one] == [theirs]
    cluster.kubectl("delete", "pvc", theirs, "--wait=false")


def test_a_killed_backup_is_taken_up_by_the_next_run(cluster: Namespace) -> None:
    before = len(_listed(cluster))
    killed(
        cluster,
        lambda: any(
            "copy" in str(one["status"]) for one in cluster.objects("pods") if "backup" in one["metadata"]["name"]
        ),
        "backup",
        "create",
        "mysql",
    )
    secrets = json.loads(cluster.kubectl("get", "secrets", "-o", "json"))["items"]
    held = {one["metadata"]["name"]: one.get("data", {}) for one in secrets}
    seen = cluster.kubectl("get", "pods,jobs,events", "-o", "yaml")
    for secret, key in (("backup-target-local", "password"), ("mysql-internal", "backup-password")):
        assert base64.b64decode(held[secret][key]).decode() not in seen
    done = cluster.mysqlops("backup", "create", "mysql")
    assert done.code == 0, done.err
    assert "a backup is already running: Job " in done.err
    assert len(_listed(cluster)) == before + 1


@pytest.mark.long
def test_one_member_begins_with_a_backup_and_catches_up(cluster: Namespace) -> None:
    seen = cluster.await_healthy()
    backup, primary = _listed(cluster)[0]["id"], seen["primary"]
    replica = next(one["name"] for one in seen["members"] if one["role"] == "replica")
    words = ("restore", backup, "--member")
    for wrong, code, told in (
        ((*words, primary, "--confirm", primary), 3, "is-primary"),
        ((*words, replica), 3, f"--confirm {replica}"),
        ((*words, "mysql"), 2, "--member mysql"),
        ((*words, replica, "--to", "latest", "--confirm", replica), 2, "--to latest"),
    ):
        done = cluster.mysqlops(*wrong)
        assert (done.code, told in done.err) == (code, True), done.err
    cluster.sql(primary, "INSERT INTO app.things (name) VALUES ('since the backup')")
    confirmed = (*words, replica, "--confirm", replica)
    killed(cluster, lambda: "mysql-restore" in cluster.kubectl("get", "jobs", "-o", "name"), *confirmed)
    # The killed run's lock lasts 15 s.
    eventually(lambda: cluster.mysqlops(*confirmed).code == 0, "the restore finished", 120)
    cluster.await_healthy()
    assert _things(cluster, replica) == _things(cluster, primary)
    assert "the data was restored" in cluster.kubectl("logs", replica, "-c", "prepare")
    cluster.sql(primary, "DELETE FROM app.things WHERE name = 'since the backup'")
    assert not cluster.kubectl("get", "jobs", "-o", "name")


@pytest.mark.long
def test_a_killed_drill_deletes_its_own_copy_and_nobody_elses(cluster: Namespace, tmp_path: Path) -> None:
    cluster.await_healthy()
    drill = ("drill", "restore", "mysql", "--force", "a test", "--no-lab", "--report", str(tmp_path))
    claim, token = ("pvc", "data-mysql-drill-0"), "mysqlops.io/copy"
    killed(cluster, lambda: "mysql-drill" in cluster.kubectl("get", "sts", "-o", "name"), *drill, "--confirm", "mysql")
    ours = cluster.kubectl("get", *claim, "-o", "jsonpath={.metadata.annotations.mysqlops\\.io/copy}").strip()
    assert len(ours) == 16

    cluster.kubectl("annotate", *claim, f"{token}=another", "--overwrite")
    done = cluster.mysqlops("drill", "abort", "mysql")
    assert (done.code, "cluster mysql-drill is not this drill's copy" in done.err) == (3, True), done.err
    assert "kubectl annotate lease mysql-group mysqlops.io/drill-" in done.err
    assert "mysql-drill" in cluster.kubectl("get", "sts", "-o", "name")

    cluster.kubectl("annotate", *claim, f"{token}={ours}", "--overwrite")
    done = cluster.mysqlops("drill", "abort", "mysql")
    assert done.code == 0, done.err
    left = cluster.kubectl("get", "sts,pvc,secrets,leases,services,jobs", "-o", "name")
    assert "mysql-drill" not in left
    assert cluster.mysqlops("status", "mysql").code == 0


@pytest.mark.long
def test_a_volume_snapshot_is_recovered_before_it_counts(cluster: Namespace) -> None:
    words = ("backup", "create", "mysql", "--method", "snapshot")
    assert cluster.mysqlops(*words, "--rate", "5").code == 2
    done = cluster.mysqlops(*words, "--snapshot-class", "nothing", "--timeout", "60s")
    assert done.code == 6, done.err
    assert "nothing" in done.err
    assert cluster.objects("volumesnapshots") == []
    killed(cluster, lambda: bool(cluster.objects("volumesnapshots")), *words)
    done = cluster.mysqlops(*words, "-o", "json")
    assert done.code == 0, done.err
    assert "continuing with VolumeSnapshot" in done.err
    made = done.json()
    assert (made["method"], made["level"], made["role"]) == ("snapshot", "checksum", "replica")
    assert [one["metadata"]["name"] for one in cluster.objects("volumesnapshots")] == [made["id"]]
    done = cluster.mysqlops("restore", made["id"], "--as", "shot", "--replicas", "1")
    assert done.code == 0, done.err
    assert _things(cluster, "shot-0") == _things(cluster, "mysql-0")
    cluster.kubectl("delete", "statefulset", "shot", "--wait=false")
    assert cluster.mysqlops("backup", "create", "mysql").code == 0
    done = cluster.mysqlops("backup", "delete", made["id"], "--confirm", made["id"])
    assert done.code == 0, done.err
    assert cluster.objects("volumesnapshots") == []
    done = cluster.mysqlops("restore", made["id"], "--as", "shot2")
    assert "no-such-backup" in done.err


@pytest.mark.long
def test_a_dump_becomes_a_cluster_with_its_accounts(cluster: Namespace) -> None:
    done = cluster.mysqlops("backup", "create", "mysql", "--method", "logical", "-o", "json")
    assert done.code == 0, done.err
    made = done.json()
    assert (made["method"], made["rows"] >= 900) == ("logical", True)
    done = cluster.mysqlops("restore", made["id"], "--as", "dumped", "--replicas", "1")
    assert done.code == 0, done.err
    assert data.seen(cluster, "dumped-0") == data.seen(cluster, "mysql-0")
    assert cluster.sql("dumped-0", f"SELECT GTID_SUBTRACT('{made['gtid']}', @@gtid_purged)") == [[""]]
    cluster.kubectl("delete", "statefulset", "dumped", "--wait=false")


def test_a_schedule_runs_and_status_says_when_it_does_not(cluster: Namespace) -> None:
    done = cluster.mysqlops("backup", "schedule", "set", "mysql", "--cron", "61 3 * * *")
    assert done.code == 2
    assert "--cron '61 3 * * *'" in done.err
    words = ("backup", "schedule", "set", "mysql", "--cron", "0 3 * * *", "--keep-last", "1")
    done = cluster.mysqlops(*words)
    assert done.code == 0, done.err
    before = _listed(cluster)
    done = cluster.mysqlops("backup", "schedule", "run-now", "mysql")
    assert done.code == 0, done.err
    after = _listed(cluster)
    assert after[0]["id"] not in {one["id"] for one in before}
    # The policy keeps one; the last one that was restored stays beside it.
    assert [one["level"] for one in after] == ["checksum", "restored"]
    assert cluster.status()["verdict"] == "healthy"
    done = cluster.mysqlops(*words, "--max-age", "1s")
    assert done.code == 0, done.err
    time.sleep(2)
    codes = [one["code"] for one in cluster.status()["conditions"]]
    assert codes == ["backup-overdue"]
    seen = {one["kind"]: one for one in cluster.mysqlops("backup", "schedule", "list", "-o", "json").json()}
    assert seen["backup"]["last_success"]
    assert seen["verify"]["last_success"] is None
    assert cluster.mysqlops("backup", "schedule", "remove", "mysql", "--yes").code == 0
    assert cluster.objects("cronjobs") == []


def test_the_last_good_backup_is_not_deleted(cluster: Namespace) -> None:
    newest, restored = _listed(cluster)
    for one in (newest, restored):
        done = cluster.mysqlops("backup", "delete", one["id"], "--confirm", one["id"])
        assert done.code == 3, done.out
        assert "last-good-backup" in done.err
    done = cluster.mysqlops("backup", "prune", "mysql", "--keep-last", "1", "--dry-run")
    assert "would delete nothing" in done.out


def test_s3_and_a_wrong_password_and_an_unreachable_server(cluster: Namespace, request: pytest.FixtureRequest) -> None:
    s3 = s3_target(cluster, request.config)
    done = cluster.mysqlops("backup", "target", "add", "offsite", *s3)
    assert done.code == 0, done.err
    assert cluster.mysqlops("backup", "create", "mysql").code == 3  # which target?
    done = cluster.mysqlops("backup", "create", "mysql", "--target", "offsite", "--no-check")
    assert done.code == 0, done.err
    assert [one["level"] for one in _listed(cluster, "--target", "offsite")] == ["none"]

    secret = ("get", "secret", "backup-target-offsite", "-o", "json")
    old = json.loads(cluster.kubectl(*secret))["data"]
    for _ in range(2):  # the second rotates what the first made
        done = cluster.mysqlops("backup", "target", "rotate", "offsite")
        assert done.code == 0, done.err
        now = json.loads(cluster.kubectl(*secret))["data"]
        assert now.keys() == old.keys()
        assert now["password"] != old["password"]
        assert base64.b64decode(now["password"]).decode() not in done.out + done.err
    assert len(_listed(cluster, "--target", "offsite")) == 1
    # As a run leaves it that was killed before the old key went: the key is gone already, and nothing else goes.
    cluster.kubectl(
        "patch", "secret", "backup-target-offsite", "-p", json.dumps({"data": {"old-password": old["password"]}})
    )
    done = cluster.mysqlops("backup", "target", "rotate", "offsite")
    assert done.code == 0, done.err
    assert json.loads(cluster.kubectl(*secret))["data"] == now
    wrong = {"stringData": {"password": "wrong"}}
    cluster.kubectl("patch", "secret", "backup-target-offsite", "--type", "merge", "-p", json.dumps(wrong))
    done = cluster.mysqlops("backup", "list", "--target", "offsite")
    assert done.code == 30
    assert "the password does not open the repository" in done.err
    nowhere = [one.replace("9000", "9999") for one in s3]
    words = ("backup", "target", "add", "nowhere", *nowhere, "--timeout", "15s")
    done = cluster.mysqlops(*words)
    assert done.code == 30
    assert "9999" in done.err


@pytest.mark.long
def test_an_export_is_a_whole_tar_file(cluster: Namespace) -> None:
    backup = _listed(cluster, "--target", "local")[0]["id"]
    cluster.claim("archive")
    words = ("backup", "export", backup, "--target", "local", "--claim")
    assert "no such claim" in cluster.mysqlops(*words, "nothing").err
    assert cluster.mysqlops(*words, "archive", "--file", "../x").code == 2
    done = cluster.mysqlops(*words, "archive", "-o", "json")
    assert done.code == 0, done.err
    again = cluster.mysqlops(*words, "archive")
    assert (again.code, "holds a file" in again.err) == (3, True), again.err
    file = f"/volume/{backup}.tar"
    wanted = "('/manifest.json', '/data/ibdata1')"
    count = f"import tarfile; print(sum(('/' + one).endswith({wanted}) for one in tarfile.open('{file}').getnames()))"
    told = cluster.in_pod("archive", f'sha256sum {file}; python3 -c "{count}"')
    assert told.split() == [done.json()["sha256"], file, "2"]


@pytest.mark.long
def test_a_restore_in_place_replaces_the_data_and_can_be_taken_back(cluster: Namespace) -> None:
    done = cluster.mysqlops("backup", "create", "mysql", "--target", "local", "-o", "json")
    assert done.code == 0, done.err
    backup = done.json()["id"]
    before = cluster.await_healthy()
    cluster.sql(before["primary"], "DELETE FROM app.things WHERE id > 100")
    things = (("SELECT COUNT(*) FROM app.things"), ("SELECT @@group_replication_group_name"))
    ((count,),), ((group,),) = (cluster.sql(before["primary"], one) for one in things)
    assert count == 100
    words = ("restore", backup, "--in-place", "mysql", "--target", "local")

    for wrong, code, told in (
        (words, 3, "--confirm mysql"),
        ((*words, "--revert", "mysql"), 2, "exclude each other"),
        ((*words, "--replicas", "1"), 2, "--replicas"),
        (("restore", "--revert", "mysql", "--confirm", "mysql"), 3, "never restored in place"),
        (("restore", "nothing", *words[2:], "--confirm", "mysql"), 3, "no-such-backup"),
        ((*words[:3], "other", *words[4:], "--confirm", "other"), 10, "no cluster other"),
    ):
        done = cluster.mysqlops(*wrong)
        assert (done.code, told in done.err) == (code, True), done.err
    plan = cluster.mysqlops(*words, "--dry-run")
    assert plan.code == 0, plan.err
    assert "would keep PersistentVolumeClaim data-mysql-0, data-mysql-1, data-mysql-2" in plan.out

    # Killed while the members stop: nothing serves until the next run.
    confirmed = (*words, "--confirm", "mysql")
    killed(cluster, lambda: cluster.objects("statefulsets")[0]["spec"]["replicas"] == 0, *confirmed)
    # The killed run's lock lasts 15 s.
    eventually(lambda: "restore-open" in cluster.mysqlops("start", "mysql").err, "start says what is to be done", 30)
    done = cluster.mysqlops(*confirmed, "-o", "json")
    assert done.code == 0, done.err
    after = done.json()
    assert after["kept"] == ["data-mysql-0", "data-mysql-1", "data-mysql-2"]
    members = [one["name"] for one in after["status"]["members"]]
    assert {cluster.sql(one, things[0])[0][0] for one in members} == {900}
    assert cluster.sql("mysql-0", things[1]) != [[group]]
    cluster.sql(after["status"]["primary"], "INSERT INTO app.things (name) VALUES ('after the restore')")
    used = {
        volume["persistentVolumeClaim"]["claimName"]
        for pod in cluster.objects("pods")
        for volume in pod["spec"]["volumes"]
        if "persistentVolumeClaim" in volume
    }
    assert len(used) == 3
    assert not used & set(after["kept"])
    assert cluster.mysqlops("deploy", "mysql", *SMALL).code == 0

    # The data of before does not know these passwords.
    for more in ((), ("--finish", "--yes")):
        assert cluster.mysqlops("users", "rotate", "mysql", *more).code == 0
    done = cluster.mysqlops("restore", "--revert", "mysql", "--confirm", "mysql", "-o", "json")
    assert done.code == 0, done.err
    print("no primary for", after["stopped_seconds"], "and", done.json()["stopped_seconds"], "s")
    assert {cluster.sql(one, things[0])[0][0] for one in members} == {100}
    assert cluster.sql("mysql-0", things[1]) == [[group]]
    assert set(done.json()["kept"]) == used

    # Deleted and deployed again, it goes on with the claims that it used last.
    assert cluster.mysqlops("delete", "mysql", "--yes").code == 0
    cluster.must("deploy", "mysql", *SMALL)
    assert {cluster.sql(one, things[0])[0][0] for one in members} == {100}


def test_a_corrupt_pack_is_found_and_named(cluster: Namespace) -> None:
    """Last: it ruins the repository. A few bytes of each pack may belong to a file that this backup has no more, so
    half of each goes; the small ones hold what tells the backups apart."""
    backup = _listed(cluster, "--target", "local")[0]["id"]
    assert int(cluster.in_pod("backups", f'chmod -R u+w /volume/data; python3 -c "{_RUIN}"')) > 0
    done = cluster.mysqlops("backup", "verify", "mysql", backup, "--target", "local")
    assert done.code == 30, done.err
    assert "error (repository): fetch" in done.err
    done = cluster.mysqlops("restore", backup, "--as", "ruined", "--replicas", "1", "--target", "local")
    assert done.code == 30, done.err
    assert cluster.mysqlops("status", "ruined").code == 10
