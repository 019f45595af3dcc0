"""The contract of the API server's verbs: each case holds for the one in memory and for the lab's.

Each case makes objects of its own names, and asserts what mysqlops relies on. More: apply_cases.py, pod_cases.py.
"""

from __future__ import annotations

import pytest

from mysqlops import errors
from mysqlops.core.typed import Json
from tests.simulation import manifests
from tests.simulation.backend import Backend, find, is_refused


def create_gives_identity(api: Backend) -> None:
    made = api.create("ConfigMap", manifests.config_map("identity"))
    other = api.create("ConfigMap", manifests.config_map("identity-2"))
    assert {"uid", "creationTimestamp", "namespace", "resourceVersion"} <= made["metadata"].keys()
    assert made["metadata"]["uid"] != other["metadata"]["uid"]
    assert made["metadata"]["resourceVersion"] != other["metadata"]["resourceVersion"]
    assert api.get("ConfigMap", "identity")["metadata"]["uid"] == made["metadata"]["uid"]


def create_twice_conflicts(api: Backend) -> None:
    api.create("ConfigMap", manifests.config_map("twice"))
    with pytest.raises(errors.Conflict):
        api.create("ConfigMap", manifests.config_map("twice"))


def create_with_a_version_is_refused(api: Backend) -> None:
    with pytest.raises(errors.KubeError) as refused:
        api.create("ConfigMap", manifests.config_map("versioned", resourceVersion="1"))
    assert is_refused(refused)


def dry_runs_store_nothing(api: Backend) -> None:
    api.create("ConfigMap", manifests.config_map("dry"), dry_run=True)
    assert find(api, "ConfigMap", "dry") is None
    api.apply(manifests.config_map("dry"), manager="one", dry_run=True)
    assert find(api, "ConfigMap", "dry") is None
    made = api.apply(manifests.config_map("dry"), manager="one")
    assert api.apply(manifests.config_map("dry", {"a": "2"}), manager="one", dry_run=True)["data"] == {"a": "2"}
    found = api.get("ConfigMap", "dry")
    assert (found["data"], found["metadata"]["resourceVersion"]) == ({"a": "1"}, made["metadata"]["resourceVersion"])


def what_is_missing_is_not_found(api: Backend) -> None:
    with pytest.raises(errors.NotFound):
        api.get("ConfigMap", "missing")
    with pytest.raises(errors.NotFound):
        api.merge_patch("ConfigMap", "missing", {"data": {"a": "1"}})
    with pytest.raises(errors.NotFound):
        api.replace("ConfigMap", manifests.config_map("missing"))
    with pytest.raises(errors.NotFound):
        api.delete("ConfigMap", "missing")
    with pytest.raises(errors.NotFound):
        api.merge_patch("Lease", "missing", {"spec": {"holderIdentity": "me"}})


def replace_compares_the_version(api: Backend) -> None:
    old = api.create("Lease", manifests.lease("replaced"))
    new = api.replace("Lease", {**old, "spec": {"holderIdentity": "you"}})
    assert new["metadata"]["resourceVersion"] != old["metadata"]["resourceVersion"]
    with pytest.raises(errors.Conflict):
        api.replace("Lease", {**old, "spec": {"holderIdentity": "they"}})
    assert api.get("Lease", "replaced")["spec"]["holderIdentity"] == "you"


def replace_compares_the_uid(api: Backend) -> None:
    made = api.create("ConfigMap", manifests.config_map("uid-replaced"))
    with pytest.raises(errors.Conflict):
        api.replace(
            "ConfigMap", manifests.config_map("uid-replaced", {"a": "2"}, uid="00000000-0000-4000-8000-0000000")
        )
    meta = {"uid": made["metadata"]["uid"]}
    assert api.replace("ConfigMap", manifests.config_map("uid-replaced", {"b": "2"}, **meta))["data"] == {"b": "2"}


def replace_drops_what_is_not_given(api: Backend) -> None:
    made = api.create("ConfigMap", manifests.config_map("dropped", labels={"x": "1"}))
    new = api.replace("ConfigMap", manifests.config_map("dropped", {"b": "1"}))
    assert (new["data"], new["metadata"].get("labels")) == ({"b": "1"}, None)
    assert new["metadata"]["uid"] == made["metadata"]["uid"]


def a_lease_is_replaced_only_with_a_version(api: Backend) -> None:
    api.create("Lease", manifests.lease("unversioned"))
    with pytest.raises(errors.KubeError) as refused:
        api.replace("Lease", manifests.lease("unversioned", "you"))
    assert is_refused(refused)


