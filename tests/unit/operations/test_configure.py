"""Settings changed while servers run: a client's write proves them, and what stops writes is taken back."""

from __future__ import annotations

import contextlib
import copy
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mysqlops import errors
from mysqlops.cli import described
from mysqlops.core import mysqld_config, names, ordered, publication, rollout
from mysqlops.core.spec import ClusterSpec
from mysqlops.errors import Refused
from mysqlops.kube import manifests
from mysqlops.objects import render
from mysqlops.operations import configure, deploy, followers, image_check, observe, restart, unproven
from mysqlops.operations import rollout as rolling
from mysqlops.operations.session import Session
from mysqlops.planning import settings, status
from tests.unit.fakes.api import Killed
from tests.unit.fakes.cluster import NAME, Cluster

LIMITS = rolling.Limits()
BEFORE: dict[str, str | None] = {"long_query_time": "2", "sql_mode": "A,B"}


class Servers(Cluster):
    """Three members with variables; with `init_connect` set to `bad` no client of theirs can work."""

    def __init__(self) -> None:
        super().__init__(3)
        spec = ClusterSpec(name=NAME, namespace="db", mysqld=dict(BEFORE))
        for made in render.cluster_objects(manifests.load_base(), spec, render.Agent(b"x", "1")):
            if made["kind"] in ("ConfigMap", "StatefulSet"):
                self.store.put(made)
        for pod in self.facts:  # made again, from this template
            del self.store.objects["Pod", pod]
        self.settle()
        self.variables: dict[str, dict[str, str | None]] = {pod: dict(BEFORE) for pod in self.facts}
        self.deaf: set[str] = set()
        self.unanswered: Exception | None = None  # what became of a client's write, if no server answered it
        self.clock.turn = self._bring_files

    def _bring_files(self) -> None:
        digest = publication.config_digest(self.my_cnf().encode())
        for facts in self.facts.values():
            facts["config"] = digest

    def my_cnf(self) -> str:
        return str(self.store.objects["ConfigMap", "mysql-config"]["data"]["my.cnf"])

    def _answer(self, pod: str, words: Sequence[str]) -> Any:
        if words[0] == "set-settings":
            return self._set(pod, json.loads(words[1]))
        if words[0] == "setting-kinds":
            return {one: "unknown" if one.startswith("nobody") else "dynamic" for one in words[1:]}
        if words[0] == "probe":
            if any(one.get("init_connect") == "bad" for one in self.variables.values()):
                raise errors.WriteRefused("no write through mysql-primary: init_connect command failed")
            if self.unanswered is not None:
                raise self.unanswered
            return {"write": 0.1}
        return super()._answer(pod, words)

    def _set(self, pod: str, values: dict[str, str | None]) -> dict[str, str]:
        if pod in self.deaf:
            raise errors.PodExecFailed(f"exec in {pod}")
        if values.get("max_connections") == "lots":
            return {"max_connections": "Incorrect argument type"}
        self.variables[pod].update(values)
        self.store.done(f"SET {pod}")
        return {}


def _change(servers: Servers, session: Session, **given: str | None) -> configure.Change:
    """As `plan` makes it, without trying the image."""
    running = observe.must_run(session.client, NAME)
    spec = configure.with_settings(running, given)
    config_map = json.loads(json.dumps(servers.store.objects["ConfigMap", "mysql-config"]))
    base = next(one for one in manifests.load_base() if "my.cnf" in one.get("data", {}))
    config_map["data"]["my.cnf"] = render.my_cnf(base["data"]["my.cnf"], spec)
    config_map["data"]["user.cnf"] = mysqld_config.layer([], spec.mysqld)
    new = settings.values(config_map["data"]["my.cnf"])
    values = {mysqld_config.normalise(key): new.get(mysqld_config.normalise(key)) for key in given}
    return configure.Change(values, (), config_map, None)


