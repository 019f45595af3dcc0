"""`deploy` and `delete` while another verb's work is open: one command at a time, and claims of one cluster."""

from __future__ import annotations

import base64
import copy
from dataclasses import replace

import pytest

from mysqlops import errors
from mysqlops.cli.main import root
from mysqlops.core import group, names, timeline, version
from mysqlops.core.spec import ClusterSpec
from mysqlops.core.typed import Json
from mysqlops.kube import client as applying
from mysqlops.objects import claims, render
from mysqlops.operations import (
    data_version,
    delete,
    deploy,
    image_check,
    lock,
    observe,
    orders,
    preflight,
    timeline_notes,
)
from mysqlops.planning import image_trial, storage
from tests.unit.fakes.api import Client
from tests.unit.fakes.cluster import GROUP, NAME, Cluster

RESTORED = "33333333-3333-3333-3333-333333333333"
RENAMED = "44444444-4444-4444-4444-444444444444"
SPEC = ClusterSpec(name=NAME, namespace="db")
OLD, NEW = timeline.Timeline("data", GROUP), timeline.Timeline("data-r20260101000000", RESTORED)


def _without_stateful_set(*, pods_stay: bool = False) -> Cluster:
    cluster = Cluster(3)
    for key in list(cluster.store.objects):
        if key[0] == "StatefulSet" or (key[0] == "Pod" and not pods_stay):
            del cluster.store.objects[key]
    return cluster


def _open_restore(cluster: Cluster, group_name: str, parent: str = "") -> None:
    swap = timeline.Swap(OLD, NEW, 3, "b1")
    note = group.dump(group.Note(name=group_name, parent=parent))
    timeline_notes.write(
        cluster.session(), NAME, {names.ANNOTATION_RESTORING: timeline.dump(swap), names.ANNOTATION_GROUP: note}
    )


def _recreating(cluster: Cluster) -> None:
    orders.write(cluster.session().client, NAME, recreating=storage.values_of(Cluster(3).stateful_set()))


def test_deploy_makes_no_stateful_set_while_another_one_is_to_be_made() -> None:
    cluster = _without_stateful_set()
    _recreating(cluster)
    with pytest.raises(errors.Refused) as error:
        deploy.prepare(cluster.session().client, SPEC)
    assert [(one.code, one.hint) for one in error.value.reasons] == [
        ("remake-open", f"mysqlops storage resize {NAME} --size SIZE continues it")
    ]
    _open_restore(cluster, RESTORED)
    with pytest.raises(errors.Refused) as error:
        deploy.prepare(cluster.session().client, SPEC)
    assert error.value.reasons[0].hint == f"mysqlops restore b1 --in-place {NAME} continues it"


@pytest.mark.parametrize(
    ("ran", "image", "refused"),
    [("9.7.4", "8.4.8", True), ("9.7.4", "9.7.3", False), ("8.0.40", "9.7.4", True), ("9.7.3", "9.7.4", False)],
)
def test_an_image_that_is_older_than_the_data_of_a_deleted_cluster_is_refused(
    monkeypatch: pytest.MonkeyPatch, ran: str, image: str, refused: bool
) -> None:
    """The server itself would refuse it only in each new pod, over and over."""
    cluster = Cluster(3)
    for one in cluster.facts.values():
        one["server_version"] = f"{ran}-lab"
    cluster.settle()
    session = cluster.session()

    def stop() -> None:
        for one in cluster.facts:
            cluster.store.objects.pop(("Pod", one), None)

    cluster.clock.turn = stop
    delete.execute(session, NAME, delete.plan(session.client, NAME, purge_data=False))
    assert cluster.notes()[names.ANNOTATION_VERSION] == ran
    tried = image_trial.Tried((), version.ServerVersion.parse(image))
    monkeypatch.setattr(image_check, "check", lambda *_: tried)
    wanted, plan = deploy.prepare(session.client, SPEC)
    if not refused:
        deploy.try_images(session, SPEC, wanted, plan)
        return
    with pytest.raises(
        errors.Refused, match="data-mysql-0, data-mysql-1, data-mysql-2 were last used by MySQL"
    ) as error:
        deploy.try_images(session, SPEC, wanted, plan)
    assert [one.code for one in error.value.reasons] == ["version-path"]
    for name in ("data-mysql-0", "data-mysql-1", "data-mysql-2"):
        del cluster.store.objects["PersistentVolumeClaim", name]
    deploy.try_images(session, SPEC, wanted, plan)


