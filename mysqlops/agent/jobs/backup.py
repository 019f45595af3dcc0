"""The programs of a backup's Job (manifests/backup/job.yaml), between the steps of restic.

They use two servers: the donor over TLS, and the sidecar that serves the copy, through its socket. Files in /work pass
data to the next step; the last line that a program prints is shown to the user if it fails.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from mysqlops import errors
from mysqlops.agent import api, credentials, member, settings, vault
from mysqlops.agent.jobs import local, logical, peers, recorded
from mysqlops.clock import Clock, SystemClock
from mysqlops.core import backup, binlog, facts, instant, making, names, retention, secret_map, view
from mysqlops.errors import Reason, Refused
from mysqlops.mysql import accounts, clone, connect, contents, group_replication, zones
from mysqlops.planning import donor as donors

_WORK, _SCRATCH = Path("/work"), Path("/scratch")
_COPY = _SCRATCH / "copy"
_MANIFEST = _COPY / "manifest.json"


def open_account(client: api.Api, me: settings.Settings, server: member.Member) -> None:
    """Create the account that may clone, read the group's state and receive its binary logs; its password is in the
    Secret. Runs on the primary."""
    safe = vault.Vault(client, me.cluster)
    held = safe.read(secret_map.INTERNAL)
    password = held.values.get(names.KEY_BACKUP_PASSWORD)
    if password is None:
        password = credentials.password()
        safe.write(held, {names.KEY_BACKUP_PASSWORD: password})
    try:
        login = connect.Login(names.USER_BACKUP, password, str(settings.TLS / "ca.crt"))
        with connect.connect_tcp(me.host(me.ordinal), login) as connection:
            if accounts.may_receive(connection):
                return
    except errors.AccessDenied:
        pass
    with server.connect() as connection:
        accounts.create_backup(connection, password)


class Job:
    """One run of one program."""

    def __init__(self, environment: Mapping[str, str] = os.environ, clock: Clock | None = None) -> None:
        self._env, self._clock = environment, clock or SystemClock()

    def copy(self) -> None:
        """Clone the best member's data into the sidecar, read all of it, and record what it is."""
        started = self._clock.monotonic()
        donor, seen, group = self._choose()
        with self._local() as server:
            self._clone(server, donor)
        at, committed = peers.as_of(donor, self._moment()), peers.committed_until(self._env, self._clock.now())
        with self._local() as server:
            copied = clone.finished(server)
            facts_of = {"method": self._method(), "member": donor.pod, "role": donor.role, "group": group}
            facts_of |= {"server_version": seen.version, "gtid": copied.gtid, "binlog": copied.binlog}
            self._record(server, started, {**facts_of, "at": at, "committed": committed})

    def examine(self) -> None:
        """Read the data of a volume snapshot, which the sidecar has recovered, and record what it is."""
        started = self._clock.monotonic()
        known = {key: self._env[key.upper()] for key in ("member", "role", "group", "at", "volume_snapshot")}
        known["committed"] = peers.committed_until(self._env, self._clock.now())
        with self._local() as server:
            own = {"server_version": server.scalar("SELECT @@version"), "gtid": _executed(server), "binlog": ""}
            self._record(server, started, {"method": backup.SNAPSHOT, **known, **own})

    def _record(self, server: connect.Server, started: float, known: Mapping[str, Any]) -> None:
        checked, held = self._env.get("CHECK", backup.CHECKSUM), zones.held(server)
        if self._method() == backup.LOGICAL:
            found = logical.dump(server, self._clock, self._say, str(known["gtid"]))
        else:
            found = contents.of(server, self._say, with_checksums=checked == backup.CHECKSUM)
        self._stop(server)
        made = backup.Backup(
            id=self._env.get("BACKUP_ID") or backup.new_id(self._env["MYSQLOPS_CLUSTER"], self._clock.now()),
            cluster=self._env["MYSQLOPS_CLUSTER"],
            namespace=self._env["MYSQLOPS_NAMESPACE"],
            origin=self._env["ORIGIN"],
            seconds=round(self._clock.monotonic() - started, 1),
            size=_size(_COPY / "data"),
            tables=len(found.tables),
            rows=sum(table.rows for table in found.tables.values()),
            checked=checked,
            storage_size=self._env["STORAGE_SIZE"],
            zones=held,
            **known,
        )
        backup.check(made)
        manifest = {"backup": asdict(made), "contents": found.as_json(), "spec": recorded.spec(self._env)}
        _MANIFEST.write_text(json.dumps(manifest))
        made = replace(made, manifest=backup.digest(_MANIFEST.read_bytes()))
        if made.method == backup.SNAPSHOT:  # its data stays where it is: only this is stored
            (_WORK / "report").mkdir(exist_ok=True)
            shutil.copy(_MANIFEST, _WORK / "report")
        if made.method == backup.LOGICAL:
            shutil.rmtree(_COPY / "data")
        _write_lines("tags", backup.tags(made, peers.key()))
        self._say(json.dumps(asdict(made)))

    def _method(self) -> str:
        return self._env.get("METHOD", backup.ARCHIVE)

    def expired(self) -> None:
        """List the backups that the policy does not keep."""
        snapshots = _snapshots()
        own = [stored for stored in self._catalogue() if stored.owner == peers.owner(self._env)]
        policy = retention.Policy(**json.loads(self._env["KEEP"]))
        over = retention.expired(own, policy, self._clock.now(), has_key=bool(peers.key()))
        # A volume snapshot is deleted with its entry, which this Job may not do: `backup prune` does.
        made = making.at_most(self._clock.now())
        gone = [stored for stored in over if not (stored.volume_snapshot or made.spares(stored))]
        known = ([stored for stored in own if stored not in gone], peers.owner(self._env), peers.keys(self._env))
        logs = binlog.not_needed(snapshots, *known, since=made.logs_since)
        _write_lines("forget", backup.snapshots_of(snapshots, gone) + logs)
        self._say(f"not kept: {', '.join(stored.id for stored in gone) or 'none'}")

    def choose(self) -> None:
        """Find the requested backup, or the newest of this cluster that has not been restored yet."""
        found = self._catalogue()
        wanted, snapshot = self._env.get("BACKUP_ID"), self._env.get("SNAPSHOT")
        if wanted:  # another entry may have the same id: take the one that the command checked
            same = (stored for stored in found if stored.id == wanted and snapshot in (None, stored.snapshot))
            chosen = next(same, None)
        else:
            own = [stored for stored in found if stored.owner == peers.owner(self._env)]
            own = retention.counting(own, self._clock.now(), has_key=bool(peers.key()))
            chosen = next((stored for stored in own if stored.verified is None), own[0] if own else None)
        if chosen is None:
            what = wanted or "of this cluster whose files its key has sealed"
            raise Refused([Reason("no-such-backup", f"the target holds no backup {what}")])
        (_WORK / "chosen").write_text(chosen.snapshot)
        (_WORK / "method").write_text(chosen.method)
        (_WORK / "manifest").write_text(chosen.manifest)
        (_WORK / "started").write_text(str(self._clock.now().timestamp()))
        self._say(f"{chosen.id} of {chosen.where}, {chosen.size} bytes")

    def check(self) -> None:
        """Compare the restored data with the record. A difference is a result, and recorded like a success."""
        if (_SCRATCH / "data").exists():
            return
        self._check_manifest()
        manifest = facts.manifest(_MANIFEST.read_bytes())
        made = facts.make(backup.Backup, manifest["backup"])
        if made.method == backup.SNAPSHOT and local.APPLYING.exists():
            text = "applying binary logs to the volume was interrupted, so it no longer holds the snapshot"
            raise Refused([Reason("half-applied", text, "delete the new claim, then run the command again")])
        try:
            result = self._compare(made, contents.load(manifest.get("contents")))
        except (errors.MysqlError, errors.StepFailed) as error:
            result = self._unreadable(made, error)
        chosen = (_WORK / "chosen").read_text()
        result = replace(result, of_snapshot=chosen, tree=backup.trees(_snapshots()).get(chosen, ""))
        (_WORK / "report").mkdir(exist_ok=True)
        (_WORK / "report" / "verification.json").write_text(json.dumps(asdict(result)))
        _write_lines("tags", backup.tags(result, peers.key()))
        self._say(json.dumps(asdict(result)))
        if not result.ok and self._env.get("MUST_BE_EQUAL"):
            raise errors.StepFailed(f"{made.id} differs from what was recorded: {result.why}")

    def _compare(self, made: backup.Backup, recorded: contents.Contents) -> backup.Verification:
        """The result of the comparison, with the time to fetch and start the backup."""
        with self._local() as server:
            fetched = self._fetched_seconds()
            gtid = _executed(server)
            if made.method == backup.LOGICAL:
                found = contents.of_any_version(server, self._say, recorded.version)
            else:
                checked = made.checked == backup.CHECKSUM
                found = contents.of(server, self._say, with_checksums=checked, version=recorded.version)
                if str(server.scalar("SELECT @@version")) != made.server_version:
                    recorded, found = contents.of_whatever_version(recorded), contents.of_whatever_version(found)
            self._stop(server)
        different = contents.differences(recorded, found)
        if gtid != made.gtid:
            different.append(f"GTID set {gtid} instead of {made.gtid}")
        rows = sum(table.rows for table in found.tables.values())
        why = "; ".join(different)[:1000]
        return backup.Verification(made.id, self._moment(), not different, fetched, why, len(found.tables), rows)

    def _unreadable(self, made: backup.Backup, error: errors.MysqlopsError) -> backup.Verification:
        """The result for a backup that no server can read; raises an error if that may have another cause."""
        if self._env.get("MUST_BE_EQUAL"):
            raise error
        local.must_blame_data(self._clock, "mysqld", error, made.id)
        why = f"it cannot be read: {error}"[:1000]
        return backup.Verification(made.id, self._moment(), ok=False, seconds=self._fetched_seconds(), why=why)

    def _fetched_seconds(self) -> float:
        return round(self._clock.now().timestamp() - float((_WORK / "started").read_text()), 1)

    def _check_manifest(self) -> None:
        """Raises StepFailed unless the manifest has the digest in the sealed entry."""
        if (_WORK / "manifest").read_text() not in ("", backup.digest(_MANIFEST.read_bytes())):
            raise errors.StepFailed("manifest.json does not match the backup's entry")

    def _catalogue(self) -> list[backup.Backup]:
        return backup.catalogue(_snapshots(), keys=peers.keys(self._env))

    def verdict(self) -> None:
        """Fail the Job whose verification failed, after it has been recorded."""
        result = json.loads((_WORK / "report" / "verification.json").read_text())
        if not result["ok"]:
            raise errors.StepFailed(f"{result['of']} differs from what was recorded: {result['why']}")

    def place(self) -> None:
        """The last step of a restore: from here on the volume belongs to a member; `prepare` then sets the passwords.
        Data whose place is noted is not fetched or compared again (manifests/backup/restic.sh)."""
        if not (_SCRATCH / "data").exists():
            for own in ("auto.cnf", "mysqld-auto.cnf"):  # an identity, and settings that would override my.cnf
                (_COPY / "data" / own).unlink(missing_ok=True)
            (_SCRATCH / "restored-from").write_text((_WORK / "chosen").read_text())
            local.flush(_SCRATCH)
            (_COPY / "data").rename(_SCRATCH / "data")
        (_SCRATCH / "restored").write_text("rejoin" if self._env.get("REJOINS") else "reset")
        shutil.rmtree(_COPY, ignore_errors=True)
        local.flush(_SCRATCH)
        self._say("the volume is ready for its member")

    def _choose(self) -> tuple[view.GroupMember, view.ServerView, str]:
        """The donor, a member's view of the group, and the group's name."""
        own = peers.owner(self._env)
        last = next((stored.member for stored in backup.catalogue(_snapshots()) if stored.owner == own), "")
        why = "no member answers"
        for host in (hosts := peers.hosts(self._env)):
            try:
                with peers.ask(host) as server:
                    seen = group_replication.observe(server)
                    group = str(server.scalar("SELECT @@group_replication_group_name"))
            except errors.MysqlError as error:
                why = str(error)
                continue
            if seen.state == view.ONLINE and seen.has_majority():
                ours = [member for member in seen.members if member.host in hosts]  # it gets the account's password
                donor = donors.choose(ours, self._env.get("MEMBER", ""), last)
                self._say(f"from {donor.pod}, the {donor.role}, with {donor.queue} transactions to apply")
                return donor, seen, group
            why = f"{host} is {seen.state}"
        raise errors.StepFailed(f"no member has a group with a majority: {why}")

    def _clone(self, server: connect.Server, donor: view.GroupMember) -> None:
        login = connect.read_login(names.USER_BACKUP, "/run/login/password")
        if self._env.get("RATE_MIB"):
            server.query("SET GLOBAL clone_max_data_bandwidth = %s", [int(self._env["RATE_MIB"])])
        (_WORK / "again").touch()
        with self._local() as observer, clone.watched(observer, self._clock, self._say):
            clone.take(server, donor.host, login)
        local.until(self._clock, lambda: not (_WORK / "again").exists(), "start again")

    def _local(self) -> connect.Server:
        return local.wait_for(self._clock, "mysqld", connect.Login("root", ""))

    def _stop(self, server: connect.Server) -> None:
        local.stop(self._clock, "mysqld", server)

    def _moment(self) -> str:
        return instant.text(self._clock.now())

    def _say(self, text: str) -> None:
        print(text, flush=True)


def _snapshots() -> list[dict[str, Any]]:
    return facts.listed((_WORK / "snapshots.json").read_text())


def _write_lines(name: str, lines: list[str]) -> None:
    (_WORK / name).write_text("".join(f"{line}\n" for line in lines))


def _executed(server: connect.Server) -> str:
    return str(server.scalar("SELECT @@global.gtid_executed")).replace("\n", "")


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


PROGRAMS = {
    "backup-copy": Job.copy,
    "backup-examine": Job.examine,
    "backup-expired": Job.expired,
    "backup-choose": Job.choose,
    "backup-check": Job.check,
    "backup-verdict": Job.verdict,
    "backup-place": Job.place,
}
