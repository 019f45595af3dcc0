"""Which servers `adopt` takes for MySQL: by what they say, and by what only MySQL has."""

from __future__ import annotations

from typing import cast

import pytest

from mysqlops import errors
from mysqlops.mysql import connect, foreign_kind
from tests.unit.fakes.two_servers import Sql

_COMMUNITY = "MySQL Community Server - GPL"


def _server(version: str, comment: str, *, has_uuid: bool = True) -> connect.Server:
    """One that takes no statement but those that every server of the protocol takes."""
    server = Sql()
    server.version, server.comment, server.has_uuid, server.fail = version, comment, has_uuid, "SET"
    return cast("connect.Server", server)


@pytest.mark.parametrize(
    ("version", "comment"),
    [
        ("5.7.44-log", "MySQL Community Server (GPL)"),
        ("8.0.16", _COMMUNITY),
        ("8.0.36-28", "Percona Server (GPL), Release 28, Revision 47601f19"),
        ("8.0.31-google", "(Google)"),
        ("8.4.8-cloud", "MySQL Enterprise - Cloud"),
        ("9.7.4-2", "(Debian)"),
    ],
)
def test_a_mysql_of_any_builder_is_one(version: str, comment: str) -> None:
    foreign_kind.must_be_mysql(_server(version, comment))


@pytest.mark.parametrize(
    ("version", "comment", "why"),
    [
        ("5.6.51-log", _COMMUNITY, r"of version 5.6.51-log \(MySQL Comm.*adopt supports MySQL 5.7 and later"),
        ("10.11.6-MariaDB-1", "Debian 12", "the source is MariaDB, 10.11.6-MariaDB-1"),
        ("8.0.36", "mariadb.org binary distribution", "the source is MariaDB, 8.0.36"),
        ("8.0.11-TiDB-v8.5.0", "TiDB Server (Apache License 2.0)", "the source is TiDB"),
        ("5.7.25-OceanBase_CE-v4.2.1.0", "OceanBase_CE 4.2.1.0", "the source is OceanBase"),
        ("8.0.30", "(ProxySQL)", "the source is ProxySQL"),
        ("8.0.33", "Dolt", "the source is Dolt"),
        ("", "", "of version"),
    ],
)
def test_another_server_is_refused_with_its_own_words(version: str, comment: str, why: str) -> None:
    with pytest.raises(errors.Refused, match=why) as refused:
        foreign_kind.must_be_mysql(_server(version, comment))
    (reason,) = refused.value.reasons
    assert reason.code == "unfit-source"
    assert reason.hint


def test_a_server_that_only_says_a_version_of_mysql_is_refused() -> None:
    """MariaDB's is a setting, which sites change for their clients."""
    with pytest.raises(errors.Refused, match="has no server_uuid, as every MySQL has"):
        foreign_kind.must_be_mysql(_server("8.0.36", _COMMUNITY, has_uuid=False))


def test_of_what_a_server_says_little_is_repeated() -> None:
    with pytest.raises(errors.Refused) as refused:
        foreign_kind.must_be_mysql(_server("5.5.5" + "x" * 5000, "y" * 5000))
    assert len(str(refused.value)) < 400
