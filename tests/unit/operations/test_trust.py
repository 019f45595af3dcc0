"""A repository is a stranger: its entries count if the cluster's key sealed them, and nothing that runs is from it."""

from __future__ import annotations

import base64
import builtins
import contextlib
import io
import json
import zipfile
from dataclasses import asdict, replace
from datetime import timedelta
from typing import Any

import pytest

from mysqlops.core import backup, binlog, facts, instant, mysqld_config, names, retention
from mysqlops.errors import ConfigError, Refused, StorageError
from mysqlops.objects import backup as planning
from mysqlops.objects import render
from mysqlops.operations import backup as backups
from mysqlops.operations import pruning, recorded, restic, restore, signing
from tests.unit.fakes.api import Client
from tests.unit.fakes.cluster import NAME, Cluster
from tests.unit.operations.test_backup import GROUP, LATER, NOW, TARGET, made, proven

KEYS = backup.Keys("db", {"orders": "the key", "other": "another key"})
LAST = retention.Policy(last=1)


def stored(one: backup.Backup | backup.Verification, key: str = "", snapshot: str = "") -> dict[str, Any]:
    """As restic shows it; `key` is what bound() binds its files with."""
    made = snapshot or f"restic-{getattr(one, 'id', 'v')}-{key}"
    return {"id": made, "tags": backup.tags(one, key), "tree": backup.digest(made.encode()), "key": key}


def bound(*snapshots: dict[str, Any]) -> list[dict[str, Any]]:
    """With what says that the files of each are those that were stored with it."""
    backups_ = [one for one, _ in facts.of_kind(snapshots, backup.BACKUP) if one.get("key")]
    return [*snapshots, *({"id": f"b-{one['id']}", "tags": _binding(one, one["key"])} for one in backups_)]


def _binding(one: dict[str, Any], key: str, **changed: str) -> list[str]:
    return backup.tags(replace(backup.binding(one), **changed), key)


def _signed(*snapshots: dict[str, Any], keys: backup.Keys = KEYS) -> dict[str, str]:
    return {one.snapshot: one.signed for one in backup.catalogue(bound(*snapshots), keys=keys)}


def test_only_the_clusters_own_key_seals_its_backups() -> None:
    ours, stranger, bare = stored(made(1), "the key"), stored(made(1), "stolen"), stored(made(1))
    neighbour = stored(made(1), "another key")
    assert set(_signed(ours).values()) == {backup.SIGNED}
    assert set(_signed(stranger, neighbour).values()) == {backup.UNKNOWN}
    assert set(_signed(bare).values()) == {backup.UNSIGNED}
    elsewhere = backup.Keys("elsewhere", KEYS.keys)
    assert set(_signed(ours, keys=elsewhere).values()) == {backup.UNKNOWN}
    assert set(_signed(ours, keys=replace(elsewhere, trusted=("the key",))).values()) == {backup.SIGNED}


@pytest.mark.parametrize(
    ("changed", "key"),
    [
        ({}, "stolen"),
        ({}, "another key"),  # a neighbour's
        ({}, ""),
        ({"of": "orders-20261124-000002"}, "the key"),
        ({"tree": "0" * 64}, "the key"),
        ({"entry": "0" * 64}, "the key"),
    ],
)
def test_a_backup_is_signed_if_its_files_are_those_that_were_sealed(changed: dict[str, str], key: str) -> None:
    ours = stored(made(1), "the key", "real")
    note = {"id": "note", "tags": _binding(ours, "the key")}
    other = {"id": "other", "tags": _binding(ours, key, **changed)}
    evil = {**ours, "id": "evil", "tree": "0" * 64}  # other files under the same tags
    again = {**ours, "id": "again"}  # restic copy, restic tag
    older = {one: value for one, value in ours.items() if one != "tree"}

    def signed(*snapshots: dict[str, Any]) -> list[str]:
        return [one.signed for one in backup.catalogue(list(snapshots), keys=KEYS)]

    assert signed(ours) == signed(ours, other) == signed(older, note) == [backup.FACTS]
    assert signed(ours, note) == signed(ours, other, note) == signed(again, note) == [backup.SIGNED]
    assert signed(evil, note, {"id": "copied", "tags": note["tags"]}) == [backup.FACTS]
    alone = stored(made(1))
    assert signed(alone, {"id": "note", "tags": _binding(alone, "the key")}) == [backup.UNSIGNED]


