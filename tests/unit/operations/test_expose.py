"""Services for clients from outside: what they open, what they record, and what becomes of a killed command."""

from __future__ import annotations

import json
import shlex
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from mysqlops import errors
from mysqlops.cli.main import run
from mysqlops.core import exposure, names
from mysqlops.objects import exposed
from mysqlops.operations import delete, expose
from mysqlops.operations.session import Session
from tests.unit.fakes import api
from tests.unit.fakes.cluster import NAME, Cluster
from tests.unit.fakes.verbs import world

_WORDS = f"expose {NAME} outside --source-ranges 203.0.113.0/24,10.0.0.0/8 --no-wait"


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Cluster:
    return world(monkeypatch, tmp_path)


def _request(**fields: Any) -> exposed.Request:
    return exposed.Request(**{**vars(_BASE), **fields})


_BASE = exposed.Request("outside", "LoadBalancer", "primary", ("203.0.113.0/24",))


def test_exactly_the_ranges_are_admitted_and_only_to_the_servers_port() -> None:
    made = exposed.policy("mysql", "db", _request(ranges=("10.0.0.0/8", "203.0.113.0/24")))
    (rule,) = made["spec"]["ingress"]
    assert rule["from"] == [{"ipBlock": {"cidr": "10.0.0.0/8"}}, {"ipBlock": {"cidr": "203.0.113.0/24"}}]
    assert rule["ports"] == [{"protocol": "TCP", "port": "sql"}]
    assert made["spec"]["podSelector"]["matchLabels"] == names.selector("mysql")


def test_the_service_follows_the_role_and_shows_members_the_clients_address() -> None:
    spec = exposed.service("mysql", "db", _BASE)["spec"]
    assert spec["selector"][names.LABEL_ROLE] == "primary"
    assert (spec["externalTrafficPolicy"], spec["loadBalancerSourceRanges"]) == ("Local", ["203.0.113.0/24"])
    assert spec["publishNotReadyAddresses"] is True
    spec = exposed.service("mysql", "db", _request(type="NodePort", role="replica", node_port=30306))["spec"]
    assert (spec["externalTrafficPolicy"], spec["ports"][0]["nodePort"]) == ("Cluster", 30306)
    assert "publishNotReadyAddresses" not in spec
    assert "loadBalancerSourceRanges" not in spec


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"ranges": ()}, "--source-ranges is missing"),
        ({"ranges": ("everybody",)}, "everybody"),
        ({"ranges": ("10.0.0.1/8",)}, "has host bits set"),
        ({"ranges": ("203.0.113.5",)}, "--source-ranges '203.0.113.5': expected ADDRESS/DIGITS"),
        ({"ranges": ("10.0.0.0/255.0.0.0",)}, "expected ADDRESS/DIGITS"),
        ({"ranges": ("10.0.0.0/08",)}, "expected ADDRESS/DIGITS"),
        ({"ranges": ("fe80::%eth0/64",)}, "expected ADDRESS/DIGITS"),
        ({"service": "mysql-primary"}, "no object of mysql itself"),
        ({"service": "-x"}, "SERVICE"),
        ({"hostname": "a\nb"}, "--hostname"),
        ({"node_port": 30306}, "needs --type NodePort"),
    ],
)
def test_what_cannot_be_meant_is_refused(fields: dict[str, Any], why: str) -> None:
    with pytest.raises(errors.ConfigError, match=why):
        _request(**fields).check("mysql")


def test_a_cluster_whose_own_policy_ends_like_that_of_expose_is_not_opened_by_it() -> None:
    with pytest.raises(errors.ConfigError, match="its NetworkPolicy would be shop-clients, as shop-clients's own is"):
        _request(service="shop").check("shop-clients")


