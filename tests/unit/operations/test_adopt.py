"""The command of an adoption: whatever becomes of its Job, errors name the way back, and the account does not stay."""

from __future__ import annotations

import base64
import io
import json
import zipfile
from collections.abc import Sequence
from datetime import timedelta

import pytest

from mysqlops import errors
from mysqlops.core import adoption
from mysqlops.core.typed import Json
from mysqlops.kube import manifests
from mysqlops.objects import adopt as planning
from mysqlops.objects import render
from mysqlops.operations import adopt
from mysqlops.operations.session import Session
from tests.unit.fakes.cluster import NAME, Cluster
from tests.unit.fakes.jobs import owned_by

SOURCE = planning.Source("old", 3306, "root", planning.Key("s", "p"), adoption.VERIFY_CA, planning.Key("c", "ca.crt"))
FINISH = planning.Request(SOURCE, finish=True)
_JOB = f"{NAME}-adopt"
_REPORT = {"databases": ["a"], "tables": [], "accounts": [], "accounts_refused": []}
_STANDING = {"at": "2026-01-01T00:00:00Z", "read_only": True, "position": "g:1-5"}
_GIVEN = f"source and copy differ in a.t; {adoption.GIVEN_BACK}"


class World:
    """A cluster in which a Job ends as the test says: `pods` are the containers' exit code and last words, by pod."""

    def __init__(self, *pods: tuple[int, str]) -> None:
        self.cluster, self.pods, self.ran = Cluster(1), pods, list[str]()
        objects = {one["kind"]: one for one in manifests.load_base()}
        found = self.cluster.store.objects["StatefulSet", NAME]
        found["spec"]["template"] = objects["StatefulSet"]["spec"]["template"]
        self.has_ended = False
        self.cluster.store.settle = self._settle
        self.session = self.cluster.session(60.0)
        self.session.client.answer = self._answer  # type: ignore[attr-defined]
        self.session.client.logs = self._logs  # type: ignore[method-assign]
        self.now: list[Json] = []  # what confirmations find, one after another; then _STANDING
        self.copied_by = ""  # the Job in the report, if it is not the one that ran
        self.read: list[str] = []  # the Jobs whose logs were read
        self.nights = 0  # how many confirmations take a night

    def _logs(self, *_: object, **__: object) -> str:
        job = self.cluster.store.objects["Job", _JOB]
        uid = job["metadata"]["uid"]
        self.read.append(uid)
        if job["spec"]["template"]["spec"]["containers"][0]["command"][-1] != "adopt-confirm":
            return json.dumps({**_REPORT, "source": {**_STANDING, "job": self.copied_by or uid}})
        if self.nights:
            self.nights -= 1
            self.cluster.clock.wall += timedelta(hours=9)
        return json.dumps({**_STANDING, **(self.now.pop(0) if self.now else {}), "job": uid})

    def _answer(self, _: str, words: Sequence[str]) -> Json:
        self.ran.append(" ".join(words))
        if words[0] == "adopt-admit" and self.pods:
            self.end()
        return {}

    def _settle(self) -> None:
        """Plays the Job's controller, once it has ended; a Job's pods go with it."""
        self.cluster.settle()
        if ("Job", _JOB) in self.cluster.store.objects and self.has_ended:
            for number, (code, words) in enumerate(self.pods):
                owners = owned_by(self.cluster.store.objects["Job", _JOB])
                self.cluster.store.objects["Pod", f"{_JOB}-{number}"] = _pod(number, code, words, owners)
            kind = "Failed" if all(code for code, _ in self.pods) else "Complete"
            ended = {"conditions": [{"type": kind, "status": "True"}]}
            self.cluster.store.objects["Job", _JOB]["status"] = ended

    def end(self) -> None:
        self.has_ended = True


