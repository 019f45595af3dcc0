"""`upgrade` to another version: what is checked before any pod is touched, and what is said."""

from __future__ import annotations

import base64
import copy
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from mysqlops import errors
from mysqlops.core.spec import ClusterSpec
from mysqlops.core.version import ServerVersion
from mysqlops.kube import manifests
from mysqlops.objects import render
from mysqlops.operations import deploy, image_check, observe, upgrade
from mysqlops.operations import rollout as rolling
from mysqlops.planning import image_trial
from tests.unit.fakes.cluster import NAME, Cluster


class Running(Cluster):
    """Three members of a version, with one account that uses an old plugin."""

    def __init__(self, version: str, settings: dict[str, str | None]) -> None:
        super().__init__(3)
        spec = ClusterSpec(name=NAME, namespace="db", mysqld=settings)
        for made in render.cluster_objects(manifests.load_base(), spec, render.Agent(b"x", "1")):
            if made["kind"] in ("ConfigMap", "StatefulSet"):
                self.store.put(made)
        for facts in self.facts.values():
            facts["server_version"] = f"{version}-debian"
        self.asked: list[str] = []
        self.settle()

    def _answer(self, pod: str, words: Sequence[str]) -> Any:
        if words[0] == "plugins":
            self.asked.append(pod)
            return {"mysql_native_password": ["shop@%"], "caching_sha2_password": ["root@localhost"]}
        return super()._answer(pod, words)


def _plan(cluster: Running, monkeypatch: pytest.MonkeyPatch, after: str) -> upgrade.Change:
    monkeypatch.setattr(image_check, "check", lambda *_: image_trial.Tried((), ServerVersion.parse(after)))
    session = cluster.session()
    running = observe.must_run(session.client, NAME)
    return upgrade.plan(session, NAME, running, replace(running.spec, image=f"mysql:{after}"))


@pytest.mark.parametrize(
    ("before", "after", "settings", "codes"),
    [
        ("8.0.46", "8.4.13", {}, ["removed-plugin"]),
        ("8.0.46", "8.4.13", {"loose_mysql_native_password": "ON"}, []),
        ("8.4.13", "9.7.4", {"loose_mysql_native_password": "ON"}, ["removed-plugin"]),
        ("8.0.45", "8.0.46", {}, []),
        ("8.0.46", "26.10.0", {}, ["version-path"] * 3 + ["removed-plugin"]),
        ("9.7.5", "9.7.4", {}, ["removed-plugin"]),
        ("9.7.4", "9.7.4", {}, []),
    ],
)
def test_every_reason_against_a_version_is_given_at_once(
    monkeypatch: pytest.MonkeyPatch, before: str, after: str, settings: dict[str, str | None], codes: list[str]
) -> None:
    cluster = Running(before, settings)
    if not codes:
        assert _plan(cluster, monkeypatch, after).steps
        return
    with pytest.raises(errors.Refused) as error:
        _plan(cluster, monkeypatch, after)
    assert [one.code for one in error.value.reasons] == codes
    assert cluster.asked == ["mysql-0"]  # the primary


