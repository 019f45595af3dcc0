"""`apply`: the verbs that lead from a cluster to its file, what is refused, and that a written file changes nothing."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any

import pytest

from mysqlops import errors
from mysqlops.core import cluster_file, exposure, names, ordered, retention, rollout, target
from mysqlops.core.plan import Step
from mysqlops.core.spec import ClusterSpec
from mysqlops.kube import manifests
from mysqlops.objects import render, schedule
from mysqlops.objects.cluster_file import Receiver
from mysqlops.operations import apply, compared, delete, deploy, lock, observe, orders
from mysqlops.operations.cluster_file import Defaults, Entry, File, Shown, export
from mysqlops.operations.session import Session
from mysqlops.planning import agreed
from mysqlops.planning import apply as planning
from tests.unit.fakes.api import Killed
from tests.unit.fakes.cluster import Cluster

RUNNING = ClusterSpec("mysql", "db", image="mysql:9.7", mysqld={"max_connections": "100"})
WISH = schedule.Request("0 3 * * *", "0 5 * * 0", "local", max_age=172800, verify_max_age=1209600)
STATE = planning.State(RUNNING, is_complete=True, targets=frozenset({"local"}))
ROLLOUT = rollout.Rollout("memory 1Gi -> 2Gi", "2026-01-01T00:00:00Z", {}, "9.7.4", "9.7.4")
KEEP = agreed.Choice("keep")


def _goal(state: planning.State = STATE, **spec: Any) -> planning.Wanted:
    return planning.Wanted(replace(state.spec or RUNNING, **spec), state.schedule, state.receiver)


def _verbs(goal: planning.Wanted, state: planning.State = STATE, choice: agreed.Choice = KEEP) -> list[str]:
    return [one.verb for one in planning.plan(goal, state, choice)]


# The plan


def test_what_is_as_wanted_needs_nothing() -> None:
    assert (_verbs(_goal()), planning.differences(_goal(), STATE)) == ([], [])


def test_a_cluster_that_does_not_exist_is_deployed_and_then_backed_up() -> None:
    goal = replace(_goal(), schedule=WISH, receiver=Receiver("local", 15.0))
    state = planning.State(targets=frozenset({"local"}))
    assert _verbs(goal, state) == ["deploy", "backup schedule set", "backup binlog start"]


@pytest.mark.parametrize(
    ("spec", "verbs"),
    [
        ({"memory": "2Gi"}, ["upgrade"]),
        ({"memory": "1024Mi"}, []),
        ({"mysqld": {"max_connections": "200"}}, ["config set"]),
        ({"mysqld": {}}, ["config set"]),
        ({"memory": "2Gi", "mysqld": {}}, ["upgrade"]),
        ({"replicas": 5}, ["scale"]),
        ({"storage_size": "20Gi"}, ["storage resize"]),
        ({"replicas": 5, "image": "mysql:9.8", "storage_size": "20Gi"}, ["storage resize", "scale", "upgrade"]),
        ({"replicas": 1, "image": "mysql:9.8", "storage_size": "20Gi"}, ["storage resize", "upgrade", "scale"]),
        ({"client_namespaces": ("web",)}, ["upgrade"]),
        ({"spread": "required", "pod": '{"metadata":{"labels":{"a":"b"}}}'}, ["upgrade"]),
        ({"agent_image": "python:3.14", "cpu": "1", "pull_secrets": ("a",), "limit_egress": True}, ["upgrade"]),
    ],
)
def test_each_field_has_its_verb_and_one_rollout_is_enough(spec: dict[str, Any], verbs: list[str]) -> None:
    assert _verbs(_goal(**spec)) == verbs
    assert bool(planning.differences(_goal(**spec), STATE)) == bool(verbs)


@pytest.mark.parametrize(
    ("there", "wanted", "verbs"),
    [
        (None, WISH, ["backup schedule set"]),
        (WISH, None, ["backup schedule remove"]),
        (WISH, replace(WISH, keep=retention.Policy(daily=7)), ["backup schedule set"]),
        (None, Receiver("local", 15.0), ["backup binlog start"]),
        (Receiver("local", 15.0), Receiver("local", 30.0), ["backup binlog start"]),
        (Receiver("local", 15.0), None, ["backup binlog stop"]),
    ],
)
def test_backups_are_what_the_file_names_and_nothing_else(there: Any, wanted: Any, verbs: list[str]) -> None:
    is_receiver = Receiver in (type(there), type(wanted))
    state = replace(STATE, receiver=there) if is_receiver else replace(STATE, schedule=there)
    goal = replace(_goal(state), receiver=wanted) if is_receiver else replace(_goal(state), schedule=wanted)
    assert _verbs(goal, state) == verbs
    assert len(planning.differences(goal, state)) == 1


@pytest.mark.parametrize(
    ("spec", "state", "code", "said"),
    [
        ({"storage_size": "1Gi"}, {}, "shrinks", "spec.storage.size 1Gi: volumes of 10Gi cannot shrink"),
        ({"storage_class": "fast"}, {}, "changed-option", "spec.storage.class fast: mysql runs with the default"),
        ({"mysqld": {"lower_case_table_names": "1"}}, {}, "fixed-setting", "lower_case_table_names"),
        ({"replicas": 1}, {}, "members-go", "removes mysql-1, mysql-2;"),
        ({}, {"spec": replace(RUNNING, replicas=0)}, "stopped", "mysql is stopped"),
        ({}, {"rollout": replace(ROLLOUT, failure="mysql-2 fails")}, "rollout-open", "being taken back: mysql-2"),
    ],
)
def test_what_no_verb_does_is_refused(spec: dict[str, Any], state: dict[str, Any], code: str, said: str) -> None:
    """With everything else that is wrong, and although another field could be changed."""
    seen = replace(STATE, **state)
    goal = replace(_goal(**{"cpu": "1", **spec}), schedule=replace(WISH, target="other"))
    with pytest.raises(errors.Refused) as error:
        planning.plan(goal, seen, agreed.Choice())
    assert {one.code for one in error.value.reasons} == {code, "no-such-target"}
    assert said in str(error.value)
    assert all(one.hint for one in error.value.reasons)


def test_binary_logs_in_two_targets_are_refused_and_a_target_of_the_file_counts() -> None:
    state = replace(STATE, receiver=Receiver("local", 15.0))
    goal = replace(_goal(state), receiver=Receiver("offsite", 15.0))
    with pytest.raises(errors.Refused, match="the binary logs go to local"):
        planning.plan(goal, state, agreed.Choice(added={"offsite"}))
    assert _verbs(replace(_goal(), schedule=replace(WISH, target="new")), choice=agreed.Choice(added={"new"}))


@pytest.mark.parametrize(
    ("state", "verbs"),
    [
        ({"rollout": ROLLOUT}, ["upgrade --resume"]),
        ({"unproven": ("max_connections",)}, ["config set --settle"]),
        ({"is_remade": True}, ["finish storage resize"]),
        ({"is_remade": True, "spec": None}, ["finish storage resize"]),
        ({"is_complete": False}, ["deploy"]),
        ({"noted": "scale"}, ["scale"]),
        ({"noted": "backup schedule remove"}, ["backup schedule remove"]),
        ({"rollout": ROLLOUT, "noted": "upgrade"}, ["upgrade --resume", "upgrade"]),
    ],
)
def test_what_was_interrupted_goes_on_although_every_field_is_as_wanted(
    state: dict[str, Any], verbs: list[str]
) -> None:
    seen = replace(STATE, **state)
    assert _verbs(_goal(), seen) == verbs
    if seen.spec is not None and seen.is_complete:
        assert planning.unfinished(_goal(), seen)


def test_a_note_is_one_of_the_verbs() -> None:
    """Every member may write it."""
    assert (planning.noted("scale"), planning.noted("delete"), planning.noted("")) == ("scale", "", "")


def test_ages_are_those_of_the_times_unless_the_file_says_otherwise() -> None:
    text = "apiVersion: mysqlops/v1\nkind: Cluster\nmetadata: {name: mysql}\nspec: {backup: {schedule: {target: local, "
    state = replace(STATE, schedule=WISH)
    for cron, age in (("0 3 * * *", 172800), ("0 4 * * *", 0)):
        (document,) = cluster_file.parse(f"{text}cron: '{cron}'}}}}}}", "f")
        request = planning.wanted(document, RUNNING, state).schedule
        assert request is not None
        assert (request.max_age, request.verify_max_age) == (age, WISH.verify_max_age)


_BASE = manifests.load_base()


PINNED = {"image": f"mysql:9.7@sha256:{'a' * 64}", "agent_image": f"python:3.13-slim@sha256:{'b' * 64}"}


@pytest.mark.parametrize(
    ("given", "verbs", "image"),
    [
        ("image: mysql:9.7, agentImage: python:3.13-slim", [], PINNED["image"]),
        ("image: mysql:9.7, memory: 2Gi", ["upgrade"], PINNED["image"]),
        ("image: mysql:9.8", ["upgrade"], "mysql:9.8"),
        (f"image: 'mysql:9.7@sha256:{'c' * 64}'", ["upgrade"], f"mysql:9.7@sha256:{'c' * 64}"),
    ],
)
def test_the_tag_of_an_image_that_was_pinned_is_what_runs(given: str, verbs: list[str], image: str) -> None:
    """A rollout for another reason keeps the digest: what the tag means by now is chosen by nobody."""
    running = replace(RUNNING, image=PINNED["image"], agent_image=PINNED["agent_image"])
    state = replace(STATE, spec=running)
    text = f"apiVersion: mysqlops/v1\nkind: Cluster\nmetadata: {{name: mysql}}\nspec: {{{given}"
    (document,) = cluster_file.parse(f"{text}, settings: {{max_connections: 100}}}}", "f.yaml")
    goal = planning.wanted(document, ClusterSpec("mysql", "db"), state)
    assert (_verbs(goal, state), goal.spec.image) == (verbs, image)
    assert len(planning.differences(goal, state)) == len(verbs)


# The run


FILE = """\
apiVersion: mysqlops/v1
kind: Cluster
metadata: {name: mysql}
spec:
  replicas: 1
  backup: {schedule: {target: local, cron: "0 3 * * *", keep: {daily: 7}}}