def _pod(number: int, code: int, words: str, owners: list[Json]) -> Json:
    ended = {"terminated": {"exitCode": code, "message": words, "reason": "OOMKilled"}}
    statuses = [{"name": "conclude", "state": ended}]
    return {
        "kind": "Pod",
        "metadata": {
            "name": f"{_JOB}-{number}",
            "labels": {"job-name": _JOB},
            "creationTimestamp": f"{number}",
            "ownerReferences": owners,
        },
        "spec": {"containers": [{"name": "conclude"}]},
        "status": {"phase": "Failed" if code else "Succeeded", "containerStatuses": statuses},
    }


def _copy(world: World, request: planning.Request = FINISH) -> adopt.Result:
    return adopt.copy(world.session, NAME, request)


def test_an_agent_of_an_older_release_copies_nothing() -> None:
    """It would compare what this release's Job has not dumped, and create none of it."""
    world = World((0, ""))
    with zipfile.ZipFile(content := io.BytesIO(), "w") as opened:
        opened.writestr("mysqlops/agent/jobs/adoption.py", "")
    data = {render.AGENT_FILE: base64.b64encode(content.getvalue()).decode()}
    world.session.client.apply({"kind": "ConfigMap", "metadata": {"name": f"{NAME}-agent"}, "binaryData": data})
    with pytest.raises(errors.Refused) as error:
        adopt.copy(world.session, NAME, FINISH)
    assert [(one.code, one.hint) for one in error.value.reasons] == [("agent-too-old", f"mysqlops upgrade {NAME}")]
    assert world.ran == []


def test_a_copy_that_succeeds_leaves_neither_job_nor_account() -> None:
    world = World((0, ""))
    assert _copy(world).report.databases == ["a"]
    assert ("Job", _JOB) not in world.cluster.store.objects
    assert world.ran == ["adopt-admit 60", "adopt-close"]


@pytest.mark.parametrize(
    ("found", "why"),
    [({"read_only": False}, "accepts writes again"), ({"position": "g:1-6"}, "has executed transactions")],
)
def test_nobody_is_sent_to_the_cluster_if_the_source_wrote_after_the_job_had_ended(found: Json, why: str) -> None:
    """The command was stopped for a night, or the Job is that of one that was killed."""
    world = World((0, ""))
    world.now = [found]
    with pytest.raises(errors.StepFailed, match=why) as caught:
        _copy(world)
    assert "before any client writes to mysql-primary" in str(caught.value.hint)


def test_a_report_of_another_job_proves_nothing() -> None:
    world = World((0, ""))
    world.copied_by = "another"
    with pytest.raises(errors.StepFailed, match="not of the Job that made the last copy"):
        _copy(world)


def test_a_confirmation_that_came_late_is_asked_for_again() -> None:
    """The monotonic clock of a laptop stops while it sleeps."""
    world = World((0, ""))
    world.nights = 1
    assert _copy(world).confirmed is not None
    assert len(world.read) == 3, "the copy's report, and two confirmations"
    world = World((0, ""))
    world.nights = 9
    with pytest.raises(errors.StepFailed, match="answered too late 3 times"):
        _copy(world)


@pytest.mark.parametrize("finish", [True, False])
def test_only_a_last_copy_that_ended_before_this_command_counts_and_is_confirmed(finish: bool) -> None:
    world, request = World((0, "")), planning.Request(SOURCE, finish=finish)
    old = world.cluster.store.put(adopt._job(planning.job, world.session, NAME, request))["metadata"]["uid"]
    world.end()
    _copy(world, request)
    assert (old in world.read) is finish
    assert len(world.read) == (2 if finish else 1)


def test_a_failure_that_gave_the_source_back_says_so_in_a_sentence() -> None:
    world = World((6, f"step-failed: {_GIVEN}"))
    with pytest.raises(errors.StepFailed) as caught:
        _copy(world)
    assert str(caught.value) == f"conclude: {_GIVEN}"
    assert "--abort" not in str(caught.value.hint)
    assert world.ran[-1] == "adopt-close"


