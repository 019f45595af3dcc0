"""Taking another server's databases over: programs of the Job (manifests/adopt/job.yaml), and of the primary's agent.

The source is only read, but for --finish, which makes it read-only before the last copy, and `release`, which undoes
that. Passwords come from files and go to files in memory.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mysqlops import errors
from mysqlops.agent import api, credentials, member, settings, vault
from mysqlops.core import names, secret_map
from mysqlops.errors import Reason, Refused
from mysqlops.mysql import accounts, comparison, connect

_SOURCE_PASSWORD, _TARGET_PASSWORD = Path("/run/source/password"), Path("/run/target/password")
_CA = "/run/tls/ca.crt"
_WORK = Path("/work")
_MARKS = "CREATE TABLE IF NOT EXISTS mysqlops.adopted (name VARCHAR(64) PRIMARY KEY, source VARCHAR(300) NOT NULL)"
_MARK = "REPLACE INTO mysqlops.adopted (name, source) VALUES (%s, %s)"
_NOT_COPIED = ("mysql.sys", "mysql.session", "mysql.infoschema", "root", *names.USERS)


def open_account(client: api.Api, me: settings.Settings, server: member.Member) -> None:
    """An account that may create everything, with a password that only the Secret and the Job know."""
    safe = vault.Vault(client, me.cluster)
    held = safe.read(secret_map.INTERNAL)
    password = held.values.get(names.KEY_ADOPT_PASSWORD) or credentials.password()
    safe.write(held, {names.KEY_ADOPT_PASSWORD: password})
    with server.connect() as connection:
        accounts.create_temporary(connection, names.USER_ADOPT, password)


def close_account(client: api.Api, me: settings.Settings, server: member.Member) -> None:
    """Nobody needs it any more."""
    with server.connect() as connection:
        accounts.drop(connection, names.USER_ADOPT)
    vault.Vault(client, me.cluster).forget(names.KEY_ADOPT_PASSWORD)


class Adoption:
    """Inside the Job: one source, one target, and the databases in question."""

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        self._env = environment
        self._finish = environment.get("FINISH") == "yes"
        self._from = f"{environment['SOURCE_HOST']}:{environment['SOURCE_PORT']}"

    def check(self) -> None:
        """Refuse what cannot be copied, write what the copy needs; with FINISH the source takes no writes from here."""
        with self._source() as source, self._target() as target:
            chosen = self._chosen(comparison.databases(source))
            reasons = [
                Reason("unfit-table", f"{text}: a group cannot hold it", "ALTER TABLE on the source first")
                for database in chosen
                for text in comparison.unfit_tables(source, database)
            ]
            reasons += self._occupied(target, chosen)
            if reasons:
                raise Refused(reasons)
            # Before the first byte: what a killed run copied may be replaced by the next.
            for database in chosen:
                target.query(_MARK, [database, self._from])
            if self._finish:
                source.query("SET GLOBAL super_read_only = ON")
        self._write_files(chosen)
        print(f"check: {len(chosen)} databases can be copied: {', '.join(chosen)}", flush=True)

    def verify(self) -> None:
        """Copy the accounts, compare every row; prints a report as JSON, raises StepFailed if anything differs."""
        chosen = (_WORK / "databases").read_text().split("\n")[:-1]
        with self._source() as source, self._target() as target:
            refused = copy_accounts(source, target)
            found = [one for database in chosen for one in compare(source, target, database)]
            different = [one for one in found if not one["equal"]]
            if different and self._finish:
                _accept_writes(source)
            elif self._finish:
                target.query("DELETE FROM mysqlops.adopted")
        report = {"databases": chosen, "tables": found, "accounts_refused": refused}
        print(json.dumps(report), flush=True)
        if different and self._finish:
            listed = ", ".join(str(one["name"]) for one in different[:5])
            raise errors.StepFailed(f"source and copy differ in {listed}; the source takes writes again")

    def release(self) -> None:
        """The source takes writes again, and what was copied is the cluster's own."""
        with self._source() as source, self._target() as target:
            _accept_writes(source)
            target.query(_MARKS)
            target.query("DELETE FROM mysqlops.adopted")
        print("release: the source takes writes", flush=True)

    def _source(self) -> connect.Server:
        login = connect.read_login(self._env["SOURCE_USER"], str(_SOURCE_PASSWORD))
        return connect.connect_tcp(
            self._env["SOURCE_HOST"], login, port=int(self._env["SOURCE_PORT"]), timeout_seconds=20
        )

    def _target(self) -> connect.Server:
        login = connect.read_login(self._env["TARGET_USER"], str(_TARGET_PASSWORD), _CA)
        return connect.connect_tcp(self._env["TARGET_HOST"], login, timeout_seconds=20)

    def _chosen(self, there: Sequence[str]) -> list[str]:
        asked = json.loads(self._env.get("DATABASES", "[]"))
        missing = [name for name in asked if name not in there]
        if missing:
            text = f"--database {', '.join(missing)}: the source has {', '.join(there) or 'none'}"
            raise Refused([Reason("no-such-database", text)])
        if not there:
            raise Refused([Reason("no-such-database", "the source has no database of its own")])
        return asked or list(there)

    def _occupied(self, target: connect.Server, chosen: Sequence[str]) -> list[Reason]:
        """A database that holds something, and that no open adoption of this source made, is not ours to replace."""
        target.query(_MARKS)
        mine = {
            name for name, source in target.query("SELECT name, source FROM mysqlops.adopted") if source == self._from
        }
        hint = "choose others with --database, or drop it there if nobody needs it"
        return [
            Reason(
                "occupied",
                f"database {name} of the cluster holds tables that no open adoption of this source made",
                hint,
            )
            for name in chosen
            if name not in mine and comparison.tables(target, name)
        ]

    def _write_files(self, chosen: Sequence[str]) -> None:
        (_WORK / "databases").write_text("".join(f"{name}\n" for name in chosen))
        tls = f"ssl-ca={_CA}\nssl-mode=VERIFY_IDENTITY\n"
        for file, side, password, port, more in (
            ("source.cnf", "SOURCE", _SOURCE_PASSWORD, self._env["SOURCE_PORT"], ""),
            ("target.cnf", "TARGET", _TARGET_PASSWORD, "3306", tls),
        ):
            path = _WORK / file
            path.touch(mode=0o600)
            quoted = password.read_text().rstrip("\n").replace("\\", "\\\\").replace('"', '\\"')
            host, user = self._env[f"{side}_HOST"], self._env[f"{side}_USER"]
            path.write_text(f'[client]\nhost={host}\nport={port}\nuser="{user}"\npassword="{quoted}"\n{more}')