def test_a_change_reaches_every_member_and_my_cnf() -> None:
    servers = Servers()
    session = servers.session()
    change = _change(servers, session, **{"long-query-time": "0.5 # seconds", "init_connect": "'SET NAMES utf8mb4'"})
    assert configure.execute(session, NAME, change, LIMITS) == []
    wanted = {**BEFORE, "long_query_time": "0.5", "init_connect": "SET NAMES utf8mb4"}
    assert list(servers.variables.values()) == [wanted] * 3
    assert settings.values(servers.my_cnf())["init_connect"] == "SET NAMES utf8mb4"


def test_what_shuts_clients_out_is_taken_back_at_once_everywhere() -> None:
    servers = Servers()
    session, text = servers.session(), servers.my_cnf()
    with pytest.raises(
        Refused, match=r"clients could not write with the new .*: no write through mysql-primary"
    ) as refusal:
        configure.execute(session, NAME, _change(servers, session, init_connect="bad", sql_mode="A"), LIMITS)
    assert [one.code for one in refusal.value.reasons] == ["stops-writes"]
    assert list(servers.variables.values()) == [{**BEFORE, "init_connect": None}] * 3
    assert servers.my_cnf() == text
    assert servers.clock.seconds == 0


NO_ANSWERS: list[Exception] = [
    errors.WaitTimeout("no answer to a write through mysql-primary: timed out"),
    errors.PodExecFailed("exec in mysql-2/agent: not finished after 25 s"),
    errors.Unreachable("no answer"),
]


@pytest.mark.parametrize("unanswered", NO_ANSWERS)
def test_a_write_without_an_answer_neither_proves_a_value_nor_takes_it_back(unanswered: Exception) -> None:
    servers = Servers()
    session, text = servers.session(), servers.my_cnf()
    servers.unanswered = unanswered
    with pytest.raises(errors.WaitTimeout, match="it is unknown whether clients can write") as failure:
        configure.execute(session, NAME, _change(servers, session, sql_mode="A"), LIMITS)
    assert f"mysqlops config set {NAME} --settle" in str(failure.value.hint)
    assert {one["sql_mode"] for one in servers.variables.values()} == {"A"}
    assert (servers.my_cnf(), len(_open(servers))) == (text, 1)
    servers.unanswered = None
    configure.execute(session, NAME, _change(servers, session, sql_mode="A"), LIMITS)
    assert ({one["sql_mode"] for one in servers.variables.values()}, _open(servers)) == ({"A"}, [])


LOST = "lost the lock of mysql to upgrade by somebody"


@pytest.mark.parametrize("at", ["set-settings", "probe"])
def test_a_command_that_lost_the_lock_says_so_and_sets_nothing_more(at: str) -> None:
    servers = Servers()
    session = servers.session()
    change = _change(servers, session, sql_mode="A")

    def lose(pod: str, words: Sequence[str]) -> Any:
        if words[0] == at:
            raise errors.OperationLocked(LOST)
        return servers._answer(pod, words)

    session.client.answer = lose  # type: ignore[attr-defined]
    with pytest.raises(errors.OperationLocked, match=LOST):
        configure.execute(session, NAME, change, LIMITS)
    assert len(_open(servers)) == 1
    servers.store.log.clear()
    if at == "set-settings":
        for settle in (unproven.settle, unproven.attempt, unproven.set_back):
            with pytest.raises(errors.OperationLocked, match=LOST):
                settle(session, NAME)
    assert [one for one in servers.store.log if names.ANNOTATION_SETTING not in one] == []
    assert len(_open(servers)) == 1


def test_ctrl_c_before_the_proof_takes_it_back(monkeypatch: pytest.MonkeyPatch) -> None:
    servers = Servers()
    session = servers.session()

    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(deploy, "prove", interrupted)
    with pytest.raises(KeyboardInterrupt):
        configure.execute(session, NAME, _change(servers, session, long_query_time="9"), LIMITS)
    assert {one["long_query_time"] for one in servers.variables.values()} == {"2"}
    assert _open(servers) == []


def test_a_value_that_the_first_member_refuses_changes_nothing() -> None:
    servers = Servers()
    session, text = servers.session(), servers.my_cnf()
    with pytest.raises(Refused, match="Incorrect argument type"):
        configure.execute(session, NAME, _change(servers, session, max_connections="lots"), LIMITS)
    assert (list(servers.variables.values()), servers.my_cnf()) == ([BEFORE] * 3, text)


