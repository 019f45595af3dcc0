"""Secrets that somebody emptied, deleted or edited: what an agent does about it, and what `status` and `deploy` say."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

import pytest

from mysqlops import errors
from mysqlops.agent import api, credentials, rotation, vault
from mysqlops.clock import SystemClock
from mysqlops.core import names, secret_map
from mysqlops.core.typed import Json
from mysqlops.mysql import group_replication
from mysqlops.objects import pods
from mysqlops.planning import deploy, status, verdict
from tests.unit import clusters
from tests.unit.fakes.secret_api import Secrets
from tests.unit.rotation_world import Api as WorldApi
from tests.unit.rotation_world import Pod, World

_KNOWN = {key: f"old-{key}" for key in names.PASSWORD_KEYS} | {names.KEY_GROUP_NAME: clusters.GROUP}


class Filled(Secrets):
    """Somebody fills the Secrets before the ninth read."""

    def get(self, group: str, kind: str, name: str) -> Json:
        if len(self.reads) == 8:
            fill(self, _KNOWN)
        return super().get(group, kind, name)


def fill(secrets: Secrets, values: dict[str, str]) -> None:
    for name, data in secret_map.by_secret("mysql", {**values}, is_split=True).items():
        secrets.put(name, {key: value or "" for key, value in data.items()})


def _refresh(client: api.Api, member: Pod) -> bool:
    return rotation.refresh(member, vault.Vault(client, "mysql").read())


def _put_back(client: api.Api, member: Pod) -> tuple[list[str], list[str]]:
    safe = vault.Vault(client, "mysql")
    return rotation.put_back(safe, member, safe.read())


class Time(SystemClock):
    def sleep(self, seconds: float) -> None:
        pass


def test_a_new_cluster_gets_passwords_once() -> None:
    secret = Secrets()
    made = credentials.ensure(secret, "mysql", Time())
    assert set(made) == {*credentials.KEYS, names.KEY_BACKUP_KEY}
    assert credentials.ensure(secret, "mysql", Time(), why_not="it holds data") == made


@pytest.mark.parametrize("is_noted", [False, True])
def test_a_cluster_with_data_never_gets_new_ones(is_noted: bool) -> None:
    """B24: an empty Secret that GitOps applied; the copy of the group's note on the Secret counts too."""
    secret = Secrets()
    fill(secret, {names.KEY_APP_PASSWORD: "x", names.KEY_ROOT_PASSWORD: ""})
    if is_noted:
        note = {names.ANNOTATION_BOOTSTRAPPED: "mysql-0 long ago"}
        secret.objects["mysql-internal"]["metadata"]["annotations"] = note
    before = copy.deepcopy(secret.objects)
    with pytest.raises(errors.Refused, match=r"root-password.*new ones would not open") as caught:
        credentials.ensure(secret, "mysql", Time(), why_not="" if is_noted else "it holds data")
    assert [one.code for one in caught.value.reasons] == ["credentials-lost"]
    assert secret.objects == before


def test_it_waits_for_the_agents_that_put_them_back() -> None:
    found = credentials.ensure(Filled(), "mysql", Time(), why_not="it holds data")
    assert {key: found[key] for key in _KNOWN} == _KNOWN


@pytest.mark.parametrize("value", ["", None])
def test_what_is_missing_from_the_secret_stays_in_memory(value: str | None) -> None:
    world = World()
    member = Pod(world, "mysql-1")
    member.memory[names.previous_key(names.KEY_ADMIN_PASSWORD)] = "previous"
    before = dict(member.memory)
    for key in _KNOWN:
        world.put(key, value or "")
    if value is None:
        for secret in world.secrets.values():
            secret["data"] = {}
    assert not _refresh(WorldApi(world), member)
    assert member.memory == before


@pytest.mark.parametrize("key", names.PASSWORD_KEYS)
def test_one_that_somebody_edited_is_not_taken_over_and_the_others_are(key: str) -> None:
    """B25: the application's too."""
    world = World()
    member = Pod(world, "mysql-1")
    other = next(one for one in names.PASSWORD_KEYS if one != key)
    known, member.memory[other] = member.memory[key], "stale"
    world.put(key, "by hand")
    place = secret_map.place("mysql", key)
    with pytest.raises(errors.StepFailed, match=f"refuses {place.key} of Secret {place.secret},.*users rotate mysql"):
        _refresh(WorldApi(world), member)
    assert (member.memory[key], member.memory[other]) == (known, world.held(other))


def _emptied(monkeypatch: pytest.MonkeyPatch, role: str = names.ROLE_REPLICA) -> tuple[World, Pod]:
    seen = type("Seen", (), {"role": lambda _: role})
    monkeypatch.setattr(group_replication, "observe", lambda _: seen())
    world = World()
    member = Pod(world, "mysql-1")
    world.older = {"mysql-0", "mysql-1", "mysql-2"}  # its own checks read the Secret
    for secret in world.secrets.values():
        secret["data"] = {}
    monkeypatch.setattr(world, "check", lambda: None)
    return world, member