def _accept_writes(source: connect.Server) -> None:
    source.query("SET GLOBAL super_read_only = OFF")
    source.query("SET GLOBAL read_only = OFF")


def compare(source: connect.Server, target: connect.Server, database: str) -> list[dict[str, Any]]:
    """Each table's rows on both sides, and what else the database has."""
    found = []
    for table in comparison.tables(source, database):
        there = comparison.contents(source, database, table)
        try:
            here = comparison.contents(target, database, table)
        except errors.StatementFailed:
            here = comparison.Contents(-1, 0)
        found.append({"name": f"{database}.{table}", "rows": there.rows, "copied": here.rows, "equal": there == here})
    missing = comparison.programs(source, database) - comparison.programs(target, database)
    found += [{"name": f"{database} {one}", "rows": 0, "copied": -1, "equal": False} for one in sorted(missing)]
    return found


def copy_accounts(source: connect.Server, target: connect.Server) -> list[str]:
    """Applications' accounts with their passwords and rights, as they are now; those that are not copied, with why.

    root and the accounts that mysqlops made stay as they are.
    """
    source.query("SET SESSION print_identified_with_as_hex = ON")
    told, copied = [], []
    for user, host in source.query("SELECT user, host FROM mysql.user WHERE user NOT IN %s", [_NOT_COPIED]):
        account = f"{accounts.quote(str(user))}@{accounts.quote(str(host))}"
        if user == names.USER_APP:
            told.append(f"{user}@{host}: the cluster has its own, with the password in its Secret")
            continue
        try:
            create = str(source.scalar(f"SHOW CREATE USER {account}"))
            target.query(f"DROP USER IF EXISTS {account}")
            target.execute_secret(create, f"CREATE USER {account}")
            copied.append(account)
        except errors.StatementFailed as error:
            told.append(f"{user}@{host}: {error}")
    for account in copied:
        for (grant,) in source.query(f"SHOW GRANTS FOR {account}"):
            try:
                target.query(str(grant))
            except errors.StatementFailed as error:
                told.append(f"{account}: {error}")
    return told
