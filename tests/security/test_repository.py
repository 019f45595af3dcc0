"""Somebody has the password of the backups' repository, and writes into it: what he writes runs nothing, costs no
backup and reaches no terminal."""

from __future__ import annotations

import base64
import json
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from mysqlops import errors
from mysqlops.clock import SystemClock
from mysqlops.core import backup, facts, names
from mysqlops.kube.client import Client
from mysqlops.objects import backup as planning
from mysqlops.operations import backup as backups
from mysqlops.operations import jobs, restic, targets
from mysqlops.operations.session import Progress, Session
from tests.cluster.conftest import KUBECONFIG, SMALL, Namespace

pytestmark = [pytest.mark.cluster, pytest.mark.long]
IMAGES, SETTINGS = "mysql-20260101-000000", "mysql-20260102-000000"  # what their manifests are about
EVIL_CNF = {"max_connections": "70\nsync_binlog = 0\nplugin_load_add = evil.so"}


@pytest.fixture(scope="module")
def real(namespace: Namespace) -> backup.Backup:
    """The one backup of a small cluster."""
    namespace.must("deploy", "mysql", "--replicas", "1", *SMALL)
    namespace.sql("mysql-0", "CREATE TABLE app.things (id INT PRIMARY KEY)")
    namespace.sql("mysql-0", "INSERT INTO app.things VALUES (1), (2)")
    namespace.claim("backups", "2Gi")
    namespace.must("backup", "target", "add", "local", "--claim", "backups")
    done = namespace.mysqlops("backup", "create", "mysql")
    assert done.code == 0, done.err
    (made,) = _entries(namespace)
    return made


def _session(namespace: Namespace) -> Session:
    client = Client(kubeconfig=KUBECONFIG, context=None, namespace=namespace.name)
    return Session(client, SystemClock(), Progress(*[lambda _: None] * 3), 120)


def _entries(namespace: Namespace) -> list[backup.Backup]:
    session = _session(namespace)
    return backups.catalogue(session, targets.find(session.client, None))


SPEC = {"replicas": 1, "image": "evil.example/mysql:9.7", "agent_image": "evil.example/python:3"}
EMPTY: dict[str, Any] = {"tables": {}, "rights": {}, "programs": {}}


def _entry(told: dict[str, Any], spec: dict[str, Any] | None = None, *more: str) -> tuple[str, ...]:
    """What anybody can do who has the password: a snapshot with any tags, and any manifest.json in it."""
    text = base64.urlsafe_b64encode(json.dumps({"format": 1, **told}).encode()).decode()
    manifest = {"backup": told, "contents": EMPTY, "spec": spec or {}}
    return _stored([facts.TAG, "kind:backup", f"facts:{text}", *more], manifest)


def _stored(tags: list[str], manifest: dict[str, Any]) -> tuple[str, ...]:
    options = [word for tag in tags for word in ("--tag", tag)]
    words = ("--stdin-from-command", "--stdin-filename", "/manifest.json", "--", "printf", "%s", json.dumps(manifest))
    return ("run", "backup", *options, *words)


@pytest.fixture(scope="module")
def forged(namespace: Namespace, real: backup.Backup) -> backup.Backup:
    """The real one, among what somebody else wrote, in one Job."""
    session = _session(namespace)
    target = targets.find(session.client, None)
    told = asdict(replace(real, rows=10**9))
    tonight = f"{datetime.now(UTC) + timedelta(hours=6):%Y-%m-%dT%H:%M:%SZ}"
    seal = backup.tags(real, "a key of his own")[-1]
    copied = next(one["tags"] for one in restic.snapshots(session, target) if one["id"] == real.snapshot)
    entries = [
        _entry({**told, "id": "mysql-20991231-235959", "at": tonight}),
        _entry({**told, "id": real.id, "at": "2020-01-01T00:00:00Z"}),
        _entry({**told, "id": "mysql\x1b]0;owned\x07\x1b[2J"}),
        _entry({**told, "id": "mysql-20200101-000000", "at": "2020-01-01T00:00:00Z"}, None, seal),
        _entry({**told, "id": IMAGES}, {**SPEC, "mysqld": {"max_connections": "70"}}),
        _entry({**told, "id": SETTINGS}, {**SPEC, "mysqld": EVIL_CNF}),
        _stored(copied, {"backup": told, "contents": EMPTY, "spec": {}}),
    ]
    steps = [planning.Step(f"forge-{number}", planning.RESTIC, words) for number, words in enumerate(entries)]
    restic.steps(session, target, steps, steps[-1].name)
    return real


