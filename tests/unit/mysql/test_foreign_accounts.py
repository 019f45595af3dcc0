"""Accounts of another server: of a version without roles or hashes in hex, and of one that lies."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import pytest

from mysqlops.mysql import connect, foreign_accounts

Row = dict[str, Any]
_USER = {
    "Host": "%",
    "User": "shop",
    "Select_priv": "N",
    "Grant_priv": "N",
    "ssl_type": "",
    "ssl_cipher": b"",
    "x509_issuer": b"",
    "x509_subject": b"",
    "max_questions": 0,
    "plugin": "mysql_native_password",
    "password_expired": "N",
    "password_lifetime": None,
    "account_locked": "N",
    "secret": "2A41",
}
_DB = {"Host": "%", "Db": "shop", "User": "shop", "Select_priv": "Y", "Grant_priv": "N"}


class Tables:
    """A server that has these rows in the tables of its schema mysql, and no others."""

    def __init__(self, **tables: Sequence[Row]) -> None:
        self._tables = tables

    def query(self, sql: str, parameters: Sequence[Any] = ()) -> list[connect.Row]:
        if "information_schema" in sql:
            rows = self._tables.get(parameters[0], [])
            return [(key,) for key in (rows[0] if rows else {}) if key != "secret"]
        (table,) = [name for name in self._tables if sql.endswith(f"FROM `mysql`.`{name}`")]
        return [tuple(row.values()) for row in self._tables[table]]


def _read(**tables: Sequence[Row]) -> list[foreign_accounts.Account]:
    return foreign_accounts.read(cast("connect.Server", Tables(**tables)))


def test_a_server_of_5_7_has_neither_roles_nor_dynamic_privileges() -> None:
    (one,) = _read(user=[_USER], db=[_DB])
    assert one.create == "CREATE USER 'shop'@'%' IDENTIFIED WITH 'mysql_native_password' AS 0x2A41 REQUIRE SSL"
    assert one.grants == ["GRANT SELECT ON `shop`.* TO 'shop'@'%'"]
    assert (one.administrative, one.roles, foreign_accounts.why_not(one, set(), [])) == ([], [], None)


def test_whatever_a_hostile_server_says_becomes_one_quoted_name() -> None:
    evil = "x'@'%' IDENTIFIED BY 'y'; DROP USER root; -- \\"
    rows: dict[str, list[Row]] = {
        "user": [{**_USER, "User": evil}],
        "db": [{**_DB, "User": evil, "Db": "a`.* TO x; DROP DATABASE b; -- "}],
        "global_grants": [
            {"USER": evil, "HOST": "%", "PRIV": "ALL ON *.* TO root; --", "WITH_GRANT_OPTION": "N"},
        ],
        "procs_priv": [
            {
                "Host": "%",
                "Db": "shop",
                "User": evil,
                "Routine_name": "f`",
                "Routine_type": "FUNCTION x TO y; --",
                "Proc_priv": "Execute",
            }
        ],
        "tables_priv": [
            {"Host": "%", "Db": "shop", "User": evil, "Table_name": "t", "Table_priv": "Select,Insert; DROP,Grant"}
        ],
    }
    (one,) = _read(**rows)
    quoted = "'x''@''%'' IDENTIFIED BY ''y''; DROP USER root; -- \\\\'@'%'"
    assert one.create.startswith(f"CREATE USER {quoted} IDENTIFIED WITH")
    assert one.grants == [
        f"GRANT SELECT ON `a``.* TO x; DROP DATABASE b; -- `.* TO {quoted}",
        f"GRANT SELECT ON `shop`.`t` TO {quoted} WITH GRANT OPTION",
    ]
    assert "GRANT OPTION" in one.administrative


def test_roles_that_do_not_come_along_are_not_granted_and_nobody_anonymous_comes() -> None:
    """`root` here is another account than the source's."""
    edge = {"FROM_USER": "root", "FROM_HOST": "localhost", "TO_USER": "shop", "TO_HOST": "%", "WITH_ADMIN_OPTION": "N"}
    default = {"USER": "shop", "HOST": "%", "DEFAULT_ROLE_USER": "root", "DEFAULT_ROLE_HOST": "localhost"}
    shop, nobody = _read(user=[_USER, {**_USER, "User": ""}], role_edges=[edge], default_roles=[default])
    said: list[str] = []

    class Server:
        def query(self, sql: str) -> list[Row]:
            said.append(sql)
            return []

        def execute_secret(self, sql: str, what: str) -> None:
            said.append(sql)

    assert foreign_accounts.why_not(shop, set(), []) is None
    assert "anonymous" in str(foreign_accounts.why_not(nobody, set(), []))
    refused = foreign_accounts.create(Server(), [shop])  # type: ignore[arg-type]
    assert not any("root" in one for one in said)
    assert any("'root'@'localhost' is not copied" in one for one in refused)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"plugin": "x' AS ''; --"}, "its plugin is"),
        ({"secret": "00' OR"}, "its plugin is"),
        ({"User": "a\nb"}, "control characters"),
        ({"User": "root"}, "the cluster has its own"),
        ({"User": "mysqlops_new"}, "the cluster has its own"),
        ({"secret": ""}, "no password"),
        ({"Select_priv": "Y"}, "administers (SELECT)"),
        ({"User_attributes": '{"Restrictions": []}'}, "partial revokes"),
        ({"User_attributes": "[1]"}, "not in MySQL's format"),
        ({"User_attributes": "[" * 200_000}, "not in MySQL's format"),
        ({"max_questions": "1; DROP"}, "not in MySQL's format"),
    ],
)
def test_what_is_not_an_applications_account_stays(change: Row, why: str) -> None:
    row = {**_USER, **change}
    row["secret"] = row.pop("secret")  # it comes last
    (one,) = _read(user=[row])
    assert why in str(foreign_accounts.why_not(one, set(), []))
    if "administers" in why:
        assert foreign_accounts.why_not(one, set(), ["shop"]) is None
        assert foreign_accounts.why_not(one, {("shop", "%")}, ["shop@%"]) is not None


