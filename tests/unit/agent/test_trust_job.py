"""What a backup's Job does with a repository into which others have written."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from mysqlops import errors
from mysqlops.agent.jobs import backup as job
from mysqlops.agent.jobs import peers, replay, sealing
from mysqlops.core import backup, binlog, retention
from mysqlops.core.backup import Keys
from mysqlops.mysql import password_hash
from tests.unit.fakes.api import Clock
from tests.unit.operations.test_backup import GROUP, LATER, NOW, made
from tests.unit.operations.test_trust import bound, stored

ENV = {"MYSQLOPS_CLUSTER": "orders", "MYSQLOPS_NAMESPACE": "db", "ORIGIN": "uid"}


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "copy" / "data").mkdir(parents=True)
    (tmp_path / "key").write_text("the key")
    monkeypatch.setattr(job, "_WORK", tmp_path)
    monkeypatch.setattr(job, "_SCRATCH", tmp_path)
    monkeypatch.setattr(job, "_COPY", tmp_path / "copy")
    monkeypatch.setattr(job, "_MANIFEST", tmp_path / "copy" / "manifest.json")
    monkeypatch.setattr(peers, "_KEY", tmp_path / "key")
    return tmp_path


def _job(work: Path, snapshots: list[dict[str, Any]], **env: str) -> job.Job:
    (work / "snapshots.json").write_text(json.dumps(bound(*snapshots)))
    clock = Clock()
    clock.wall = NOW
    return job.Job({**ENV, **env}, clock)


def _two() -> list[dict[str, Any]]:
    return [stored(made(1), "", "evil"), stored(made(1), "the key", "real")]


@pytest.mark.parametrize("chosen", ["evil", "real"])
def test_a_job_takes_the_very_entry_that_the_command_has_looked_at(work: Path, chosen: str) -> None:
    _job(work, _two(), BACKUP_ID="orders-20261124-000001", SNAPSHOT=chosen).choose()
    assert (work / "chosen").read_text() == chosen
    with pytest.raises(errors.Refused, match="no backup orders-20261124-000001"):
        _job(work, _two(), BACKUP_ID="orders-20261124-000001", SNAPSHOT="gone").choose()


def test_a_scheduled_verification_takes_a_backup_that_the_cluster_has_sealed(work: Path) -> None:
    later = stored(made(2, NOW + timedelta(minutes=1)), "stolen", "evil")
    _job(work, [later, *_two()]).choose()
    assert (work / "chosen").read_text() == "real"
    with pytest.raises(errors.Refused, match="no backup of this cluster"):
        _job(work, [later]).choose()


def test_a_job_seals_what_restic_has_stored(work: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sealing, "_WORK", work)
    entry = stored(made(1), "the key", "real")
    (work / "tags").write_text("\n".join(entry["tags"]))
    (work / "stored.json").write_text(json.dumps([{**entry, "tags": entry["tags"][::-1]}]))
    sealing.seal("the key")
    note = {"id": "note", "tags": (work / "tags").read_text().split()}
    keys = Keys("db", {"orders": "the key"})
    assert [one.signed for one in backup.catalogue([entry, note], keys=keys)] == [backup.SIGNED]
    assert set(json.loads((work / "seal" / "binding.json").read_text())) == {"of", "tree", "entry"}
    for other in ({**entry, "tags": backup.tags(made(2), "the key")}, {**entry, "tree": "x"}, {"tags": entry["tags"]}):
        (work / "tags").write_text("\n".join(entry["tags"]))
        (work / "stored.json").write_text(json.dumps([other]))
        with pytest.raises(errors.StorageError, match=r"the stored snapshot|not a list of snapshots"):
            sealing.seal("the key")


def test_a_scheduled_verification_says_that_no_backup_is_sealed(work: Path) -> None:
    asking = _job(work, [])
    (work / "snapshots.json").write_text(json.dumps([stored(made(1), "the key")]))
    with pytest.raises(errors.Refused, match="no backup of this cluster whose files its key has sealed"):
        asking.choose()


def test_a_scheduled_pruning_forgets_no_real_backup_for_a_forged_one(work: Path) -> None:
    evil = [stored(made(n, NOW + timedelta(hours=n - 5)), "", f"evil{n}") for n in (1, 9)]
    keep = json.dumps(asdict(retention.Policy(last=1)))
    _job(work, [*evil, *_two()], KEEP=keep).expired()
    assert "real" not in (work / "forget").read_text().split()
    newer = stored(made(7, NOW), "the key", "newer")
    old = stored(made(1, NOW - timedelta(days=1)), "the key", "real")
    _job(work, [*evil, old, newer], KEEP=keep).expired()
    assert "real" in (work / "forget").read_text().split()
    (work / "key").unlink()  # agents of an older release: as before
    _job(work, [stored(made(1, NOW - timedelta(days=1)), "", "a"), stored(made(2, NOW), "", "b")], KEEP=keep).expired()
    assert (work / "forget").read_text().split() == ["a"]


def test_a_manifest_must_be_the_one_that_was_sealed(work: Path) -> None:
    manifest = work / "copy" / "manifest.json"
    manifest.write_text("{}")
    one = made(1, manifest=backup.digest(b"{}"))
    checking = _job(work, [stored(one, "the key", "real")], BACKUP_ID=one.id, SNAPSHOT="real")
    checking.choose()
    checking._check_manifest()
    manifest.write_text("{ }")
    with pytest.raises(errors.StepFailed, match="does not match the backup's entry"):
        checking.check()
    older = replace(one, manifest="")
    _job(work, [stored(older, "", "older")], BACKUP_ID=one.id).choose()
    checking._check_manifest()


def test_a_restored_volume_brings_no_identity_and_no_persisted_settings(work: Path) -> None:
    data = work / "copy" / "data"
    for name in ("auto.cnf", "mysqld-auto.cnf", "ibdata1"):
        (data / name).write_text("")
    (work / "chosen").write_text("s1")
    _job(work, []).place()
    assert [one.name for one in (work / "data").iterdir()] == ["ibdata1"]
    assert ((work / "restored").read_text(), (work / "restored-from").read_text()) == ("reset", "s1")


def _chunk(name: str, key: str, **facts: Any) -> dict[str, Any]:
    common = {
        "before": f"{GROUP}:1-5",
        "gtid": f"{GROUP}:6-9",
        "transactions": 4,
        "until": "2026-11-24T13:00:00.000000Z",
    }
    common |= {"first": "2026-11-24T12:30:00.000000Z", "last": "2026-11-24T12:50:00.000000Z"}
    one = binlog.Chunk(name, "orders", "db", "uid", GROUP, **{**common, **facts})
    return {"id": f"{name}-{key}", "tags": binlog.tags(one, key)}


def test_a_sealed_backup_is_brought_forward_with_sealed_logs_only() -> None:
    keys = Keys("db", {"orders": "the key"})
    one = made(1, NOW, group=GROUP)
    evil = _chunk("c", "", transactions=99, gtid=f"{GROUP}:6-99")  # the same chunk, with more in it
    stranger = _chunk("d", "stolen", gtid=f"{GROUP}:6-7")
    real = _chunk("c", "the key")
    there = binlog.chunks([evil, stranger, real], keys)
    assert {(chunk.id, chunk.signed) for chunk in there} == {("c", backup.SIGNED), ("d", backup.UNKNOWN)}
    reach = binlog.reach(replace(one, signed=backup.SIGNED), there)
    assert [chunk.snapshot for chunk in reach.chunks] == ["c-the key"]
    assert binlog.reach(replace(one, signed=backup.SIGNED), binlog.chunks([evil, stranger], keys)).chunks == ()
    assert binlog.reach(replace(one, signed=backup.FACTS), binlog.chunks([evil, stranger], keys)).chunks == ()
    assert binlog.reach(one, binlog.chunks([evil], keys)).chunks != ()  # on the user's word
    # Nothing that is sealed goes for what is not.
    kept = [replace(one, signed=backup.SIGNED)]
    assert "c-the key" not in binlog.not_needed([evil, stranger, real], kept, one.owner, keys, since=LATER)
    assert binlog.superseded([evil, real], keys) == ["c-"]


@pytest.fixture
def replaying(work: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A backup that is to be brought forward, and the files of that Job."""
    monkeypatch.setattr(replay, "_SCRATCH", work)
    for name in ("logs", "chunks.json", "replay-password", "replay.sql"):
        known = {"logs": "_LOGS", "chunks.json": "_CHUNKS", "replay-password": "_PASSWORD", "replay.sql": "_STATEMENTS"}
        monkeypatch.setattr(replay, known[name], work / name)
    monkeypatch.setattr(replay, "_WORK", work)
    one = replace(made(1, NOW, group=GROUP), gtid=f"{GROUP}:1-5")
    manifest = json.dumps({"backup": asdict(one), "contents": {}})
    (work / "copy" / "manifest.json").write_text(manifest)
    return work