def test_who_takes_a_backup_without_sealed_files_says_so() -> None:
    entry = stored(made(1), "the key", "real")
    (found,) = backup.catalogue([entry], keys=KEYS)
    with pytest.raises(Refused, match="only its record is sealed") as error:
        signing.check(found, accepted=False)
    assert error.value.reasons[0].code == "unauthenticated"
    assert "mysqlops backup create orders" in str(error.value.reasons[0].hint)
    signing.check(found, accepted=True)


def test_what_binds_the_files_of_a_backup_goes_with_it() -> None:
    entries = bound(stored(made(1), "the key", "one"), stored(made(2), "the key", "two"))
    gone = [one for one in backup.catalogue(entries, keys=KEYS) if one.snapshot == "one"]
    assert backup.snapshots_of(entries, gone) == ["one", "b-one"]
    copied = {**entries[0], "id": "copied"}
    assert backup.snapshots_of([*entries, copied], gone) == ["one"]


def test_a_job_seals_if_the_clusters_agents_can() -> None:
    cluster = Cluster(1)
    client = cluster.session().client
    for name, files in (("older", ["mysqlops/agent/jobs/backup.py"]), ("now", [signing._PROGRAM])):
        with zipfile.ZipFile(content := io.BytesIO(), "w") as opened:
            for file in files:
                opened.writestr(file, "")
        data = {render.AGENT_FILE: base64.b64encode(content.getvalue()).decode()}
        client.create("ConfigMap", {"metadata": {"name": name}, "binaryData": data})
    assert signing.steps(cluster.session(), NAME, "older") == ()
    assert signing.steps(cluster.session(), NAME, "now") == planning.SEAL


@pytest.mark.parametrize("changed", [{"gtid": ""}, {"at": LATER}, {"origin": "x"}, {"manifest": "0"}])
def test_a_seal_holds_for_no_other_facts(changed: dict[str, Any]) -> None:
    seal = backup.tags(made(1), "the key")[-1]
    forged = {"id": "f", "tags": [*backup.tags(made(1, **changed)), seal]}
    both = {"id": "b", "tags": [*backup.tags(made(1), "the key"), *backup.tags(made(1, **changed))]}
    kind = {"id": "k", "tags": [one.replace("kind:backup", "kind:verification") for one in backup.tags(made(1), "k")]}
    assert _signed(forged) == {"f": backup.UNKNOWN}
    assert _signed(both) == {"b": backup.UNKNOWN}
    assert not facts.is_sealed_with(kind, "k")
    assert not facts.is_sealed_with(forged, "")


@pytest.mark.parametrize(
    "changed",
    [
        {"id": "x\x1b[2J"},
        {"id": "../x"},
        {"id": 7},
        {"cluster": "A"},
        {"namespace": "a/b"},
        {"member": "a b"},
        {"volume_snapshot": "../secrets/x"},
        {"at": "tomorrow"},
        {"at": "2026-11-24T12:00:00"},
        {"gtid": "x"},
        {"rows": -1},
        {"size": "1"},
        {"tables": True},
        {"method": "rm"},
        {"storage_size": "much"},
        {"group": "$(id)"},
    ],
)
def test_what_is_no_backup_is_left_out_and_hides_no_other(changed: dict[str, Any]) -> None:
    told = {"format": 1, **asdict(made(1)), **changed}
    text = base64.urlsafe_b64encode(json.dumps(told).encode()).decode()
    forged = {"id": "f", "tags": ["mysqlops", "kind:backup", f"facts:{text}"]}
    chunk = {"id": "c", "tags": ["mysqlops", f"kind:{binlog.CHUNK}", f"facts:{text}"]}
    found = backup.catalogue([forged, chunk, stored(made(2), "the key")], keys=KEYS)
    assert [one.id for one in found] == ["orders-20261124-000002"]
    assert binlog.chunks([forged, chunk]) == []
    assert backup.snapshots_of([forged, chunk, stored(made(2), "the key")], found) == [found[0].snapshot]