def test_a_member_that_cannot_be_asked_is_named_with_the_way_out() -> None:
    servers = Servers()
    session = servers.session()
    servers.deaf = {"mysql-0"}
    with pytest.raises(errors.StepFailed, match="not restored on mysql-0") as failure:
        configure.execute(session, NAME, _change(servers, session, sql_mode="A"), LIMITS)
    assert "mysqlops restart mysql" in str(failure.value.hint)
    assert servers.variables["mysql-1"] == BEFORE
    (condition,) = _open(servers)
    assert "mysqlops config set mysql --settle" in condition.hint
    servers.deaf = set()
    assert unproven.settle(session, NAME) == ("sql_mode",)
    assert _open(servers) == []


def _open(servers: Servers) -> list[status.Condition]:
    """What `status` says of changes that are open."""
    now = observe.judged(servers.session(), NAME)
    return [one for one in now.conditions if one.code == "order-open"]


_STEPS = ["PATCH Lease", "SET mysql-1", "SET mysql-2", "SET mysql-0", "apply ConfigMap"]


@pytest.mark.parametrize("after", _STEPS)
@pytest.mark.parametrize("verb", [unproven.settle, unproven.attempt])
def test_killed_anywhere_it_is_seen_and_any_verb_sets_my_cnf_s_values_again(after: str, verb: Any) -> None:
    """Also a value with which clients can live: nobody knows that yet."""
    servers = Servers()
    session = servers.session()
    servers.store.kill_after = lambda text: after.lower() in text.lower()
    with pytest.raises(Killed):
        configure.execute(session, NAME, _change(servers, session, long_query_time="9", init_connect="good"), LIMITS)
    servers.store.kill_after = lambda _: False
    assert len(_open(servers)) == 1
    verb(session, NAME)
    wanted = {"long_query_time": "9", "init_connect": "good"} if "ConfigMap" in after else {"long_query_time": "2"}
    for one in servers.variables.values():
        assert {"init_connect": None, **one} == {**BEFORE, "init_connect": None, **wanted}
    assert _open(servers) == []
    assert unproven.settle(session, NAME) == ()


def test_another_change_first_sets_back_what_a_killed_one_left() -> None:
    """Its own note replaces that of the killed run; `storage resize` changes settings too."""
    servers = Servers()
    session = servers.session()
    servers.store.kill_after = lambda text: "set mysql-1" in text.lower()
    with pytest.raises(Killed):
        configure.execute(session, NAME, _change(servers, session, init_connect="good"), LIMITS)
    servers.store.kill_after = lambda _: False
    configure.execute(session, NAME, _change(servers, session, long_query_time="9"), LIMITS)
    assert {one.get("init_connect") for one in servers.variables.values()} == {None}
    assert {one["long_query_time"] for one in servers.variables.values()} == {"9"}
    assert _open(servers) == []


def test_a_note_names_variables_and_no_values_and_not_those_that_nobody_may_set() -> None:
    """A member can write the Lease."""
    keys = ("long_query_time", "offline_mode", "super_read_only", "group_replication_group_name", "binlog_format")
    assert settings.as_configured(keys, "[mysqld]\nlong_query_time = 2\nsuper_read_only = ON\n") == {
        "long_query_time": "2",
        "binlog_format": None,
    }
    note = {names.ANNOTATION_SETTING: json.dumps({"names": ["a; DROP", "sql_mode", 7, None]})}
    assert ordered.setting(note) == ("sql_mode",)
    for text in ("", "{", "[]", '{"names": "sql_mode"}'):
        assert ordered.setting({names.ANNOTATION_SETTING: text}) == ()


def test_a_note_that_somebody_else_wrote_stops_nothing() -> None:
    servers = Servers()
    session = servers.session()
    unproven.begin(session, NAME, ["offline_mode", "nobody_knows_this", "sql_mode", *(f"a{n}" for n in range(9000))])
    servers.variables["mysql-1"]["sql_mode"] = ""
    unproven.settle(session, NAME)
    assert _open(servers) == []
    for one in servers.variables.values():
        assert not {"offline_mode", "nobody_knows_this"} & set(one)