def test_a_password_policy_in_the_data_does_not_refuse_the_account_that_applies_logs(replaying: Path) -> None:
    """validate_password is a row of the restored data: the server that applies the logs has it, and checks no hash."""
    (replaying / "snapshots.json").write_text(json.dumps([_chunk("c", "the key")]))
    replay.Replay({"TO": "latest", "SIGNED": backup.SIGNED}).choose()
    password, statements = ((replaying / name).read_text() for name in ("replay-password", "replay.sql"))
    assert password not in statements
    (hashed,) = re.findall(r"IDENTIFIED WITH caching_sha2_password AS '([^']+)'", statements)
    assert password_hash.is_of(hashed, password)


def test_every_snapshot_that_shows_the_facts_of_a_chunk_may_hold_its_files(replaying: Path) -> None:
    """Anybody who may write can store other files under copied tags, and chooses the time by which restic lists."""
    work = replaying
    real = {**_chunk("c", "the key", files=1, digest="d" * 64), "tree": "1" * 64}
    earlier = _chunk("c", "the key", transactions=3, gtid=f"{GROUP}:6-8", files=1, digest="e" * 64)
    again = {**real, "id": "again"}  # of the same files, as `restic copy` makes one
    evil = [{**real, "id": f"evil{number}", "tree": f"{number}" * 64} for number in (2, 3)]
    old = {"before": f"{GROUP}:1-9", "gtid": f"{GROUP}:10-12", "transactions": 3, "until": LATER.isoformat()}
    older = [{**_chunk("o", "the key", **old), "id": name} for name in ("o1", "o2")]
    (work / "snapshots.json").write_text(json.dumps([earlier, real, again, *evil, *older]))
    replay.Replay({"TO": "latest", "SIGNED": backup.SIGNED}).choose()
    assert (work / "logs").read_text() == f"{'d' * 64} c-the key evil2 evil3\n- o2\n"


