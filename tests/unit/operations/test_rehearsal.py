"""`upgrade --rehearse`: what is tried, what it leaves, and what is said of it later."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import timedelta
from typing import Any

import pytest

from mysqlops import errors
from mysqlops.cli.main import run
from mysqlops.core import backup, names, rehearsal, target
from mysqlops.core.backup import LOGICAL, SIGNED, UNSIGNED
from mysqlops.core.version import ServerVersion
from mysqlops.objects import pods
from mysqlops.operations import backup as backups
from mysqlops.operations import delete as deleting
from mysqlops.operations import image_check, observe, rehearsed, upgrade
from mysqlops.operations import rehearsal as operations
from mysqlops.planning import image_trial
from tests.unit.fakes.api import Killed
from tests.unit.fakes.cluster import NAME
from tests.unit.fakes.jobs import FAILS, RUNS, SUCCEEDS, Working
from tests.unit.operations.test_backup import NOW, made

JOB = "0-rehearsal-mysql"
OURS = [(kind, JOB) for kind in ("Job", "NetworkPolicy", "ConfigMap")]
FOUND = backup.Verification("b", "2026-01-01T00:00:00Z", ok=True, seconds=44.0, tables=2, rows=900)
HERE = target.Target("local", "/repository", target.DEFAULT_IMAGE, "backups")


def made_rehearsal(**changed: Any) -> rehearsal.Rehearsal:
    facts: dict[str, Any] = {
        "image": "mysql:9.7.5",
        "settings": "x",
        "backup": "b",
        "at": "2025-12-31T22:00:00Z",
        "locked_out": "",
    }
    facts |= {"ok": True, "why": "", "version": "9.7.5", "tables": 2, "rows": 900}
    facts |= {"fetch_seconds": 3.0, "start_seconds": 41.0, "compare_seconds": 1.0}
    return rehearsal.Rehearsal(**{**facts, **changed})


def _backup(n: int, **changed: Any) -> backup.Backup:
    own = {"cluster": NAME, "namespace": "db", "id": f"{NAME}-20261124-00000{n}", "signed": SIGNED, "snapshot": f"s{n}"}
    return replace(made(n), **{**own, "server_version": "9.7.4", **changed})


class World(Working):
    """A cluster with backups in a target, and an image that is tried."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        super().__init__(3)
        self.words = {"check": json.dumps(asdict(FOUND))}
        self.plugins: dict[str, list[str]] = {}
        self.version = "9.7.5"
        secret = target.make_secret(HERE, "password", {})
        self.store.put(secret)
        lease = self.store.objects["Lease", names.group_lease(NAME)]
        own = {"origin": lease["metadata"]["uid"]}
        self.there = [_backup(2, **own), _backup(1, **own)]
        monkeypatch.setattr(backups, "held", lambda *_: (self.there, []))
        monkeypatch.setattr(image_check, "check", self._try)
        self.clock.wall = NOW + timedelta(days=1)
        self.settle()

    def settle(self) -> None:
        """The Job's pod says when each step ended."""
        super().settle()
        if (pod := self.store.objects.get(("Pod", f"{JOB}-x"))) and pod["status"]["phase"] == "Succeeded":
            ends = {"choose": "00:00:00", "fetch": "00:00:03", "check": "00:00:46"}
            pod["status"]["initContainerStatuses"] = [
                {"name": name, "state": {"terminated": {"exitCode": 0, "finishedAt": f"{NOW:%Y-%m-%d}T{at}Z"}}}
                for name, at in ends.items()
            ]

    def _try(self, *_: object) -> image_trial.Tried:
        return image_trial.Tried((), ServerVersion.parse(self.version))

    def _answer(self, pod: str, words: Sequence[str]) -> Any:
        return self.plugins if words[0] == "plugins" else super()._answer(pod, words)

    def plan(self, image: str = "mysql:9.7.5", **request: Any) -> operations.Rehearsing:
        session = self.session()
        running = observe.must_run(session.client, NAME)
        spec = upgrade.wanted_spec(running, {"image": image})
        return operations.plan(session, NAME, running, spec, operations.Request(**request))

    def rehearse(self, image: str = "mysql:9.7.5", timeout: float = 600.0, **request: Any) -> rehearsal.Rehearsal:
        return operations.execute(self.session(timeout), NAME, self.plan(image, **request))

    def left(self) -> list[tuple[str, str]]:
        return [one for one in OURS if one in self.store.objects]


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    return World(monkeypatch)


