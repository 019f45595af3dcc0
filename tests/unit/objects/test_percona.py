"""Percona Server: what its builds do by default and no server of mysqlops should."""

from __future__ import annotations

import pytest

from mysqlops.kube import manifests


@pytest.mark.parametrize("file", ["base/config/my.cnf", "binlog/receiver.sh"])
def test_no_server_collects_figures_about_itself(file: str) -> None:
    """Each other server is started with the members' my.cnf. `loose`: other builds do not know the option.

    https://docs.percona.com/percona-server/8.4/telemetry.html
    """
    words = " ".join(manifests.read_text(file).replace("-", "_").split())
    assert "loose_percona_telemetry_disable" in words
    assert words.partition("loose_percona_telemetry_disable")[2].lstrip(" =").startswith("ON")
