"""When the agent compares the accounts with what the Secrets hold."""

from __future__ import annotations

import pytest

from mysqlops import errors
from mysqlops.agent import certificates, log, rotation, secrets_watch
from mysqlops.agent.member import Member
from mysqlops.clock import SystemClock
from mysqlops.core import names
from tests.unit.rotation_world import PODS, Api, Pod, World


class Watch(secrets_watch.SecretsWatch):
    """A member whose certificate cannot be loaded, as one of somebody else's CA."""

    def __init__(self, world: World) -> None:
        own = Pod(world, PODS[0])
        super().__init__(Api(world), own, Member(own))
        self.looked = 0

    def _take_certificate(self, words: log.Log) -> str:
        raise errors.StepFailed("Secret mysql-tls is not loaded: the certificate has expired")

    def _watch_accounts(self, words: log.Log) -> None:
        self.looked += 1

    def _open_door(self, words: log.Log) -> None:
        """Not what is tested."""


@pytest.fixture
def watch(monkeypatch: pytest.MonkeyPatch) -> Watch:
    monkeypatch.setattr(certificates, "fingerprint", lambda: "")
    monkeypatch.setattr(certificates, "ends", lambda: certificates.Ends("", ""))
    return Watch(World())


def test_a_certificate_that_cannot_be_loaded_stops_no_look_at_the_accounts(watch: Watch) -> None:
    watch.look(log.Log(SystemClock()))
    assert (watch.looked, "mysql-tls is not loaded" in watch.trouble) == (1, True)


def test_passwords_that_could_not_be_taken_over_are_no_measure_of_the_accounts(
    watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    """This pod's memory may hold those from before a rotation."""

    def fail(*_: object) -> bool:
        raise errors.ConnectFailed("no answer")

    monkeypatch.setattr(rotation, "refresh", fail)
    watch.look(log.Log(SystemClock()))
    assert watch.looked == 0


def test_the_watch_of_the_accounts_asks_the_lease_whether_a_rotation_is_open(
    watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers: list[object] = []

    def get(group: str, kind: str, name: str) -> object:
        assert (kind, name) == ("leases", "mysql-group")
        if isinstance(answer := answers.pop(), Exception):
            raise answer
        return {"metadata": {"annotations": answer}}

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
