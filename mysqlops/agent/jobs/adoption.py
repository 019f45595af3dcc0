"""Adopting another server's databases: the programs of the Job (manifests/adopt/job.yaml).

The source is only read, in read-only sessions. Only --finish makes it read-only, before the last copy, and any later
failure restores it. Passwords come from files and go to files in memory.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, NoReturn

from mysqlops import errors
from mysqlops.agent.jobs import option_files
from mysqlops.clock import Clock, SystemClock
from mysqlops.core import adoption, instant, names, typed
from mysqlops.errors import Reason, Refused
from mysqlops.mysql import (
    accounts,
    adopting,
    comparison,
    connect,
    foreign_accounts,
    foreign_kind,
    foreign_programs,
    foreign_views,
    loading_account,
    zones,
)

_SOURCE_PASSWORD, _TARGET_PASSWORD = Path("/run/source/password"), Path("/run/target/password")
_SOURCE_CA, _CA = "/run/source-ca/ca.crt", "/run/tls/ca.crt"
_WORK = Path("/work")
_PATIENCE_SECONDS = 60.0


def run(program: Callable[[Adoption], None]) -> None:
    """Run a program; a deleted pod raises an exception, so that everything is undone (process 1 ignores SIGTERM)."""
    signal.signal(signal.SIGTERM, _end)
    program(Adoption())


def _end(*_: object) -> NoReturn:
    raise errors.StepFailed("the pod is being deleted")


class Adoption:
    """One run of the Job: one source, one target, and the chosen databases."""

    def __init__(
        self, environment: Mapping[str, str] = os.environ, clock: Clock | None = None, work: Path = _WORK
    ) -> None:
        self._env, self._clock, self._work = environment, clock or SystemClock(), work
        self._finish = environment.get("FINISH") == "yes"
        self._from = f"{environment['SOURCE_HOST']}:{environment['SOURCE_PORT']}"
        self._touched = False  # whether this Job may have stopped the source's writes

    def prepare(self) -> None:
        """Refuse what cannot be copied, and make ready for the copy; with FINISH, stop the source's writes before."""
        with self._undone(), self._target() as target:
            self._touched = adopting.begin(target, self._from, self._env["JOB"])
            if self._touched:
                raise errors.StepFailed("an earlier pod of this Job was lost")
            with self._source() as source:
                chosen = self._chosen(comparison.databases(source))
                if reasons := self._unfit(source, target, chosen) or adopting.occupied(target, self._from, chosen):
                    raise Refused(reasons)
                self._planned_accounts(source, target, chosen)
                # Before the first byte: the next run may replace what a killed run copied.
                adopting.mark(target, self._from, chosen)
                self._drop(target, chosen)  # which takes its time, and waits for whoever reads the previous copy
                if self._finish:
                    self._touched = True
                    adopting.stop_writes(source, target, self._from, self._env["JOB"])
                    if reasons := self._unfit(source, target, chosen):  # made since the first look, and by now final
                        raise errors.StepFailed("; ".join(reason.message for reason in reasons))
                self._drop(target, chosen)
                for database in chosen:
                    foreign_programs.begin(source, target, database)
                foreign_programs.must_borrow_nothing(source, target, chosen, _kept(target, chosen))
                password = secrets.token_hex(24)
                loading_account.create(target, password, chosen)
                self._write_files(source, chosen, password)
        print(typed.visible(f"prepare: {len(chosen)} databases can be copied: {', '.join(chosen)}"), flush=True)

    def _drop(self, target: connect.Server, chosen: Sequence[str]) -> None:
        for database in chosen:
            self._must_be_current(target, self._env["JOB"])
            foreign_programs.drop(target, database)

    def conclude(self) -> None:
        """Compare every row; with FINISH, create the accounts. Prints a report as JSON, or raises what is wrong."""
        self._touched = True
        with self._undone():
            if (self._work / "failed").exists():
                raise errors.StepFailed(f"copy: {_words(self._work / 'copy.log')}")
            chosen = (self._work / "databases").read_text().split("\n")[:-1]
            with self._source() as source, self._target() as target:
                report = self._handed_over(source, target, chosen) if self._finish else {}
                print(json.dumps(report or self._compared(source, target, chosen)[0]), flush=True)
        with contextlib.suppress(errors.MysqlError):
            self._close()

    def give_back(self) -> None:
        """Let the source accept writes as before, or unconditionally if the cluster cannot say how that was. Copied
        data stays until another run replaces it."""
        try:
            self._give_back()
            with contextlib.suppress(errors.MysqlError):
                self._close()
        except (errors.MysqlError, errors.ConfigError) as error:
            print(typed.visible(f"{self._env['TARGET_HOST']} is skipped: {error}"), flush=True)
            with self._source() as source:
                adopting.accept_writes(source, read_only=False)
        print(f"{self._from}: {adoption.GIVEN_BACK}", flush=True)

    def confirm(self) -> None:
        """Print whether the source still accepts no writes, and how far it has written."""
        with self._source() as source:
            print(json.dumps(self._stamped(adopting.standing(source))), flush=True)

    def _stamped(self, found: adopting.Standing) -> dict[str, Any]:
        return {"job": self._env["JOB"], "at": instant.text(self._clock.now()), **asdict(found)}

    def _handed_over(self, source: connect.Server, target: connect.Server, chosen: Sequence[str]) -> dict[str, Any]:
        """Comparing takes hours, and this pod may be frozen at any moment. So what was true before must be true right
        before and after each act: for the source in the session that compares, for the cluster by compare-and-swap."""
        before = adopting.standing(source)
        self._confirm(source, target, before, self._env["JOB"])
        report, wanted = self._compared(source, target, chosen)
        self._confirm(source, target, before, self._env["JOB"])
        job = adopting.take(target, self._from, self._env["JOB"])
        self._confirm(source, target, before, job)
        report["accounts_refused"] += foreign_accounts.create(target, wanted)
        foreign_views.create(source, target, chosen)
        self._confirm(source, target, before, job)
        adopting.forget(target, self._from, job)
        try:
            self._confirm(source, target, before, job)
            foreign_programs.create_events(source, target, chosen)
            now = self._confirm(source, target, before, job)
        except errors.MysqlopsError:
            if adopting.is_current(target, self._from, job):  # else it is another run's by now
                adopting.mark(target, self._from, chosen)  # so that the next run may replace it
                foreign_programs.drop_events(target, chosen)
            raise
        return {**report, "source": self._stamped(now)}

    def _confirm(
        self, source: connect.Server, target: connect.Server, before: adopting.Standing, job: str
    ) -> adopting.Standing:
        """Raises StepFailed if the source may hold more than the copy, or another pod has decided meanwhile."""
        self._must_be_current(target, job)
        now = adopting.standing(source)
        if why := adopting.moved(before, now):
            raise errors.StepFailed(why)
        return now

    def _must_be_current(self, target: connect.Server, job: str) -> None:
        if not adopting.is_current(target, self._from, job):
            raise errors.StepFailed("another pod has given up this copy meanwhile")

    def _unfit(self, source: connect.Server, target: connect.Server, chosen: Sequence[str]) -> list[Reason]:
        unfit = adopting.unfit(source, chosen)
        return unfit or foreign_programs.borrowing(source, target, chosen, _kept(target, chosen))

    def _compared(
        self, source: connect.Server, target: connect.Server, chosen: Sequence[str]
    ) -> tuple[dict[str, Any], list[foreign_accounts.Account]]:
        """The report, and the accounts to create. Raises StepFailed for a last copy that differs."""
        self._must_be_current(target, self._env["JOB"])
        foreign_views.create(source, target, chosen)
        for database in chosen:
            foreign_programs.create_triggers(source, target, database)
        foreign_programs.must_borrow_nothing(source, target, chosen, _kept(target, chosen))
        found = [table for database in chosen for table in comparison.compare(source, target, database)]
        different = [str(table["name"]) for table in found if not table["equal"]]
        if different and self._finish:
            raise errors.StepFailed(f"source and copy differ in {adopting.some(different)}")
        wanted, left = self._planned_accounts(source, target, chosen)
        report = {"databases": list(chosen), "tables": found, "accounts": [str(account) for account in wanted]}
        return {**report, "accounts_refused": left, "zones": zones.different(source, target)}, wanted

    @contextlib.contextmanager
    def _undone(self) -> Iterator[None]:
        """After any failure, restore the source and drop the account that copies."""
        try:
            yield
        except BaseException as error:
            undone = self._undo() if self._finish else ""
            with contextlib.suppress(errors.MysqlError):
                self._close()
            is_early = isinstance(error, Refused) and not (self._finish and self._touched)
            if is_early or not isinstance(error, Exception):
                raise
            raise errors.StepFailed(f"{error}{undone}") from error

    def _undo(self) -> str:
        """Undo changes to the source; returns its state as text."""
        if not self._touched:
            return f"; {adoption.UNTOUCHED}"
        try:
            undone = self._give_back(self._env["JOB"])
        except (errors.MysqlError, Refused) as error:
            return f"; {error}; the source may still be read-only, --abort undoes that"  # our words end it
        return f"; {adoption.GIVEN_BACK}" if undone else "; the source is as it was before"

    def _give_back(self, job: str | None = None) -> bool:
        with self._target() as target, self._source() as source:
            return adopting.give_back(source, target, self._from, job)

    def _close(self) -> None:
        """Drop the account of this connection."""
        with self._target() as target:
            accounts.drop(target, names.USER_ADOPT)

    def _planned_accounts(
        self, source: connect.Server, target: connect.Server, chosen: Sequence[str]
    ) -> tuple[list[foreign_accounts.Account], list[str]]:
        """The accounts to copy, and why others are not copied."""
        named = json.loads(self._env.get("ACCOUNTS", "[]"))
        found, here = foreign_accounts.read(source), foreign_accounts.existing(target)
        known = {name for account in found for name in (str(account), account.user)}
        if unknown := [name for name in named if name not in known]:
            text = f"--account {', '.join(unknown)}: the source has no such account"
            raise Refused([Reason("no-such-account", text)])
        kept = _kept(target, chosen)
        reasons = [(one, foreign_accounts.why_not(one, here, named, kept)) for one in found]
        return [one for one, why in reasons if why is None], [f"{one}: {why}" for one, why in reasons if why]

    def _source(self) -> connect.Server:
        """A session of MySQL (else Refused) that is read-only except for SET GLOBAL, with the comparison's settings."""
        login = connect.read_login(self._env["SOURCE_USER"], str(_SOURCE_PASSWORD))
        host, port, mode = (self._env[f"SOURCE_{key}"] for key in ("HOST", "PORT", "SSL_MODE"))
        login = replace(login, ca_file=_SOURCE_CA if mode in adoption.VERIFYING else "", ssl_mode=mode)
        server = connect.connect_tcp(host, login, port=int(port), timeout_seconds=20)
        foreign_kind.must_be_mysql(server)
        adopting.only_read(server)
        comparison.fix_session(server)
        return server

    def _target(self) -> connect.Server:
        """Connect with retries: the account may be created just after the Job, and the primary may be changing."""
        deadline = self._clock.monotonic() + _PATIENCE_SECONDS
        while True:
            try:
                login = connect.read_login(self._env["TARGET_USER"], str(_TARGET_PASSWORD), _CA)
                server = connect.connect_tcp(self._env["TARGET_HOST"], login, timeout_seconds=20)
                comparison.fix_session(server)
                adopting.wait_briefly(server)
                return server
            except errors.MysqlError:
                if self._clock.monotonic() > deadline:
                    raise
                self._clock.sleep(1.0)

    def _chosen(self, existing: Sequence[str]) -> list[str]:
        asked = json.loads(self._env.get("DATABASES", "[]"))
        missing = [name for name in asked if name not in existing]
        if missing:
            text = f"--database {', '.join(missing)}: the source has {', '.join(existing) or 'none'}"
            raise Refused([Reason("no-such-database", text)])
        if not existing:
            raise Refused([Reason("no-such-database", "the source has no database of its own")])
        return asked or list(existing)

    def _write_files(self, source: connect.Server, chosen: Sequence[str], password: str) -> None:
        """What the copy reads; `password` is that of the account that loads."""
        (self._work / "guard.sql").write_text(adopting.guard(self._from, self._env["JOB"]))
        (self._work / "databases").write_text("".join(f"{name}\n" for name in chosen))
        views = [(database, view) for database in chosen for view in foreign_views.listed(source, database)]
        login = connect.read_login("", str(_SOURCE_PASSWORD))
        reading = option_files.of_source(self._env, login.password, _SOURCE_CA)
        option_files.write(self._work / "source.cnf", client=reading, mysqldump=option_files.without(views))
        target = {"host": self._env["TARGET_HOST"], "port": "3306", "ssl-mode": "VERIFY_IDENTITY", "ssl-ca": _CA}
        loading = {"user": names.USER_LOAD, "password": password}
        option_files.write(self._work / "target.cnf", client=[*target.items(), *loading.items()])


def _kept(target: connect.Server, chosen: Sequence[str]) -> set[str]:
    """The cluster's databases that do not come from the source."""
    return {*comparison.databases(target), names.DATABASE_APP} - set(chosen)


def _words(log: Path) -> str:
    """The last lines of the copy's log, without warnings about passwords on the command line."""
    lines = [line for line in log.read_text(errors="replace").splitlines() if "[Warning]" not in line]
    return " / ".join(lines[-3:])[-600:] or "no reason given"