def test_forged_entries_push_no_backup_out_and_reach_no_terminal(namespace: Namespace, forged: backup.Backup) -> None:
    assert forged.signed == backup.SIGNED
    listed = namespace.mysqlops("backup", "list")
    assert listed.code == 0, listed.err
    assert "\x1b" not in listed.out + listed.err
    signed = sorted((one.id, one.signed) for one in _entries(namespace))
    assert signed == sorted(
        [
            *(("mysql-20200101-000000", backup.UNKNOWN), ("mysql-20991231-235959", backup.UNSIGNED)),
            *((IMAGES, backup.UNSIGNED), (SETTINGS, backup.UNSIGNED), (forged.id, backup.UNSIGNED)),
            *((forged.id, backup.SIGNED), (forged.id, backup.FACTS)),  # the last one: his files under copied tags
        ]
    )


def test_a_manifest_that_was_replaced_is_not_restored(namespace: Namespace, forged: backup.Backup) -> None:
    """His snapshot, under a copy of the real one's tags, seal included: also where the user takes it all the same."""
    session = _session(namespace)
    target = targets.find(session.client, None)
    (copied,) = [one for one in _entries(namespace) if one.signed == backup.FACTS]
    job = backups.verify_job(session, "mysql", target, copied)
    with pytest.raises(errors.StepFailed, match="does not match the backup's entry"):
        jobs.run(session, job, lambda *_: "", "verify-refused")
    restic.run(session, target, "forget", copied.snapshot)


def test_a_forged_manifest_runs_nothing(namespace: Namespace, forged: backup.Backup) -> None:
    words = ("restore", IMAGES, "--as", "w", "--dry-run")
    done = namespace.mysqlops(*words)
    assert (done.code, "unauthenticated" in done.err) == (3, True), done.err
    done = namespace.mysqlops(*words, "--accept-unsigned")
    assert done.code == 0, done.err
    assert f"\n  image: {_image(namespace)} (" in done.out
    assert "max_connections = 70" in done.out
    done = namespace.mysqlops("restore", SETTINGS, "--as", "w", "--accept-unsigned")
    assert done.code == 3, done.err
    assert "bad-manifest: spec.mysqld" in done.err
    assert [one for one in namespace.objects("pods,jobs,pvc") if one["metadata"]["name"].startswith("w")] == []


def _image(namespace: Namespace) -> str:
    (pod,) = [one for one in namespace.objects("pods") if one["metadata"]["name"] == "mysql-0"]
    return next(str(one["image"]) for one in pod["spec"]["containers"] if one["name"] == "mysqld")


def test_pruning_keeps_the_real_one(namespace: Namespace, forged: backup.Backup) -> None:
    done = namespace.mysqlops("backup", "prune", "mysql", "--keep-last", "1", "--yes")
    assert done.code == 0, done.err
    assert [one.snapshot for one in _entries(namespace) if one.signed == backup.SIGNED] == [forged.snapshot]


def test_the_real_one_is_restored_and_the_answer_says_what_was_compared(
    namespace: Namespace, forged: backup.Backup
) -> None:
    done = namespace.mysqlops("restore", forged.id, "--as", "copy", "--replicas", "1", "--cpu", "100m")
    assert done.code == 0, done.err
    assert "all compared with the record" in done.out
    assert "10" * 5 not in done.out
    assert "copy: image: " in done.err
    assert namespace.sql("copy-0", "SELECT COUNT(*) FROM app.things") == [[2]]
    namespace.kubectl("delete", "statefulset", "copy", "--wait=false")
    verified = namespace.mysqlops("backup", "verify", "mysql", forged.id, "-o", "json")
    assert verified.code == 0, verified.err
    (found,) = [one for one in _entries(namespace) if one.signed == backup.SIGNED]
    assert found.level == backup.RESTORED
    assert found.verified is not None
    assert found.verified.of_snapshot == forged.snapshot


