"""Quantities, versions, names, sizes, the spec, my.cnf and publications."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from mysqlops.core import (
    applier,
    my_cnf,
    mysqld_config,
    names,
    publication,
    quantity,
    setting_rules,
    spec,
    version,
)
from mysqlops.core.quantity import GIB, MIB
from mysqlops.core.spec import ClusterSpec
from mysqlops.errors import ConfigError
from mysqlops.kube import manifests
from mysqlops.objects import render
from mysqlops.operations import delete, observe
from mysqlops.planning import settings
from tests.unit.fakes.cluster import NAME, Cluster


def test_quantities_are_numbers_and_not_texts() -> None:
    assert quantity.is_same("1000m", "1")
    assert quantity.is_same("1Gi", "1024Mi")
    assert not quantity.is_same("6G", "6Gi")
    assert quantity.parse_bytes("1.5Gi") == 1536 * MIB
    assert quantity.format_bytes(3 * GIB // 2) == "1.5GiB"


@pytest.mark.parametrize("text", ["", "ten", "10 Gi", "-1Gi", "1gi", "100m", "9" * 5000, "1." + "9" * 5000])
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(ConfigError):
        quantity.parse_bytes(text)


def test_mysqld_tells_its_version_and_mariadb_is_not_mysql() -> None:
    debian = "/usr/sbin/mysqld  Ver 9.7.4-2 for debian-linux-gnu on x86_64 ((Debian))"
    assert str(version.parse_mysqld_output(debian)) == "9.7.4"
    maria = "mysqld  Ver 11.8.2-MariaDB for debian-linux-gnu"
    assert version.parse_mysqld_output(maria) is None
    assert version.parse_mysqld_output("sh: mysqld: not found") is None


@pytest.mark.parametrize(
    "name", ["", "Mysql", "1db", "db-", "a" * 41, "a.b", "a_b", "r20261124163000", "r20261124163000-a"]
)
def test_bad_names_are_refused(name: str) -> None:
    with pytest.raises(ConfigError, match="NAME"):
        names.check_cluster_name(name)


def test_a_delete_leaves_the_claims_that_are_labelled_as_another_s() -> None:
    """A release that allowed such a name may have made that cluster; a chart names its claims alike."""
    cluster = Cluster(1)
    name = "data-r20261124163000-mysql-0"
    chart = {"app.kubernetes.io/name": "mysql", names.LABEL_INSTANCE: NAME}  # a release `mysql` of a chart, once
    made: tuple[tuple[str, dict[str, str]], ...] = (
        *((name, names.selector("r20261124163000-mysql")), ("data-mysql-1", {}), ("data-other-0", {})),
        *(("data-mysql-2", chart), ("data-mysql-3", {"app": "mysql", "release": "mysql"})),
    )
    for claim, labels in made:
        cluster.store.put({"kind": "PersistentVolumeClaim", "metadata": {"name": claim, "labels": labels}})
    client = cluster.session().client
    assert [one["metadata"]["name"] for one in observe.own_claims(client, NAME)] == ["data-mysql-0", "data-mysql-1"]
    steps = delete.plan(client, NAME, purge_data=True).steps
    assert [one.name for one in steps if one.kind == "PersistentVolumeClaim"] == ["data-mysql-0", "data-mysql-1"]
    assert observe.claims(client, NAME) == ["data-mysql-0", name, *(f"data-mysql-{one}" for one in (1, 2, 3))]


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"memory": "lots"}, "--memory 'lots'"),
        ({"memory": "256Mi"}, "--memory 256Mi"),
        ({"storage_size": "10"}, "--storage-size 0Mi"),
        ({"cpu": "1m"}, "--cpu 1m"),
        ({"image": "my sql"}, "--image 'my sql'"),
        ({"namespace": "Bad"}, "--namespace 'Bad'"),
    ],
)
def test_a_bad_option_is_named_with_its_value(change: dict[str, Any], text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        ClusterSpec(**{"name": "mysql", "namespace": "db", **change})
    assert text in str(caught.value)


@pytest.mark.parametrize("replicas", [0, 2, 11])
def test_a_group_of_no_use_is_refused(replicas: int) -> None:
    with pytest.raises(ConfigError, match=f"--replicas {replicas}: "):
        spec.check_replicas(replicas)


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("sync_binlog=0", "acknowledged writes"),
        ("skip-log-bin", "acknowledged writes"),
        ("disable_log_bin", "acknowledged writes"),
        ("loose-innodb-flush-log-at-trx-commit=2", "acknowledged writes"),
        ("group_replication_bootstrap_group=ON", "group"),
        ("server-id=7", "each member"),
        ("max_connections=90\nmax-connections=91", "set twice"),
        ("!include /etc/x", "include"),
    ],
)
def test_a_setting_that_may_not_be_is_refused_with_its_line(line: str, text: str) -> None:
    with pytest.raises(ConfigError, match=r"line (2|3)") as caught:
        mysqld_config.check_user_settings(mysqld_config.parse(f"[mysqld]\n{line}\n", "my.cnf"), "my.cnf")
    assert text in str(caught.value)


def test_only_the_section_mysqld_is_read() -> None:
    with pytest.raises(ConfigError, match="before any"):
        mysqld_config.parse("max_connections=1", "my.cnf")
    with pytest.raises(ConfigError, match="only the section"):
        mysqld_config.parse("[client]\nuser=x", "my.cnf")


def test_a_users_setting_replaces_the_base_under_any_spelling() -> None:
    base = mysqld_config.parse("[mysqld]\nmax_connections = 64\nloose_group_replication_member_weight = 50", "base")
    text = mysqld_config.layer(base, {"max-connections": "10", "group_replication_member_weight": "70", "new": None})
    expected = "[mysqld]\nmax_connections = 10\nloose_group_replication_member_weight = 70\nnew\n"
    assert text == expected


def test_a_publication_is_only_that_of_its_own_pod() -> None:
    held = "3e11fa47-71ca-11e1-9e33-c80aa9429562:1-9"
    one = publication.Publication(pod_uid="u", at="2026-01-01T00:00:00Z", beat=1, agent_version="1", executed=held)
    text = publication.dump(one)
    assert publication.load(text, "u") == one
    assert publication.load(text, "other") is None
    assert publication.load("{", "u") is None
    assert publication.load('{"format": 99, "pod_uid": "u"}', "u") is None
    assert one.is_same_but_for_time(replace(one, beat=2, executed="y"))
    assert not one.is_same_but_for_time(replace(one, state="ONLINE"))


@pytest.mark.parametrize(
    ("chosen", "accounts_share"),
    [
        ({}, "64"),
        ({"max_connections": "200"}, "190"),
        ({"max_connections": "1K"}, "1014"),
        ({"max_connections": "30"}, "20"),
        ({"max_connections": "29"}, "0"),  # no limit: the replication account's share would be too small
        ({"max_connections": "200", "max_user_connections": "200"}, "200"),
        ({"max_user_connections": "5"}, "5"),
    ],
)
def test_no_single_account_gets_the_members_own_connections(chosen: dict[str, str | None], accounts_share: str) -> None:
    text = render.my_cnf("[mysqld]\n", ClusterSpec("mysql", "db", memory="1Gi", mysqld=chosen))
    found = settings.values(text)
    assert found["max_user_connections"] == accounts_share
    assert found["max_connections"] == chosen.get("max_connections", "74")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("innodb_flush_log_at_trx_commit", "1"),
        ("sync_binlog", "1"),
        ("relay_log_recovery", "OFF"),  # what was received and acknowledged outlives a restart
        ("log_replica_updates", "ON"),
        ("super_read_only", "ON"),
        ("offline_mode", "ON"),
        ("require_secure_transport", "ON"),
        ("persisted_globals_load", "OFF"),  # SET PERSIST would go over this file
        ("admin_address", "127.0.0.1"),  # clients that take all connections do not lock the agent out
        ("create_admin_listener_thread", "ON"),
        ("group_replication_bootstrap_group", "OFF"),
        ("group_replication_start_on_boot", "OFF"),
        ("group_replication_ssl_mode", "VERIFY_IDENTITY"),
        ("group_replication_exit_state_action", "OFFLINE_MODE"),
    ],
)
def test_what_every_member_starts_with_cannot_be_changed_by_a_user(name: str, value: str) -> None:
    base = manifests.read_text("base/config/my.cnf")
    assert settings.values(render.my_cnf(base, ClusterSpec("mysql", "db")))[name] == value
    assert setting_rules.refused_because(name, value)


def test_a_failed_login_is_in_the_log() -> None:
    base = manifests.read_text("base/config/my.cnf")
    assert settings.values(render.my_cnf(base, ClusterSpec("mysql", "db")))["log_error_verbosity"] == "3"


def test_a_number_of_thousands_of_digits_is_none() -> None:
    """Python refuses to read more than 4300 of them, and a server or a backup may hold them."""
    digits = "9" * 5000
    assert my_cnf.number(digits) is None
    assert not version.is_same(f"9.{digits}.4", "9.7.4")
    assert not version.is_same("x", "x")
    assert applier.without_values(f"failed executing transaction, Error_code: MY-{digits}").startswith("the applier")
