"""Secrets that somebody emptied, deleted or edited: what an agent does about it, and what `status` and `deploy` say."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest

from mysqlops import errors
from mysqlops.agent import api, credentials, rotation
from mysqlops.clock import SystemClock
from mysqlops.core import names
from mysqlops.mysql import group_replication
from mysqlops.planning import deploy, pods
from tests.unit import clusters
from tests.unit.rotation_world import Api as WorldApi
from tests.unit.rotation_world import Pod, World

_KNOWN = {key: f"old-{key}" for key in names.PASSWORD_KEYS} | {names.KEY_GROUP_NAME: clusters.GROUP}


class Secret(api.Api):
    """One Secret; `fill_at` is the read before which somebody fills it."""

    def __init__(self, held: dict[str, str], fill_at: int | None = None) -> None:
        super().__init__("db", Path("/nowhere"))
        self.object: dict[str, Any] = {"metadata": {"resourceVersion": "1"}, "data": api.encoded(dict(held))}
        self.fill_at, self.reads = fill_at, 0

    def get(self, group: str, kind: str, name: str) -> api.Json:
        self.reads += 1
        if self.reads == self.fill_at:
            self.object["data"] = api.encoded(dict(_KNOWN))
        return copy.deepcopy(self.object)

    def patch(self, group: str, kind: str, name: str, change: api.Json) -> api.Json:
        assert change["metadata"]["resourceVersion"] == self.object["metadata"]["resourceVersion"]
        self.object["data"] |= change["data"]
        return self.object


class Time(SystemClock):
    def sleep(self, seconds: float) -> None:
        pass


def test_a_new_cluster_gets_passwords_once() -> None:
    secret = Secret({})
    made = credentials.ensure(secret, "mysql", Time())
    assert set(made) == set(credentials.KEYS)
    assert credentials.ensure(secret, "mysql", Time(), why_not="it holds data") == made


@pytest.mark.parametrize("is_noted", [False, True])
def test_a_cluster_with_data_never_gets_new_ones(is_noted: bool) -> None:
    """B24: an empty Secret that GitOps applied; the copy of the group's note on the Secret counts too."""
    secret = Secret({names.KEY_APP_PASSWORD: "x", names.KEY_ROOT_PASSWORD: ""})
    if is_noted:
        secret.object["metadata"]["annotations"] = {names.ANNOTATION_BOOTSTRAPPED: "mysql-0 long ago"}
    before = copy.deepcopy(secret.object)
    with pytest.raises(errors.Refused, match=r"root-password.*new ones would not open") as caught:
        credentials.ensure(secret, "mysql", Time(), why_not="" if is_noted else "it holds data")
    assert [one.code for one in caught.value.reasons] == ["credentials-lost"]
    assert secret.object == before


def test_it_waits_for_the_agents_that_put_them_back() -> None:
    assert credentials.ensure(Secret({}, fill_at=9), "mysql", Time(), why_not="it holds data") == _KNOWN


@pytest.mark.parametrize("value", ["", None])
def test_what_is_missing_from_the_secret_stays_in_memory(value: str | None) -> None:
    world = World()
    member = Pod(world, "mysql-1")
    member.memory[names.previous_key(names.KEY_ADMIN_PASSWORD)] = "previous"
    before = dict(member.memory)
    world.secret["data"] = {} if value is None else api.encoded(dict.fromkeys(_KNOWN, value))
    assert not rotation.refresh(WorldApi(world), member)
    assert member.memory == before


@pytest.mark.parametrize("key", names.PASSWORD_KEYS)
def test_one_that_somebody_edited_is_not_taken_over_and_the_others_are(key: str) -> None:
    """B25: the application's too."""
    world = World()
    member = Pod(world, "mysql-1")
    other = next(one for one in names.PASSWORD_KEYS if one != key)
    known, member.memory[other] = member.memory[key], "stale"
    world.secret["data"] |= api.encoded({key: "by hand"})
    with pytest.raises(errors.StepFailed, match=f"refuses {key} of Secret mysql-credentials.*users rotate mysql"):
        rotation.refresh(WorldApi(world), member)
    assert (member.memory[key], member.memory[other]) == (known, world.held(other))