def test_logs_must_be_those_that_their_entries_were_made_with(tmp_path: Path) -> None:
    files, digest = [], ""
    for number in range(3):
        files.append(tmp_path / f"relay.{number:06}")
        files[-1].write_bytes(bytes([number]))
    for file in files[:2]:
        digest = binlog.chained(digest, file.read_bytes())
    common: dict[str, Any] = {"cluster": "orders", "namespace": "db", "origin": "uid", "group": GROUP, "before": ""}
    first = binlog.Chunk(id="a", **common, transactions=1, files=2, digest=digest)
    second = binlog.Chunk(id="b", **common, transactions=1, files=1, digest=binlog.chained("", b"\x02"))
    replay._check_files(files, [first, second])
    for changed in (files[::-1], files[:2], [*files, files[0]]):
        with pytest.raises(errors.StorageError, match=r"do not match its entry|do not belong to any entry"):
            replay._check_files(changed, [first, second])
    files[1].write_bytes(b"evil")
    with pytest.raises(errors.StorageError, match="the binary logs of a do not match"):
        replay._check_files(files, [first, second])
    files[1].write_bytes(b"")
    with pytest.raises(errors.StorageError, match="the binary logs of a do not match"):
        replay._check_files(files, [first, second])
    with pytest.raises(errors.StorageError, match="not a binary log"):
        list(replay._transactions(files[1:2]))


def test_logs_of_an_older_release_leave_no_others_unchecked(tmp_path: Path) -> None:
    """It counted no files."""
    files = [tmp_path / f"relay.{number:06}" for number in range(4)]
    for number, file in enumerate(files):
        file.write_bytes(bytes([number]))
    common: dict[str, Any] = {"cluster": "orders", "namespace": "db", "origin": "uid", "group": GROUP, "before": ""}
    first, last = (
        binlog.Chunk(id=name, **common, transactions=1, files=1, digest=binlog.chained("", bytes([number])))
        for name, number in (("a", 0), ("b", 3))
    )
    older = binlog.Chunk(id="o", **common, transactions=1)
    replay._check_files(files, [first, older, last])
    replay._check_files(files[:1], [first, older])
    for here, chunks, name in ((0, [first, older], "a"), (3, [older, last], "b"), (3, [older, older, last], "b")):
        content = files[here].read_bytes()
        files[here].write_bytes(b"evil")
        with pytest.raises(errors.StorageError, match=f"the binary logs of {name} do not match"):
            replay._check_files(files, chunks)
        files[here].write_bytes(content)
    with pytest.raises(errors.StorageError, match="the binary logs of b do not match"):
        replay._check_files([], [older, last])
