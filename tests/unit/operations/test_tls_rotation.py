"""`tls rotate` waits for every member between the parts of a stage: members that do not trust each other's CA refuse
each other (tests/simulation has the agents' side)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mysqlops import errors
from mysqlops.operations import tls
from tests.unit.fakes import api
from tests.unit.fakes.cluster import NAME, Cluster
from tests.unit.fakes.verbs import world

_CA = "-----BEGIN CERTIFICATE-----\nAA\n-----END CERTIFICATE-----\n"


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Cluster:
    return world(monkeypatch, tmp_path)


def _rotate(cluster: Cluster, stage: str, answer: Callable[[str], dict[str, Any]]) -> list[str]:
    """The stages that an agent was asked for."""
    asked: list[str] = []
    session = cluster.session()
    fake, usual = session.client, cluster._answer
    assert isinstance(fake, api.Client)

    def answers(pod: str, words: Sequence[str]) -> Any:
        if words[0] == "tls-presented":
            return {"trusted": _CA}
        if words[0] != "rotate-tls":
            return usual(pod, words)
        asked.append(words[1])
        return {"hostnames": [], **answer(words[1])}

    fake.answer = answers
    try:
        tls.rotate(replace(session, timeout_seconds=1.0), NAME, stage)
    except errors.WaitTimeout:
        asked.append("timeout")
    return asked


def _loaded(cluster: Cluster, *fingerprints: str) -> None:
    for facts, fingerprint in zip(cluster.facts.values(), fingerprints, strict=True):
        facts["certificate"] = fingerprint


def test_a_certificate_is_of_the_new_ca_before_the_old_one_is_dropped(cluster: Cluster) -> None:
    _loaded(cluster, *["same"] * len(cluster.facts))
    asked = _rotate(cluster, "drop", lambda _: {"fingerprint": "same", "again": False})
    assert asked == ["look", "certificate", "drop"]


def test_nothing_is_dropped_while_a_member_has_not_loaded_the_certificate(cluster: Cluster) -> None:
    _loaded(cluster, *["same"] * (len(cluster.facts) - 1), "older")
    assert _rotate(cluster, "drop", lambda _: {"fingerprint": "same", "again": False}) == ["look", "timeout"]


def test_a_ca_that_waits_signs_only_when_the_old_one_is_dropped(cluster: Cluster) -> None:
    """Nobody has asked whether clients have it, and its predecessor's key is gone."""
    _loaded(cluster, *["same"] * len(cluster.facts))
    with pytest.raises(errors.Refused) as error:
        _rotate(cluster, "certificate", lambda _: {"fingerprint": "same", "again": True})
    assert [reason.code for reason in error.value.reasons] == ["ca-waits"]


def test_a_part_that_is_to_run_again_does_so_once(cluster: Cluster) -> None:
    _loaded(cluster, *["same"] * len(cluster.facts))
    asked = _rotate(cluster, "drop", lambda part: {"fingerprint": "same", "again": part != "drop"})
    assert asked == ["look", "certificate", "certificate", "drop"]


def test_a_renewal_by_the_same_ca_waits_for_nobody_first(cluster: Cluster) -> None:
    _loaded(cluster, *["older"] * len(cluster.facts))
    asked = _rotate(cluster, "certificate", lambda _: {"fingerprint": "same", "again": False})
    assert asked == ["look", "certificate", "timeout"]


def test_agents_of_an_older_release_do_not_say_again(cluster: Cluster) -> None:
    _loaded(cluster, *["same"] * len(cluster.facts))
    assert _rotate(cluster, "ca", lambda _: {"fingerprint": "same"}) == ["look", "ca"]