def _emptied(monkeypatch: pytest.MonkeyPatch, role: str = names.ROLE_REPLICA) -> tuple[World, Pod]:
    seen = type("Seen", (), {"role": lambda _: role})
    monkeypatch.setattr(group_replication, "observe", lambda _: seen())
    world = World()
    member = Pod(world, "mysql-1")
    world.older = {"mysql-0", "mysql-1", "mysql-2"}  # its own checks read the Secret
    world.secret["data"] = {}
    monkeypatch.setattr(world, "check", lambda: None)
    return world, member


def test_an_agent_puts_back_what_the_server_accepts(monkeypatch: pytest.MonkeyPatch) -> None:
    world, member = _emptied(monkeypatch)
    member.memory[names.KEY_PROBE_PASSWORD] = "wrong"
    del world.data["mysql-1"][names.USER_APP]  # whatever is in the Secret of an account that somebody dropped
    put_back, missing = rotation.put_back(WorldApi(world), member)
    assert missing == [names.KEY_PROBE_PASSWORD]
    assert api.decoded(world.secret) == {key: _KNOWN[key] for key in put_back}
    assert set(put_back) == set(_KNOWN) - set(missing)
    assert rotation.put_back(WorldApi(world), member) == ([], missing)


def test_of_two_agents_one_puts_them_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """The other looks again later; the API server is not away for it."""
    world, member = _emptied(monkeypatch)

    class Slow(WorldApi):
        def patch(self, group: str, kind: str, name: str, change: api.Json) -> api.Json:
            raise errors.Conflict("the object has been modified")

    assert rotation.put_back(Slow(world), member) == ([], list(credentials.KEYS))


def test_the_previous_passwords_of_an_open_rotation_come_back_too(monkeypatch: pytest.MonkeyPatch) -> None:
    world, member = _emptied(monkeypatch)
    key = names.previous_key(names.KEY_ROOT_PASSWORD)
    member.memory[key] = "before"
    world.data["mysql-1"]["root"].append("before")
    assert key in rotation.put_back(WorldApi(world), member)[0]


def test_a_member_outside_the_group_puts_nothing_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its data may be older than the last rotation."""
    world, member = _emptied(monkeypatch, names.ROLE_NONE)
    assert rotation.put_back(WorldApi(world), member) == ([], list(credentials.KEYS))
    assert world.secret["data"] == {}


def _codes(**published: Any) -> list[tuple[str, str]]:
    found = clusters.judge(clusters.pod("mysql-0", role="primary", **published), *clusters.HEALTHY[1:])
    return [(one.code, one.hint) for one in found.conditions]


def test_status_names_what_is_missing_and_the_way_back() -> None:
    missing = {"secrets_missing": "Secret mysql-credentials does not exist"}
    assert _codes(**missing) == [("secrets-missing", "put the Secret back from a copy before any pod restarts")]
    ((code, hint),) = _codes(**missing, knows_missing=True)
    assert (code, hint.startswith("mysqlops deploy mysql")) == ("secrets-missing", True)
    assert _codes(accounts_trouble="app has another password") == [("accounts-differ", "mysqlops users rotate mysql")]
    assert _codes(secrets_trouble="refused") == [("secrets-refused", "mysqlops users rotate mysql")]


def test_deploy_makes_a_lost_secret_again_only_if_an_agent_can_fill_it() -> None:
    secret = {"kind": "Secret", "metadata": {"name": "mysql-credentials"}}
    stateful_set = {"kind": "StatefulSet", "metadata": {"name": "mysql"}}
    wanted = [secret, stateful_set]
    live = {("Secret", "mysql-credentials"): None, ("StatefulSet", "mysql"): None}
    with pytest.raises(errors.Refused, match="is gone"):
        deploy.plan(wanted, live, ["data-mysql-0"])
    steps = deploy.plan(wanted, live, ["data-mysql-0"], ["mysql-0"]).steps
    assert [step.kind for step in steps] == ["Secret", "StatefulSet"]


def test_the_hint_names_the_init_container_that_fails() -> None:
    waiting = {"name": "prepare", "state": {"waiting": {"reason": "CrashLoopBackOff"}}}
    done = {"name": "credentials", "ready": True, "state": {"terminated": {"exitCode": 0}}}
    pod = {"metadata": {}, "status": {"initContainerStatuses": [done, waiting]}}
    assert pods.stuck_in(pod) == "prepare"
    assert pods.stuck_in(clusters.HEALTHY[0]) == pods.stuck_in(None) == ""