def test_an_object_of_the_cluster_that_expose_did_not_make_is_left_alone(
    cluster: Cluster, capsys: pytest.CaptureFixture[str]
) -> None:
    labels = {**names.selector(NAME), names.LABEL_MANAGED_BY: names.APP_NAME}
    theirs = {"kind": "NetworkPolicy", "metadata": {"name": "outside-clients", "labels": labels}, "spec": {"a": 1}}
    cluster.store.put(theirs)
    assert run(shlex.split(_WORDS)) == errors.Refused.exit_code
    assert "service-taken" in capsys.readouterr().err
    assert cluster.store.objects["NetworkPolicy", "outside-clients"]["spec"] == {"a": 1}
    assert _recorded(cluster) == {}


def test_addresses_are_those_that_the_service_has() -> None:
    assert exposed.addresses(None) == []
    made = exposed.service("mysql", "db", _BASE)
    assert exposed.addresses(made) == []
    made["status"] = {"loadBalancer": {"ingress": [{"ip": "203.0.113.7"}, {"hostname": "lb.example.com"}]}}
    assert exposed.addresses(made) == ["203.0.113.7:3306", "lb.example.com:3306"]
    made = exposed.service("mysql", "db", _request(type="NodePort", node_port=30306))
    assert exposed.addresses(made) == ["NODE:30306"]


@pytest.mark.parametrize(
    "hostname", ["a, DNS:evil.example.com", "a\nnsComment = x", "A.example.com", "", "-a", "a..b", "a." * 130 + "com"]
)
def test_only_a_host_name_gets_into_a_certificate(hostname: str) -> None:
    """Whoever may write the Lease could else write openssl's configuration."""
    noted = {"x": asdict(exposure.Exposure("primary", "LoadBalancer", hostname)), "y": "no object"}
    assert exposure.hostnames({exposure.ANNOTATION: json.dumps(noted)}) == []


def test_it_is_recorded_shown_closed_and_gone(cluster: Cluster, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(shlex.split(_WORDS)) == 0
    assert cluster.store.objects.get(("Service", "outside")) is not None
    assert cluster.store.objects.get(("NetworkPolicy", "outside-clients")) is not None
    capsys.readouterr()
    run(["status", NAME])
    assert "Service outside (LoadBalancer) -> primary, from outside: no address yet" in capsys.readouterr().out
    assert run(["unexpose", NAME, "outside", "--yes"]) == 0
    assert cluster.store.objects.get(("Service", "outside")) is None
    assert cluster.store.objects.get(("NetworkPolicy", "outside-clients")) is None
    run(["status", NAME])
    assert "outside" not in capsys.readouterr().out.partition("is closed")[2]


def test_what_is_open_goes_with_the_cluster(cluster: Cluster) -> None:
    assert run(shlex.split(_WORDS)) == 0
    told = [f"{step.kind} {step.name}" for step in delete.plan(cluster.session().client, NAME, purge_data=False).steps]
    assert {"Service outside", "NetworkPolicy outside-clients"} <= set(told)
    with pytest.raises(errors.WaitTimeout):  # these pods never stop
        delete.execute(cluster.session(), NAME, delete.plan(cluster.session().client, NAME, purge_data=False))
    assert _recorded(cluster) == {}  # the Lease stays, and a cluster deployed again has no such Service


@pytest.mark.parametrize("lost", ["note", "lease"])
def test_what_is_open_is_shown_and_closed_whatever_the_lease_says(
    cluster: Cluster, capsys: pytest.CaptureFixture[str], lost: str
) -> None:
    """Every member may write the Lease, and anybody may delete it."""
    assert run(shlex.split(_WORDS)) == 0
    if lost == "lease":
        del cluster.store.objects["Lease", names.group_lease(NAME)]
    else:
        cluster.store.objects["Lease", names.group_lease(NAME)]["metadata"]["annotations"].pop(exposure.ANNOTATION)
    capsys.readouterr()
    run(["status", NAME])
    assert "Service outside (LoadBalancer) -> primary, from outside: no address yet, not recorded" in _out(capsys)
    assert run(["unexpose", NAME, "outside", "--yes"]) == 0
    assert "is closed" in _out(capsys)
    assert ("Service", "outside") not in cluster.store.objects
    assert ("NetworkPolicy", "outside-clients") not in cluster.store.objects


def _out(capsys: pytest.CaptureFixture[str]) -> str:
    return capsys.readouterr().out


@pytest.mark.parametrize(
    ("kind", "name", "said"),
    [
        ("Service", "outside", "from outside: it was deleted, its NetworkPolicy still admits clients"),
        ("NetworkPolicy", "outside-clients", "from outside: no address yet, its NetworkPolicy was deleted"),
    ],
)
def test_a_note_without_an_object_is_told(
    cluster: Cluster, capsys: pytest.CaptureFixture[str], kind: str, name: str, said: str
) -> None:
    assert run(shlex.split(_WORDS)) == 0
    del cluster.store.objects[kind, name]
    capsys.readouterr()
    run(["status", NAME])
    assert f"Service outside (LoadBalancer) -> primary, {said}\n" in _out(capsys)
    assert run(["unexpose", NAME, "outside", "--yes"]) == 0
    assert _recorded(cluster) == {}


def test_somebody_elses_service_is_left_alone(cluster: Cluster, capsys: pytest.CaptureFixture[str]) -> None:
    cluster.store.put({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "outside"}, "spec": {"a": 1}})
    assert run(shlex.split(_WORDS)) == errors.Refused.exit_code
    assert "service-taken" in capsys.readouterr().err
    assert cluster.store.objects["Service", "outside"]["spec"] == {"a": 1}