def replacing_a_deleted_lease_makes_it_again(api: Backend) -> None:
    """A PUT may create a Lease: only a uid says which Lease was meant."""
    old = api.create("Lease", manifests.lease("gone"))
    api.delete("Lease", "gone")
    with pytest.raises(errors.Conflict):
        api.replace("Lease", old)
    version = old["metadata"]["resourceVersion"]
    made = api.replace("Lease", manifests.lease("gone", "you", resourceVersion=version))
    assert made["metadata"]["uid"] != old["metadata"]["uid"]


def merge_patch_compares_the_version(api: Backend) -> None:
    old = api.create("Lease", manifests.lease("patched"))
    uid, version = old["metadata"]["uid"], old["metadata"]["resourceVersion"]
    right = {"metadata": {"uid": uid, "resourceVersion": version}, "spec": {"holderIdentity": "you"}}
    assert api.merge_patch("Lease", "patched", right)["spec"]["holderIdentity"] == "you"
    with pytest.raises(errors.Conflict):
        api.merge_patch("Lease", "patched", {**right, "spec": {"holderIdentity": "they"}})
    assert api.get("Lease", "patched")["spec"]["holderIdentity"] == "you"


def a_patch_of_another_incarnation_is_invalid(api: Backend) -> None:
    """A wrong uid alone is 422 (a field that cannot change), no conflict; with the old version it is a conflict."""
    old = api.create("ConfigMap", manifests.config_map("again"))["metadata"]
    api.delete("ConfigMap", "again")
    api.create("ConfigMap", manifests.config_map("again"))
    with pytest.raises(errors.KubeError) as refused:
        api.merge_patch("ConfigMap", "again", {"metadata": {"uid": old["uid"]}, "data": {"a": "2"}})
    assert is_refused(refused)
    meta = {"uid": old["uid"], "resourceVersion": old["resourceVersion"]}
    with pytest.raises(errors.Conflict):
        api.merge_patch("ConfigMap", "again", {"metadata": meta, "data": {"a": "2"}})
    assert api.get("ConfigMap", "again")["data"] == {"a": "1"}


def null_removes_and_nothing_else_does(api: Backend) -> None:
    labels = {"keep": "1", "drop": "1"}
    api.create("ConfigMap", manifests.config_map("nulls", {"a": "1", "b": "1"}, labels=labels))
    change = {"metadata": {"labels": {"drop": None, "never": None}}, "data": {"b": None, "c": "3"}}
    found = api.merge_patch("ConfigMap", "nulls", change)
    assert (found["metadata"]["labels"], found["data"]) == ({"keep": "1"}, {"a": "1", "c": "3"})
    assert "labels" not in api.merge_patch("ConfigMap", "nulls", {"metadata": {"labels": None}})["metadata"]


def what_changes_nothing_keeps_the_version(api: Backend) -> None:
    first = api.create("Lease", manifests.lease("same"))
    again = api.merge_patch("Lease", "same", {"spec": {"holderIdentity": "me"}})
    whole = api.replace("Lease", again)
    applied = api.apply(manifests.config_map("same"), manager="one")
    more = api.apply(manifests.config_map("same"), manager="one")
    versions = [one["metadata"]["resourceVersion"] for one in (first, again, whole, applied, more)]
    assert versions[0] == versions[1] == versions[2]
    assert versions[3] == versions[4]


def delete_has_preconditions(api: Backend) -> None:
    old = api.create("ConfigMap", manifests.config_map("deleted"))
    new = api.merge_patch("ConfigMap", "deleted", {"data": {"a": "2"}})
    with pytest.raises(errors.Conflict):
        api.delete("ConfigMap", "deleted", uid="00000000-0000-4000-8000-000000000000")
    with pytest.raises(errors.Conflict):
        api.delete("ConfigMap", "deleted", resource_version=old["metadata"]["resourceVersion"])
    uid, version = new["metadata"]["uid"], new["metadata"]["resourceVersion"]
    api.delete("ConfigMap", "deleted", uid=uid, resource_version=version)
    assert find(api, "ConfigMap", "deleted") is None


def a_finalizer_holds_what_is_deleted(api: Backend) -> None:
    api.create("ConfigMap", manifests.config_map("held", finalizers=["mysqlops.io/test"]))
    api.delete("ConfigMap", "held")
    assert "deletionTimestamp" in api.get("ConfigMap", "held")["metadata"]
    assert api.merge_patch("ConfigMap", "held", {"data": {"a": "2"}})["data"] == {"a": "2"}
    with pytest.raises(errors.Conflict):
        api.create("ConfigMap", manifests.config_map("held"))
    api.merge_patch("ConfigMap", "held", {"metadata": {"finalizers": None}})
    assert find(api, "ConfigMap", "held") is None