def test_a_silent_member_may_have_the_newer_data() -> None:
    cluster = Cluster(3)
    lease = cluster.store.objects["Lease", names.group_lease(NAME)]["metadata"]["annotations"]
    lease[names.ANNOTATION_VERSION] = "99.1.0"
    cluster.silence("mysql-2")
    cluster.clock.sleep(60)
    data_version.note(cluster.session().client, observe.judged(cluster.session(), NAME))
    assert cluster.notes()[names.ANNOTATION_VERSION] == "99.1.0"


def test_a_deploy_that_waited_notes_the_version_only_while_it_has_the_lock_and_as_it_is_then() -> None:
    cluster = Cluster(3)
    lease = cluster.store.objects["Lease", names.group_lease(NAME)]["metadata"]["annotations"]
    lease.pop(names.ANNOTATION_VERSION, None)
    seen = observe.judged(cluster.session(), NAME)
    holding = lock.Holding(cluster.session(), lock.of_cluster(NAME), "upgrade by somebody")
    holding.take()
    cluster.clock.turn = holding.renew
    data_version.note_alone(cluster.session(), seen)
    assert names.ANNOTATION_VERSION not in cluster.notes()
    holding.release()
    cluster.clock.turn = lambda: None
    old = [replace(one, version="8.4.1") for one in seen.members]
    data_version.note_alone(cluster.session(), replace(seen, members=tuple(old)))
    assert cluster.notes()[names.ANNOTATION_VERSION] == seen.members[0].version
    assert ("Lease", names.operation_lease(NAME)) not in cluster.store.objects


@pytest.mark.parametrize("text", ["", "nonsense", "{}", "9" * 5000 + ".1.1"])
def test_a_version_that_is_not_known_hinders_nothing(text: str) -> None:
    cluster = Cluster(3)
    cluster.store.objects["Lease", names.group_lease(NAME)]["metadata"]["annotations"][names.ANNOTATION_VERSION] = text
    client = cluster.session().client
    assert data_version.refused_because(client, NAME, version.ServerVersion(8, 0, 40)) == []
    cluster.silence(*cluster.facts)
    cluster.clock.sleep(60)
    data_version.note(client, observe.judged(cluster.session(), NAME))
    assert cluster.notes()[names.ANNOTATION_VERSION] == text


@pytest.mark.parametrize(
    ("group_name", "parent", "line"),
    [
        ("", "", OLD),
        (GROUP, RESTORED, OLD),
        (RENAMED, GROUP, OLD),
        (RENAMED, "", OLD),
        (RESTORED, GROUP, NEW),
        (RENAMED, RESTORED, NEW),
    ],
)
def test_deploy_after_a_delete_takes_the_claims_that_belong_to_the_group_of_an_open_restore(
    group_name: str, parent: str, line: timeline.Timeline
) -> None:
    cluster = _without_stateful_set()
    _open_restore(cluster, group_name, parent)
    history = timeline.History(timeline.Timeline("data-r20250101000000", "x"), None)
    timeline_notes.write(cluster.session(), NAME, {names.ANNOTATION_CLAIMS: timeline.dump(history)})
    wanted, _ = deploy.prepare(cluster.session().client, SPEC)
    assert claims.template_of(wanted[-1]) == line.claims


