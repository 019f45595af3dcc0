"""An object is a cluster's by its instance; two clusters whose objects would have the same names never stand side by
side."""

from __future__ import annotations

import copy

import pytest

from mysqlops import errors
from mysqlops.core import names, ownership
from mysqlops.core.spec import ClusterSpec
from mysqlops.core.typed import Json
from mysqlops.kube import client, manifests
from mysqlops.operations import deploy
from mysqlops.planning import deploy as planning
from tests.unit.fakes.cluster import NAME, Cluster

SPEC = ClusterSpec(name="orders", namespace="db")


@pytest.mark.parametrize("kind", sorted({item["kind"] for item in manifests.load_base()}))
def test_no_object_of_another_cluster_is_applied(kind: str) -> None:
    wanted = deploy.objects(SPEC)
    theirs = copy.deepcopy(next(item for item in wanted if item["kind"] == kind))
    theirs["metadata"]["labels"][names.LABEL_INSTANCE] = "other"
    name = theirs["metadata"]["name"]
    live: dict[planning.Key, Json | None] = {(item["kind"], item["metadata"]["name"]): None for item in wanted}
    with pytest.raises(errors.Refused, match=f"{kind} {name} exists and belongs to cluster other"):
        planning.plan(wanted, live | {(kind, name): theirs}, [])


def test_whatever_is_applied_is_asked_whose_it_is() -> None:
    cluster = Cluster(1)
    api = cluster.session().client
    made: Json = {"kind": "ConfigMap", "metadata": {"name": "x", "labels": names.selector("other")}, "data": {}}
    api.apply(made)
    mine = copy.deepcopy(made)
    mine["metadata"]["labels"] = names.selector(NAME)
    with pytest.raises(errors.Refused, match="belongs to cluster other, not to mysql"):
        api.apply(mine)
    del cluster.store.objects["ConfigMap", "x"]["metadata"]["labels"]
    with pytest.raises(errors.Refused, match="was not created by mysqlops"):
        api.apply(mine)


def test_a_tls_secret_of_the_users_own_is_this_clusters() -> None:
    wanted: Json = {"kind": "Secret", "metadata": {"name": "mysql-tls", "labels": names.selector("mysql")}}
    users: Json = {"metadata": {"name": "mysql-tls"}, "data": {"tls.key": ""}}
    assert ownership.stranger(wanted, users) is None
    labelled: Json = {"metadata": {"name": "mysql-tls", "labels": names.selector("mysql-tls")}, "data": {}}
    assert ownership.stranger(wanted, labelled) is not None


def _named(name: str) -> set[str]:
    """Every object that a cluster of that name can have."""
    made = [item["metadata"]["name"] for item in deploy.objects(ClusterSpec(name=name, namespace="db"))]
    files = ("deployment", "lease", "role", "rolebinding", "serviceaccount")
    binlog = [manifests.load_one(f"binlog/{file}.yaml")["metadata"]["name"] for file in files]
    jobs = [manifests.load_one(f"{one}/job.yaml")["metadata"]["name"] for one in ("adopt", "backup")]
    return {*made, *(one.replace("mysql", name, 1) for one in (*binlog, *jobs)), *ownership.taken_by(name)}


def test_the_rule_knows_every_object_of_the_manifests() -> None:
    assert _named("mysql") - {"mysql"} == set(ownership.taken_by("mysql"))


@pytest.mark.parametrize("suffix", ["primary", "replicas", "binlog", "backup", "agent", "agent-0123456789ab", "0"])
def test_a_name_that_another_clusters_objects_have_is_refused_before_anything_is_made(suffix: str) -> None:
    """In both directions, and also beside a cluster that was deleted and kept its data."""
    cluster = Cluster(1)
    api = cluster.session().client
    before = set(cluster.store.objects)
    with pytest.raises(errors.Refused) as error:
        deploy.prepare(api, ClusterSpec(name=f"{NAME}-{suffix}", namespace="db"))
    assert error.value.reasons[0].code == "name-taken"
    assert set(cluster.store.objects) == before
    del cluster.store.objects["StatefulSet", NAME]
    with pytest.raises(errors.Refused, match="would have the same names"):
        deploy.prepare(api, ClusterSpec(name=f"{NAME}-{suffix}", namespace="db"))
    for one in cluster.store.objects.values():
        if names.LABEL_INSTANCE in (one["metadata"].get("labels") or {}):
            one["metadata"]["labels"][names.LABEL_INSTANCE] = f"{NAME}-{suffix}"
    with pytest.raises(errors.Refused, match=f"cluster {NAME}-{suffix} would have the same names"):
        deploy.prepare(api, ClusterSpec(name=NAME, namespace="db"))
    deploy.prepare(api, ClusterSpec(name="orders", namespace="db"))


@pytest.mark.parametrize("name", ["../secrets/x", "x/../../y", "a?b=c", "a#b", "..", ".", "%2e%2e"])
def test_a_name_is_one_part_of_a_path(name: str) -> None:
    api = object.__new__(client.Client)
    api.namespace = "db"
    if name in ("..", "."):
        with pytest.raises(errors.ConfigError):
            api._path("Secret", name)
        return
    path = api._path("Secret", name)
    assert path.startswith("/api/v1/namespaces/db/secrets/")
    assert path.count("/") == 6
    assert not set(path) & set("?#")
