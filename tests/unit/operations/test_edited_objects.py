"""Objects that others edited, or gave our labels: they are judged as far as they can be read, and stop no verb."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from mysqlops import errors
from mysqlops.core import binlog, names, target
from mysqlops.objects import backup as jobs_of_backups
from mysqlops.objects import pods, running, schedule
from mysqlops.operations import clusters, doctor, observe, restic, targets
from mysqlops.operations import schedule as schedules
from mysqlops.planning import at_risk, verdict
from tests.unit.clusters import NOW
from tests.unit.fakes.cluster import NAME, Cluster

Json = dict[str, Any]
Edit = Callable[[Cluster], object]


def _scheduled(cron: str, name: str = "mysql-backup") -> Edit:
    labels = {**names.selector(NAME), names.LABEL_STEPS: schedule.BACKUP}
    request = {"cron": "0 3 * * *", "verify_cron": "0 5 * * 0", "target": "local", "max_age": 1}
    notes = {names.ANNOTATION_SCHEDULE: json.dumps(request)}
    status = {"lastScheduleTime": "2025-12-31T03:00:00Z", "lastSuccessfulTime": "2025-12-30T03:00:00Z"}
    metadata = {"name": name, "labels": labels, "annotations": notes, "creationTimestamp": "2025-12-01T00:00:00Z"}
    made = {"kind": "CronJob", "metadata": metadata, "spec": {"schedule": cron}, "status": status}
    return lambda cluster: cluster.store.put(made)


def _received(until: str) -> Edit:
    report = {"at": "2026-01-01T00:00:00Z", "until": until, "target": "local", "every": 15}
    metadata = {
        "name": names.receiver(NAME),
        "labels": names.selector(NAME),
        "annotations": {names.ANNOTATION_BINLOG: json.dumps(report)},
    }
    return lambda cluster: cluster.store.put({"kind": "Lease", "metadata": metadata, "spec": {}})


def _exposed(cluster: Cluster) -> None:
    labels = {**names.selector(NAME), names.LABEL_EXPOSED: "outside"}
    spec = {"type": "ExternalName", "externalName": "elsewhere"}
    cluster.store.put({"kind": "Service", "metadata": {"name": "outside", "labels": labels}, "spec": spec})


def _routed(cluster: Cluster) -> None:
    labels = {"kubernetes.io/service-name": names.primary_service(NAME)}
    ends = [{"conditions": {"ready": True}, "targetRef": {"kind": "Pod"}}, {"conditions": {"ready": True}}]
    cluster.store.put({"kind": "EndpointSlice", "metadata": {"name": "theirs", "labels": labels}, "endpoints": ends})


def _adopted(cluster: Cluster) -> None:
    owners = [{"kind": "StatefulSet", "name": NAME}]
    metadata = {"name": "helper", "labels": names.selector(NAME), "ownerReferences": owners}
    cluster.store.settle = lambda: None  # the controllers would take it away
    cluster.store.put({"kind": "Pod", "metadata": metadata, "spec": {}, "status": {}})


EDITS: dict[str, Edit] = {
    **{f"schedule {cron}": _scheduled(cron) for cron in ("@daily", "@every 1h", "0 0 ? * *", "0 0 30 2 *", "TZ=UTC x")},
    **{f"received {at!r}": _received(at) for at in ("soon", "2026-01-01T00:00:00", "0001-01-01T00:00:00+14:00")},
    "expose": _exposed,
    "slice": _routed,
    "pod": _adopted,
}


@pytest.mark.parametrize("edit", EDITS)
def test_no_edited_object_stops_a_verb(edit: str) -> None:
    cluster = Cluster()
    session = cluster.session()
    before = observe.judged(session, NAME)
    EDITS[edit](cluster)
    seen = observe.cluster(session.client, NAME, session.clock, with_needed=True)
    now = verdict.judge(seen)
    assert (now.primary, now.online, now.services) == (before.primary, before.online, before.services)
    assert {condition.code for condition in now.conditions} <= {"backup-overdue", "binlog-late", "object-missing"}
    at_risk.judge(seen, now)
    schedules.seen(session)
    doctor.examine(session, NAME, doctor.checks())


@pytest.mark.parametrize(
    ("cron", "due", "missed"),
    [
        ("@daily", "2026-01-02T00:00:00Z", 1),
        ("0 3 ? * *", "2026-01-01T03:00:00Z", 1),
        ("@every 1h", "", 0),
        ("0 0 30 2 *", "", 0),
    ],
)
def test_a_schedule_is_read_as_kubernetes_reads_it(cron: str, due: str, missed: int) -> None:
    cluster = Cluster()
    _scheduled(cron)(cluster)
    (found,) = schedules.seen(cluster.session())
    assert (found.cron, found.next, found.failures, found.is_overdue) == (cron, due, missed, True)


def test_a_schedule_without_labels_for_its_jobs_can_be_run_now() -> None:
    cluster = Cluster()
    session = cluster.session()
    _scheduled("0 3 * * *")(cluster)
    spec = cluster.store.objects["CronJob", "mysql-backup"]["spec"]
    spec["jobTemplate"] = {"spec": {"template": {"spec": {"containers": []}}}}
    name = schedules.run_now(session, NAME, schedule.BACKUP, wait=False)
    assert names.selector(NAME).items() <= cluster.store.objects["Job", name]["metadata"]["labels"].items()


def test_a_cron_job_with_copied_labels_is_no_schedule() -> None:
    """Its failures would be the cluster's."""
    cluster = Cluster()
    _scheduled("0 3 * * *", "theirs")(cluster)
    assert observe.cluster(cluster.session().client, NAME, cluster.clock).schedules == ()
    assert schedules.seen(cluster.session()) == []