@pytest.mark.parametrize("lease", ["as it was before the restore", "lost"])
def test_deploy_after_a_delete_takes_the_restored_claims_although_the_lease_does_not_name_them(lease: str) -> None:
    cluster = _without_stateful_set()
    session, key = cluster.session(), ("Lease", names.group_lease(NAME))
    before = copy.deepcopy(cluster.store.objects[key]["metadata"]["annotations"])
    restored = group.Note(RESTORED, GROUP, joins="9").restored(group.Note(GROUP, joins="8"))
    noted = {names.ANNOTATION_GROUP: group.dump(restored)}
    timeline_notes.write(session, NAME, {**noted, names.ANNOTATION_CLAIMS: timeline.dump(timeline.History(NEW, OLD))})
    if lease == "lost":
        del cluster.store.objects[key]
    else:
        cluster.store.objects[key]["metadata"]["annotations"] = before
    wanted, _ = deploy.prepare(session.client, SPEC)
    assert claims.template_of(wanted[-1]) == NEW.claims


def test_deploy_during_an_open_restore_leaves_no_claim_of_its_group_out() -> None:
    cluster = _without_stateful_set()
    _open_restore(cluster, GROUP)
    with pytest.raises(errors.Refused, match="would get no pod"):
        deploy.prepare(cluster.session().client, ClusterSpec(name=NAME, namespace="db", replicas=1))


def test_delete_withdraws_the_order_to_make_a_stateful_set_and_stops_the_members_that_lost_theirs() -> None:
    cluster = _without_stateful_set(pods_stay=True)
    _recreating(cluster)
    session = cluster.session()
    plan = delete.plan(session.client, NAME, purge_data=False)
    assert [step.name for step in plan.steps if step.kind == "Pod"] == ["mysql-0", "mysql-1", "mysql-2"]
    delete.execute(session, NAME, plan)
    assert "mysqlops.io/recreating" not in cluster.notes()
    assert session.client.list("Pod") == []
    deploy.prepare(session.client, SPEC)


def test_the_members_of_a_stateful_set_go_with_it() -> None:
    cluster = Cluster(3)
    client = cluster.session().client
    assert [step.kind for step in delete.plan(client, NAME, purge_data=False).steps] == ["StatefulSet"]


def test_delete_does_not_delete_the_lock_that_it_holds() -> None:
    cluster = Cluster(3)
    session = cluster.session()
    with lock.held(session, NAME, "delete"):
        plan = delete.plan(session.client, NAME, purge_data=True)
        assert "mysql-group" in [step.name for step in plan.steps]
        assert "mysql-operation" not in [step.name for step in plan.steps]
        assert "Lease mysql-operation" not in delete.kept(session.client, NAME)


