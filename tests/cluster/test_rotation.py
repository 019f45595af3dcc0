"""`users rotate` and members that were away, come back with older data, or are created again while it is open
(S14, S15)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.cluster.conftest import Namespace, eventually

pytestmark = pytest.mark.long
MEMBERS = ["mysql-0", "mysql-1", "mysql-2"]
_ONE_POD_LESS = {
    "apiVersion": "v1",
    "kind": "ResourceQuota",
    "metadata": {"name": "away"},
    "spec": {"hard": {"pods": "2"}},
}


def _codes(cluster: Namespace) -> list[str]:
    return sorted(one["code"] for one in cluster.status()["conditions"])


def _secret(cluster: Namespace) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(cluster.kubectl("get", "secret", "mysql-internal", "-o", "json"))["data"]
    return found


def _count(cluster: Namespace) -> list[Any]:
    return [cluster.sql(member, "SELECT COUNT(*) FROM app.kept") for member in MEMBERS]


def test_no_rotation_while_a_member_is_away(cluster: Namespace) -> None:
    cluster.sql("mysql-0", "CREATE TABLE app.kept (id INT PRIMARY KEY)")
    before = _secret(cluster)
    cluster.kubectl("apply", "-f", "-", stdin=json.dumps(_ONE_POD_LESS))
    cluster.kubectl("delete", "pod", "mysql-2")
    done = cluster.mysqlops("users", "rotate", "mysql")
    assert (done.code, "member-not-online" in done.err) == (3, True), done.err
    assert _secret(cluster) == before
    cluster.kubectl("delete", "resourcequota", "away")
    cluster.await_healthy()


def test_members_with_data_older_than_the_rotation_get_in(cluster: Namespace) -> None:
    """Their claims were kept; the data knows the previous passwords only."""
    cluster.must("scale", "mysql", "--replicas", "1")
    cluster.must("users", "rotate", "mysql")
    assert _codes(cluster) == ["rotation-open"]
    cluster.sql("mysql-0", "INSERT INTO app.kept VALUES (1)")
    cluster.must("scale", "mysql", "--replicas", "3")
    eventually(lambda: _codes(cluster) == ["rotation-open"], "whole again", 120)
    assert _count(cluster) == [[[1]]] * 3


def test_a_member_rebuilt_during_a_rotation_joins(cluster: Namespace) -> None:
    """The others have the replication account's old password in memory, and its agent the new one."""
    primary = cluster.status()["primary"]
    member = next(one for one in reversed(MEMBERS) if one != primary)
    cluster.must("member", "rebuild", "mysql", member, "--confirm", member)
    eventually(lambda: _codes(cluster) == ["rotation-open"], "whole again", 180)
    done = cluster.mysqlops("users", "rotate", "mysql")
    assert (done.code, "rotation-open" in done.err) == (3, True), done.err


def test_the_end_waits_for_a_restart_that_nothing_hinders(cluster: Namespace) -> None:
    done = cluster.mysqlops("users", "rotate", "mysql", "--finish", "--yes")
    assert (done.code, "mysqlops_replication" in done.out) == (0, True), done.err
    assert [key for key in _secret(cluster) if key.startswith("previous-")] == ["previous-replication-password"]
    primary = cluster.status()["primary"]
    member = next(one for one in reversed(MEMBERS) if one != primary)
    cluster.must("member", "rebuild", "mysql", member, "--confirm", member)
    eventually(lambda: _codes(cluster) == ["rotation-open"], "whole again", 180)
    cluster.must("restart", "mysql")
    cluster.must("users", "rotate", "mysql", "--finish", "--yes")
    assert [key for key in _secret(cluster) if key.startswith(("previous-", "next-"))] == []
    cluster.await_healthy()
    assert _count(cluster) == [[[1]]] * 3


def test_another_rotation_follows_and_a_rebuilt_member_replays_both(cluster: Namespace) -> None:
    cluster.must("users", "rotate", "mysql")
    member = next(one for one in reversed(MEMBERS) if one != cluster.status()["primary"])
    cluster.must("member", "rebuild", "mysql", member, "--confirm", member)
    cluster.must("restart", "mysql")
    cluster.must("users", "rotate", "mysql", "--finish", "--yes")
    cluster.await_healthy()
    assert _count(cluster) == [[[1]]] * 3