def test_without_the_key_a_backup_is_restored_only_on_an_explicit_word(
    namespace: Namespace, forged: backup.Backup
) -> None:
    """As after a disaster: the cluster's Secret is lost, the key was kept, or was not."""
    client = _session(namespace).client
    name = "mysql-internal"
    value = client.get("Secret", name)["data"][names.KEY_BACKUP_KEY]
    client.create("Secret", {"metadata": {"name": "kept"}, "data": {names.KEY_BACKUP_KEY: value}})
    client.patch("Secret", name, {"data": {names.KEY_BACKUP_KEY: None}})
    words = ("restore", forged.id, "--as", "again", "--dry-run")
    done = namespace.mysqlops(*words)
    assert (done.code, "unauthenticated" in done.err) == (3, True), done.err
    done = namespace.mysqlops(*words, "--signed-by", "kept")
    assert done.code == 0, done.err
    client.patch("Secret", name, {"data": {names.KEY_BACKUP_KEY: value}})


def test_other_files_under_all_tags_of_a_backup_that_he_deletes_are_not_read(
    namespace: Namespace, forged: backup.Backup
) -> None:
    """The unchanged manifest, the seal of the facts and the seal of the files: everything but the files themselves."""
    session = _session(namespace)
    target = targets.find(session.client, None)
    done = namespace.mysqlops("backup", "create", "mysql")
    assert done.code == 0, done.err
    newest = max((one for one in _entries(namespace) if one.signed == backup.SIGNED), key=lambda one: one.at)
    assert newest.id != forged.id
    entries = restic.snapshots(session, target)
    told = [*facts.of_kind(entries, backup.BACKUP), *facts.of_kind(entries, backup.BINDING)]
    own = [one for one, found in told if newest.id in (found.get("id"), found.get("of"))]
    assert len(own) == 2
    manifest = json.loads(restic.run(session, target, "dump", newest.snapshot, "/manifest.json"))
    evil = [_stored(one["tags"], manifest) for one in own]
    words = [*evil, ("run", "forget", *(one["id"] for one in own))]
    steps = [planning.Step(f"forge-{number}", planning.RESTIC, one) for number, one in enumerate(words)]
    restic.steps(session, target, steps, steps[-1].name)
    (copied,) = [one for one in _entries(namespace) if one.id == newest.id]
    assert (copied.signed, copied.manifest) == (backup.FACTS, newest.manifest)
    for command in (
        ("restore", newest.id, "--as", "w"),
        ("backup", "verify", "mysql", newest.id),
        ("backup", "export", newest.id, "--claim", "backups"),
    ):
        refused = namespace.mysqlops(*command)
        assert refused.code == 3, refused.err
        assert "unauthenticated" in refused.err
        assert "only its record is sealed" in refused.err
    done = namespace.mysqlops("backup", "prune", "mysql", "--keep-last", "1", "--yes")
    assert done.code == 0, done.err
    assert [one.snapshot for one in _entries(namespace) if one.signed == backup.SIGNED] == [forged.snapshot]


def test_a_target_that_cannot_be_added_is_none(namespace: Namespace, forged: backup.Backup) -> None:
    words = ("backup", "target", "add", "far", "--timeout", "40s", "--repository")
    assert namespace.mysqlops(*words, "rest:https://TOKEN@host.invalid/").code == 2
    assert namespace.mysqlops(*words, "rest:http://host.invalid/", MYSQLOPS_INSECURE_HTTP="0").code == 2
    assert namespace.mysqlops(*words, "rest:https://localhost:1/").code != 0
    done = namespace.mysqlops("backup", "list")
    assert done.code == 0, done.err
    assert forged.id in done.out