@pytest.mark.parametrize("pattern", ["mysql", "MYSQL", "%", "m_sql", "my%", "mysqlops", "s%"])
def test_rights_on_the_servers_own_databases_administer(pattern: str) -> None:
    (one,) = _read(user=[_USER], db=[{**_DB, "Db": pattern}])
    assert one.administrative == [f"rights on `{pattern}`.*"]


@pytest.mark.parametrize("pattern", ["shop", r"m\_sql", "mysql2", "a%"])
def test_rights_on_other_databases_do_not(pattern: str) -> None:
    (one,) = _read(user=[_USER], db=[{**_DB, "Db": pattern}])
    assert one.administrative == []


@pytest.mark.parametrize(
    ("database", "kept", "is_copied"),
    [
        ("app", ["app"], False),
        ("a%", ["app"], False),
        ("a_p", ["app"], False),
        (r"a\_p", ["app"], True),
        ("shop", ["app"], True),
        ("gone", ["app"], True),
        ("App", ["app"], False),  # some servers do not tell them apart
        ("app", [], True),
    ],
)
def test_rights_on_a_database_of_the_clusters_own_are_not_given_by_the_source(
    database: str, kept: list[str], is_copied: bool
) -> None:
    """The source's database of that name is another one, which is not copied."""
    (one,) = _read(user=[_USER], db=[_DB, {**_DB, "Db": database}])
    why = foreign_accounts.why_not(one, set(), [], kept)
    assert (why is None) == is_copied, why
    assert foreign_accounts.why_not(one, set(), ["shop"], kept) is None
    table = {"Host": "%", "Db": database, "User": "shop", "Table_name": "t", "Table_priv": "Select"}
    (one,) = _read(user=[_USER], tables_priv=[table])
    assert (foreign_accounts.why_not(one, set(), [], kept) is None) == is_copied