def selectors_select(api: Backend) -> None:
    for name, labels in {"s1": {"t": "s", "x": "1"}, "s2": {"t": "s", "x": "2", "y": "1"}, "s3": {"t": "s"}}.items():
        api.create("ConfigMap", manifests.config_map(name, labels=labels))
    wanted = {
        "t=s": "s1 s2 s3",
        "t=s,x=1": "s1",
        "t=s,x!=1": "s2 s3",
        "t=s,x": "s1 s2",
        "t=s,!x": "s3",
        "t=s,x in (1,2),y": "s2",
        "x in (1, 3),t==s": "s1",
        "t=s,x notin (1)": "s2 s3",
    }
    for selector, names in wanted.items():
        found = [one["metadata"]["name"] for one in api.list("ConfigMap", selector)]
        assert found == names.split(), selector


def a_secrets_texts_become_data(api: Backend) -> None:
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "texts"}, "stringData": {"a": "x"}}
    assert api.create("Secret", secret)["data"] == {"a": "eA=="}
    assert "stringData" not in api.get("Secret", "texts")


def generation_counts_changes_of_spec(api: Backend) -> None:
    wanted = manifests.stateful_set("counted", api.image, replicas=0)
    assert api.create("StatefulSet", wanted)["metadata"]["generation"] == 1
    relabelled = api.merge_patch("StatefulSet", "counted", {"metadata": {"labels": {"x": "1"}}})
    assert relabelled["metadata"]["generation"] == 1
    change = {"spec": {"template": {"metadata": {"annotations": {"x": "1"}}}}}
    assert api.merge_patch("StatefulSet", "counted", change)["metadata"]["generation"] == 2
    assert api.merge_patch("StatefulSet", "counted", change)["metadata"]["generation"] == 2
    assert "generation" not in api.create("Lease", manifests.lease("uncounted"))["metadata"]


def status_is_not_the_users(api: Backend) -> None:
    api.create("StatefulSet", manifests.stateful_set("status", api.image, replicas=0))
    api.until(lambda: api.get("StatefulSet", "status")["status"].get("observedGeneration") == 1, "it is observed")
    found = api.merge_patch("StatefulSet", "status", {"status": {"replicas": 9, "updateRevision": "mine"}})
    assert (found["status"]["replicas"], found["status"]["updateRevision"][:7]) == (0, "status-")


def a_stateful_sets_claims_cannot_change(api: Backend) -> None:
    api.create("StatefulSet", manifests.stateful_set("fixed", api.image, replicas=0, claims=True))
    changes: list[Json] = [{"volumeClaimTemplates": []}, {"serviceName": "x"}, {"podManagementPolicy": "OrderedReady"}]
    for change in changes:
        with pytest.raises(errors.KubeError) as refused:
            api.merge_patch("StatefulSet", "fixed", {"spec": change})
        assert is_refused(refused)


def a_claim_does_not_shrink(api: Backend) -> None:
    api.create("PersistentVolumeClaim", manifests.claim("shrinks"))
    for change in ({"resources": {"requests": {"storage": "1Mi"}}}, {"accessModes": ["ReadWriteMany"]}):
        with pytest.raises(errors.KubeError) as refused:
            api.merge_patch("PersistentVolumeClaim", "shrinks", {"spec": change})
        assert is_refused(refused)


def what_is_immutable_stays_so(api: Backend) -> None:
    api.create("ConfigMap", {**manifests.config_map("program", {"a": "1"}), "immutable": False})
    api.merge_patch("ConfigMap", "program", {"data": {"a": "2"}, "immutable": True})
    for change in ({"data": {"a": "3"}}, {"binaryData": {"b": "eA=="}}, {"immutable": False}, {"immutable": None}):
        with pytest.raises(errors.KubeError) as refused:
            api.merge_patch("ConfigMap", "program", change)
        assert is_refused(refused)
    assert api.merge_patch("ConfigMap", "program", {"metadata": {"labels": {"a": "1"}}})["data"] == {"a": "2"}


CASES = [
    what_is_immutable_stays_so,
    create_gives_identity,
    create_twice_conflicts,
    create_with_a_version_is_refused,
    dry_runs_store_nothing,
    what_is_missing_is_not_found,
    replace_compares_the_version,
    replace_compares_the_uid,
    replace_drops_what_is_not_given,
    a_lease_is_replaced_only_with_a_version,
    replacing_a_deleted_lease_makes_it_again,
    merge_patch_compares_the_version,
    a_patch_of_another_incarnation_is_invalid,
    null_removes_and_nothing_else_does,
    what_changes_nothing_keeps_the_version,
    delete_has_preconditions,
    a_finalizer_holds_what_is_deleted,
    selectors_select,
    a_secrets_texts_become_data,
    generation_counts_changes_of_spec,
    status_is_not_the_users,
    a_stateful_sets_claims_cannot_change,
    a_claim_does_not_shrink,
]