def test_what_is_to_know_about_the_version_is_said_once(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = Running("26.10.0", {})
    cluster._answer = lambda *_: {}  # type: ignore[method-assign]
    _plan(cluster, monkeypatch, "27.1.0")
    assert [one for one in cluster.said if "newer than this mysqlops" in one]
    cluster.said.clear()
    _plan(cluster, monkeypatch, "26.10.0")
    assert not [one for one in cluster.said if "MySQL 26.10" in one or "innovation" in one]


OLD, NEW = f"sha256:{'1' * 64}", f"sha256:{'2' * 64}"


def _resolve(monkeypatch: pytest.MonkeyPatch, **image_ids: str) -> None:
    tried = image_trial.Tried((), ServerVersion.parse("9.7.4"), image_ids=image_ids)
    monkeypatch.setattr(image_check, "check", lambda *_: tried)


def _change(cluster: Running, **wanted: str) -> upgrade.Change:
    cluster._answer = lambda *_: {}  # type: ignore[method-assign]
    session = cluster.session()
    running = observe.must_run(session.client, NAME)
    change = upgrade.plan(session, NAME, running, upgrade.wanted_spec(running, wanted))
    cluster.store.put(change.stateful_set)  # as applied
    return change


def _images(change: upgrade.Change) -> set[str]:
    pod = change.stateful_set["spec"]["template"]["spec"]
    return {one["image"] for one in (*pod["initContainers"], *pod["containers"])}


def test_a_rollout_pins_what_was_tried_and_only_a_named_image_changes_it(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = Running("9.7.4", {})
    _resolve(monkeypatch, mysqld=f"docker.io/library/mysql@{OLD}", python=f"docker-pullable://python@{OLD}")
    first = _change(cluster, memory="2Gi")
    pins = {f"mysql:9.7@{OLD}", f"python:3.13-slim@{OLD}"}
    assert _images(first) == pins
    assert f"image mysql:9.7 -> mysql:9.7@{OLD[:19]}" in first.why
    _resolve(monkeypatch, mysqld=f"docker.io/library/mysql@{NEW}", python=f"docker.io/library/python@{NEW}")
    assert _images(_change(cluster, memory="3Gi")) == pins  # the tag means something else by now
    named = _change(cluster, image="mysql:9.7")
    assert (_images(named), bool(named.record)) == ({f"mysql:9.7@{NEW}", f"python:3.13-slim@{OLD}"}, True)
    again = _change(cluster, image="mysql:9.7")
    assert (again.record, "StatefulSet" in str([one.kind for one in again.steps])) == (None, False)


def test_a_new_cluster_runs_exactly_the_images_that_were_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    _resolve(monkeypatch, mysqld=f"docker.io/library/mysql@{OLD}", python=f"docker-pullable://python@{OLD}")
    cluster = Cluster(1)
    cluster.store.objects.clear()
    deploy.apply(cluster.session(), ClusterSpec(NAME, "db"))
    pod = cluster.stateful_set()["spec"]["template"]["spec"]
    images = {one["image"] for one in (*pod["initContainers"], *pod["containers"])}
    assert images == {f"mysql:9.7@{OLD}", f"python:3.13-slim@{OLD}"}


def test_an_image_that_was_loaded_into_the_nodes_stays_a_tag_and_that_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = Running("9.7.4", {})
    _resolve(monkeypatch, mysqld=OLD, python=f"registry.example:5000/python@{OLD}")
    assert _images(_change(cluster, memory="2Gi")) == {"mysql:9.7", "python:3.13-slim"}
    assert len([one for one in cluster.said if "cannot be pinned: the node reports no digest" in one]) == 2


def test_services_get_the_protocol_of_their_port_in_passing() -> None:
    """A release without it deployed them: no pod is replaced for it."""
    cluster = Running("9.7.4", {})
    session = cluster.session()
    running = observe.must_run(session.client, NAME)
    for made in upgrade.objects(running, running.spec):
        if made["kind"] == "Service":
            for port in made["spec"]["ports"]:
                del port["appProtocol"]
        cluster.store.put(made)
    change = upgrade.plan(session, NAME, observe.must_run(session.client, NAME), running.spec)
    applied = [(one["kind"], one["metadata"]["name"]) for one in change.manifests]
    assert sorted(applied) == [("Service", f"{NAME}{suffix}") for suffix in ("", "-primary", "-replicas")]
    assert change.record is None


# Whoever may create ConfigMaps, and read no Secret, knows the name, the labels and the annotations before.
def _planted(manifest: Any) -> Any:
    return {
        **manifest,
        "binaryData": {render.AGENT_FILE: base64.b64encode(b"their program").decode()},
        "immutable": None,
    }


def test_an_upgrade_runs_no_program_that_somebody_put_under_its_name_before() -> None:
    cluster = Running("9.7.4", {})
    session = cluster.session()
    running = observe.must_run(session.client, NAME)
    (ours,) = [one for one in upgrade.objects(running, running.spec) if "binaryData" in one]
    assert ours["metadata"]["name"] != running.in_use.agent
    for planted in (_planted(ours), ours):  # the same bytes too: no comparison of ours decides
        cluster.store.put(copy.deepcopy(planted))
        applied = {one["metadata"]["name"]: one for one in upgrade._compared(session, running, running.spec).others}
        assert applied[ours["metadata"]["name"]]["binaryData"] == ours["binaryData"]
        assert applied[ours["metadata"]["name"]]["immutable"] is True


def test_a_program_that_cannot_be_replaced_is_refused_by_its_name() -> None:
    """Immutable, and put there before."""
    cluster = Running("9.7.4", {})
    session = cluster.session()
    running = observe.must_run(session.client, NAME)
    (ours,) = [one for one in upgrade.objects(running, running.spec) if "binaryData" in one]
    cluster.store.put({**_planted(ours), "immutable": True})
    with pytest.raises(
        errors.Refused, match=f"ConfigMap {ours['metadata']['name']} is immutable, and holds"
    ) as refused:
        upgrade._compared(session, running, running.spec)
    assert refused.value.reasons[0].code == "foreign-object"
    with pytest.raises(errors.Refused, match="is immutable, and holds"):
        session.client.apply(ours)


def test_a_program_that_somebody_changed_is_replaced_in_passing() -> None:
    cluster = Running("9.7.4", {})
    session = cluster.session()
    running = observe.must_run(session.client, NAME)
    for made in upgrade.objects(running, running.spec):
        cluster.store.put(made)
    running = observe.must_run(session.client, NAME)
    assert upgrade.plan(session, NAME, running, running.spec).manifests == ()
    (ours,) = [one for one in upgrade.objects(running, running.spec) if "binaryData" in one]
    cluster.store.put(_planted(copy.deepcopy(ours)))
    change = upgrade.plan(session, NAME, running, running.spec)
    assert [one["binaryData"] for one in change.manifests] == [ours["binaryData"]]
    assert change.record is None


def test_programs_of_older_releases_become_immutable_in_passing() -> None:
    cluster = Running("9.7.4", {})
    session = cluster.session()
    running = observe.must_run(session.client, NAME)
    for made in upgrade.objects(running, running.spec):
        cluster.store.put({key: value for key, value in made.items() if key != "immutable"})
    running = observe.must_run(session.client, NAME)
    change = upgrade.plan(session, NAME, running, running.spec)
    assert [(one["metadata"]["name"], one["immutable"]) for one in change.manifests] == [(running.in_use.agent, True)]
    upgrade.execute(session, NAME, change, rolling.Limits())
    assert cluster.store.objects["ConfigMap", running.in_use.agent]["immutable"] is True