def test_the_newest_backup_is_tried_and_the_cluster_knows_afterwards(world: World) -> None:
    done = world.rehearse()
    assert (done.is_good, done.backup, done.image) == (True, world.there[0].id, "mysql:9.7.5")
    assert (done.fetch_seconds, done.start_seconds, done.compare_seconds) == (3.0, 41.0, 2.0)
    assert (done.tables, done.rows, done.version) == (2, 900, "9.7.5")
    assert rehearsal.last(world.notes()) == done
    assert world.left() == []
    (job_,) = world.jobs
    images = {one["name"]: one["image"] for one in pods.specs(job_["spec"]["template"])}
    assert images["mysqld"] == "mysql:9.7.5"


def test_its_pod_is_no_member_s_and_no_client_s(world: World) -> None:
    """No Service selects it, no policy admits it to the members, and it mounts no Secret of the cluster."""
    world.rehearse()
    (job_,) = world.jobs
    template = job_["spec"]["template"]
    labels = template["metadata"]["labels"]
    assert labels.keys().isdisjoint({names.LABEL_CLIENT, names.LABEL_INSTANCE, names.LABEL_ROLE})
    secrets = [one["secret"]["secretName"] for one in template["spec"]["volumes"] if "secret" in one]
    assert secrets == [HERE.secret]
    assert not template["spec"]["automountServiceAccountToken"]
    maps = {one["configMap"]["name"] for one in template["spec"]["volumes"] if "configMap" in one}
    assert maps == {JOB}


def _belongings(world: World) -> dict[str, dict[str, Any]]:
    world.ends = RUNS
    with pytest.raises(errors.WaitTimeout):
        world.rehearse(timeout=5.0)
    return {kind: world.store.objects[kind, JOB] for kind, _ in OURS}


def test_what_the_job_needs_belongs_to_it_and_the_policy_is_there_first(world: World) -> None:
    found = _belongings(world)
    uid = found["Job"]["metadata"]["uid"]
    for kind in ("NetworkPolicy", "ConfigMap"):
        (owner,) = found[kind]["metadata"]["ownerReferences"]
        assert (owner["kind"], owner["uid"]) == ("Job", uid)
        assert names.LABEL_INSTANCE not in found[kind]["metadata"]["labels"]
    order = [line.split()[1] for line in world.store.log if JOB in line]
    assert order == ["Job", "NetworkPolicy", "ConfigMap"]
    policy = found["NetworkPolicy"]["spec"]
    assert (policy["ingress"], policy["egress"]) == ([], []), "its repository is on a claim"
    labels = found["Job"]["spec"]["template"]["metadata"]["labels"]
    assert policy["podSelector"]["matchLabels"].items() <= labels.items()


def test_a_repository_elsewhere_is_reached_but_no_member(world: World) -> None:
    world.store.put(target.make_secret(target.Target("local", "s3:http://s3/x", HERE.image), "password", {}))
    (rule,) = _belongings(world)["NetworkPolicy"]["spec"]["egress"]
    (members,) = rule["to"][0]["podSelector"]["matchExpressions"]
    assert (members["operator"], members["values"]) == ("NotIn", [NAME])


@pytest.mark.parametrize("point", [f"CREATE Job {JOB}", f"CREATE NetworkPolicy {JOB}", f"CREATE ConfigMap {JOB}"])
def test_a_killed_run_is_continued_by_the_same_command(world: World, point: str) -> None:
    world.ends = RUNS
    world.store.kill_after = lambda text: text.startswith(point)
    with pytest.raises(Killed):
        world.rehearse()
    world.store.kill_after = lambda _: False
    world.ends = SUCCEEDS
    assert world.rehearse().is_good
    assert (len(world.jobs), world.left()) == (1, [])


