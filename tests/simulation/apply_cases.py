"""The contract of server-side apply: each case holds for the API server in memory and for the lab's."""

from __future__ import annotations

import contextlib

import pytest

from mysqlops import errors
from tests.simulation import manifests
from tests.simulation.backend import Backend, is_refused


def apply_conflicts_on_anothers_value(api: Backend) -> None:
    api.apply(manifests.config_map("owned", {"a": "1"}), manager="one")
    with pytest.raises(errors.Conflict, match=r"\.data\.a"):
        api.apply(manifests.config_map("owned", {"a": "2"}), manager="two")
    api.apply(manifests.config_map("owned", {"a": "1", "b": "1"}), manager="two")
    assert api.apply(manifests.config_map("owned", {"b": "x"}, labels={}) | {"data": {}}, manager="one")["data"] == {
        "a": "1",
        "b": "1",
    }
    assert api.apply(manifests.config_map("owned", {"b": "2"}), manager="two")["data"] == {"b": "2"}


def apply_removes_what_it_no_longer_names(api: Backend) -> None:
    whole = manifests.config_map("shrinks", {"a": "1", "b": "1"}, labels={"x": "1"}, annotations={"y": "1"})
    api.apply(whole, manager="one")
    api.merge_patch("ConfigMap", "shrinks", {"data": {"c": "1"}})
    found = api.apply(manifests.config_map("shrinks", {"a": "1"}), manager="one")
    assert found["data"] == {"a": "1", "c": "1"}
    assert not found["metadata"].keys() & {"labels", "annotations"}


def an_update_takes_the_field_over(api: Backend) -> None:
    wanted = manifests.stateful_set("taken", api.image, replicas=0)
    api.apply(wanted, manager="one")
    api.merge_patch("StatefulSet", "taken", {"spec": {"revisionHistoryLimit": 3}}, manager="two")
    api.merge_patch("StatefulSet", "taken", {"metadata": {"labels": {"app": "other"}}}, manager="two")
    with pytest.raises(errors.Conflict, match=r"two.*\.metadata\.labels\.app"):
        api.apply(wanted, manager="one")
    wanted["metadata"]["labels"]["app"] = "other"
    api.apply(wanted, manager="one")
    wanted["metadata"]["labels"]["app"] = "third"
    with pytest.raises(errors.Conflict):
        api.apply(wanted, manager="one")


def an_update_that_removes_leaves_no_owner(api: Backend) -> None:
    api.apply(manifests.config_map("freed", {"a": "1", "b": "1"}), manager="one")
    api.merge_patch("ConfigMap", "freed", {"data": {"a": None}}, manager="two")
    assert api.apply(manifests.config_map("freed", {"a": "3"}), manager="three")["data"] == {"a": "3", "b": "1"}