def test_a_restart_ends_what_was_open() -> None:
    """The servers start with my.cnf; who restarts need not be allowed to read that."""
    servers = Servers()
    unproven.begin(servers.session(), NAME, ["sql_mode"])
    assert sorted(restart.execute(servers.session(), NAME)) == sorted(servers.facts)
    assert _open(servers) == []


def test_a_restart_that_goes_on_ends_what_was_open_when_it_began_and_nothing_since() -> None:
    for sets_meanwhile, left in ((False, []), (True, ["order-open"])):
        servers = Servers()
        unproven.begin(servers.session(), NAME, ["sql_mode"])
        servers.store.kill_after = lambda text: text.startswith("DELETE Pod mysql-2")
        with pytest.raises(Killed):
            restart.execute(servers.session(), NAME)
        servers.store.kill_after = lambda _: False
        servers.settle()
        if sets_meanwhile:  # on members that were restarted already
            unproven.begin(servers.session(), NAME, ["long_query_time"])
        assert sorted(restart.execute(servers.session(), NAME)) == ["mysql-0", "mysql-1"]
        assert [one.code for one in _open(servers)] == left


def test_a_rollout_that_is_taken_back_settles_what_was_open() -> None:
    """A member that was away when it began kept the note, and each restart since was with my.cnf."""
    servers = Servers()
    session = servers.session()
    unproven.begin(session, NAME, ["sql_mode"])
    servers.variables["mysql-1"]["sql_mode"] = "X"
    rolling._close(session, NAME)
    assert (_open(servers), servers.variables["mysql-1"]["sql_mode"]) == ([], BEFORE["sql_mode"])


def test_the_end_of_a_rollout_deletes_only_the_config_maps_that_rollouts_made() -> None:
    """A user's own, copied from one of ours, has its labels too."""
    servers = Servers()
    session, labels = servers.session(), names.selector(NAME)
    own = ("mysql-config-0123456789ab", "mysql-agent-0123456789ab")
    others = ("mysql-config-of-mine", "mysql-agents", "app", "mysql-config-0123456789abc")
    for name in (*own, *others):
        servers.store.put({"kind": "ConfigMap", "metadata": {"name": name, "labels": labels}})
    rolling._close(session, NAME)
    left = {name for kind, name in servers.store.objects if kind == "ConfigMap"}
    assert left >= {*others, "mysql-config", "mysql-agent"}
    assert not left & {*own}


def test_the_way_back_to_settings_that_an_older_version_allowed_is_open() -> None:
    servers = Servers()
    servers.store.objects["ConfigMap", "mysql-config"]["data"][render.PREVIOUS_CNF] = (
        "[mysqld]\nprotocol_compression_algorithms = zstd\nbinlog_format = MIXED\n"
    )
    session = servers.session()
    spec = configure.reverted(observe.must_run(session.client, NAME))
    assert spec.mysqld == {"protocol_compression_algorithms": "zstd", "binlog_format": "MIXED"}
    image_check.must_fit(session, spec)
    assert len(servers.said) == 2


@pytest.mark.parametrize("after", ["SET mysql-1", "SET mysql-2", "SET mysql-0", "apply ConfigMap"])
@pytest.mark.parametrize("value", ["good", "bad"])
def test_killed_anywhere_the_next_run_finishes_it_or_takes_it_back(after: str, value: str) -> None:
    servers = Servers()
    session = servers.session()
    servers.store.kill_after = lambda text: after.lower() in text.lower()
    change = _change(servers, session, init_connect=value)
    with contextlib.suppress(Killed, Refused):
        configure.execute(session, NAME, change, LIMITS)
    servers.store.kill_after = lambda _: False
    again = _change(servers, session, init_connect=value)
    if value == "good":
        configure.execute(session, NAME, again, LIMITS)
        assert "good" in servers.my_cnf()
        assert {one["init_connect"] for one in servers.variables.values()} == {"good"}
        return
    with pytest.raises(Refused, match=r"clients could not write"):
        configure.execute(session, NAME, again, LIMITS)
    assert "init_connect" not in servers.my_cnf()
    assert {one["init_connect"] for one in servers.variables.values()} == {None}