def test_of_a_lost_pod_the_cause_is_told_and_what_the_next_one_did() -> None:
    world = World((137, ""), (6, f"step-failed: an earlier pod of this Job was lost; {adoption.GIVEN_BACK}"))
    with pytest.raises(errors.StepFailed) as caught:
        _copy(world)
    assert str(caught.value).startswith(
        "conclude: OOMKilled; conclude: an earlier pod of this Job was lost; the source"
    )


@pytest.mark.parametrize("finish", [True, False])
def test_where_nothing_could_be_undone_the_command_that_does_is_told(finish: bool) -> None:
    world = World((137, ""), (137, ""))
    with pytest.raises(errors.StepFailed) as caught:
        _copy(world, planning.Request(SOURCE, finish=finish))
    assert (planning.abort_command(NAME, "db", SOURCE) in str(caught.value.hint)) is finish


@pytest.mark.parametrize(
    "said",
    [
        f"step-failed: (1045, '{adoption.GIVEN_BACK}'); the source may still be read-only, --abort undoes that",
        f"step-failed: {adoption.UNTOUCHED}, says the source; and more",
    ],
)
def test_words_of_the_source_do_not_hide_the_way_back(said: str) -> None:
    world = World((6, said))
    with pytest.raises(errors.StepFailed) as caught:
        _copy(world)
    assert planning.abort_command(NAME, "db", SOURCE) in str(caught.value.hint)


def test_only_our_own_program_says_that_the_source_was_given_back() -> None:
    assert adopt._is_undone(f"conclude: copy: mysqldump: Got error: 1146; {adoption.GIVEN_BACK}")
    assert not adopt._is_undone(f"copy: mysqldump: {adoption.GIVEN_BACK}")
    assert not adopt._is_undone(f"conclude: OOMKilled; copy: x; {adoption.GIVEN_BACK}")


def test_a_job_that_goes_on_after_the_deadline_keeps_its_account() -> None:
    world = World()
    with pytest.raises(errors.WaitTimeout) as caught:
        _copy(world)
    assert world.ran == ["adopt-admit 60"]
    assert "--abort" in str(caught.value.hint)


def test_a_last_copy_under_way_is_not_replaced_by_a_rehearsal() -> None:
    world = World()
    with pytest.raises(errors.WaitTimeout):
        _copy(world)
    with pytest.raises(errors.Refused) as caught:
        _copy(world, planning.Request(SOURCE))
    assert caught.value.reasons[0].code == "adopt-running"
    assert ("Job", _JOB) in world.cluster.store.objects


def test_a_job_without_an_account_does_not_stay() -> None:
    world = World()
    world.session.client.answer = _old_agent  # type: ignore[attr-defined]
    with pytest.raises(errors.StepFailed):
        _copy(world)
    assert ("Job", _JOB) not in world.cluster.store.objects


def _old_agent(*_: object) -> Json:
    raise errors.StepFailed("the agent is of another version")


def test_an_abort_goes_on_without_a_primary() -> None:
    world = World((0, ""))
    world.cluster.facts["mysql-0"]["role"] = "replica"
    world.cluster.clock.turn = world.end
    adopt.check(_with_secrets(world), NAME, SOURCE, must_be_whole=False)
    adopt.abort(world.session, NAME, SOURCE)
    assert world.ran == []


def _with_secrets(world: World) -> Session:
    for name, key in (("s", "p"), ("c", "ca.crt")):
        world.cluster.store.put({"kind": "Secret", "metadata": {"name": name}, "data": {key: "eA=="}})
    return world.session


def test_a_source_without_ca_is_refused_before_anything_is_read() -> None:
    world = World()
    bare = planning.Source("old", 3306, "root", planning.Key("s", "p"), adoption.VERIFY_IDENTITY)
    with pytest.raises(errors.Refused) as caught:
        adopt.check(world.session, NAME, bare, must_be_whole=True)
    assert [one.code for one in caught.value.reasons] == ["source-unverified"]
    with pytest.raises(errors.Refused) as caught:
        adopt.check(world.session, NAME, SOURCE, must_be_whole=True)
    assert {one.code for one in caught.value.reasons} >= {"no-password", "no-ca"}