def apply_merges_lists_by_their_keys(api: Backend) -> None:
    one = manifests.stateful_set("merges", api.image, replicas=0)
    container = one["spec"]["template"]["spec"]["containers"][0]
    container["env"] = [{"name": "A", "value": "1"}, {"name": "B", "value": "1"}]
    api.apply(one, manager="one")
    meta = {"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "merges"}}
    more = {"name": "main", "env": [{"name": "C", "value": "1"}]}
    api.apply({**meta, "spec": {"template": {"spec": {"containers": [more]}}}}, manager="two")
    container["env"] = [{"name": "B", "value": "2"}]
    container["ports"] = [{"name": "sql", "containerPort": 3306}]
    found = api.apply(one, manager="one")["spec"]["template"]["spec"]["containers"]
    assert [item["name"] for item in found] == ["main"]
    assert {item["name"]: item["value"] for item in found[0]["env"]} == {"B": "2", "C": "1"}
    container["env"] = [{"name": "C", "value": "2"}]
    with pytest.raises(errors.Conflict, match=r'containers\[name="main"\]\.env\[name="C"\]\.value'):
        api.apply(one, manager="one")
    more["env"] = []
    api.apply({**meta, "spec": {"template": {"spec": {"containers": [{"name": "main"}]}}}}, manager="two")
    found = api.apply(one, manager="one")["spec"]["template"]["spec"]["containers"]
    assert found[0]["env"] == [{"name": "C", "value": "2"}]


def apply_of_a_gone_incarnation_is_refused(api: Backend) -> None:
    old = api.apply(manifests.config_map("incarnation"), manager="one")
    api.delete("ConfigMap", "incarnation")
    meta = {"uid": old["metadata"]["uid"]}
    with pytest.raises(errors.Conflict):
        api.apply(manifests.config_map("incarnation", **meta), manager="one")
    api.apply(manifests.config_map("incarnation"), manager="one")
    with pytest.raises(errors.KubeError) as refused:
        api.apply(manifests.config_map("incarnation", **meta), manager="one")
    assert is_refused(refused)


def the_manifest_of_mysqlops_applies_as_it_is(api: Backend) -> None:
    """Applied again it changes nothing; what is taken out of it goes, and what is put in comes."""
    wanted = manifests.of_mysqlops("real")
    first = api.apply(wanted, manager="one")
    api.until(lambda: "observedGeneration" in api.get("StatefulSet", "real")["status"], "it is observed")
    version = api.get("StatefulSet", "real")["metadata"]["resourceVersion"]
    assert api.apply(wanted, manager="one")["metadata"]["resourceVersion"] == version
    pod = wanted["spec"]["template"]["spec"]
    dropped, agent = pod["initContainers"].pop(0), pod["containers"][1]
    del agent["env"][-1], agent["volumeMounts"][0], agent["livenessProbe"], pod["topologySpreadConstraints"][0]
    pod["volumes"][-1]["emptyDir"] = {"medium": "Memory"}
    pod["containers"][0]["resources"]["limits"]["cpu"] = "2"
    pod["containers"].append({"name": "third", "image": "python"})
    found = api.apply(wanted, manager="one")
    assert found["metadata"]["generation"] == first["metadata"]["generation"] + 1
    live = found["spec"]["template"]["spec"]
    assert dropped["name"] not in [one["name"] for one in live["initContainers"]]
    assert [one["name"] for one in live["containers"]] == ["mysqld", "agent", "third"]
    assert [one["name"] for one in live["containers"][1]["env"]] == [one["name"] for one in agent["env"]]
    assert live["containers"][1]["volumeMounts"] == agent["volumeMounts"]
    assert "livenessProbe" not in live["containers"][1]
    assert [one["topologyKey"] for one in live["topologySpreadConstraints"]] == ["topology.kubernetes.io/zone"]
    assert live["volumes"][-1]["emptyDir"] == {"medium": "Memory"}
    assert live["containers"][0]["resources"]["limits"] == {"cpu": "2", "memory": "1Gi"}


def a_template_that_is_put_back_is_the_old_one(api: Backend) -> None:
    """As a rollout turns back: the whole live spec is applied, with the template from before."""
    wanted = manifests.of_mysqlops("back")
    before = api.apply(wanted, manager="one")["spec"]["template"]
    wanted["spec"]["template"]["spec"]["containers"][0]["image"] = "mysql:9.9"
    wanted["spec"]["template"]["metadata"]["annotations"] = {"x": "1"}
    found = api.apply(wanted, manager="one")
    assert found["spec"]["template"] != before
    spec = {**found["spec"], "template": before}
    kept = {key: found[key] for key in ("apiVersion", "kind")}
    meta = {key: found["metadata"][key] for key in ("name", "labels")}
    again = api.apply({**kept, "metadata": {**meta, "annotations": {"why": "x"}}, "spec": spec}, manager="one")
    assert again["spec"]["template"] == before
    assert again["metadata"]["annotations"] == {"why": "x"}


def scaling_changes_the_number_alone(api: Backend) -> None:
    made = api.create("StatefulSet", manifests.stateful_set("scales", api.image, replicas=0))
    old = made["metadata"]["resourceVersion"]
    for _ in range(20):  # its controller may just write its status
        with contextlib.suppress(errors.Conflict):
            api.scale("scales", 1, version=api.get("StatefulSet", "scales")["metadata"]["resourceVersion"])
            break
    with pytest.raises(errors.Conflict):
        api.scale("scales", 2, version=old)
    volumes = [{"name": "loot", "secret": {"secretName": "shop"}}]
    api.scale("scales", 0, more={"template": {"spec": {"volumes": volumes}}})
    found = api.get("StatefulSet", "scales")
    assert (found["spec"]["replicas"], found["metadata"]["generation"]) == (0, 3)
    assert not found["spec"]["template"]["spec"].get("volumes")
    with pytest.raises(errors.NotFound):
        api.scale("missing", 1)


def scaling_takes_no_field_from_who_applies(api: Backend) -> None:
    wanted = manifests.stateful_set("regrown", api.image, replicas=0)
    api.apply(wanted, manager="mysqlops")
    api.scale("regrown", 1)
    api.scale("regrown", 0)
    wanted["spec"]["revisionHistoryLimit"] = 3
    assert api.apply(wanted, manager="mysqlops")["spec"]["revisionHistoryLimit"] == 3


def what_one_owns_can_be_handed_over(api: Backend) -> None:
    """As a user takes over what kubectl placed: what the new owner no longer names goes, and nothing conflicts."""
    wanted = manifests.config_map("handed", {"a": "1", "b": "1"}, labels={"x": "1"})
    found = api.apply(wanted, manager="one")["metadata"]
    entries = api.get("ConfigMap", "handed")["metadata"]["managedFields"]
    assert [one["manager"] for one in entries] == ["one"]
    entries[0]["manager"] = "two"
    change = {"managedFields": entries, "resourceVersion": found["resourceVersion"]}
    api.merge_patch("ConfigMap", "handed", {"metadata": change}, manager="three")
    with pytest.raises(errors.Conflict) as stale:
        api.merge_patch("ConfigMap", "handed", {"metadata": change}, manager="three")
    assert not stale.value.owners
    with pytest.raises(errors.Conflict) as refused:
        api.apply(manifests.config_map("handed", {"a": "2"}), manager="one")
    assert refused.value.owners == (errors.FieldOwner("two", ".data.a"),)
    found = api.apply(manifests.config_map("handed", {"a": "2"}), manager="two")
    assert found["data"] == {"a": "2"}
    assert "labels" not in found["metadata"]


def a_cleared_list_of_owners_leaves_the_fields_to_nobody(api: Backend) -> None:
    api.apply(manifests.config_map("cleared", {"a": "1", "b": "1"}), manager="one")
    api.merge_patch("ConfigMap", "cleared", {"metadata": {"managedFields": [{}]}})
    assert "managedFields" not in api.get("ConfigMap", "cleared")["metadata"]
    with pytest.raises(errors.Conflict) as refused:
        api.apply(manifests.config_map("cleared", {"a": "2"}), manager="two")
    assert refused.value.owners == (errors.FieldOwner("before-first-apply", ".data.a"),)
    found = api.apply(manifests.config_map("cleared", {"a": "2"}), manager="two", force=True)
    assert found["data"] == {"a": "2", "b": "1"}
    assert api.apply(manifests.config_map("cleared", {"a": "3"}), manager="two")["data"]["a"] == "3"


def force_takes_the_field(api: Backend) -> None:
    api.apply(manifests.config_map("forced", {"a": "1", "b": "1"}), manager="one")
    api.apply(manifests.config_map("forced", {"a": "2"}), manager="two", force=True)
    with pytest.raises(errors.Conflict, match=r"\.data\.a"):
        api.apply(manifests.config_map("forced", {"a": "1", "b": "1"}), manager="one")
    assert api.apply(manifests.config_map("forced", {"b": "2"}), manager="one")["data"] == {"a": "2", "b": "2"}


CASES = [
    what_one_owns_can_be_handed_over,
    a_cleared_list_of_owners_leaves_the_fields_to_nobody,
    force_takes_the_field,
    scaling_changes_the_number_alone,
    scaling_takes_no_field_from_who_applies,
    apply_conflicts_on_anothers_value,
    apply_removes_what_it_no_longer_names,
    an_update_takes_the_field_over,
    an_update_that_removes_leaves_no_owner,
    apply_merges_lists_by_their_keys,
    apply_of_a_gone_incarnation_is_refused,
    the_manifest_of_mysqlops_applies_as_it_is,
    a_template_that_is_put_back_is_the_old_one,
]
