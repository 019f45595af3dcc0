"""A StatefulSet of which somebody else owns fields that verbs change in other ways than server-side apply."""

from __future__ import annotations

import copy
import json
import shlex
from collections.abc import Callable

import pytest

from mysqlops import errors
from mysqlops.core import group, names, target, timeline
from mysqlops.core.spec import ClusterSpec
from mysqlops.core.typed import Json
from mysqlops.kube import manifests
from mysqlops.objects import render
from mysqlops.operations import deploy, in_place, observe, owned, scale, stop, storage
from mysqlops.operations.session import Session
from tests.simulation.backend import Simulated
from tests.simulation.clients import CliClient
from tests.unit.fakes.cluster import GROUP, NAME, Cluster
from tests.unit.operations.test_backup import made

OLD = timeline.Timeline("data", GROUP)
NEW = timeline.Timeline("data-r20260101000000", "33333333-3333-3333-3333-333333333333")
SOURCE = in_place.Source(made(1, cluster=NAME, group=GROUP), target.Target("t", "/repository", "restic"))
REPLICAS, TEMPLATES = owned.REPLICAS, owned.CLAIM_TEMPLATES


def _entry(manager: str, operation: str, *fields: str, subresource: str = "") -> Json:
    held: Json = {f"f:{field}": {} for field in fields or ("replicas", "volumeClaimTemplates")}
    found = {"manager": manager, "operation": operation, "apiVersion": "apps/v1", "fieldsType": "FieldsV1"}
    return {**found, "fieldsV1": {"f:spec": held}, **({"subresource": subresource} if subresource else {})}


def _cluster(*entries: Json) -> Cluster:
    cluster = Cluster(3)
    spec = ClusterSpec(name=NAME, namespace="db", replicas=3)
    made_of = render.cluster_objects(manifests.load_base(), spec, render.Agent(b"x", "1"))[-1]
    cluster.store.put(made_of | {"metadata": {**made_of["metadata"], "managedFields": list(entries)}})
    for ordinal in range(3):  # as large as the template says
        claim = cluster.claim(names.pod(NAME, ordinal))
        assert claim is not None
        claim["spec"]["resources"]["requests"]["storage"] = spec.storage_size
    cluster.store.objects["StorageClass", "fixed"]["allowVolumeExpansion"] = True
    return cluster


def _note(cluster: Cluster, key: str, record: timeline.Swap | timeline.History) -> None:
    notes = {key: timeline.dump(record), names.ANNOTATION_GROUP: group.dump(group.Note(name=GROUP))}
    cluster.session().client.patch("Lease", names.group_lease(NAME), {"metadata": {"annotations": notes}})


def _grow(session: Session) -> None:
    scale.plan(session, NAME, 5, scale.Request())


def _resize(session: Session) -> None:
    storage.plan(session, NAME, "500Gi", by_rebuild=False)


def _restore(session: Session) -> None:
    in_place.plan(session, NAME, SOURCE)


def _revert(session: Session) -> None:
    in_place.plan_revert(session, NAME)


VERBS: dict[str, tuple[Callable[[Session], object], tuple[str, ...]]] = {
    "scale": (_grow, ("replicas",)),
    "stop": (lambda session: stop.stop(session, NAME), ("replicas",)),
    "storage resize": (_resize, ("volumeClaimTemplates",)),
    "restore --in-place": (_restore, ("replicas", "volumeClaimTemplates")),
    "restore --revert": (_revert, ("replicas", "volumeClaimTemplates")),
}


@pytest.mark.parametrize("verb", list(VERBS))
@pytest.mark.parametrize(
    ("manager", "operation", "hint"),
    [
        ("argocd-controller", "Apply", "stop argocd-controller from applying it"),
        ("argocd-controller", "Update", "stop argocd-controller from applying it"),
        ("kustomize-controller", "Apply", "stop kustomize-controller from applying it"),
        ("helm", "Update", "stop helm from applying it"),
        ("kubectl-edit", "Update", "no tool restores that value"),
    ],
)
def test_a_verb_that_needs_another_value_is_refused_before_anything_changes(
    verb: str, manager: str, operation: str, hint: str
) -> None:
    act, fields = VERBS[verb]
    cluster = _cluster(_entry(manager, operation))
    _note(cluster, names.ANNOTATION_CLAIMS, timeline.History(NEW, OLD, "b1"))
    before, log = copy.deepcopy(cluster.stateful_set()), len(cluster.store.log)
    with pytest.raises(errors.Refused) as refused:
        act(cluster.session(20.0))
    (reason,) = [one for one in refused.value.reasons if one.code == "field-owner"]
    listed = ", ".join(f".spec.{field}" for field in fields)
    assert reason.message.startswith(f"StatefulSet {NAME}: {listed} belongs to {manager}")
    assert (reason.hint or "").startswith(hint)
    assert (cluster.stateful_set()["spec"], cluster.store.log[log:]) == (before["spec"], [])


