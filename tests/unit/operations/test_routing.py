"""Which labels a member's pod carries, when they change, and which of them NAME-replicas selects."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from mysqlops import errors
from mysqlops.agent import publisher
from mysqlops.core import names, routing
from mysqlops.core.spec import ClusterSpec
from mysqlops.objects import drift
from mysqlops.operations import bundle, deploy, observe, services
from tests.unit.agent.test_writes import PRIMARY, Api, Time, around, news, voice
from tests.unit.fakes.cluster import NAME, Cluster

REPLICAS = names.replicas_service(NAME)
BOTH = {names.LABEL_ROLE: "replica", names.LABEL_READS: "yes"}
OLD = {names.LABEL_ROLE: "replica"}
_STATES = [{}, OLD, BOTH, {names.LABEL_ROLE: "primary"}, {**BOTH, names.LABEL_ROLE: "primary"}]


class Strict(Api):
    """With merge patches as the API server takes them; it may have a policy of an older release."""

    refuses = False

    def patch(self, group: str, kind: str, name: str, change: dict[str, Any]) -> dict[str, Any]:
        if self.refuses and names.LABEL_READS in change["metadata"].get("labels", {}):
            raise errors.KubeError("PATCH pods: 422 a member's agent changes no label but mysqlops.io/role")
        super().patch(group, kind, name, change)
        metadata = self.objects[kind, name]["metadata"]
        metadata["labels"] = {key: value for key, value in metadata["labels"].items() if value is not None}
        return self.get(group, kind, name)

    def labels(self) -> dict[str, str]:
        return dict(self.objects["pods", "mysql-0"]["metadata"].get("labels") or {})


class Away(Api):
    asked = 0

    def patch(self, group: str, kind: str, name: str, change: dict[str, Any]) -> dict[str, Any]:
        self.asked += 1
        raise errors.Unreachable("gone")


def _turn(speaker: publisher.Publisher, clock: Time, role: str, seconds: float = 0.25) -> None:
    clock.at += seconds
    observed = news(clock, "mysql-0", at=clock.at)
    speaker.offer(replace(observed, seen=replace(PRIMARY, role=role)))
    speaker._try_turn()


def test_a_new_primary_changes_one_service_at_a_time() -> None:
    served = Strict(None)
    speaker, clock = voice(served)
    _turn(speaker, clock, "replica")
    assert served.labels() == BOTH
    _turn(speaker, clock, "primary")
    assert served.labels() == {**BOTH, names.LABEL_ROLE: "primary"}, "kube-proxy applies one change at once"
    _turn(speaker, clock, "primary", 0.5)
    assert names.LABEL_READS in served.labels()
    _turn(speaker, clock, "primary", routing.PROXY_SECONDS)
    assert served.labels() == {names.LABEL_ROLE: "primary"}


@pytest.mark.parametrize("role", ["primary", "replica", "none"])
@pytest.mark.parametrize("labels", _STATES)
def test_whatever_a_pod_carries_its_agent_sets_right(labels: dict[str, str], role: str) -> None:
    """An agent that was restarted, or another member's, may have left anything."""
    served = Strict(None)
    served.objects["pods", "mysql-0"]["metadata"]["labels"] = dict(labels)
    speaker, clock = voice(served)
    for _ in range(4):
        _turn(speaker, clock, role, 6.0)
    wanted = {names.LABEL_ROLE: role}
    assert served.labels() == (BOTH if role == "replica" else wanted)
    served.objects["pods", "mysql-0"]["metadata"]["labels"] = dict(labels)
    for _ in range(4):
        _turn(speaker, clock, role, 6.0)
    assert served.labels() == (BOTH if role == "replica" else wanted), "while it runs, too"


def test_a_policy_that_refuses_the_second_label_does_not_keep_a_member_silent() -> None:
    served = Strict(None)
    served.refuses = True
    speaker, clock = voice(served)
    _turn(speaker, clock, "replica")
    assert served.labels() == OLD
    assert names.ANNOTATION_MEMBER in served.objects["pods", "mysql-0"]["metadata"]["annotations"]
    served.refuses = False
    for _ in range(2):
        _turn(speaker, clock, "replica", 6.0)
    assert served.labels() == BOTH