def test_a_report_with_an_unreadable_moment_counts_as_none() -> None:
    cluster = Cluster()
    _received("soon")(cluster)
    found = cluster.store.objects["Lease", names.receiver(NAME)]
    assert binlog.report_of(found["metadata"]["annotations"]) is None


@pytest.mark.parametrize(
    "moment", ["0000-01-01T00:00:00Z", "-0001-12-31T10:00:00Z", "10000-01-01T00:00:00Z", "2999-01-01T00:00:00Z", ""]
)
def test_events_with_dates_of_their_own_hide_no_warning(moment: str) -> None:
    """The API server takes these years from whoever may create events."""
    about = {"kind": "StatefulSet", "name": NAME}
    real = {
        "involvedObject": about,
        "message": "create Pod mysql-2 failed: quota",
        "lastTimestamp": "2025-12-31T23:59:00Z",
    }
    odd = {"involvedObject": about, "message": "create Pod mysql-2 went well", "eventTime": moment}
    assert pods.warning([odd], "mysql-2", None, NOW) == ""
    assert pods.warning([odd, real], "mysql-2", None, NOW) == real["message"]


TARGET = target.Target("prod", "s3:https://s3/backups", "restic/restic:0", None)


@pytest.mark.parametrize("name", ["backup-target-aaa", "zzz"])
def test_a_secret_that_copies_a_targets_label_chooses_no_image(name: str) -> None:
    """Whoever may create Secrets, and read none, would run a program of theirs with the target's password."""
    cluster = Cluster()
    session = cluster.session()
    made = target.make_secret(TARGET, "password", {})
    forged = target.make_secret(target.Target("prod", "s3:https://s3/backups", "evil", "claim"), "x", {})
    forged["metadata"]["name"] = name
    for secret in sorted((made, forged), key=lambda one: one["metadata"]["name"]):
        cluster.store.put(secret)
    assert targets.everything(session.client) == [TARGET]
    assert targets.find(session.client, "prod") == targets.find(session.client, None) == TARGET
    found = observe.targets(session.client)
    assert found is not None
    assert [secret["metadata"]["name"] for secret in found] == [TARGET.secret]


def test_a_secret_of_others_with_a_targets_name_is_refused_by_name() -> None:
    cluster = Cluster()
    cluster.store.put({"kind": "Secret", "metadata": {"name": TARGET.secret}, "data": {}})
    with pytest.raises(errors.Refused, match=f"Secret {TARGET.secret} exists and was not created by mysqlops"):
        targets.missing(cluster.session().client, targets.Request(TARGET, None, None))


def test_a_stateful_set_with_our_label_alone_is_no_cluster() -> None:
    cluster = Cluster()
    session = cluster.session()
    ours = cluster.stateful_set()
    theirs: list[Json] = [
        {"name": "aaa", "labels": {names.LABEL_NAME: names.APP_NAME}},
        {"name": "bbb", "labels": names.selector(NAME)},
    ]
    for metadata in theirs:
        cluster.store.put({**ours, "metadata": {**metadata, "annotations": {"mysqlops.io/pod": "{"}}})
    parked = {"name": names.parked(NAME), "labels": names.selector(NAME)}
    cluster.store.put({**ours, "metadata": parked})
    assert clusters.every(session) == [NAME]
    assert clusters.only(session) == NAME
    owner = restic.source(session.client).owner
    assert owner is not None
    assert (owner.pod, jobs_of_backups.Source(owner=owner).spec) == ("", None)
    del cluster.store.objects["StatefulSet", NAME]
    assert clusters.every(session) == [NAME], "the one that is set aside stands for it"


@pytest.mark.parametrize(
    ("path", "text"),
    [
        (("resources", "limits"), "container mysqld has no resources.limits.memory"),
        (("resources", "requests"), "container mysqld has no resources.requests.cpu"),
        (("resources",), "container mysqld has no resources.limits.memory"),
        (("image",), "container mysqld has no image"),
    ],
)
def test_what_somebody_removed_from_the_stateful_set_is_named(path: tuple[str, ...], text: str) -> None:
    stateful_set = Cluster().stateful_set()
    found = stateful_set["spec"]["template"]["spec"]["containers"][0]
    for key in path[:-1]:
        found = found[key]
    del found[path[-1]]
    with pytest.raises(errors.ConfigError, match=f"StatefulSet mysql: {text}: somebody removed it"):
        running.spec_of(stateful_set, {}, None)


def test_a_removed_volume_is_named() -> None:
    cluster = Cluster()
    del cluster.stateful_set()["spec"]["template"]["spec"]["volumes"]
    with pytest.raises(errors.ConfigError, match="has no volume config of a ConfigMap: somebody removed it"):
        observe.must_run(cluster.session().client, NAME)