@pytest.mark.parametrize("field", ["replicas", "volumeClaimTemplates"])
def test_each_of_the_fields_that_a_restore_changes_counts(field: str) -> None:
    cluster = _cluster(_entry("argocd-controller", "Apply", field))
    with pytest.raises(errors.Refused) as refused:
        _restore(cluster.session())
    assert [one.code for one in refused.value.reasons] == ["field-owner"]


@pytest.mark.parametrize(
    "entry",
    [
        _entry("mysqlops", "Apply"),
        _entry("mysqlops", "Update"),
        _entry("mysqlops", "Update", "replicas", subresource="scale"),
        _entry("kubectl-client-side-apply", "Update"),
        _entry("kubectl", "Apply"),
        _entry("kubectl-create", "Update"),
        _entry("kubectl-replace", "Update"),
        _entry("kubectl", "Update", "replicas", subresource="scale"),
        _entry("kube-controller-manager", "Update", "replicas", subresource="scale"),
        _entry("before-first-apply", "Update"),
        _entry("argocd-controller", "Apply", "template"),
        {"manager": "argocd-controller", "operation": "Apply"},
    ],
    ids=lambda entry: f"{entry['manager']}-{entry['operation']}-{entry.get('subresource', '')}",
)
def test_who_restores_no_value_is_no_obstacle(entry: Json) -> None:
    """kubectl placed it, or somebody set a number through the scale subresource; or nobody knows who wrote it."""
    cluster = _cluster(entry)
    session = cluster.session()
    assert owned.others(session.client.get("StatefulSet", NAME), REPLICAS, TEMPLATES) == []
    _grow(session)
    _resize(session)
    assert in_place._unready(session, NAME, {}) == []
    assert not owned.others(None, REPLICAS)


def test_the_same_value_is_no_conflict() -> None:
    cluster = _cluster(_entry("argocd-controller", "Apply"))
    session = cluster.session()
    size = observe.must_run(session.client, NAME).spec.storage_size
    scale.plan(session, NAME, 3, scale.Request())
    storage.plan(session, NAME, size, by_rebuild=False)


def test_a_killed_restore_is_not_continued_against_an_owner_and_can_be_taken_back() -> None:
    """The way back is not barred: while the claim is filled, it stops nobody."""
    cluster = _cluster(_entry("argocd-controller", "Apply"))
    _note(cluster, names.ANNOTATION_RESTORING, timeline.Swap(OLD, NEW, 3, SOURCE.backup.id))
    with pytest.raises(errors.Refused) as refused:
        _restore(cluster.session())
    assert [one.code for one in refused.value.reasons] == ["field-owner"]
    assert in_place.plan_revert(cluster.session(), NAME).abandons


def test_the_way_out_that_is_named_opens_every_verb_also_after_the_next_apply() -> None:
    """The server gives what is then nobody's to an owner of its own, which restores nothing."""
    server = Simulated()
    client, mine = CliClient(server), deploy.objects(ClusterSpec(name=NAME, namespace="db"))[-1]
    server.apply(mine, manager="argocd-controller")
    (reason,) = owned.others(client.get("StatefulSet", NAME), REPLICAS, TEMPLATES)
    hint = reason.hint or ""
    words = shlex.split(hint[hint.index("kubectl patch") :])
    server.merge_patch("StatefulSet", words[3], json.loads(words[-1]))
    assert owned.others(client.get("StatefulSet", NAME), REPLICAS, TEMPLATES) == []
    client.apply(deploy.objects(ClusterSpec(name=NAME, namespace="db", image="mysql:9.7.9"))[-1])
    assert owned.others(client.get("StatefulSet", NAME), REPLICAS, TEMPLATES) == []


@pytest.mark.parametrize("manager", ["kubectl", "argocd-controller"])
def test_a_number_that_a_verb_set_is_still_an_owners_after_it_applied_again(manager: str) -> None:
    """Whoever applies the object a second time owns the number again."""
    server = Simulated()
    client, mine = CliClient(server), deploy.objects(ClusterSpec(name=NAME, namespace="db"))[-1]
    server.apply(mine, manager=manager)
    client.scale(NAME, 5)
    assert owned.others(client.get("StatefulSet", NAME), REPLICAS) == []
    server.apply(mine, manager=manager, force=True)
    found = owned.others(client.get("StatefulSet", NAME), REPLICAS)
    assert [one.code for one in found] == (["field-owner"] if manager == "argocd-controller" else [])