"""


def _cluster() -> Cluster:
    """Three members of the real manifests, and a target."""
    made = Cluster(3)
    for one in render.cluster_objects(_BASE, replace(RUNNING, storage_size="1Gi", mysqld={}), render.Agent(b"", "1")):
        if one["kind"] == "StatefulSet":
            made.stateful_set()["spec"] = {**one["spec"], "replicas": 3}
            made.stateful_set()["metadata"]["labels"] = one["metadata"]["labels"]
        elif (one["kind"], one["metadata"]["name"]) not in made.store.objects:
            made.store.put(one)
    made.store.objects["Lease", names.group_lease("mysql")]["metadata"]["annotations"][names.ANNOTATION_VERSION] = "9.7"
    place = target.Target("local", "/repository", "restic/restic:0.18.1", "backups")
    made.store.put(target.make_secret(place, "secret", {}))
    made.settle()
    made.store.log.clear()
    return made


def _task(text: str = FILE, pvc: str | None = "keep") -> compared.Task:
    (document,) = cluster_file.parse(text, "f.yaml")
    return compared.Task(document, ClusterSpec("mysql", "db"), agreed.Choice(pvc))


def _preview(cluster: Cluster, task: compared.Task) -> tuple[Step, ...]:
    session = cluster.session()
    return apply.preview(session, task, compared.seen(session.client, task))


def _state(cluster: Cluster) -> dict[str, Any]:
    """What a user asked for, without what each write changes."""
    found = compared.look(cluster.session().client, "mysql")
    running = observe.must_run(cluster.session().client, "mysql")
    return {"state": found, "replicas": running.spec.replicas, "pods": sorted(cluster.facts), "notes": cluster.notes()}


def test_the_verbs_run_in_order_and_the_next_run_has_nothing_to_do() -> None:
    cluster = _cluster()
    steps = _preview(cluster, _task())
    assert [(one.action, one.kind) for one in steps if one.kind == "cluster"] == [
        ("scale", "cluster"),
        ("backup schedule set", "cluster"),
    ]
    assert ("remove", "mysql-2") in [(one.action, one.name) for one in steps]
    assert cluster.store.log == []
    assert [one.verb for one in apply.execute(cluster.session(), _task())] == ["scale", "backup schedule set"]
    assert names.ANNOTATION_APPLYING not in cluster.notes()
    cluster.store.log.clear()
    assert apply.execute(cluster.session(), _task()) == []
    assert compared.differences(cluster.session().client, _task()) == []
    assert cluster.store.log == []


def _entry(cluster: Cluster, replicas: int) -> Entry:
    (document,) = cluster_file.parse(FILE.replace("replicas: 1", f"replicas: {replicas}"), "f.yaml")
    return Entry(cluster.session(), document)


def _file(*entries: Entry) -> File:
    defaults = Defaults("mysql:9.7", "python:3.13-slim", "restic/restic:0.18.1", insecure_http=False)
    return File(entries, defaults, "delete")


def test_members_that_were_not_shown_do_not_go_with_those_that_were() -> None:
    cluster = _cluster()
    cluster.stateful_set()["spec"]["replicas"] = 4
    cluster.settle()
    file = _file(_entry(cluster, 3))
    shown = file.preview()
    assert shown.going == {("db", "mysql"): {"mysql-3"}}
    cluster.stateful_set()["spec"]["replicas"] = 5
    cluster.settle()
    with pytest.raises(errors.Refused) as error:
        file.execute(shown)
    assert [one.code for one in error.value.reasons] == ["changed-meanwhile"]
    assert "mysql-4 would be removed too" in error.value.reasons[0].message
    assert (cluster.lost, cluster.stateful_set()["spec"]["replicas"]) == ({}, 5)


def test_what_was_shown_of_a_cluster_counts_for_no_other_of_its_name() -> None:
    here, there = _cluster(), _cluster()
    entries = _entry(here, 1), _entry(there, 3)
    entries[1].session.client.namespace = "other"
    file = _file(*entries)
    shown = file.preview()
    assert shown.going == {("db", "mysql"): {"mysql-1", "mysql-2"}}
    there.stateful_set()["spec"]["replicas"] = 4
    there.settle()
    with pytest.raises(errors.Refused) as error:
        file.execute(shown)
    assert [one.code for one in error.value.reasons] == ["members-go"]
    assert (there.lost, there.stateful_set()["spec"]["replicas"]) == ({}, 4)
    assert here.stateful_set()["spec"]["replicas"] == 1  # as it was shown


def test_a_scale_that_was_not_shown_deletes_no_claim() -> None:
    """Somebody adds members between the preview and the run: `--pvc delete` was confirmed for nobody."""
    cluster = _cluster()
    file = _file(_entry(cluster, 3))
    shown = file.preview()
    assert [one.action for one in shown.steps if one.kind == "cluster"] == ["backup schedule set"]
    cluster.stateful_set()["spec"]["replicas"] = 5
    cluster.settle()
    with pytest.raises(errors.Refused) as error:
        file.execute(shown)
    assert [one.code for one in error.value.reasons] == ["members-go"]
    assert (cluster.lost, cluster.stateful_set()["spec"]["replicas"]) == ({}, 5)


def _delete(cluster: Cluster, *, by: str = "mysqlops") -> None:
    """Whoever deletes it, the claims stay."""
    if by == "mysqlops":
        session = cluster.session()
        cluster.clock.turn = lambda: _without_pods(cluster)
        delete.execute(session, "mysql", delete.plan(session.client, "mysql", purge_data=False))
        cluster.clock.turn = lambda: None
    else:
        del cluster.store.objects["StatefulSet", "mysql"]
        _without_pods(cluster)
    cluster.store.log.clear()


def _without_pods(cluster: Cluster) -> None:
    for one in cluster.facts:
        cluster.store.objects.pop(("Pod", one), None)


@pytest.mark.parametrize(
    ("by", "said"),
    [
        ("mysqlops", "mysql was deleted at 2026-01-01T00:00:00Z by "),
        ("kubectl", "mysql does not exist, and data-mysql-0, data-mysql-1, data-mysql-2 hold its data"),
    ],
)
def test_a_cluster_that_somebody_deleted_is_not_deployed_by_the_next_run(by: str, said: str) -> None:
    cluster = _cluster()
    _delete(cluster, by=by)
    file = _file(_entry(cluster, 3))
    for run in (file.preview, lambda: file.execute(Shown((), {}, frozenset({("db", "mysql")})))):
        with pytest.raises(errors.Refused) as error:
            run()
        (reason,) = error.value.reasons
        assert (reason.code, said in reason.message) == ("deleted", True), reason.message
        assert "data-mysql-0, data-mysql-1, data-mysql-2 hold its data" in reason.message
        assert reason.hint is not None
        assert "mysqlops apply --redeploy" in reason.hint
    assert cluster.store.log == []
    (difference,) = compared.differences(cluster.session().client, _task())
    assert "hold its data -> mysql" in str(difference)


def test_what_was_deleted_is_deployed_again_if_the_user_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = _cluster()
    _delete(cluster)
    monkeypatch.setattr(deploy, "check", lambda *_: None)
    state = compared.look(cluster.session().client, "mysql")
    assert _verbs(_goal(), state, agreed.Choice("keep", redeploy=True))[0] == "deploy"
    assert ordered.deleted(cluster.notes()) is not None
    deploy.execute(cluster.session(), deploy.prepare(cluster.session().client, replace(RUNNING, storage_size="1Gi"))[1])
    assert ordered.deleted(cluster.notes()) is None


def test_a_cluster_that_went_after_the_steps_were_shown_is_not_deployed() -> None:
    """Also by somebody who deleted its data: the file would make an empty one."""
    cluster = _cluster()
    file = replace(_file(_entry(cluster, 3)), redeploy=True)
    shown = file.preview()
    _delete(cluster)
    with pytest.raises(errors.Refused) as error:
        file.execute(shown)
    assert [one.code for one in error.value.reasons] == ["changed-meanwhile"]
    for key in list(cluster.store.objects):
        if key[0] in ("PersistentVolumeClaim", "Lease"):
            del cluster.store.objects[key]
    with pytest.raises(errors.Refused, match="existed when the steps were shown, and does not exist any more"):
        file.execute(shown)
    assert cluster.store.log == []


def test_a_deploy_looks_again_once_it_has_the_lock(monkeypatch: pytest.MonkeyPatch) -> None:
    """A `delete` may have run between the look and the lock."""
    cluster = _cluster()
    del cluster.store.objects["Lease", names.group_lease("mysql")]["metadata"]["annotations"][names.ANNOTATION_VERSION]
    held = lock.held

    def late(session: Session, name: str, what: str) -> AbstractContextManager[None]:
        _delete(cluster)
        return held(session, name, what)

    monkeypatch.setattr(lock, "held", late)
    with pytest.raises(errors.Refused, match="was deleted at"):
        apply.execute(cluster.session(), _task(FILE.replace("replicas: 1", "replicas: 3")))
    assert ("StatefulSet", "mysql") not in cluster.store.objects


@pytest.mark.parametrize("text", ["", "{", "[]", "7", '"x"'])
def test_a_note_that_cannot_be_read_is_no_delete(text: str) -> None:
    assert ordered.deleted({names.ANNOTATION_DELETED: text}) is None
    odd = ordered.deleted({names.ANNOTATION_DELETED: json.dumps({"at": "\x1b[31m", "by": "x" * 9000})})
    assert odd is not None
    assert ("\x1b" in odd.at, len(odd.by)) == (False, 120)


def _after(writes: int) -> Callable[[str], bool]:
    count = itertools.count()
    return lambda _: next(count) == writes


def test_killed_after_any_write_the_next_run_ends_the_same() -> None:
    whole = _cluster()
    apply.execute(whole.session(), _task())
    wanted, writes = _state(whole), len(whole.store.log)
    assert writes > 10
    for point in range(writes):
        cluster = _cluster()
        cluster.store.kill_after = _after(point)
        with pytest.raises(Killed):
            apply.execute(cluster.session(), _task())
        cluster.store.kill_after = lambda _: False
        apply.execute(cluster.session(), _task())
        assert _state(cluster) == wanted, whole.store.log[point]
        assert compared.differences(cluster.session().client, _task()) == []


def test_a_scale_that_was_killed_goes_on_while_its_member_is_coming() -> None:
    """A plan of the whole group is refused then (seen on the lab): one of two members is ONLINE."""
    cluster = _cluster()
    for name in ("mysql-1", "mysql-2"):
        cluster.facts[name] = {**cluster.facts[name], "state": "OFFLINE", "role": "none"}
    grown = _task(FILE.replace("replicas: 1", "replicas: 5"))
    with pytest.raises(errors.Refused, match="1 of 3 members are ONLINE"):
        _preview(cluster, grown)
    orders.write(cluster.session().client, "mysql", applying={"verb": "scale"})
    assert [one.action for one in _preview(cluster, grown)] == ["scale", "backup schedule set"]


def test_a_refusal_changes_nothing_and_leaves_no_note() -> None:
    cluster = _cluster()
    with pytest.raises(errors.Refused, match="removes mysql-1, mysql-2;"):
        _preview(cluster, _task(pvc=None))
    cluster.facts["mysql-0"]["role"] = cluster.facts["mysql-1"]["role"] = cluster.facts["mysql-2"]["role"] = "none"
    with pytest.raises(errors.Refused, match="no primary"):
        _preview(cluster, _task())
    assert cluster.store.log == []
    with pytest.raises(errors.Refused):
        apply.execute(cluster.session(5.0), _task(FILE.replace("replicas: 1", "replicas: 3")))
    assert names.ANNOTATION_APPLYING not in cluster.notes()


def test_a_verb_without_effect_is_an_error_and_no_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(apply._VERBS, planning.SCALE, lambda _: None)
    with pytest.raises(errors.StepFailed, match="scale did not lead to what the file says"):
        apply.execute(_cluster().session(), _task("\n".join(FILE.splitlines()[:-1])))


def test_a_stopped_cluster_is_written_with_its_members() -> None:
    cluster = _cluster()
    cluster.store.objects["StatefulSet", "mysql"]["spec"]["replicas"] = 0
    note = {"replicas": 3, "executed": {}, "group": ""}
    cluster.store.objects["Lease", names.group_lease("mysql")]["metadata"]["annotations"] |= {
        names.ANNOTATION_STOPPED: json.dumps(note)
    }
    exported = export(cluster.session().client, "mysql")
    (document,) = exported.documents
    assert "mysql is stopped: the file has its 3 members" in exported.unsaid[0]
    assert document["spec"]["replicas"] == 3
    with pytest.raises(errors.NotFound):
        export(cluster.session().client, "other")


def test_what_others_did_while_it_waited_for_the_lock_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before the lock there are three members and the file wants five; under it there are seven."""
    cluster = _cluster()
    task = _task(FILE.replace("replicas: 1", "replicas: 5"), pvc=None)
    held = lock.held

    def late(session: Session, name: str, what: str) -> AbstractContextManager[None]:
        cluster.stateful_set()["spec"]["replicas"] = 7
        cluster.settle()
        return held(session, name, what)

    monkeypatch.setattr(lock, "held", late)
    with pytest.raises(errors.Refused) as error:
        apply.execute(cluster.session(), task)
    assert [one.code for one in error.value.reasons] == ["members-go"]
    assert cluster.stateful_set()["spec"]["replicas"] == 7


def test_what_a_file_cannot_say_is_a_warning() -> None:
    cluster = _cluster()
    client = cluster.session().client
    apply.execute(cluster.session(), _task(FILE.replace("replicas: 1", "replicas: 3")))
    told = export(client, "mysql").unsaid
    assert len(told) == 1
    assert "target local: a file holds no passwords or keys" in told[0]
    orders.write(client, "mysql", fenced={"mysql-1": "slow disk"}, setting={"names": ["sql_mode"]})
    orders.write(client, "mysql", exposed={"outside": vars(exposure.Exposure("primary", "NodePort"))})
    client.patch("Lease", "mysql-group", {"metadata": {"annotations": {names.ANNOTATION_OBITUARY: "on"}}})
    client.patch("CronJob", "mysql-backup", {"spec": {"suspend": True}})
    client.delete("Secret", "backup-target-local")
    told = export(client, "mysql").unsaid
    expected = (
        "sql_mode",
        "outside",
        "mysql-1",
        "obituary=on",
        "mysql-backup is suspended",
        "local is used and does not",
    )
    assert [part for part, text in zip(expected, told, strict=True) if part not in text] == []
