"""`upgrade` to another version: what is checked before any pod is touched, and what is said."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from mysqlops import errors
from mysqlops.core.spec import ClusterSpec
from mysqlops.core.version import ServerVersion
from mysqlops.kube import manifests
from mysqlops.objects import render
from mysqlops.operations import image_check, observe, upgrade
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
    monkeypatch.setattr(image_check, "check", lambda *_: image_check.Tried((), ServerVersion.parse(after)))
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
    assert not [one for one in cluster.said if "26.10.0" in one]