@pytest.mark.parametrize("verb", ["deploy", "delete"])
def test_deploy_and_delete_wait_for_whoever_changes_the_cluster(verb: str, monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = Cluster(3)
    session = cluster.session()
    monkeypatch.setattr("mysqlops.cli.context.client", lambda *_: session.client)
    monkeypatch.setattr("mysqlops.clock.SystemClock", lambda: cluster.clock)
    monkeypatch.setattr(deploy, "check", lambda *_: None)
    words = [verb, NAME] if verb == "deploy" else [verb, NAME, "--yes"]
    with lock.held(cluster.session(), NAME, "restore"):
        holder = cluster.store.objects["Lease", names.operation_lease(NAME)]
        cluster.clock.turn = lambda: holder["metadata"].update(resourceVersion=f"{cluster.clock.seconds}")
        log = len(cluster.store.log)
        with pytest.raises(errors.OperationLocked, match="restore by"):
            root.main(words, standalone_mode=False)
        assert cluster.store.log[log:] == []


class Allowed(Client):
    """Of somebody who has every right."""

    def version(self) -> str:
        return "1.36"

    def create(self, kind: str, manifest: Json, *, dry_run: bool = False) -> Json:
        is_review = kind == "SelfSubjectAccessReview"
        return {"status": {"allowed": True}} if is_review else super().create(kind, manifest, dry_run=dry_run)


def test_a_storage_class_that_has_gone_blocks_only_a_new_cluster() -> None:
    cluster = Cluster(3)
    cluster.store.put({"kind": "Namespace", "metadata": {"name": "db"}})
    client = Allowed(cluster.store)
    there = preflight.check(client, replace(SPEC, storage_class="gone"))
    assert (there.reasons, "no such StorageClass" in there.warnings[0]) == ((), True)
    new = preflight.check(client, replace(SPEC, name="other", storage_class="gone"))
    assert [one.code for one in new.reasons] == ["unknown-storage-class"]


def test_passwords_that_somebody_chose_for_a_new_cluster_are_named() -> None:
    """Whoever may create Secrets, and read none, may have waited for a cluster of that name."""
    cluster = Cluster(1)
    client = cluster.session().client
    for name in ("other-root", "other-internal", "other-app", "other-tls"):
        cluster.store.put({"kind": "Secret", "metadata": {"name": name}, "data": {"password": "YQ=="}})
    assert [text.partition(" exists")[0] for text in preflight.known_passwords(client, "other")] == [
        "Secret other-internal",
        "Secret other-root",
        "Secret other-app",
        "Secret other-tls",
    ]
    (of_app, of_tls) = preflight.known_passwords(client, "other")[2:]
    assert of_app.endswith("the application's password; delete it unless that was you")
    assert of_tls.endswith("the members' TLS key; delete it unless that was you or cert-manager"), (
        "a user may fill both"
    )
    assert preflight.known_passwords(client, NAME) == [], "it was formed before"


def test_a_conflict_of_a_deploy_names_the_next_step(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also one of no field's owner: somebody changed the object at that moment."""
    cluster = _without_stateful_set()
    session = cluster.session()
    plan = deploy.prepare(session.client, SPEC)[1]
    owners = [errors.FieldOwner("argocd-controller", ".spec.replicas")]
    for owned, hint in (([], "run the same command again"), (owners, "and the same command again: kubectl patch")):

        def refuse(*_: object, owned: list[errors.FieldOwner] = owned, **__: object) -> Json:
            raise errors.Conflict("conflict", owners=owned)

        monkeypatch.setattr(type(session.client), "send_apply", refuse)
        monkeypatch.setattr(type(session.client), "apply", applying.Client.apply)
        with pytest.raises(errors.Conflict) as error:
            deploy.execute(session, plan)
        assert hint in str(error.value.hint)


def test_a_lease_that_is_missing_is_made_even_if_the_rest_is_refused() -> None:
    """Without it no member forms the group, and `upgrade`, which the refusal names, waits for one."""
    cluster = Cluster(3)
    session = cluster.session()
    for made in deploy.objects(ClusterSpec(NAME, "db")):
        session.client.apply(made)
    cluster.store.objects["ConfigMap", names.config_map(NAME)]["data"]["my.cnf"] = "[mysqld]\nmax_connections = 7\n"
    del cluster.store.objects["Lease", names.group_lease(NAME)]
    for _ in range(2):
        with pytest.raises(errors.Refused) as caught:
            deploy.apply(session, ClusterSpec(NAME, "db"))
        assert "changed-object" in {one.code for one in caught.value.reasons}
    assert ("Lease", names.group_lease(NAME)) in cluster.store.objects
    assert sum("created Lease" in line for line in cluster.said) == 1


def test_a_new_cluster_runs_no_program_that_somebody_put_under_its_name_before() -> None:
    """Whoever may create ConfigMaps, and read no Secret: labels and annotations are as ours."""
    cluster = Cluster(0)
    cluster.store.objects.clear()
    spec = ClusterSpec(name=NAME, namespace="db")
    (ours,) = [one for one in deploy.objects(spec) if "binaryData" in one]
    for theirs in (b"their program", base64.b64decode(ours["binaryData"][render.AGENT_FILE])):
        planted = {**ours, "binaryData": {render.AGENT_FILE: base64.b64encode(theirs).decode()}, "immutable": None}
        cluster.store.put(copy.deepcopy(planted))
        steps = deploy.prepare(cluster.session().client, spec)[1].steps
        (step,) = [step for step in steps if step.name == ours["metadata"]["name"]]
        assert step.manifest is not None
        assert (step.manifest["binaryData"], step.manifest["immutable"]) == (ours["binaryData"], True)
    cluster.store.put({**ours, "binaryData": {render.AGENT_FILE: "dGhlaXJz"}})
    with pytest.raises(errors.Refused, match="is immutable, and holds something else"):
        deploy.prepare(cluster.session().client, spec)