@pytest.mark.parametrize("value", ["1\nsync_binlog=0", "x' #\n[client]", ""])
def test_a_value_is_one_line(value: str) -> None:
    servers = Servers()
    running = observe.must_run(servers.session().client, NAME)
    if value:
        with pytest.raises(errors.ConfigError):
            configure.with_settings(running, {"init_connect": value})
    else:
        assert configure.with_settings(running, {"init_connect": value}).mysqld["init_connect"] == ""


def test_a_setting_is_replaced_or_unset_under_any_spelling() -> None:
    servers = Servers()
    running = observe.must_run(servers.session().client, NAME)
    assert configure.with_settings(running, {"Long-Query-Time": None}).mysqld == {"sql_mode": "A,B"}
    changed = configure.with_settings(running, {"loose-sql-mode": '"C"', "skip-slow-query-log": "1"}).mysqld
    assert changed == {"long_query_time": "2", "loose_sql_mode": "C", "slow_query_log": "OFF"}


def test_a_setting_that_belongs_to_the_data_cannot_be_changed_live() -> None:
    (reason,) = settings.belongs_to_data({"lower_case_table_names": "1", "max_connections": "90"})
    assert reason.code == "fixed-setting"


def _roll_out(monkeypatch: pytest.MonkeyPatch, value: str) -> Servers:
    """Every pod comes up with the new settings: only a client's write shows what is wrong."""
    monkeypatch.setattr(followers, "refresh", lambda *_: None)
    monkeypatch.setattr(rolling, "_close", lambda *_: None)
    servers = Servers()
    servers.on_pod = lambda pod: servers.variables[pod].update(init_connect=_value_of(servers))
    wanted = copy.deepcopy(servers.stateful_set())
    template = copy.deepcopy(wanted["spec"]["template"])
    under_way = rollout.Rollout("settings", "2026-01-01T00:00:00Z", template, "9.7.4", "9.7.4")
    volume = next(one for one in wanted["spec"]["template"]["spec"]["volumes"] if one["name"] == "config")
    volume["configMap"]["name"] = f"mysql-config-{value}"
    rolling.begin(servers.session(), [], under_way, wanted)
    return servers