def test_an_agent_puts_back_what_the_server_accepts(monkeypatch: pytest.MonkeyPatch) -> None:
    world, member = _emptied(monkeypatch)
    member.memory[names.KEY_PROBE_PASSWORD] = "wrong"
    del world.data["mysql-1"][names.USER_APP]  # whatever is in the Secret of an account that somebody dropped
    put_back, missing = _put_back(WorldApi(world), member)
    assert missing == [names.KEY_PROBE_PASSWORD]
    assert {key: world.values()[key] for key in put_back} == {key: _KNOWN[key] for key in put_back}
    assert set(put_back) == set(_KNOWN) - set(missing)
    assert _put_back(WorldApi(world), member) == ([], missing)


def test_of_two_agents_one_puts_them_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """The other looks again later; the API server is not away for it."""
    world, member = _emptied(monkeypatch)

    class Slow(WorldApi):
        def patch(self, group: str, kind: str, name: str, change: Json) -> Json:
            raise errors.Conflict("the object has been modified")

    assert _put_back(Slow(world), member) == ([], list(credentials.KEYS))


def test_the_previous_passwords_of_an_open_rotation_come_back_too(monkeypatch: pytest.MonkeyPatch) -> None:
    world, member = _emptied(monkeypatch)
    key = names.previous_key(names.KEY_ROOT_PASSWORD)
    member.memory[key] = "before"
    world.data["mysql-1"]["root"].append("before")
    assert key in _put_back(WorldApi(world), member)[0]


def test_the_key_that_seals_backups_comes_back_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else a new one would be made, and no backup of before would be known as the cluster's."""
    world, member = _emptied(monkeypatch)
    others = {names.KEY_BACKUP_KEY: "seal", names.KEY_BACKUP_PASSWORD: "copy"}
    member.memory |= others
    assert set(_put_back(WorldApi(world), member)[0]) == {*_KNOWN, *others}
    assert {key: world.values()[key] for key in others} == others
    assert set(credentials.of_agent(_KNOWN | others)) == {*_KNOWN, *others}


def test_a_member_outside_the_group_puts_nothing_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its data may be older than the last rotation."""
    world, member = _emptied(monkeypatch, names.ROLE_NONE)
    assert _put_back(WorldApi(world), member) == ([], list(credentials.KEYS))
    assert world.values() == {}


def _codes(**published: Any) -> list[tuple[str, str]]:
    found = clusters.judge(clusters.pod("mysql-0", role="primary", **published), *clusters.HEALTHY[1:])
    return [(one.code, one.hint) for one in found.conditions]


def test_status_names_what_is_missing_and_the_way_back() -> None:
    missing = {"secrets_missing": "Secret mysql-internal does not exist"}
    assert _codes(**missing) == [("secrets-missing", "restore the Secret from a copy before any pod restarts")]
    ((code, hint),) = _codes(**missing, knows_missing=True)
    assert (code, hint.startswith("mysqlops deploy mysql")) == ("secrets-missing", True)
    assert _codes(accounts_trouble="app has another password") == [("accounts-differ", "mysqlops users rotate mysql")]
    assert _codes(secrets_trouble="refused") == [("secrets-refused", "mysqlops users rotate mysql")]


def test_status_names_an_object_that_members_need_to_start() -> None:
    """A Lease that a clean-up Job deleted: everything runs until the next pod starts."""
    seen = clusters.observed(*clusters.HEALTHY)
    assert verdict.judge(seen).verdict == status.HEALTHY
    found = verdict.judge(replace(seen, missing=("Lease mysql-group", "Service mysql")))
    (one,) = found.conditions
    assert (one.code, one.hint) == ("object-missing", "mysqlops deploy mysql recreates it")
    assert one.message.startswith("Lease mysql-group, Service mysql does not exist")
    assert found.verdict != status.HEALTHY


def test_deploy_makes_a_lost_secret_again_only_if_an_agent_can_fill_it() -> None:
    secret = {"kind": "Secret", "metadata": {"name": "mysql-internal"}}
    stateful_set = {"kind": "StatefulSet", "metadata": {"name": "mysql"}}
    wanted = [secret, stateful_set]
    live = {("Secret", "mysql-internal"): None, ("StatefulSet", "mysql"): None}
    with pytest.raises(errors.Refused, match="is gone"):
        deploy.plan(wanted, live, ["data-mysql-0"])
    steps = deploy.plan(wanted, live, ["data-mysql-0"], ["mysql-0"]).steps
    assert [step.kind for step in steps] == ["Secret", "StatefulSet"]


def test_the_hint_names_the_init_container_that_fails() -> None:
    waiting = {"name": "prepare", "state": {"waiting": {"reason": "CrashLoopBackOff"}}}
    done = {"name": "wait-for-database", "ready": True, "state": {"terminated": {"exitCode": 0}}}
    pod = {"metadata": {}, "status": {"initContainerStatuses": [done, waiting]}}
    assert pods.command("mysql", "mysql-0", pod).endswith("describe pod mysql-0")
    waiting["lastState"] = {"terminated": {"message": "why"}}
    assert pods.command("mysql", "mysql-0", pod) == "kubectl logs mysql-0 -c prepare"
