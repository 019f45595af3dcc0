"""The standard mysqld_exporter beside each mysqld of a real cluster: it scrapes, with every password, and goes."""

from __future__ import annotations

import json
import subprocess

import pytest

from mysqlops.core import names
from tests.cluster.conftest import LAB, SMALL, Namespace, eventually

pytestmark = pytest.mark.long
_SCRAPE = "import urllib.request as u; print(u.urlopen('http://localhost:9104/metrics', timeout=9).read().decode())"
_ACCOUNT = f"SELECT COUNT(*) FROM mysql.user WHERE user = '{names.USER_EXPORTER}'"
_KNOWN = f"{{.data.{names.KEY_EXPORTER_PASSWORD}}}"


def _scraped(namespace: Namespace, pod: str) -> str:
    return namespace.kubectl("exec", pod, "-c", "agent", "--", "python3", "-c", _SCRAPE, check=False)


def _are_up(namespace: Namespace) -> bool:
    return all("\nmysql_up 1\n" in _scraped(namespace, f"mysql-{ordinal}") for ordinal in range(3))


def _accounts(namespace: Namespace) -> int:
    return sum(namespace.sql(f"mysql-{ordinal}", _ACCOUNT)[0][0] for ordinal in range(3))


def _password(namespace: Namespace) -> str:
    return namespace.kubectl("get", "secret", "mysql-internal", "-o", f"jsonpath={_KNOWN}")


@pytest.fixture(scope="module")
def exported(namespace: Namespace) -> Namespace:
    done = subprocess.run([LAB, "extra", "exporter"], check=True, capture_output=True, text=True, timeout=400)
    namespace.must("deploy", "mysql", *SMALL, "--exporter-image", done.stdout.split()[-1])
    eventually(lambda: _are_up(namespace), "every exporter logs in", 120)
    return namespace


def test_it_shows_the_server_and_the_group_and_no_secret(exported: Namespace) -> None:
    text = _scraped(exported, "mysql-0")
    for metric in ("mysql_global_status_uptime", "mysql_global_variables_max_connections", "replication_group_member"):
        assert metric in text
    assert "collector_success" in text
    failed = [
        line for line in text.splitlines() if line.startswith("mysql_exporter_collector_success") and line[-1] != "1"
    ]
    assert failed == []
    lines = exported.secret_lines()
    pod = exported.kubectl("get", "pod", "mysql-0", "-o", "json")
    log = exported.kubectl("logs", "mysql-0", "-c", names.CONTAINER_EXPORTER)
    assert [line for line in lines if line in text or line in pod or line in log] == []
    (image,) = [one for one in json.loads(pod)["spec"]["containers"] if one["name"] == names.CONTAINER_EXPORTER]
    assert not image.get("env")


def test_it_goes_on_with_a_new_password(exported: Namespace) -> None:
    before = _password(exported)
    exported.must("users", "rotate", "mysql")
    exported.must("users", "rotate", "mysql", "--finish", "--yes")
    assert _password(exported) not in ("", before)
    eventually(lambda: _are_up(exported), "every exporter logs in with the new password", 60)


def test_without_it_nothing_of_it_stays(exported: Namespace) -> None:
    exported.must("upgrade", "mysql", "--exporter-image", "")
    assert _password(exported) == ""
    eventually(lambda: _accounts(exported) == 0, "no member has the account", 30)
    assert all(len(pod["spec"]["containers"]) == 2 for pod in exported.objects("pods"))