def test_another_rehearsal_waits_for_one_that_runs_and_replaces_one_that_is_over(world: World) -> None:
    _belongings(world)
    with pytest.raises(errors.OperationLocked, match="another rehearsal of mysql is running"):
        world.rehearse("mysql:9.7.6")
    world.ends = SUCCEEDS
    world.settle()
    assert world.rehearse("mysql:9.7.6").image == "mysql:9.7.6"
    assert len(world.jobs) == 2


@pytest.mark.parametrize("kind", ["Job", "NetworkPolicy", "ConfigMap"])
def test_somebody_else_s_object_of_that_name_is_not_touched(world: World, kind: str) -> None:
    theirs = world.store.put({"kind": kind, "metadata": {"name": JOB, "labels": {"app": "theirs"}}})
    uid = theirs["metadata"]["uid"]
    world.ends = RUNS
    with pytest.raises(errors.Refused, match=f"{kind} {JOB} exists and was not created by mysqlops"):
        world.rehearse()
    assert world.store.objects[kind, JOB]["metadata"]["uid"] == uid
    assert world.left() == [(kind, JOB)]


@pytest.mark.parametrize("kind", ["NetworkPolicy", "ConfigMap"])
def test_a_name_that_is_taken_meanwhile_leaves_no_job_that_waits_for_it(world: World, kind: str) -> None:
    what = world.plan()
    world.store.put({"kind": kind, "metadata": {"name": JOB}})
    with pytest.raises(errors.Refused, match=f"{kind} {JOB} exists"):
        operations.execute(world.session(), NAME, what)
    assert world.left() == [(kind, JOB)]


@pytest.mark.parametrize(
    ("kind", "theirs"),
    [("ConfigMap", {"binaryData": {"agent.pyz": "dGhlaXJz"}}), ("NetworkPolicy", {"spec": {"egress": [{}]}})],
)
def test_what_somebody_put_there_for_the_job_is_not_taken_for_ours(world: World, kind: str, theirs: Any) -> None:
    """Whoever may create ConfigMaps and saw the Job: its pod has a copy of the data, and would run their program."""
    world.ends = RUNS
    world.store.kill_after = lambda text: text.startswith(f"CREATE Job {JOB}")
    with pytest.raises(Killed):
        world.rehearse()
    world.store.kill_after = lambda _: False
    uid = world.store.objects["Job", JOB]["metadata"]["uid"]
    owners = [{"kind": "Job", "name": JOB, "uid": uid}]
    labels = {names.LABEL_MANAGED_BY: names.APP_NAME, rehearsal.LABEL: NAME}
    world.store.put({"kind": kind, "metadata": {"name": JOB, "labels": labels, "ownerReferences": owners}, **theirs})
    with pytest.raises(errors.Refused, match=f"{kind} {JOB} exists and was not created by mysqlops"):
        world.rehearse()
    assert ("Job", JOB) not in world.store.objects


def test_what_an_earlier_job_left_goes_by_its_uid(world: World) -> None:
    found = _belongings(world)
    old = found["ConfigMap"]["metadata"]["uid"]
    del world.store.objects["Job", JOB]
    world.ends = SUCCEEDS
    world.rehearse()
    assert old not in str(world.store.objects)
    assert world.left() == []


def test_a_new_version_that_fails_is_noted_and_reported(world: World) -> None:
    bad = replace(FOUND, ok=False, why="it cannot be read: the server on the copy ended: unknown variable 'x=1'")
    world.words = {"check": json.dumps(asdict(bad))}
    what = world.plan()
    done = operations.execute(world.session(), NAME, what)
    with pytest.raises(errors.StepFailed, match="unknown variable 'x=1'"):
        operations.check(what, done)
    assert rehearsal.last(world.notes()) == done
    assert world.left() == []


def test_a_job_that_failed_says_nothing_of_the_image(world: World) -> None:
    world.ends = FAILS
    with pytest.raises(errors.StepFailed, match="no space left"):
        world.rehearse()
    assert rehearsal.last(world.notes()) is None
    assert world.left() == []


