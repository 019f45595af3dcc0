"""When the agent compares the accounts with what the Secrets hold."""

from __future__ import annotations

import pytest

from mysqlops import errors
from mysqlops.agent import certificates, log, pod, rotation, secrets_watch
from mysqlops.agent.member import Member
from mysqlops.clock import SystemClock
from mysqlops.core import names, view
from tests.unit.rotation_world import PODS, Api, Pod, World


class Watch(secrets_watch.SecretsWatch):
    """A member whose certificate cannot be loaded, as one of somebody else's CA."""

    def __init__(self, world: World) -> None:
        own = Pod(world, PODS[0])
        super().__init__(Api(world), own, Member(own))
        self.looked = 0

    def _take_certificate(self, words: log.Log) -> str:
        raise errors.StepFailed("Secret mysql-tls is not loaded: the certificate has expired")

    def _watch_accounts(self, words: log.Log, record: view.GroupRecord | None) -> None:
        self.looked += 1

    def _open_door(self, words: log.Log, record: view.GroupRecord | None) -> None:
        """Not what is tested."""


@pytest.fixture
def watch(monkeypatch: pytest.MonkeyPatch) -> Watch:
    monkeypatch.setattr(certificates, "fingerprint", lambda: "")
    monkeypatch.setattr(certificates, "ends", lambda: certificates.Ends("", ""))
    return Watch(World())


def test_a_certificate_that_cannot_be_loaded_stops_no_look_at_the_accounts(watch: Watch) -> None:
    watch.look(log.Log(SystemClock()), None)
    assert (watch.looked, "mysql-tls is not loaded" in watch.trouble) == (1, True)


def test_passwords_that_could_not_be_taken_over_are_no_measure_of_the_accounts(
    watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    """This pod's memory may hold those from before a rotation."""

    def fail(*_: object) -> bool:
        raise errors.ConnectFailed("no answer")

    monkeypatch.setattr(rotation, "refresh", fail)
    watch.look(log.Log(SystemClock()), None)
    assert watch.looked == 0


def test_the_watch_of_the_accounts_asks_the_lease_whether_a_rotation_is_open(
    watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers: list[object] = []
    labels = names.selector("mysql")

    def get(group: str, kind: str, name: str) -> object:
        assert (kind, name) == ("leases", "mysql-group")
        if isinstance(answer := answers.pop(), Exception):
            raise answer
        return {"metadata": {"name": name, "labels": labels, "annotations": answer}}

    monkeypatch.setattr(watch._api, "get", get)
    for answer, is_noted in (
        (None, False),
        ({names.ANNOTATION_ROTATED: '{"since": "x"}'}, True),
        ({names.ANNOTATION_ROTATED: "not readable"}, True),
        (errors.NotFound("mysql-group"), None),
        (errors.Unreachable("no answer"), None),
    ):
        answers.append(answer)
        assert watch._is_rotation_noted() is is_noted
    labels = {}  # somebody else's Lease of that name says nothing
    answers.append(None)
    assert watch._is_rotation_noted() is None


class Server:
    """What the watch asks of the member's server."""

    def __init__(self, *, has_expired: bool = False) -> None:
        self.has_expired = has_expired

    def drop_expired(self, user: str, record: view.GroupRecord | None) -> bool:
        assert (user, record) == (names.USER_ADOPT, None)
        return self.has_expired


class Doored(pod.Pod):
    """A pod whose agent the administrative interface turns away, for so many tries."""

    def __init__(self, refusals: int) -> None:
        self.is_denied, self._refusals, self.tries = True, refusals, 0

    def admit(self, record: view.GroupRecord | None) -> None:
        self.tries += 1
        if self.tries <= self._refusals:
            raise errors.ConnectFailed("too many connections")
        self.is_denied = False


def _door(watch: Watch, own: Doored, server: Server) -> None:
    watch._pod, watch._member = own, server  # type: ignore[assignment]
    secrets_watch.SecretsWatch._open_door(watch, log.Log(SystemClock()), None)


def test_the_door_is_tried_at_each_look_until_it_opens(watch: Watch, capsys: pytest.CaptureFixture[str]) -> None:
    own = Doored(refusals=1)
    _door(watch, own, Server())
    assert own.is_denied
    assert "not usable yet: too many connections" in capsys.readouterr().out
    _door(watch, own, Server())
    assert not own.is_denied
    _door(watch, own, Server())
    assert own.tries == 2


def test_the_account_of_a_killed_adopt_is_dropped_and_said(watch: Watch, capsys: pytest.CaptureFixture[str]) -> None:
    _door(watch, Doored(refusals=0), Server(has_expired=True))
    assert "dropped the expired account of an adopt" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("error", "missing"),
    [(errors.Conflict("changed"), ""), (errors.NotFound("gone"), "does not exist")],
)
def test_a_deleted_secret_is_named_and_a_faster_member_is_no_trouble(
    watch: Watch, monkeypatch: pytest.MonkeyPatch, error: errors.KubeError, missing: str
) -> None:
    def fail(*_: object) -> object:
        raise error

    monkeypatch.setattr(rotation, "put_back", fail)
    watch.look(log.Log(SystemClock()), None)
    assert missing in watch.missing
    assert bool(watch.missing) is bool(missing)
    assert watch.looked == 0