@pytest.mark.parametrize("copies", [1, 4])
def test_copies_of_a_sealed_entry_push_no_other_out(copies: int) -> None:
    """A seal can be copied with what it seals: each id counts once."""
    real = [stored(made(n, NOW - timedelta(hours=n)), "the key", f"real{n}") for n in range(4)]
    evil = [stored(made(0, NOW), "the key", f"evil{n}") for n in range(copies)]
    policy = retention.Policy(last=3)
    gone = retention.expired(backup.catalogue(bound(*real, *evil), keys=KEYS), policy, NOW, has_key=True)
    assert [one.snapshot for one in gone] == ["real3"]


def test_backups_of_an_older_release_stay_until_those_that_are_sealed_push_them_out() -> None:
    old = [stored(made(n, NOW - timedelta(days=9 - n))) for n in range(3)]
    assert retention.expired(backup.catalogue(old, keys=KEYS), LAST, NOW, has_key=True) == []
    assert len(retention.expired(backup.catalogue(old, keys=KEYS), LAST, NOW, has_key=False)) == 2
    new = stored(made(7, NOW), "the key")
    gone = retention.expired(backup.catalogue(bound(*old, new), keys=KEYS), LAST, NOW, has_key=True)
    assert sorted(one.id for one in gone) == [
        "orders-20261124-000000",
        "orders-20261124-000001",
        "orders-20261124-000002",
    ]


def test_a_verification_counts_if_it_is_sealed_and_of_that_very_entry() -> None:
    one = stored(made(1), "the key", "real")
    of = backup.Verification("orders-20261124-000001", "2026-11-25T00:00:00Z", ok=False, seconds=1)
    good = replace(of, ok=True, of_snapshot="real")

    def level(*checks: dict[str, Any]) -> str:
        levels = {backup.catalogue(there, keys=KEYS)[0].level for there in ([one, *checks], bound(one, *checks))}
        assert len(levels) == 1  # whether its files are sealed or not
        return levels.pop()

    assert level(stored(of)) == backup.CHECKSUM
    assert level(stored(of, "stolen")) == backup.CHECKSUM
    assert level(stored(of, "the key")) == backup.FAILED
    assert level(stored(good, "the key")) == backup.RESTORED
    assert level(stored(good, "another key")) == backup.CHECKSUM  # a neighbour's word
    assert level(stored(replace(good, ok=False), "another key")) == backup.CHECKSUM
    assert level(stored(replace(good, of_snapshot="evil"), "the key")) == backup.CHECKSUM


def _levels(*snapshots: dict[str, Any]) -> dict[str, str]:
    return {one.snapshot: one.level for one in backup.catalogue(bound(*snapshots), keys=KEYS)}


@pytest.mark.parametrize("key", ["the key", ""])
def test_a_verification_counts_for_every_snapshot_of_the_same_files(key: str) -> None:
    """`restic copy` and `restic tag` make another snapshot of them, and so can anybody who may write."""
    one = stored(made(1), key, "s1")
    copy, other = {**one, "id": "s9"}, {**one, "id": "s0", "tree": "0" * 64}
    bad = backup.Verification(made(1).id, "2026-11-25T00:00:00Z", ok=False, seconds=1, of_snapshot="s1")
    expected = {"s1": backup.FAILED, "s9": backup.FAILED, "s0": backup.CHECKSUM}
    assert _levels(one, copy, other, stored(bad, key)) == expected, "a record of an older release names no tree"
    noted = stored(replace(bad, tree=one["tree"]), key)
    assert _levels(copy, other, noted) == {"s9": backup.FAILED, "s0": backup.CHECKSUM}, "another repository"
    assert _levels(copy, other, stored(bad, key)) == {"s9": backup.CHECKSUM, "s0": backup.CHECKSUM}


def test_the_copy_of_a_failed_backup_pushes_no_good_one_out() -> None:
    good, one = stored(made(1, NOW - timedelta(days=1)), "the key", "good"), stored(made(2, NOW), "the key", "s1")
    bad = backup.Verification(made(2).id, "2026-11-25T00:00:00Z", ok=False, seconds=1, of_snapshot="s1")
    there = backup.catalogue(bound(good, one, {**one, "id": "s9"}, stored(bad, "the key")), keys=KEYS)
    gone = retention.expired(there, LAST, NOW + timedelta(days=1), has_key=True)
    assert {stored.snapshot for stored in gone} == {"s1", "s9"}