@pytest.mark.parametrize("value", ["good", "bad"])
def test_a_rollout_of_settings_that_stop_writes_is_taken_back(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    servers = _roll_out(monkeypatch, value)
    if value == "good":
        assert sorted(rolling.finish(servers.session(), NAME, LIMITS)) == sorted(servers.facts)
        return
    with pytest.raises(rolling.RolledBack, match="no client can write: no write through mysql-primary"):
        rolling.finish(servers.session(), NAME, LIMITS)
    assert render.config_of(servers.stateful_set()) == "mysql-config"
    assert "mysql-0" not in servers.store.deleted("Pod")  # it led, and leads again: the proof did not wait for the end
    assert servers.facts["mysql-0"]["role"] == "primary"
    assert {one["init_connect"] for one in servers.variables.values()} == {"config"}


@pytest.mark.parametrize("unanswered", [*NO_ANSWERS, errors.OperationLocked(LOST)])
def test_a_rollout_whose_proof_got_no_answer_stays_open(monkeypatch: pytest.MonkeyPatch, unanswered: Exception) -> None:
    servers = _roll_out(monkeypatch, "good")
    servers.unanswered = unanswered
    is_lost = isinstance(unanswered, errors.OperationLocked)
    with pytest.raises(type(unanswered) if is_lost else errors.WaitTimeout):
        rolling.finish(servers.session(), NAME, LIMITS)
    assert render.config_of(servers.stateful_set()) == "mysql-config-good"
    record = rollout.read(servers.stateful_set())
    assert record is not None
    assert record.failure == ""
    servers.unanswered = None
    rolling.finish(servers.session(), NAME, LIMITS)
    assert {one["init_connect"] for one in servers.variables.values()} == {"good"}


def test_a_pause_of_the_command_fails_no_pod(monkeypatch: pytest.MonkeyPatch) -> None:
    """A suspended command that continues decides by what it sees then, not by what it saw before."""
    servers = _roll_out(monkeypatch, "good")
    looks, look = [0], observe.settled

    def suspended(*given: Any) -> status.Observed:
        seen = look(*given)
        looks[0] += 1
        if servers.store.deleted("Pod") == ["mysql-2"] and not looks[0] < 0:
            looks[0] = -1000
            servers.facts["mysql-2"] = {**servers.facts["mysql-2"], "state": "RECOVERING", "role": "none"}
            servers.settle()
            seen = look(*given)
            servers.clock.sleep(LIMITS.member_seconds + 1)
            servers.facts["mysql-2"] = {**servers.facts["mysql-1"]}
        return seen

    monkeypatch.setattr(observe, "settled", suspended)
    assert sorted(rolling.finish(servers.session(), NAME, LIMITS)) == sorted(servers.facts)


def _value_of(servers: Servers) -> str:
    return str(render.config_of(servers.stateful_set())).rpartition("-")[2]


def test_sizes_that_cannot_fit_are_refused_when_they_are_new_and_told_when_they_are_not() -> None:
    servers = Servers()
    session, sizes = servers.session(), {"innodb_buffer_pool_size": "4G"}
    plain = ClusterSpec(name=NAME, namespace="db", memory="8Gi", mysqld=dict(sizes))
    image_check.must_fit(session, plain)
    small = replace(plain, memory="1Gi")
    for running in (None, plain, replace(small, mysqld={})):
        with pytest.raises(Refused, match="its limit is 1") as refusal:
            image_check.must_fit(session, small, running)
        assert [one.code for one in refusal.value.reasons] == ["memory-too-small"]
    assert servers.said == []
    image_check.must_fit(session, replace(small, mysqld={**sizes, "long_query_time": "1"}), small)
    assert "innodb_buffer_pool_size=4G" in servers.said[0]


def test_what_an_older_version_allowed_is_told() -> None:
    servers = Servers()
    spec = ClusterSpec(name=NAME, namespace="db", mysqld={"binlog_format": "mixed"})
    image_check.must_fit(servers.session(), spec)
    assert servers.said[0].startswith("an older mysqlops allowed binlog_format: expected ROW")


def test_what_a_cluster_runs_with_already_does_not_block_a_deploy(tmp_path: Path) -> None:
    """An older mysqlops allowed it; what is new or changed is refused as ever."""
    cluster, file = Servers(), tmp_path / "my.cnf"
    cluster.store.objects["ConfigMap", "mysql-config"]["data"][render.USER_CNF] = "[mysqld]\nbinlog_format = MIXED\n"
    client = cluster.session().client
    running = deploy.running_settings(client, NAME)
    assert deploy.running_settings(client, "other") is None

    def spec_of(text: str, there: Mapping[str, str | None] | None = running) -> ClusterSpec:
        file.write_text(f"[mysqld]\n{text}\n")
        wanted = described.Wanted({"replicas": 3}, str(file), frozenset(), frozenset())
        return wanted.spec(NAME, "db", there)

    spec = spec_of("binlog_format = MIXED\nlong_query_time = 1")
    assert spec.mysqld == {"binlog_format": "MIXED", "long_query_time": "1"}
    image_check.warn_of(cluster.session(), spec)
    assert cluster.said[0].startswith("an older mysqlops allowed binlog_format: expected ROW")
    for text in ("binlog_format = STATEMENT", "binlog_format = MIXED\nsync_binlog = 0"):
        with pytest.raises(errors.ConfigError, match="may not be set"):
            spec_of(text)
    with pytest.raises(errors.ConfigError, match="may not be set"):
        spec_of("binlog_format = MIXED", None)
    found = observe.must_run(client, NAME)
    kept = configure.with_settings(found, {"binlog_format": "MIXED", "long_query_time": "2"})
    assert kept.mysqld == {"binlog_format": "MIXED", "long_query_time": "2"}