def _session(cluster: Cluster, *, signs: list[str]) -> Session:
    """With agents that put these host names into the next certificate."""
    session = cluster.session()
    fake, usual = session.client, cluster._answer
    assert isinstance(fake, api.Client)
    told = {"fingerprint": "new", "hostnames": signs}
    fake.answer = lambda pod, words: told if words[0] == "rotate-tls" else usual(pod, words)
    for facts in cluster.facts.values():
        facts["certificate"] = "new"
    return session


@pytest.mark.parametrize("kind", exposed.KINDS)
def test_what_the_api_server_refuses_changes_nothing(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    usual = api.Client.apply

    def apply(self: api.Client, manifest: dict[str, Any], *, dry_run: bool = False) -> dict[str, Any]:
        if manifest["kind"] == kind:
            raise errors.ConfigError("spec: Invalid value")
        return usual(self, manifest, dry_run=dry_run)

    monkeypatch.setattr(api.Client, "apply", apply)
    before = dict(cluster.store.objects)
    with pytest.raises(errors.ConfigError, match="Invalid value"):
        expose.expose(_session(cluster, signs=["a.example.com"]), NAME, _request(hostname="a.example.com"), wait=False)
    assert cluster.store.objects.keys() == before.keys()
    assert _recorded(cluster) == {}


def _recorded(cluster: Cluster) -> dict[str, exposure.Exposure]:
    return exposure.read(cluster.store.objects["Lease", names.group_lease(NAME)]["metadata"]["annotations"])


def test_an_agent_that_cannot_sign_the_name_opens_nothing(cluster: Cluster) -> None:
    with pytest.raises(errors.Refused, match="older release"):
        expose.expose(_session(cluster, signs=[]), NAME, _request(hostname="db.example.com"), wait=False)
    assert ("Service", "outside") not in cluster.store.objects
    assert _recorded(cluster) == {}


def test_a_command_that_is_killed_anywhere_is_finished_by_the_next(cluster: Cluster) -> None:
    request, kills = _request(hostname="db.example.com"), 0
    session = _session(cluster, signs=["db.example.com"])
    while True:
        left = [0]

        def dies(_: str, left: list[int] = left, after: int = kills) -> bool:
            left[0] += 1
            return left[0] > after

        cluster.store.kill_after = dies
        try:
            expose.expose(session, NAME, request, wait=False)
            break
        except api.Killed:
            kills += 1
        if ("Service", "outside") in cluster.store.objects:
            assert ("NetworkPolicy", "outside-clients") in cluster.store.objects
            assert _recorded(cluster)["outside"].signed
        assert "outside" in _recorded(cluster)  # so that `unexpose` finds it
    assert kills >= 2
    wanted = exposure.Exposure("primary", "LoadBalancer", "db.example.com", signed=True)
    assert _recorded(cluster) == {"outside": wanted}
