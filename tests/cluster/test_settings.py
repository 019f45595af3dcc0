"""A real person's my.cnf on a cluster: what is set live has the value that the line means, and lets clients in."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.cluster.conftest import SMALL, Namespace, Result, killed

pytestmark = pytest.mark.long
THREE = ["mysql-0", "mysql-1", "mysql-2"]
INPUTS = Path(__file__).parents[1] / "inputs"


@pytest.fixture(scope="module")
def cluster(namespace: Namespace) -> Namespace:
    """Values in quotes, comments behind them, dashes, flags."""
    namespace.must("deploy", "mysql", *SMALL, "--config", str(INPUTS / "comments.cnf"))
    return namespace


def _set(cluster: Namespace, *words: str) -> Result:
    return cluster.mysqlops("config", "set", "mysql", *words)


def _values(cluster: Namespace, variable: str) -> set[str]:
    return {str(cluster.sql(one, f"SELECT @@GLOBAL.{variable}")[0][0]) for one in THREE}


def _as_wanted(cluster: Namespace) -> bool:
    """No drift; and nobody says that anything was changed by hand (B18)."""
    diff, again = cluster.mysqlops("config", "diff", "mysql"), cluster.mysqlops("deploy", "mysql")
    assert "runs with the values in my.cnf" in diff.out, diff.out
    assert "nothing changed" in again.out, again.err
    return True


def test_an_untouched_cluster_has_no_drift(cluster: Namespace) -> None:
    assert _as_wanted(cluster)


def test_a_quoted_value_arrives_without_its_quotes_and_clients_get_in(cluster: Namespace) -> None:
    done = _set(cluster, "init_connect='SET NAMES utf8mb4 COLLATE utf8mb4_bin'", "max_connections=120 # fewer")
    assert done.code == 0, done.err
    assert _values(cluster, "init_connect") == {"SET NAMES utf8mb4 COLLATE utf8mb4_bin"}
    assert _values(cluster, "max_connections") == {"120"}
    assert _as_wanted(cluster)


def test_what_shuts_clients_out_is_undone_at_once(cluster: Namespace) -> None:
    began = time.monotonic()
    done = _set(cluster, "init_connect=SET NO_SUCH_VARIABLE = 1", "long_query_time=7")
    assert (done.code, "stops-writes" in done.err) == (3, True), done.err
    assert time.monotonic() - began < 60
    assert _values(cluster, "init_connect") == {"SET NAMES utf8mb4 COLLATE utf8mb4_bin"}
    assert _values(cluster, "long_query_time") == {"2.0"}
    assert _as_wanted(cluster)


def test_the_way_back_is_open(cluster: Namespace) -> None:
    done = _set(cluster, "--revert")
    assert done.code == 0, done.err
    assert (_values(cluster, "init_connect"), _values(cluster, "max_connections")) == ({"SET NAMES utf8mb4"}, {"150"})
    assert _as_wanted(cluster)


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (["binlog_format=mixed"], 2, "expected ROW"),
        (["default_storage_engine=MyISAM"], 2, "expected InnoDB"),
        (["binlog_ignore_db=scratch"], 2, "hides transactions from some members"),
        (["init_connect=SET sql_log_bin=0"], 2, "sql_log_bin"),
        (["max_connections=90\nsync_binlog=0"], 2, "give each one as KEY=VALUE"),
        (["innodb_buffer_pool_size=4G"], 3, "memory-too-small"),
        (["lower_case_table_names=1"], 3, "fixed-setting"),
    ],
)
def test_what_would_break_the_group_is_refused(cluster: Namespace, words: list[str], code: int, told: str) -> None:
    done = _set(cluster, *words)
    assert (done.code, told in done.err) == (code, True), done.err


def test_a_rollout_of_settings_that_shut_clients_out_is_taken_back(cluster: Namespace) -> None:
    """With a setting that takes a restart the others come that way too, and every pod is ONLINE with them."""
    done = _set(cluster, "back_log=91", "init_connect=SET NO_SUCH_VARIABLE = 1")
    assert (done.code, "no client can write" in done.err) == (6, True), done.err
    assert _values(cluster, "init_connect") == {"SET NAMES utf8mb4"}
    assert _as_wanted(cluster)


@pytest.mark.parametrize("way_out", [["--settle"], ["long_query_time=3"]])
def test_a_change_that_was_killed_before_its_proof_is_seen_and_set_back(cluster: Namespace, way_out: list[str]) -> None:
    killed(
        cluster,
        lambda: "SET NO_SUCH_VARIABLE = 1" in _values(cluster, "init_connect"),
        *("config", "set", "mysql", "init_connect=SET NO_SUCH_VARIABLE = 1"),
    )
    conditions = cluster.status()["conditions"]
    assert [one["hint"] for one in conditions if one["code"] == "order-open"] == ["mysqlops config set mysql --settle"]
    done = _set(cluster, *way_out)
    assert done.code == 0, done.err
    assert _values(cluster, "init_connect") == {"SET NAMES utf8mb4"}
    assert [one["code"] for one in cluster.status()["conditions"] if one["code"] == "order-open"] == []
    assert _as_wanted(cluster)


def test_deploy_does_not_start_an_older_server_on_what_a_delete_kept(namespace: Namespace) -> None:
    """The version that ran is believed, as no other image is to be had here."""
    assert namespace.mysqlops("deploy", "kept", "--replicas", "1", *SMALL).code == 0
    assert namespace.mysqlops("delete", "kept", "--yes").code == 0
    (lease,) = (one for one in namespace.objects("leases") if one["metadata"]["name"] == "kept-group")
    assert lease["metadata"]["annotations"]["mysqlops.io/data-version"].startswith("9.")
    namespace.kubectl("annotate", "lease", "kept-group", "--overwrite", "mysqlops.io/data-version=9.99.0")
    done = namespace.mysqlops("deploy", "kept", "--replicas", "1", *SMALL)
    assert (done.code, "version-path" in done.err) == (3, True), done.err
    assert [one for one in namespace.objects("statefulsets") if one["metadata"]["name"] == "kept"] == []


@pytest.mark.parametrize("file", ["history.cnf", "autocommit.cnf"])
def test_settings_that_sites_have_let_a_cluster_live(namespace: Namespace, file: str) -> None:
    name = file.removesuffix(".cnf")
    namespace.must("deploy", name, "--replicas", "1", *SMALL, "--config", str(INPUTS / file))
    assert namespace.mysqlops("delete", name, "--purge-data", "--confirm", name).code == 0


def test_what_cannot_fit_is_refused_before_anything_is_made(namespace: Namespace) -> None:
    done = namespace.mysqlops("deploy", "pool", "--replicas", "1", *SMALL, "--config", str(INPUTS / "pool.cnf"))
    assert (done.code, "memory-too-small" in done.err) == (3, True), done.err
    assert [one for one in namespace.objects("configmaps") if one["metadata"]["name"].startswith("pool")] == []
