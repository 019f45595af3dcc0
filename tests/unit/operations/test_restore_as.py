"""A restore to a new cluster goes on only with a claim that aims at the same backup and the same point."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

import pytest

from mysqlops.core import backup, names, target
from mysqlops.core.spec import ClusterSpec
from mysqlops.errors import Reason, Refused
from mysqlops.objects import backup as jobs_planning
from mysqlops.objects import render
from mysqlops.operations import delete, deploy, jobs, restic, restore
from mysqlops.operations.session import Session
from mysqlops.planning import restore as planning
from tests.unit.fakes.api import Killed
from tests.unit.fakes.cluster import GROUP, Cluster

TARGET = target.Target("t", "/repository", "restic")
AT, LATER = "2026-01-01T10:00:00.000000Z", "2026-01-01T11:00:00.000000Z"
LOGIN = {"name": "login", "secret": {"secretName": "copy-credentials"}}
SPEC = ClusterSpec(name="copy", namespace="db", replicas=1)
BACKUP = backup.Backup(
    id="mysql-20260101-000000",
    cluster="mysql",
    namespace="db",
    origin="o",
    method="archive",
    member="mysql-0",
    role="replica",
    server_version="9.7.4",
    gtid=f"{GROUP}:1-5",
    binlog="b:1",
    at="2026-01-01T00:00:00Z",
    size=1,
    tables=1,
    rows=1,
    seconds=1,
    checked="checksum",
    storage_size="1Gi",
)


def _begun(to: str) -> tuple[Cluster, Session]:
    cluster = Cluster(1)
    session = cluster.session()
    first = planning.first_claim(cluster.stateful_set(), "data-copy-0", BACKUP, to)
    restore._make_claim(session, "copy", first, mark="")
    return cluster, session


def _reasons(session: Session, to: str) -> list[Reason]:
    try:
        restore.check(session, BACKUP, SPEC, to)
    except Refused as refusal:
        return list(refusal.reasons)
    return []


@pytest.mark.parametrize("to", ["", AT])
def test_a_killed_restore_goes_on_to_its_own_point(to: str) -> None:
    _, session = _begun(to)
    assert _reasons(session, to) == []


def test_a_backup_that_failed_its_verification_makes_no_cluster() -> None:
    failed = backup.Verification(BACKUP.id, BACKUP.at, ok=False, seconds=1.0, why="app.t differs")
    with pytest.raises(Refused) as error:
        restore.check(Cluster(1).session(), replace(BACKUP, verified=failed), SPEC)
    assert [one.code for one in error.value.reasons] == ["backup-failed"]


@pytest.mark.parametrize(("begun", "to"), [(AT, LATER), (AT, ""), ("", AT)])
def test_a_claim_that_was_begun_for_another_point_is_refused(begun: str, to: str) -> None:
    cluster, session = _begun(begun)
    (reason,) = _reasons(session, to)
    assert reason.code == "other-point"
    again = f"mysqlops restore {BACKUP.id} --as copy" + (f" --to {begun}" if begun else "")
    assert (reason.hint or "").startswith(f"{again} continues it")
    # Another run may have made the claim after the check.
    with pytest.raises(Refused):
        restore.execute(session, BACKUP, TARGET, SPEC, to)
    assert ("Lease", "copy-operation") not in cluster.store.objects


def test_a_claim_that_is_filled_aims_at_nothing_any_more(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster, session = _begun(AT)
    job: dict[str, Any] = {"metadata": {"name": "copy-restore"}, "spec": {"template": {"spec": {"volumes": [LOGIN]}}}}
    monkeypatch.setattr(jobs_planning, "job", lambda *_, **__: job)
    monkeypatch.setattr(jobs_planning, "onto_claim", lambda *_: None)
    monkeypatch.setattr(restic, "templates", list)
    monkeypatch.setattr(jobs, "run", lambda *_: {"metadata": {"name": "pod"}})
    monkeypatch.setattr(jobs, "last_line", lambda *_: "")
    filling = restore.Filling(SPEC, render.InUse("a", "b"), "data-copy-0", AT)
    restore.fill(session, BACKUP, TARGET, filling)
    claim = cluster.store.objects["PersistentVolumeClaim", "data-copy-0"]
    assert claim["metadata"]["annotations"] == {}
    assert restore.is_filled(session, "data-copy-0")
    assert [one.code for one in _reasons(session, AT)] == ["name-taken"]
    assert names.ANNOTATION_POINT not in claim["metadata"]["annotations"]


def test_a_claim_that_is_being_deleted_is_filled_by_nobody() -> None:
    """Its StatefulSet would make an empty one in its place, and the restored cluster would hold nothing."""
    cluster, session = _begun("")
    cluster.store.settle = lambda: None  # a Job's pod keeps it
    cluster.store.objects["PersistentVolumeClaim", "data-copy-0"]["metadata"]["deletionTimestamp"] = AT
    (reason,) = _reasons(session, "")
    assert reason.code == "claim-going"
    with pytest.raises(Refused):
        restore.execute(session, BACKUP, TARGET, SPEC)
    assert not [text for text in cluster.store.log if text.startswith(("CREATE Job", "APPLY"))]


def test_a_delete_ends_the_job_of_a_killed_restore() -> None:
    """While its pod runs, the claim that it fills does not go, and the next restore would fill that."""
    cluster, session = _begun("")
    for owner in ("copy", "other"):
        labels = names.selector(owner)
        cluster.store.put({"kind": "Job", "metadata": {"name": f"{owner}-restore", "labels": labels}, "spec": {}})
    delete.execute(session, "copy", delete.plan(session.client, "copy", purge_data=True))
    assert cluster.store.deleted("Job") == ["copy-restore"]
    assert cluster.store.deleted("PersistentVolumeClaim") == ["data-copy-0"]


@pytest.mark.parametrize("to", ["", AT])
def test_a_restore_that_is_killed_when_the_volume_is_ready_is_continued(
    monkeypatch: pytest.MonkeyPatch, to: str
) -> None:
    """By the same command: `deploy`, which the refusal named, knew neither the recorded settings nor the sizes."""
    cluster = Cluster(1)
    session, ran = cluster.session(), list[str]()
    job: dict[str, Any] = {"metadata": {"name": "copy-restore"}, "spec": {"template": {"spec": {"volumes": [LOGIN]}}}}

    def run(*_: Any) -> dict[str, Any]:
        ran.append("run")
        return {"metadata": {"name": "pod"}}

    monkeypatch.setattr(jobs_planning, "job", lambda *_, **__: copy.deepcopy(job))
    monkeypatch.setattr(jobs_planning, "onto_claim", lambda *_: None)
    monkeypatch.setattr(jobs, "run", run)
    monkeypatch.setattr(jobs, "last_line", lambda *_: "")
    cluster.store.kill_after = lambda text: text.startswith("PATCH PersistentVolumeClaim")
    with pytest.raises(Killed):
        restore.execute(session, BACKUP, TARGET, SPEC, to)
    cluster.store.kill_after = lambda _: False
    assert ("StatefulSet", "copy") not in cluster.store.objects
    other = LATER if to else AT
    assert [one.code for one in _reasons(session, other)] == ["name-taken"]
    assert _reasons(session, to) == []
    assert str(restore.execute(session, BACKUP, TARGET, SPEC, to)) == "compared by an earlier run"
    assert ran == ["run"]
    assert cluster.store.objects["StatefulSet", "copy"]
    del cluster.store.objects["StatefulSet", "copy"]
    lease = cluster.store.objects["Lease", names.group_lease("copy")]
    lease["metadata"].setdefault("annotations", {})[names.ANNOTATION_BOOTSTRAPPED] = "copy-0"
    assert [one.code for one in _reasons(session, to)] == ["name-taken"], "a group was formed with it"
    del cluster.store.objects["Lease", names.group_lease("copy")]
    assert [one.code for one in _reasons(session, to)] == ["name-taken"], "and nobody knows"


@pytest.mark.parametrize("is_begun", [False, True])
def test_a_cluster_whose_volumes_are_lost_is_not_restored_beside_its_lease(is_begun: bool) -> None:
    """Its members would wait for those that the Lease expects, and `recover` has nobody to form the group."""
    cluster, session = _begun("")
    if not is_begun:
        del cluster.store.objects["PersistentVolumeClaim", "data-copy-0"]
    note = {names.ANNOTATION_BOOTSTRAPPED: "copy-0 2026-01-01T00:00:00Z"}
    lease = {"name": names.group_lease("copy"), "labels": names.selector("copy"), "annotations": note}
    cluster.store.put({"kind": "Lease", "metadata": lease, "spec": {}})
    (reason,) = _reasons(session, "")
    assert reason.code == "name-taken"
    assert f"mysqlops restore {BACKUP.id} --in-place copy, which keeps its passwords" in (reason.hint or "")
    with pytest.raises(Refused):
        restore.execute(session, BACKUP, TARGET, SPEC)


def test_a_cluster_that_was_deployed_since_the_check_is_not_restored_over() -> None:
    """Its controller may not have made its claims yet."""
    cluster = Cluster(1)
    session = cluster.session()
    restore.check(session, BACKUP, SPEC)
    cluster.store.put({"kind": "StatefulSet", "metadata": {"name": "copy", "labels": names.selector("copy")}})
    with pytest.raises(Refused) as error:
        restore.execute(session, BACKUP, TARGET, SPEC)
    assert [one.code for one in error.value.reasons] == ["name-taken"]
    assert ("PersistentVolumeClaim", "data-copy-0") not in cluster.store.objects


@pytest.mark.parametrize("to", ["", AT])
def test_deploy_starts_no_server_on_a_volume_that_a_restore_has_not_filled(to: str) -> None:
    _, session = _begun(to)
    with pytest.raises(Refused) as error:
        deploy.prepare(session.client, SPEC)
    (reason,) = error.value.reasons
    assert reason.code == "restore-open"
    again = f"mysqlops restore {BACKUP.id} --as copy" + (f" --to {to}" if to else "")
    assert (reason.hint or "").startswith(f"{again} continues it")


def test_a_restore_that_was_killed_when_the_volume_was_ready_is_finished_by_deploy() -> None:
    _, session = _begun("")
    change = {"metadata": {"annotations": planning.aim_notes(None)}}
    session.client.patch("PersistentVolumeClaim", "data-copy-0", change)
    for item in deploy.objects(SPEC):
        if item["kind"] != "StatefulSet":
            session.client.apply(item)
    (reason,) = _reasons(session, "")
    assert reason.code == "name-taken"
    assert "mysqlops deploy copy starts a cluster with that data" in (reason.hint or "")
    _, plan = deploy.prepare(session.client, SPEC)
    assert "StatefulSet" in [step.kind for step in plan.steps]
