"""What a cluster must have besides its members, deleted or changed by somebody: accounts, Secrets, Lease, objects."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping

import pytest

from tests.cluster.conftest import Namespace, eventually

pytestmark = pytest.mark.long
MEMBERS = ["mysql-0", "mysql-1", "mysql-2"]
SECRET = "mysql-internal"
_OURS = ("'mysqlops_replication'@'%'", "'mysqlops_probe'@'%'", "'mysqlops'@'localhost'", "'mysqlops'@'127.0.0.1'")
_ROWS = "('mysqlops_replication', '%'), ('mysqlops_probe', '%'), ('mysqlops', 'localhost'), ('mysqlops', '127.0.0.1')"


def _codes(cluster: Namespace) -> list[str]:
    return sorted(one["code"] for one in cluster.status()["conditions"])


def _held(cluster: Namespace) -> Mapping[str, str]:
    data = json.loads(cluster.kubectl("get", "secret", SECRET, "-o", "json")).get("data") or {}
    return {key: base64.b64decode(value).decode() for key, value in data.items()}


def _finish_rotation(cluster: Namespace) -> None:
    cluster.must("restart", "mysql")
    cluster.must("users", "rotate", "mysql", "--finish", "--yes")
    cluster.await_healthy()


def _ours(cluster: Namespace, member: str) -> int:
    """Of those that were dropped: the agent's other account, for the administrative interface, stays."""
    return int(cluster.sql(member, f"SELECT COUNT(*) FROM mysql.user WHERE (user, host) IN ({_ROWS})")[0][0])


def test_accounts_of_ours_that_somebody_drops_come_back_and_a_member_that_restarts_meanwhile_joins(
    cluster: Namespace,
) -> None:
    """Its own data has applied the DROP, and nobody can replicate anything to it."""
    primary = cluster.status()["primary"]
    replica = next(one for one in MEMBERS if one != primary)
    cluster.sql(primary, f"DROP USER {', '.join(_OURS)}")
    cluster.kubectl("delete", "pod", replica)
    cluster.await_healthy()
    eventually(lambda: [_ours(cluster, one) for one in MEMBERS] == [len(_OURS)] * 3, "the accounts are back", 60)
    cluster.must("switchover", "mysql")
    cluster.await_healthy()


def test_a_second_password_that_somebody_leaves_on_an_account_of_ours_goes(cluster: Namespace) -> None:
    primary = cluster.status()["primary"]
    cluster.sql(primary, "ALTER USER 'mysqlops'@'127.0.0.1' IDENTIFIED BY 'left-behind' RETAIN CURRENT PASSWORD")
    query = "SELECT COUNT(*) FROM mysql.user WHERE user_attributes->>'$.additional_password' IS NOT NULL"
    assert cluster.sql(primary, query) == [[1]]
    eventually(lambda: [cluster.sql(one, query) for one in MEMBERS] == [[[0]]] * 3, "it is gone everywhere", 90)
    cluster.await_healthy()


def test_rights_and_tls_that_somebody_takes_away_come_back(cluster: Namespace) -> None:
    primary = cluster.status()["primary"]
    cluster.sql(primary, "REVOKE BACKUP_ADMIN ON *.* FROM 'mysqlops_replication'@'%'")
    cluster.sql(primary, "ALTER USER 'mysqlops_probe'@'%' IDENTIFIED BY 'by hand' REQUIRE NONE ACCOUNT LOCK")
    query = "SELECT ssl_type, account_locked FROM mysql.user WHERE user = 'mysqlops_probe'"
    eventually(lambda: cluster.sql(primary, query) == [["ANY", "N"]], "the probe's account is as it must be")
    shown = "SHOW GRANTS FOR 'mysqlops_replication'@'%'"
    eventually(lambda: "BACKUP_ADMIN" in str(cluster.sql(primary, shown)), "the right is back")
    cluster.must("deploy", "mysql")


def test_a_password_edited_in_the_secret_is_named_and_a_rotation_ends_it(cluster: Namespace) -> None:
    text = base64.b64encode(b"by hand").decode()
    cluster.kubectl("patch", "secret", "mysql-app", "-p", json.dumps({"data": {"password": text}}))
    eventually(lambda: _codes(cluster) == ["secrets-refused"] * 3, "status names it")
    cluster.must("users", "rotate", "mysql")
    eventually(lambda: _codes(cluster) == ["rotation-open"], "only the rotation is left")
    _finish_rotation(cluster)


def test_an_application_account_with_another_password_is_named_and_one_that_was_dropped_is_not(
    cluster: Namespace,
) -> None:
    primary = cluster.status()["primary"]
    cluster.sql(primary, "ALTER USER 'app'@'%' IDENTIFIED BY 'by hand'")
    eventually(lambda: _codes(cluster) == ["accounts-differ"], "status names it")
    cluster.sql(primary, "DROP USER 'app'@'%'")
    cluster.await_healthy()
    cluster.must("users", "rotate", "mysql")
    _finish_rotation(cluster)


def test_a_secret_that_gitops_empties_is_filled_again_and_a_pod_that_starts_meanwhile_waits(
    cluster: Namespace,
) -> None:
    before = _held(cluster)
    rendered = cluster.mysqlops("render", "mysql", "--storage-size", "1Gi", "--memory", "768Mi", "--cpu", "100m").out
    secret = next(one for one in rendered.split("\n---\n") if f"name: {SECRET}" in one and "kind: Secret" in one)
    cluster.kubectl("delete", "secret", SECRET)
    cluster.kubectl("apply", "-f", "-", stdin=secret)
    cluster.kubectl("delete", "pod", next(one for one in MEMBERS if one != cluster.status()["primary"]))
    eventually(lambda: _held(cluster) == before, "the agents put back what it held", 60)
    cluster.await_healthy()


def test_a_secret_that_is_gone_is_named_and_made_again_with_what_it_held(cluster: Namespace) -> None:
    before = _held(cluster)
    cluster.kubectl("delete", "secret", SECRET)
    eventually(lambda: "secrets-missing" in _codes(cluster), "status names it")
    cluster.must("deploy", "mysql")
    assert _held(cluster) == before
    cluster.await_healthy()


def test_a_certificate_that_somebody_deletes_comes_back_with_the_same_ca(cluster: Namespace) -> None:
    """Clients know that CA, and no other."""
    query = ("get", "secret", "mysql-tls", "-o", "jsonpath={.data}")
    before = json.loads(cluster.kubectl(*query))
    cluster.kubectl("delete", "secret", "mysql-tls")
    cluster.must("deploy", "mysql")
    cluster.kubectl("delete", "pod", next(one for one in MEMBERS if one != cluster.status()["primary"]))
    eventually(lambda: json.loads(cluster.kubectl(*query) or "{}") == before, "the agents put it back")
    cluster.await_healthy()


def test_the_lease_and_objects_that_are_gone_are_named_and_made_again(cluster: Namespace) -> None:
    for kind, name in (("lease", "mysql-group"), ("role", "mysql"), ("service", "mysql-replicas")):
        cluster.kubectl("delete", kind, name)
    assert {"lease-missing", "object-missing"} <= set(_codes(cluster))
    cluster.must("deploy", "mysql")
    cluster.kubectl("delete", "pod", next(one for one in MEMBERS if one != cluster.status()["primary"]))
    cluster.await_healthy()
