"""`users rotate`: killed before each of its calls and run again, two at once, and members that were away meanwhile
(S14, S15)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from mysqlops import errors
from mysqlops.agent import api, credentials, rotation, vault
from mysqlops.core import names
from mysqlops.core.publication import UNKNOWN
from mysqlops.mysql import account_files, accounts
from mysqlops.operations import observe, users
from mysqlops.planning import status, verdict
from tests.unit import clusters
from tests.unit.rotation_world import PODS, Pod, World, execute
from tests.unit.rotation_world import Api as FakeApi


def end(world: World) -> None:
    """Finish as the tool says: if the replication account is left, the members restart between."""
    world.clients_have = world.held(names.KEY_APP_PASSWORD)
    assert world.run(users.finish)
    world.catch_up()
    if world.lease:
        world.restart()
        assert world.run(users.finish)
    world.catch_up()


def assert_over(world: World) -> None:
    assert world.lease == {}
    assert set(world.values()) == set(credentials.KEYS)
    for known in world.data.values():
        assert {one.user: [world.held(one.key)] for one in accounts.ALWAYS} == known


def test_old_passwords_are_valid_until_the_end_and_then_gone() -> None:
    world = World()
    assert world.run(users.rotate)
    assert world.held(names.KEY_APP_PASSWORD) != world.first[names.KEY_APP_PASSWORD]
    end(world)
    assert_over(world)


@pytest.mark.parametrize("is_split", [True, False])
def test_a_rotation_killed_at_any_point_goes_on(is_split: bool) -> None:
    for kill_at in range(100):
        world = World(is_split=is_split)
        if world.run(users.rotate, kill_at):
            break
        assert ("rotation-open" in codes(world)) == (kill_at > 0)
        assert world.run(users.rotate)
        end(world)
        assert_over(world)
    assert kill_at > len(names.PASSWORD_KEYS)


def test_of_two_rotations_at_once_one_adds_the_passwords() -> None:
    world = World()
    world.is_locked = True
    with pytest.raises(errors.StepFailed, match="another rotation"):
        world.run(users.rotate)
    assert world.history == []
    world.is_locked = False
    assert world.run(users.rotate)
    world.check()


@pytest.mark.parametrize("restarted", [False, True])
def test_an_end_killed_at_any_point_goes_on(restarted: bool) -> None:
    for kill_at in range(100):
        world = World()
        assert world.run(users.rotate)
        world.clients_have = world.held(names.KEY_APP_PASSWORD)
        if restarted:
            world.restart()
        if world.run(users.finish, kill_at):
            break
        assert "rotation-open" in codes(world)
        world.catch_up()
        end(world)
        assert_over(world)
    assert kill_at > len(names.PASSWORD_KEYS)


def test_a_second_rotation_would_drop_the_passwords_in_use() -> None:
    world = World()
    assert world.run(users.rotate)
    held = dict(world.secrets)
    with pytest.raises(errors.Refused, match="rotated at"):
        world.run(users.rotate)
    assert held == world.secrets
    world.check()


def test_the_secret_changes_once_every_member_has_the_passwords() -> None:
    world = World()
    world.down["mysql-2"] = {"executed": f"{clusters.GROUP}:1-5"}  # it never applies anything
    with pytest.raises(errors.WaitTimeout):
        world.run(users.rotate)
    assert {key: world.held(key) for key in names.PASSWORD_KEYS} == world.first
    assert "users rotate mysql" in next(one.hint for one in judged(world).conditions if one.code == "rotation-open")
    with pytest.raises(errors.Refused, match="not given every member"):
        world.run(users.finish)
    world.down.clear()
    assert world.run(users.rotate)
    end(world)
    assert_over(world)


@pytest.mark.parametrize("step", [users.rotate, users.finish])
def test_no_step_while_a_member_is_away(step: Any) -> None:
    world = World()
    assert step is users.rotate or world.run(users.rotate)
    before = (dict(world.secrets), dict(world.lease))
    world.down["mysql-2"] = {"state": "DOWN", "role": "none", "label": "none"}
    with pytest.raises(errors.Refused) as caught:
        world.run(step)
    assert "member-not-online" in {one.code for one in caught.value.reasons}
    assert before == (dict(world.secrets), dict(world.lease))


def test_a_second_password_of_somebody_elses_is_not_dropped() -> None:
    world = World()
    for known in world.data.values():
        execute(known, f"ALTER USER {accounts.APP} IDENTIFIED BY 'mine' RETAIN CURRENT PASSWORD")
    world.clients_have = "mine"
    with pytest.raises(errors.Refused, match=names.USER_APP):
        world.run(users.rotate)
    assert world.lease == {}


def test_data_older_than_the_rotation_accepts_both_before_it_joins() -> None:
    """A claim that was kept, say: its data knows the first passwords only, and others have the next in memory."""
    world = World()
    old = {one.user: [world.first[one.key]] for one in accounts.ALWAYS}
    assert world.run(users.rotate)
    world.restart()
    world.in_memory["mysql-1"] = world.first[names.KEY_REPLICATION_PASSWORD]
    world.data["mysql-2"], world.older = old, {"mysql-2"}
    rotation.admit(Pod(world, "mysql-2"))
    new = world.held(names.KEY_REPLICATION_PASSWORD)
    assert set(world.data["mysql-2"][names.USER_REPLICATION]) == {new, world.in_memory["mysql-1"]}
    for statement in world.history:
        execute(world.data["mysql-2"], statement)
    world.older.clear()
    world.check()


def test_a_member_that_accepts_both_is_left_alone() -> None:
    world = World()
    rotation.admit(Pod(world, "mysql-2"))
    assert world.run(users.rotate)
    world.kill_at = world.calls
    rotation.admit(Pod(world, "mysql-2"))


@pytest.mark.parametrize("of", [account_files.init_file, account_files.rejoin_file, account_files.reset_file])
def test_the_end_leaves_the_new_password_however_a_member_came_by_the_two(of: Any) -> None:
    world = World()
    assert world.run(users.rotate)
    held = world.values()
    for line in of(held, accounts.in_clear).splitlines():
        execute(world.data["mysql-2"], line)
    end(world)
    assert_over(world)


def _refresh(client: api.Api, member: Pod) -> bool:
    return rotation.refresh(member, vault.Vault(client, "mysql").read())


def test_the_agents_memory_follows_the_secret() -> None:
    world = World()
    member = Pod(world, "mysql-1")
    assert world.run(users.rotate)
    assert _refresh(FakeApi(world), member)
    assert not _refresh(FakeApi(world), member)
    assert member.memory == credentials.of_agent(world.values())
    end(world)
    assert _refresh(FakeApi(world), member)
    assert member.memory == credentials.of_agent(world.values())


def test_a_password_that_somebody_put_into_the_secret_is_not_taken_over() -> None:
    world = World()
    member = Pod(world, "mysql-1")
    before = dict(member.memory)
    world.put(names.KEY_ADMIN_PASSWORD, "by hand")
    with pytest.raises(errors.StepFailed, match=f"refuses {names.KEY_ADMIN_PASSWORD}"):
        _refresh(FakeApi(world), member)
    assert member.memory == before


def test_generated_passwords_satisfy_validate_password() -> None:
    for made in (credentials.password() for _ in range(200)):
        assert len(made) == 32
        assert any(map(str.islower, made))
        assert any(map(str.isupper, made))
        assert any(map(str.isdigit, made))
        assert set("-_") & set(made)


def judged(world: World) -> status.Status:
    return observe.judged(world.session(), "mysql")


def codes(world: World) -> set[str]:
    return {one.code for one in judged(world).conditions}


def test_status_names_the_next_command_of_an_open_rotation() -> None:
    world = World()
    assert judged(world).conditions == ()
    assert world.run(users.rotate)
    hints = []
    for step in (lambda: None, lambda: world.run(users.finish), world.restart):
        step()
        world.clients_have = world.held(names.KEY_APP_PASSWORD)
        (condition,) = judged(world).conditions
        assert "2026-01-01T00:00:00Z" in condition.message
        hints.append(condition.hint)
    finish = "mysqlops users rotate mysql --finish"
    assert hints == [finish, f"mysqlops restart mysql, then {finish}", finish]
    assert status.in_the_way(judged(world)) == []


@pytest.mark.parametrize("text", ["", "{", "[]", json.dumps("2026-01-01T00:00:00Z"), "null"])
def test_what_is_no_rotation_is_none(text: str) -> None:
    lease = {"metadata": {"annotations": {names.ANNOTATION_ROTATED: text}}}
    stateful_set = {"metadata": {"name": "mysql", "namespace": "db"}, "spec": {"replicas": 3, **clusters.CLAIMS}}
    pods = {one["metadata"]["name"]: one for one in clusters.HEALTHY}
    services = {"mysql-primary": ("mysql-0",)}
    seen = status.Observed("mysql", clusters.NOW, stateful_set, pods, {}, services, lease=lease)
    assert verdict.judge(seen).conditions == ()
    assert UNKNOWN not in {one.state for one in verdict.judge(seen).members}
    assert set(PODS) == set(pods)


@pytest.mark.parametrize("stage", ["open", "switch", "finish", "finish-without-replication"])
@pytest.mark.parametrize("is_next_open", [False, True])
def test_a_step_of_a_rotation_that_is_over_changes_nothing(stage: str, is_next_open: bool) -> None:
    """Its program was paused, its command was given up and run again, and perhaps passwords were rotated since."""
    world = World()
    assert world.run(users.rotate)
    if is_next_open:
        lease = world.lease
        lease[names.ANNOTATION_ROTATED] = lease[names.ANNOTATION_ROTATED].replace("2026-01-01", "2026-01-02")
    else:
        world.restart()
        end(world)
    before = (json.dumps(world.secrets), [*world.history])
    with pytest.raises(errors.StepFailed, match="too late"):
        rotation.STEPS[stage](rotation.Rotation(FakeApi(world), Pod(world, "mysql-0"), "2026-01-01T00:00:00Z"))
    assert before == (json.dumps(world.secrets), world.history)
    world.check()


def test_passwords_are_not_added_again_to_a_rotation_that_has_switched() -> None:
    """By an `open` that was paused while another run of its command went on: a third password replaces the first."""
    world = World()
    assert world.run(users.rotate)
    before = (json.dumps(world.secrets), [*world.history])
    assert rotation.Rotation(FakeApi(world), Pod(world, "mysql-0")).open().users
    assert before == (json.dumps(world.secrets), world.history)
