"""A command that waits for what never comes ends at its deadline, says what it saw last, and lets its lock go."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from mysqlops import errors
from mysqlops.core import names
from mysqlops.core.typed import Json
from mysqlops.drill.clients import fleet
from mysqlops.operations import image_check, jobs, observe, rollout, stop
from mysqlops.operations.session import Session
from tests.unit.fakes.cluster import GROUP, NAME, Cluster


def _pod(name: str) -> Json:
    owners = [{"kind": "Job", "name": "copy", "uid": "gone", "controller": True}]
    metadata = {"name": name, "labels": {"job-name": "copy"}, "ownerReferences": owners}
    return {"kind": "Pod", "metadata": metadata, "spec": {"nodeName": "away"}}


def _keep(cluster: Cluster, thing: Json) -> None:
    """It is there again at each look, as a pod on a node that is away."""
    before = cluster.store.settle

    def settle() -> None:
        before()
        cluster.store.objects.setdefault((thing["kind"], thing["metadata"]["name"]), thing)

    cluster.store.settle = settle


def _delete_job(cluster: Cluster, session: Session) -> None:
    _keep(cluster, _pod("copy-x"))
    jobs.delete(session, "copy", NAME)


def _roll_out(cluster: Cluster, session: Session) -> None:
    cluster.stateful_set()["metadata"]["generation"] = 5
    rollout.replace_all(session, NAME, rollout.old_of_template, rollout.Limits())


def _try_image(cluster: Cluster, session: Session) -> None:
    made = _pod("mysql-image-check")
    made["metadata"].update(uid="1", labels={names.LABEL_MANAGED_BY: names.APP_NAME})
    _keep(cluster, made)
    image_check._delete(session, "mysql-image-check")


def _stop(cluster: Cluster, session: Session) -> None:
    numbers = iter(range(6, 100_000))

    def turn() -> None:  # as an event that the members' accounts do not bar
        number = next(numbers)
        for name in cluster.facts:
            cluster.facts[name]["role"] = "none"
            cluster.write(name, f"{GROUP}:1-{number}")

    cluster.clock.turn = turn
    stop.stop(session, NAME)


def _end_clients(cluster: Cluster, session: Session) -> None:
    _keep(cluster, _pod("client"))
    fleet._remove_pod(session, "client")


@pytest.mark.parametrize(
    ("verb", "said"),
    [
        (_delete_job, "Pod copy-x on node away to be deleted"),
        (_roll_out, "observed generation 1, expected 5"),
        (_try_image, "pod mysql-image-check of an earlier run to be deleted, on node away"),
        (_stop, "still receives writes"),
        (_end_clients, "pod client to be deleted"),
    ],
)
def test_no_wait_is_without_end(verb: Callable[[Cluster, Session], None], said: str) -> None:
    cluster = Cluster(2)
    with pytest.raises(errors.WaitTimeout, match=said):
        verb(cluster, cluster.session(5.0))


def test_a_job_that_failed_says_why_although_its_pod_stays() -> None:
    cluster = Cluster(1)
    ended = {"terminated": {"exitCode": 5, "message": "no such table", "reason": "Error"}}
    made = _pod("copy-x")
    made["status"] = {"phase": "Failed", "initContainerStatuses": [{"name": "copy", "state": ended}]}
    _keep(cluster, made)
    failed = {"conditions": [{"type": "Failed", "status": "True"}]}
    metadata = {"name": "copy", "uid": "gone", "labels": names.selector(NAME)}
    cluster.store.put({"kind": "Job", "metadata": metadata, "status": failed})
    with pytest.raises(errors.StepFailed, match="copy: no such table"):
        jobs.run(
            cluster.session(5.0),
            {"metadata": {"name": "copy", "labels": names.selector(NAME)}},
            lambda *_: "",
            "refused",
        )


def test_a_wait_says_why_only_where_something_is_wrong() -> None:
    """`tls rotate` waits for healthy members that have not looked yet."""
    cluster = Cluster(3)
    waits = list[str]()
    session = cluster.session(timeout=30)
    session = replace(session, progress=replace(session.progress, waiting=waits.append))
    with pytest.raises(errors.WaitTimeout, match="nothing else is wrong"):
        observe.until(session, NAME, lambda _: False, "every member to load certificate X")
    assert set(waits) == {"waiting for every member to load certificate X"}
    cluster.facts["mysql-2"]["state"] = "ERROR"
    with pytest.raises(errors.WaitTimeout):
        observe.until(session, NAME, lambda _: False, "every member to load certificate X")
    assert waits[-1].startswith("waiting for every member to load certificate X: ")