def test_accounts_that_could_not_log_in_are_part_of_the_result(world: World) -> None:
    world.plugins = {"mysql_native_password": ["shop@%"]}
    what = world.plan()
    done = operations.execute(world.session(), NAME, what)
    assert (done.ok, done.is_good) == (True, False)
    with pytest.raises(errors.Refused, match="shop@% could no longer log in"):
        operations.check(what, done)
    assert any("shop@% could no longer log in" in one for one in world.said)


def test_only_a_backup_that_shows_something_is_taken(world: World) -> None:
    good = world.there[0]
    foreign = replace(good, id="mysql-20261124-000009", origin="another")
    dump = replace(good, id="mysql-20261124-000008", method=LOGICAL)
    bad = replace(good, id="mysql-20261124-000007", verified=backup.Verification("", "", ok=False, seconds=1, why="x"))
    world.there[:0] = [foreign, dump, bad]
    assert world.plan().chosen == good
    with pytest.raises(errors.Refused) as error:
        world.plan(backup=dump.id)
    assert [one.code for one in error.value.reasons] == ["not-an-archive"]
    with pytest.raises(errors.Refused) as error:
        world.plan(backup=bad.id)
    assert [one.code for one in error.value.reasons] == ["backup-failed"]
    world.there[:] = [replace(good, signed=UNSIGNED)]
    with pytest.raises(errors.Refused) as error:
        world.plan()
    assert [one.code for one in error.value.reasons] == ["unauthenticated"]
    world.there.clear()
    with pytest.raises(errors.Refused) as error:
        world.plan()
    assert [one.code for one in error.value.reasons] == ["no-such-backup"]


def test_a_version_that_may_not_follow_is_refused_before_anything_is_made(world: World) -> None:
    world.version = "9.7.3"
    world.there[0] = replace(world.there[0], server_version="9.7.4")
    world.version = "8.4.13"
    with pytest.raises(errors.Refused) as error:
        world.plan()
    assert {one.code for one in error.value.reasons} == {"version-path"}
    assert world.jobs == []


def test_upgrade_says_what_the_rehearsal_of_its_image_showed(world: World) -> None:
    session = world.session()
    spec = world.plan().spec
    rehearsed.say(session, spec, changes_version=True)
    assert "this upgrade was not rehearsed; mysqlops upgrade mysql --image mysql:9.7.5 --rehearse" in world.said[-1]
    world.rehearse()
    world.clock.wall = NOW.replace(hour=2, minute=5)
    rehearsed.say(session, spec, changes_version=True)
    wanted = f"mysql:9.7.5 was rehearsed 2h ago with backup {world.there[0].id}: ok, 41 s to start and upgrade the data"
    assert world.said[-1] == wanted
    rehearsed.say(session, replace(spec, mysqld={"max_connections": "300"}), changes_version=True)
    assert "was not rehearsed; the last rehearsal was of mysql:9.7.5 or other settings" in world.said[-1]
    count = len(world.said)
    rehearsed.say(session, replace(spec, image="mysql:9.7.4"), changes_version=False)
    assert len(world.said) == count


def test_a_garbled_note_says_nothing() -> None:
    done = made_rehearsal()
    assert rehearsal.last({rehearsal.ANNOTATION_LAST: done.text()}) == done
    for text in ("", "[]", "{", json.dumps({**asdict(done), "at": "yesterday"}), json.dumps({**asdict(done), "ok": 1})):
        assert rehearsal.last({rehearsal.ANNOTATION_LAST: text}) is None


def test_delete_takes_a_rehearsal_with_it(world: World) -> None:
    _belongings(world)
    steps = deleting.plan(world.session().client, NAME, purge_data=False).steps
    assert ("Job", JOB) in [(one.kind, one.name) for one in steps]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("--rehearse", "give the new --image"),
        ("--rehearse --image x --resume", "exclude each other"),
        ("--backup b --image x", "only with --rehearse"),
    ],
)
def test_words_that_say_nothing_together(words: str, told: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["upgrade", NAME, *words.split()]) == 2
    assert told in capsys.readouterr().err
