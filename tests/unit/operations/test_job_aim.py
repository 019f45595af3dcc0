"""A Job's end counts for the claim that it filled and for nothing else, and its pods are those that it controls."""

from __future__ import annotations

import pytest

from mysqlops import errors
from mysqlops.core.typed import Json
from mysqlops.objects import job_aim, render
from mysqlops.operations import jobs, restore
from mysqlops.operations.session import Session
from mysqlops.planning import restore as planning
from tests.unit.fakes.jobs import RUNS, Working, owned_by
from tests.unit.operations.test_restore_as import BACKUP, SPEC, TARGET

CLAIM = "data-copy-0"


def _claim(cluster: Working, session: Session) -> Json:
    """A new, empty claim of the name."""
    cluster.store.objects.pop(("PersistentVolumeClaim", CLAIM), None)
    made = session.client.create(
        "PersistentVolumeClaim", planning.first_claim(cluster.stateful_set(), CLAIM, BACKUP, "")
    )
    cluster.data[made["metadata"]["uid"]] = ""
    return made


def _fill(session: Session) -> restore.Filled:
    return restore.fill(session, BACKUP, TARGET, restore.Filling(SPEC, render.InUse("a", "b"), CLAIM))


def _of(cluster: Working) -> list[str]:
    return [one["metadata"]["annotations"][job_aim.ANNOTATION] for one in cluster.jobs]


def _killed_filling(cluster: Working) -> Session:
    """A restore's Job has ended, and its command was killed before it read that."""
    session = cluster.session(5.0)
    cluster.ends = RUNS
    with pytest.raises(errors.WaitTimeout):
        _fill(session)
    cluster.ends = "succeeds"
    return cluster.session(60.0)


def test_a_job_that_filled_an_earlier_claim_of_the_name_does_not_count_for_a_new_one() -> None:
    cluster = Working()
    old = _claim(cluster, cluster.session())
    session = _killed_filling(cluster)
    assert _of(cluster) == [old["metadata"]["uid"]]
    new = _claim(cluster, session)
    _fill(session)
    assert _of(cluster) == [old["metadata"]["uid"], new["metadata"]["uid"]]
    assert restore.is_filled(session, CLAIM)


def test_a_job_that_fills_the_same_claim_goes_on() -> None:
    cluster = Working()
    _claim(cluster, cluster.session())
    _fill(_killed_filling(cluster))
    assert len(cluster.jobs) == 1


def test_a_claim_that_took_the_place_of_the_filled_one_is_not_filled() -> None:
    cluster = Working()
    session = cluster.session(60.0)
    _claim(cluster, session)
    swapped = [True]

    def swap() -> None:
        if swapped and cluster.jobs:
            swapped.pop()
            _claim(cluster, cluster.session())

    cluster.clock.turn = swap
    cluster.ends = RUNS
    with pytest.raises(errors.WaitTimeout):
        _fill(cluster.session(3.0))
    cluster.ends = "succeeds"
    old = cluster.jobs[0]
    claim = cluster.store.objects["PersistentVolumeClaim", CLAIM]
    claim["metadata"]["uid"], kept = old["metadata"]["annotations"][job_aim.ANNOTATION], claim["metadata"]["uid"]
    session.client.logs = lambda *_, **__: claim["metadata"].update(uid=kept) or ""  # type: ignore[method-assign]
    with pytest.raises(errors.Conflict):
        _fill(session)
    assert not restore.is_filled(session, CLAIM)


def _put_pod(cluster: Working, name: str, job: Json | None, phase: str) -> None:
    metadata = {"name": name, "labels": {"job-name": "work"}, "ownerReferences": owned_by(job) if job else []}
    cluster.store.put({"kind": "Pod", "metadata": metadata, "spec": {"containers": []}, "status": {"phase": phase}})


def test_a_pod_that_only_has_the_jobs_label_is_not_its_own() -> None:
    """Somebody's copy of the pod, or one of an earlier Job on a node that is away."""
    cluster = Working()
    cluster.ends = "vanishes"
    earlier = {"metadata": {"name": "work", "uid": "earlier"}}
    before = cluster.store.settle

    def settle() -> None:
        before()
        _put_pod(cluster, "work-copy", None, "Succeeded")
        _put_pod(cluster, "work-earlier", earlier, "Succeeded")

    cluster.store.settle = settle
    wanted = {"metadata": {"name": "work", "labels": {}}, "spec": {"template": {"spec": {"volumes": []}}}}
    with pytest.raises(errors.StepFailed, match="its pod is gone"):
        jobs.run(cluster.session(60.0), wanted, lambda *_: "", "refused")


def test_a_job_that_somebody_replaced_ends_nobodys_wait() -> None:
    cluster = Working()
    cluster.ends = RUNS
    wanted: Json = {"metadata": {"name": "work", "labels": {}}, "spec": {"template": {"spec": {"volumes": []}}}}

    def replace() -> None:
        cluster.store.objects["Job", "work"]["metadata"]["uid"] = "another"
        cluster.ends = "succeeds"

    cluster.clock.turn = replace
    with pytest.raises(errors.StepFailed, match="created again by somebody else"):
        jobs.run(cluster.session(60.0), wanted, lambda *_: "", "refused")


def test_of_two_commands_that_wait_for_one_job_the_second_says_why_it_has_no_result() -> None:
    """The first had read its end and deleted it; the second said that the API server knows no such Job."""
    cluster = Working()
    cluster.ends = RUNS
    wanted: Json = {"metadata": {"name": "work", "labels": {}}, "spec": {"template": {"spec": {"volumes": []}}}}

    def other_command() -> None:
        cluster.store.objects.pop(("Job", "work"), None)

    cluster.clock.turn = other_command
    with pytest.raises(errors.StepFailed, match="was deleted while this command waited for it") as failed:
        jobs.run(cluster.session(60.0), wanted, lambda *_: "", "refused")
    assert failed.value.hint == "run the same command again"


def test_a_job_without_an_aim_is_not_obeyed_by_one_that_has_one() -> None:
    aimed: Json = {"metadata": {"name": "j"}}
    job_aim.put(aimed, {"metadata": {"uid": "1"}})
    bare: Json = {"metadata": {"name": "j"}}
    assert job_aim.differs(bare, aimed)
    assert not job_aim.differs(aimed, bare)
    assert not job_aim.differs(aimed, aimed)