def test_an_api_server_that_does_not_answer_is_not_asked_twice() -> None:
    served = Away(None)
    sight, _ = around(served)
    with pytest.raises(errors.Unreachable):
        sight.publish("replica", "{}")
    assert served.asked == 1


def _of(cluster: Cluster, agent: str, labels: dict[str, str]) -> None:
    """A cluster of an older release: its Service selects by the role."""
    made = {(one["kind"], one["metadata"]["name"]): one for one in deploy.objects(ClusterSpec(NAME, "db"))}
    service = made["Service", REPLICAS]
    service["spec"]["selector"] = {**names.selector(NAME), names.LABEL_ROLE: "replica"}
    cluster.store.put(service)
    cluster.session().client.apply(made["StatefulSet", NAME])
    cluster.settle()
    for (kind, _), one in cluster.store.objects.items():
        if kind == "Pod":
            one["metadata"]["labels"] = {**names.selector(NAME), **labels}
            one["metadata"].setdefault("annotations", {})[names.ANNOTATION_AGENT] = agent


@pytest.mark.parametrize(
    ("agent", "labels", "selects"),
    [
        ("the same", BOTH, True),
        ("the same", {names.LABEL_ROLE: "primary"}, True),
        ("the same", OLD, False),
        ("older", OLD, False),
        ("older", {names.LABEL_ROLE: "primary"}, False),  # its next replica would not carry the label
    ],
)
def test_the_replicas_service_follows_what_all_pods_carry(agent: str, labels: dict[str, str], selects: bool) -> None:
    cluster = Cluster(3 if labels[names.LABEL_ROLE] == "replica" else 1)
    _of(cluster, bundle.build().version if agent == "the same" else agent, labels)
    session = cluster.session()
    running = observe.must_run(session.client, NAME)
    assert running.in_use.reads is selects
    services.refresh(session, NAME)
    selector = session.client.get("Service", REPLICAS)["spec"]["selector"]
    assert (names.LABEL_READS in selector) is selects
    assert routing.role_selected(selector) == "replica"
    wanted = next(
        one
        for one in deploy.objects(running.spec, running.in_use)
        if (one["kind"], one["metadata"]["name"]) == ("Service", REPLICAS)
    )
    assert not drift.differences(wanted, session.client.get("Service", REPLICAS)), "and nobody finds a difference"


@pytest.mark.parametrize("agent", ["the same", "older"])
def test_a_service_that_somebody_deleted_is_made_again_for_what_the_pods_carry(agent: str) -> None:
    """`doctor --fix` made one that chose no replica of an older release."""
    cluster = Cluster(3)
    is_same = agent == "the same"
    _of(cluster, bundle.build().version if is_same else agent, BOTH if is_same else OLD)
    del cluster.store.objects["Service", REPLICAS]
    session = cluster.session()
    assert observe.must_run(session.client, NAME).in_use.reads is is_same
    for pod in [name for kind, name in cluster.store.objects if kind == "Pod"]:
        del cluster.store.objects["Pod", pod]
    cluster.store.settle = lambda: None
    assert observe.must_run(session.client, NAME).in_use.reads


def test_once_it_selects_by_the_label_it_stays() -> None:
    """Agents of a later release have another version."""
    cluster = Cluster(3)
    _of(cluster, bundle.build().version, BOTH)
    session = cluster.session()
    services.refresh(session, NAME)
    for one in [found for (kind, _), found in cluster.store.objects.items() if kind == "Pod"]:
        one["metadata"]["annotations"][names.ANNOTATION_AGENT] = "another"
    assert observe.must_run(session.client, NAME).in_use.reads


def test_a_service_of_somebody_else_is_left_alone() -> None:
    cluster = Cluster(3)
    _of(cluster, bundle.build().version, BOTH)
    service = cluster.store.objects["Service", REPLICAS]
    service["metadata"]["labels"] = {"app": "theirs"}
    before = dict(service["spec"]["selector"])
    services.refresh(cluster.session(), NAME)
    assert cluster.store.objects["Service", REPLICAS]["spec"]["selector"] == before
