"""What only the simulated API server has: hooks around each request, a watch cache that is stuck, listeners."""

from __future__ import annotations

import copy
from functools import partial
from typing import Any

import pytest

from mysqlops import errors
from mysqlops.agent import api
from mysqlops.core.typed import Json
from mysqlops.kube import client
from tests.simulation import manifests
from tests.simulation.backend import Simulated
from tests.simulation.clients import AgentApi, CliClient


def _pod(name: str) -> Json:
    pod = manifests.pod_with_claim(name, "pause", "data")
    pod["metadata"]["labels"] = {"app": "x"}
    return pod


def test_each_request_is_announced_takes_effect_and_is_answered() -> None:
    server, seen = Simulated(), list[str]()

    def before(text: str) -> None:
        seen.append(f"{text}: {len(server.peek_all('Lease'))}")

    cli = CliClient(server, before, lambda text: seen.append(f"{len(server.peek_all('Lease'))} after {text}"))
    cli.create("Lease", manifests.lease("one"))
    assert seen == ["CREATE Lease one: 0", "1 after CREATE Lease one"]


def test_a_request_that_is_cut_off_has_no_effect_and_a_lost_answer_has_one() -> None:
    server = Simulated()
    server.create("Lease", manifests.lease("one"))

    def cut(_: str) -> None:
        raise errors.Unreachable("cut off")

    change = {"spec": {"holderIdentity": "you"}}
    with pytest.raises(errors.Unreachable):
        AgentApi(server, before=cut).patch("coordination.k8s.io/v1", "leases", "one", change)
    assert server.get("Lease", "one")["spec"]["holderIdentity"] == "me"
    with pytest.raises(errors.Unreachable):
        AgentApi(server, after=cut).patch("coordination.k8s.io/v1", "leases", "one", change)
    assert server.get("Lease", "one")["spec"]["holderIdentity"] == "you"


def test_only_agents_lists_are_of_the_cache_that_stands_still() -> None:
    server = Simulated()
    agent, cli = AgentApi(server), CliClient(server)
    server.create("Pod", _pod("one"))
    server.freeze_cache()
    server.create("Pod", _pod("two"))
    cli.patch("Pod", "one", {"metadata": {"labels": {"role": "primary"}}})
    assert [one["metadata"]["labels"] for one in agent.list("v1", "pods", "app=x")] == [{"app": "x"}]
    assert agent.get("v1", "pods", "one")["metadata"]["labels"] == {"app": "x", "role": "primary"}
    assert len(cli.list("Pod", "app=x")) == 2
    server.thaw_cache()
    assert [one["metadata"]["name"] for one in agent.list("v1", "pods", "app=x")] == ["one", "two"]


def test_listeners_see_each_write_and_no_other() -> None:
    server, seen = Simulated(), list[str]()
    server.on_change = lambda event, thing, _: seen.append(f"{event} {thing['kind']} {thing['metadata']['name']}")
    server.create("Lease", manifests.lease("one"))
    server.merge_patch("Lease", "one", {"spec": {"holderIdentity": "me"}})
    server.merge_patch("Lease", "one", {"spec": {"holderIdentity": "you"}})
    server.delete("Lease", "one")
    assert seen == ["ADDED Lease one", "MODIFIED Lease one", "DELETED Lease one"]


def test_answers_are_the_callers_own() -> None:
    server = Simulated()
    server.create("Lease", manifests.lease("one"))
    lease = server.get("Lease", "one")
    lease["spec"]["holderIdentity"] = "changed"
    assert server.get("Lease", "one")["spec"]["holderIdentity"] != "changed"


def test_what_is_shared_with_other_readers_refuses_changes() -> None:
    server = Simulated()
    server.create("Pod", _pod("one"))
    got = server.get("Pod", "one")
    with pytest.raises(TypeError, match="shared"):
        got["metadata"]["labels"]["app"] = "changed"
    with pytest.raises(TypeError, match="shared"):
        got["spec"]["nodeName"] = "elsewhere"
    with pytest.raises(TypeError, match="shared"):
        got["spec"]["containers"].append({})
    whole = copy.deepcopy(got)
    whole["spec"]["containers"][0]["image"] = "other"
    assert server.get("Pod", "one")["spec"]["containers"][0]["image"] == "pause"


def test_together_ends_every_call_before_it_fails() -> None:
    server = Simulated()
    cli = CliClient(server)
    calls = [lambda: cli.get("Lease", "first"), lambda: cli.create("Lease", manifests.lease("second"))]
    with pytest.raises(errors.NotFound, match="first"):
        cli.together(calls)
    assert cli.together([lambda: cli.find("Lease", "second") is not None, lambda: cli.find("Lease", "x") is None]) == [
        True,
        True,
    ]