def test_a_record_of_no_backup_stops_no_pruning() -> None:
    tags = [f"facts:{base64.urlsafe_b64encode(json.dumps({'format': 1, 'id': [], 'of': {}}).encode()).decode()}"]
    odd = [{"id": kind, "tags": [f"kind:{kind}", *tags]} for kind in (backup.BACKUP, backup.VERIFICATION)]
    (one,) = backup.catalogue([stored(made(1), "the key", "s1"), *odd], keys=KEYS)
    assert backup.snapshots_of([stored(made(1), "the key", "s1"), *odd], [one]) == ["s1"]


def _with_key(cluster: Cluster, **values: str) -> None:
    secret = cluster.store.objects["Secret", f"{NAME}-internal"]
    secret["data"] |= {key: base64.b64encode(value.encode()).decode() for key, value in values.items()}


def _own(cluster: Cluster, number: int, **more: Any) -> backup.Backup:
    lease = cluster.session().client.get("Lease", names.group_lease(NAME))
    return made(number, NOW, cluster=NAME, origin=lease["metadata"]["uid"], **more)


def test_pruning_reads_the_clusters_key_and_touches_no_other_volume_snapshot(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = Cluster(1)
    _with_key(cluster, **{names.KEY_BACKUP_KEY: "the key"})
    session = cluster.session()
    cluster.clock.wall = LATER
    real = stored(_own(cluster, 1), "the key")
    evil = stored(replace(_own(cluster, 2), at=f"{LATER:%Y-%m-%dT%H:%M:%SZ}", volume_snapshot="mysql-20261124-000002"))
    monkeypatch.setattr(restic, "snapshots", lambda *_: bound(real, evil))
    assert pruning.prune_plan(session, NAME, TARGET, LAST) == []
    monkeypatch.setattr(restic, "run", lambda *_: "")
    mine = {"labels": {**names.selector(NAME), names.LABEL_STEPS: "snapshot"}}
    for name, labels in (("mysql-20261124-000002", {}), ("precious", mine), ("mysql-20261124-000003", mine)):
        session.client.create("VolumeSnapshot", {"metadata": {"name": name, **labels}})
    wanted = [
        replace(_own(cluster, 2), volume_snapshot="mysql-20261124-000002"),  # somebody else's, by its labels
        replace(_own(cluster, 4), volume_snapshot="precious"),  # another backup's
        replace(_own(cluster, 3), volume_snapshot="mysql-20261124-000003", signed=backup.UNKNOWN),
    ]
    pruning.remove(session, TARGET, wanted, decided_at=instant.text(session.clock.now()))
    assert cluster.store.deleted("VolumeSnapshot") == []
    pruning.remove(
        session,
        TARGET,
        [replace(_own(cluster, 3), volume_snapshot="mysql-20261124-000003")],
        decided_at=instant.text(session.clock.now()),
    )
    assert cluster.store.deleted("VolumeSnapshot") == ["mysql-20261124-000003"]


def test_forged_binary_logs_push_none_of_a_kept_backup_out(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = Cluster(1)
    _with_key(cluster, **{names.KEY_BACKUP_KEY: "the key"})
    gone, stays = (stored(_own(cluster, number, group=GROUP), "the key", f"real{number}") for number in (1, 2))
    origin = _own(cluster, 1).origin
    real = binlog.Chunk("c", NAME, "db", origin, GROUP, f"{GROUP}:1-5", f"{GROUP}:6-9", transactions=4)
    evil = replace(real, id="d", gtid=f"{GROUP}:5-99", transactions=95, before=f"{GROUP}:1-4")
    logs = [{"id": one.id, "tags": binlog.tags(one, key)} for one, key in ((real, "the key"), (evil, ""))]
    monkeypatch.setattr(restic, "snapshots", lambda *_: [*bound(gone, stays), *logs])
    asked: list[str] = []
    monkeypatch.setattr(restic, "run", lambda *words: asked.extend(words[2:]))
    at = instant.text(cluster.clock.now())
    pruning.remove(cluster.session(), TARGET, [replace(_own(cluster, 1), snapshot="real1")], decided_at=at)
    assert {"real1", "b-real1"} <= set(asked)
    assert not {"c", "real2", "b-real2"} & set(asked)


def test_a_neighbours_key_speaks_for_no_entry_under_this_clusters_name_or_origin(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whoever has the key of cluster `a` seals entries of cluster `a` with another's id or origin."""
    cluster = Cluster(1)
    _with_key(cluster, **{names.KEY_BACKUP_KEY: "the key"})
    session = cluster.session()
    session.client.create("Secret", _secret("a-internal", "a", "a's key"))
    real = stored(_own(cluster, 1, group=GROUP), "the key")
    theirs: dict[str, Any] = {"cluster": "a", "origin": _own(cluster, 1).origin, "group": GROUP}
    newer = {**theirs, "gtid": f"{GROUP}:1-9"}
    forged = [made(2, LATER, **newer), made(1, LATER, **newer, id=_own(cluster, 1).id)]
    forged.append(made(3, **theirs, id="a-b-20261124-000003"))
    monkeypatch.setattr(restic, "snapshots", lambda *_: bound(real, *(stored(one, "a's key") for one in forged)))
    cluster.clock.wall = LATER
    there = backups.catalogue(session, TARGET)
    assert {(one.id, one.signed) for one in there} == {
        ("mysql-20261124-000001", backup.SIGNED),
        ("a-20261124-000002", backup.SIGNED),
    }
    assert backups.pick(there, TARGET, "mysql-20261124-000001").cluster == NAME
    assert pruning.prune_plan(session, NAME, TARGET, LAST) == []
    with pytest.raises(Refused, match="good backup"):
        pruning.delete_plan(session, TARGET, "mysql-20261124-000001")


def test_a_neighbours_chunk_stands_in_for_none_of_this_cluster() -> None:
    keys = backup.Keys("db", {"a": "a's key", "orders": "the key"})
    kept = made(1, group=GROUP, signed=backup.SIGNED)
    real = binlog.Chunk("c", "orders", "db", "uid", GROUP, f"{GROUP}:1-5", f"{GROUP}:6-9", transactions=4)
    evil = replace(real, cluster="a", revision=99, transactions=95)
    logs = [{"id": one.cluster, "tags": binlog.tags(one, key)} for one, key in ((real, "the key"), (evil, "a's key"))]
    found = binlog.chunks(logs, keys)
    assert {(one.cluster, one.signed) for one in found} == {("orders", backup.SIGNED), ("a", backup.SIGNED)}
    assert [one.cluster for one in binlog.reach(kept, found).chunks] == ["orders"]
    assert binlog.not_needed(logs, [kept], kept.owner, keys, since=LATER) == []
    assert binlog.superseded(logs, keys) == []


def test_the_real_one_is_picked_of_two_with_one_id_and_the_job_gets_that_very_one() -> None:
    real, evil = replace(made(1), signed=backup.SIGNED, snapshot="real"), replace(made(1), snapshot="evil")
    assert backups.pick([evil, real], TARGET, "orders-20261124-000001") == real
    with pytest.raises(Refused) as error:
        signing.check(evil, accepted=False)
    assert error.value.reasons[0].code == "unauthenticated"
    signing.check(evil, accepted=True)
    signing.check(real, accepted=False)


def test_a_key_that_was_kept_proves_a_backup_of_a_cluster_that_is_lost() -> None:
    cluster = Cluster(1)
    snapshots = [stored(made(1, namespace="lost"), "the key")]
    kept = {"metadata": {"name": "kept"}, "data": {names.KEY_BACKUP_KEY: base64.b64encode(b"the key\n").decode()}}
    cluster.session().client.create("Secret", kept)
    keys = signing.keys(cluster.session(), snapshots, "kept")
    assert set(_signed(*snapshots, keys=keys).values()) == {backup.SIGNED}
    with pytest.raises(Refused, match="no such Secret"):
        signing.keys(cluster.session(), snapshots, "gone")


def _secret(name: str, cluster: str, key: str) -> dict[str, Any]:
    held = {names.KEY_BACKUP_KEY: key, names.KEY_GROUP_NAME: "g"}
    data = {one: base64.b64encode(value.encode()).decode() for one, value in held.items()}
    return {"metadata": {"name": name, "labels": names.selector(cluster)}, "data": data}


class Counting(Client):
    """Counts what is asked of the API server."""

    calls = 0

    def find(self, kind: str, name: str) -> dict[str, Any] | None:
        self.calls += 1
        return super().find(kind, name)

    def list(self, kind: str, selector: str = "") -> builtins.list[dict[str, Any]]:
        self.calls += 1
        return super().list(kind, selector)


def test_forged_names_of_clusters_cost_no_calls() -> None:
    """Whoever has the repository's password had each reader ask for as many Secrets as they liked."""
    cluster = Cluster(1)
    client = Counting(cluster.store)
    client.create("Secret", _secret("orders-internal", "orders", "the key\n"))
    client.create("Secret", _secret("old-credentials", "old", "old key"))
    forged = [stored(made(1, cluster=f"f{number}"), "x") for number in range(2000)]
    session = replace(cluster.session(), client=client)
    client.calls = 0
    keys = signing.keys(session, [*forged, stored(made(1), "the key"), stored(made(1, cluster="old"), "old key")])
    assert (dict(keys.keys), client.calls) == ({"orders": "the key", "old": "old key"}, 1)
    assert {one.signed for one in backup.catalogue(forged[:20], keys=keys)} == {backup.UNKNOWN}


@pytest.mark.parametrize(
    ("steps", "said", "key", "signed"),
    [
        (planning.SEAL, "orders-20261124-000001: sealed, tree ab", True, backup.SIGNED),
        (
            planning.SEAL,
            "orders-20261124-000001: not sealed: the cluster has no key yet, tree ab",
            False,
            backup.UNSIGNED,
        ),
        ((), "", True, backup.FACTS),
        ((), "", False, backup.UNSIGNED),
    ],
)
def test_what_was_just_made_is_shown_as_it_was_sealed(
    steps: tuple[planning.Step, ...], said: str, key: bool, signed: str
) -> None:
    class Logs(Client):
        def logs(self, pod: str, container: str, *, lines: int = 200) -> str:
            assert container == "seal"
            return f"a warning before\n{said}\n"

    client = Logs(Cluster(1).store)
    if key:
        client.store.put({"kind": "Secret", **_secret(f"{NAME}-internal", NAME, "k")})
    pod = {"metadata": {"name": "p"}, "spec": {"initContainers": [{"name": one.name} for one in steps]}}
    assert signing.of_job(replace(Cluster(1).session(), client=client), pod, NAME) == signed


SPEC = {
    **{"name": "x", "namespace": "y", "replicas": 3, "image": "evil/mysql", "agent_image": "evil/python"},
    **{"storage_size": "1Gi", "storage_class": None, "memory": "1Gi", "cpu": "500m"},
    "mysqld": {"max_connections": "70", "skip_name_resolve": None},
}
CONTENTS: dict[str, Any] = {"tables": {"a.b": {"rows": 1, "checksum": None}}, "rights": {}, "programs": {}}


def _manifest(**spec: Any) -> dict[str, Any]:
    return recorded.load(json.dumps({"backup": {}, "contents": CONTENTS, "spec": {**SPEC, **spec}}), "b1")


@pytest.mark.parametrize(("checksum", "is_accepted"), [(2**128 - 1, True), (2**128, False), (-1, False), (True, False)])
def test_a_checksum_has_as_many_bits_as_the_digest_of_a_logical_backup(checksum: int, is_accepted: bool) -> None:
    contents = {**CONTENTS, "tables": {"a.b": {"rows": 1, "checksum": checksum}}}
    text = json.dumps({"backup": {}, "contents": contents, "spec": SPEC})
    with contextlib.nullcontext() if is_accepted else pytest.raises(Refused, match="each a number"):
        recorded.load(text, "b1")


def test_settings_that_are_refused_today_do_not_stand_in_the_way_of_the_data() -> None:
    """They are compared and never applied; those that belong to the data are read as a stranger's word."""
    old = {"interactive_timeout": "20", "max_join_size": "1", "lower_case_table_names": "1"}
    assert recorded.settings_in(_manifest(mysqld=old), "b1") == {"lower_case_table_names": "1"}
    with pytest.raises(Refused, match="control characters"):
        recorded.settings_in(_manifest(mysqld={"lower_case_table_names": "1\nx=1"}), "b1")


def test_images_never_come_from_a_repository() -> None:
    cluster = Cluster(1)
    found = restore.spec_of(cluster.session(), made(1), _manifest(), "copy", {})
    assert (found.image, found.agent_image) == ("mysql:9.7", "python:3.13-slim")
    assert (found.name, found.namespace, found.replicas) == ("copy", "db", 3)
    assert found.mysqld == SPEC["mysqld"]
    told = "\n".join(restore.shown(found, _manifest(), "of this release"))
    assert "image: mysql:9.7 (of this release; recorded: evil/mysql)" in told
    assert "agent image: python:3.13-slim (of this release; recorded: evil/python)" in told
    assert "settings: max_connections = 70; skip_name_resolve" in told
    chosen = restore.spec_of(cluster.session(), made(1), _manifest(), "copy", {"image": "mine"})
    assert chosen.image == "mine"


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"replicas": 99}, "spec.replicas"),
        ({"replicas": True}, "spec.replicas"),
        ({"storage_size": 1}, "spec.storage_size"),
        ({"storage_size": "much"}, "spec.storage_size"),
        ({"storage_class": "a\nb"}, "spec.storage_class"),
        ({"memory": None}, "spec.memory"),
        ({"cpu": {}}, "spec.cpu"),
        ({"mysqld": []}, "spec.mysqld"),
        ({"mysqld": {"max_connections": 70}}, "spec.mysqld"),
        ({"mysqld": {"max_connections": "70\nsync_binlog = 0"}}, "control characters"),
        ({"mysqld": {"max_connections\nsync_binlog": "0"}}, "control characters"),
        ({"mysqld": {"require_secure_transport": "OFF"}}, "require_secure_transport may not be set"),
        ({"mysqld": {"Loose-Plugin-Load-Add": "evil.so"}}, "may not be set"),
        ({"mysqld": {"!include /x": None}}, "begins an include"),
        ({"mysqld": {"[client]": None}}, "only the section"),
    ],
)
def test_each_field_of_a_manifest_is_of_its_kind(changed: dict[str, Any], field: str) -> None:
    with pytest.raises(Refused) as error:
        restore.spec_of(Cluster(1).session(), made(1), _manifest(**changed), "copy", {})
    (reason,) = error.value.reasons
    assert reason.code == "bad-manifest"
    assert field in reason.message
    (key,) = changed
    mine = {"replicas": 1, "storage_size": "2Gi", "storage_class": None, "memory": "1Gi", "cpu": "1", "mysqld": {}}
    assert restore.spec_of(Cluster(1).session(), made(1), _manifest(**changed), "copy", {key: mine[key]})


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("{", "the file"),
        ("[]", "the file"),
        ('{"backup": {}, "contents": {}}', "spec"),
        ('{"backup": {}, "spec": {}, "contents": {"tables": {"x": {"rows": "1"}}}}', "contents.tables.x"),
        ('{"backup": {}, "spec": {}, "contents": {"tables": {}, "rights": {}, "programs": []}}', "contents.programs"),
    ],
)
def test_a_manifest_has_its_parts(text: str, field: str) -> None:
    with pytest.raises(Refused, match=rf"b1: manifest.json: {field}"):
        recorded.load(text, "b1")


@pytest.mark.parametrize("value", ["\x00", "\x7f", "\x1b[2J"])
def test_no_line_of_my_cnf_holds_control_characters(value: str) -> None:
    with pytest.raises(ConfigError, match="control characters"):
        mysqld_config.layer([], {"init_connect": value})
    for whole in ("a\tb", "1\nsync_binlog = 0", "1\rx"):  # escaped, as mysqld reads it
        assert len(mysqld_config.layer([], {"init_connect": whole}).splitlines()) == 2


def test_what_a_job_told_is_what_a_restore_says() -> None:
    told = json.dumps(asdict(backup.Verification("b", "2026-01-01T00:00:00Z", True, 1.0, tables=2, rows=3)))
    assert str(restore.Filled(backup.compared(told))).startswith("2 tables, 3 rows, all compared")
    assert str(restore.Filled(backup.compared(""))) == "compared by an earlier run"
    with pytest.raises(StorageError, match="seconds: expected float, found str"):
        backup.verification_of_step(json.dumps({"of": "b", "at": "x", "ok": True, "seconds": "1"}))
    assert proven(made(1)).level == backup.RESTORED