def test_every_call_of_the_cli_arrives() -> None:
    server, seen = Simulated(), list[str]()
    cli = CliClient(server, seen.append)
    made = cli.create("Lease", manifests.lease("one", labels={"a": "b"}), dry_run=True)
    cli.apply(made | {"metadata": {"name": "one", "labels": {"a": "b"}}})
    found = cli.patch("Lease", "one", {"spec": {"holderIdentity": "me"}})
    cli.replace("Lease", found)
    assert [one["metadata"]["name"] for one in cli.list_metadata("Lease", "a in (b)")] == ["one"]
    assert "spec" not in cli.list_metadata("Lease", "a=b")[0]
    with pytest.raises(errors.Conflict):
        cli.delete("Lease", "one", uid="another")
    cli.delete("Lease", "one", uid=found["metadata"]["uid"])
    cli.delete("Lease", "one")
    assert cli.find("Lease", "one") is None
    assert cli.version().startswith("v1.")
    assert seen[:5] == [
        "DRY CREATE Lease one",
        "APPLY Lease one",
        "PATCH Lease one",
        "PUT Lease one",
        "LIST Lease a in (b)",
    ]
    assert seen[6:] == ["DELETE Lease one", "DELETE Lease one", "DELETE Lease one", "GET Lease one", "VERSION"]


def test_nothing_goes_to_a_network() -> None:
    """Whatever opens a connection in the real clients is only reached through what these replace."""
    for fake, real, replaced in (
        (AgentApi, api.Api, {"_call"}),
        (CliClient, client.Client, {"_call", "_log", "attached", "run_in", "together"}),
    ):
        users = {
            name
            for name, function in vars(real).items()
            if {"_send", "_send_again_if_closed", "_connection", "ThreadPoolExecutor"}
            & set(getattr(getattr(function, "__code__", None), "co_names", ()))
        }
        assert users - {"__init__", "_send", "_send_again_if_closed"} == replaced, real
        assert replaced <= vars(fake).keys()


def _watched(server: Simulated, turns: list[Any]) -> AgentApi:
    """A client whose watches look as often as `turns` says, and do that before each look."""

    def wait() -> bool:
        if not turns:
            return False
        turns.pop(0)()
        return True

    return AgentApi(server, wait=lambda seconds: wait)


def test_a_watch_shows_what_came_after_the_list_and_nothing_while_the_cache_stands_still() -> None:
    server = Simulated()
    server.create("Pod", _pod("one"))
    label = {"metadata": {"labels": {"role": "primary"}}}
    turns = [
        lambda: server.create("Pod", _pod("two")),
        server.freeze_cache,
        lambda: server.merge_patch("Pod", "one", label),
        lambda: server.create("Pod", _pod("other") | {"metadata": {"name": "other", "labels": {"app": "y"}}}),
        server.thaw_cache,
        lambda: server.delete("Pod", "two"),
    ]
    agent = _watched(server, turns)
    listed, version = agent.listed("v1", "pods", "app=x")
    query = {"labelSelector": "app=x", "resourceVersion": version}
    seen = [
        (event["type"], event["object"]["metadata"]["name"], len(turns))
        for event in agent.watch("v1", "pods", query, seconds=300.0)
        if event["type"] != "BOOKMARK"
    ]
    assert [one["metadata"]["name"] for one in listed] == ["one"]
    assert seen == [("ADDED", "two", 5), ("MODIFIED", "one", 1), ("DELETED", "two", 0)]


def test_a_watch_of_one_object_first_shows_it() -> None:
    server = Simulated()
    server.create("Lease", manifests.lease("one"))
    server.create("Lease", manifests.lease("other"))
    change = {"spec": {"holderIdentity": "you"}}
    turns = [partial(server.merge_patch, "Lease", name, change) for name in ("other", "one")]
    agent = _watched(server, turns)
    query = {"fieldSelector": "metadata.name=one"}
    events = list(agent.watch("coordination.k8s.io/v1", "leases", query, seconds=300.0))
    assert [event["type"] for event in events] == ["ADDED", "MODIFIED", "BOOKMARK"]
    assert {event["object"]["metadata"]["name"] for event in events[:-1]} == {"one"}
    newest = server.get("Lease", "one")["metadata"]["resourceVersion"]
    assert [event["object"]["metadata"]["resourceVersion"] for event in events[1:]] == [newest, newest]


def test_a_watch_from_a_version_that_is_no_longer_kept_ends() -> None:
    server = Simulated()
    server.create("Pod", _pod("one"))
    agent = _watched(server, [lambda: None])
    _, version = agent.listed("v1", "pods", "app=x")
    for number in range(600):
        server.merge_patch("Pod", "one", {"metadata": {"labels": {"number": str(number)}}})
    query = {"labelSelector": "app=x", "resourceVersion": version}
    with pytest.raises(errors.KubeError, match="too old"):
        list(agent.watch("v1", "pods", query, seconds=300.0))
