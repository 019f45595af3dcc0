"""The NetworkPolicies, evaluated by the rules of their API; tests/security enforces them where the lab can."""

from __future__ import annotations

from dataclasses import asdict, astuple, dataclass, field, replace

import pytest

from mysqlops.cli import described, types
from mysqlops.core import names
from mysqlops.core.spec import ANY_NAMESPACE, ClusterSpec
from mysqlops.core.typed import Json
from mysqlops.drill.plan import objects
from mysqlops.errors import ConfigError
from mysqlops.kube import manifests
from mysqlops.objects import adopt, drift, network
from mysqlops.operations import deploy, recorded

MEMBER = {"app.kubernetes.io/name": "mysqlops", "app.kubernetes.io/instance": "mysql"}
OTHER_CLUSTER = {"app.kubernetes.io/name": "mysqlops", "app.kubernetes.io/instance": "orders"}
CLIENT = {"app": "shop", "mysqlops.io/client": "mysql"}
HERE, WEB, ELSEWHERE = "db", "web", "elsewhere"
SPEC = ClusterSpec("mysql", HERE)
# What every cluster had before there was a choice.
BEFORE = replace(SPEC, client_namespaces=(ANY_NAMESPACE,), metrics_namespaces=(ANY_NAMESPACE,))


@dataclass(frozen=True)
class Other:
    """Who connects, or is connected to; no namespace: it is no pod."""

    labels: dict[str, str] = field(default_factory=dict)
    namespace: str = HERE


OUTSIDE = Other(namespace="")


def _selects(selector: Json, labels: dict[str, str]) -> bool:
    assert set(selector) <= {"matchLabels", "matchExpressions"}, "only what this evaluation understands"
    for one in selector.get("matchExpressions", []):
        assert one["operator"] == "In"
        if labels.get(one["key"]) not in one["values"]:
            return False
    return all(labels.get(key) == value for key, value in selector.get("matchLabels", {}).items())


def allows(rules: list[Json], way: str, other: Other, port: str | int) -> bool:
    """Whether a policy lets a pod in (`from`) or out (`to`): any rule whose ports and any of whose peers fit."""
    for rule in rules:
        ports = [one["port"] for one in rule.get("ports", [])]
        peers = rule.get(way)
        if (not peers or any(_fits(peer, other) for peer in peers)) and (not ports or port in ports):
            return True
    return False


def _fits(peer: Json, other: Other) -> bool:
    if not other.namespace:
        return False
    named = {"kubernetes.io/metadata.name": other.namespace}
    is_there = _selects(peer["namespaceSelector"], named) if "namespaceSelector" in peer else other.namespace == HERE
    return is_there and _selects(peer.get("podSelector", {}), other.labels)


def policy_of(spec: ClusterSpec, name: str = "mysql") -> Json:
    found = deploy.objects(spec)
    return next(one for one in found if (one["kind"], one["metadata"]["name"]) == ("NetworkPolicy", name))


WITH_WEB = replace(SPEC, client_namespaces=(WEB,), metrics_namespaces=(WEB,))

FAST = replace(SPEC, failure_detection="fast")


@pytest.mark.parametrize(
    ("spec", "source", "port", "allowed"),
    [
        (SPEC, Other(MEMBER), "sql", True),
        (SPEC, Other(MEMBER, ELSEWHERE), "sql", False),
        (BEFORE, Other(MEMBER, ELSEWHERE), "sql", False),  # a cluster of the same name
        (SPEC, Other(OTHER_CLUSTER), "sql", False),
        (SPEC, Other({"app": "shop"}), "sql", False),
        (SPEC, Other(CLIENT), "sql", True),
        (SPEC, Other(CLIENT, ELSEWHERE), "sql", False),
        (WITH_WEB, Other(CLIENT), "sql", True),
        (WITH_WEB, Other(CLIENT, WEB), "sql", True),
        (WITH_WEB, Other(CLIENT, ELSEWHERE), "sql", False),
        (WITH_WEB, Other({"app": "shop"}, WEB), "sql", False),
        (BEFORE, Other(CLIENT, ELSEWHERE), "sql", True),
        (BEFORE, Other({"app": "shop"}, ELSEWHERE), "sql", False),
        (SPEC, Other({"app": "shop", "mysqlops.io/client": "orders"}), "sql", False),
        (SPEC, Other(CLIENT), "mysqlx", False),
        (SPEC, Other(MEMBER), 33062, False),
        (SPEC, Other(MEMBER), 8307, False),
        (FAST, Other(MEMBER), 8307, True),
        (FAST, Other(CLIENT), 8307, False),
        (FAST, Other(OTHER_CLUSTER), 8307, False),
        (SPEC, Other({"app": "any"}), "agent", True),
        (SPEC, Other({"app": "prometheus"}, WEB), "agent", False),
        (WITH_WEB, Other({"app": "prometheus"}, WEB), "agent", True),
        (SPEC, OUTSIDE, "agent", False),
        (BEFORE, OUTSIDE, "agent", True),
        (BEFORE, OUTSIDE, "sql", False),
    ],
)
def test_only_members_and_labelled_clients_of_chosen_namespaces_reach_the_server(
    spec: ClusterSpec, source: Other, port: str | int, allowed: bool
) -> None:
    assert allows(policy_of(spec)["spec"]["ingress"], "from", source, port) is allowed


@pytest.mark.parametrize(
    ("to", "port", "allowed"),
    [
        (Other(MEMBER), "sql", True),
        (Other(MEMBER, ELSEWHERE), "sql", False),
        (Other(OTHER_CLUSTER), "sql", False),
        (Other({"k8s-app": "kube-dns"}, "kube-system"), 53, True),
        (OUTSIDE, 6443, True),
        (OUTSIDE, 80, False),
        (OUTSIDE, 3306, False),
    ],
)
def test_with_limited_egress_members_reach_what_they_need(to: Other, port: str | int, allowed: bool) -> None:
    spec = policy_of(replace(SPEC, limit_egress=True))["spec"]
    assert spec["policyTypes"] == ["Ingress", "Egress"]
    assert allows(spec["egress"], "to", to, port) is allowed


@pytest.mark.parametrize(
    "spec", [SPEC, FAST, WITH_WEB, BEFORE, replace(WITH_WEB, client_namespaces=("a", "b"), limit_egress=True)]
)
def test_what_a_running_cluster_lets_in_is_read_back(spec: ClusterSpec) -> None:
    found = network.access_of(policy_of(spec))
    wanted = (spec.client_namespaces, spec.metrics_namespaces, spec.limit_egress, spec.failure_detection)
    assert astuple(found) == wanted


def test_a_cluster_from_before_keeps_what_its_policy_lets_in() -> None:
    """As the API server has it, without what is empty; and one whose policy somebody removed."""
    stored = policy_of(BEFORE)
    del stored["spec"]["ingress"][1]["from"]
    assert network.access_of(stored) == network.Access((ANY_NAMESPACE,), (ANY_NAMESPACE,), False)
    assert not drift.differences(policy_of(BEFORE), stored)
    assert network.access_of(None) == network.Access((ANY_NAMESPACE,), (ANY_NAMESPACE,), False)


@pytest.mark.parametrize("before", [BEFORE, FAST, WITH_WEB, replace(SPEC, limit_egress=True)])
def test_every_change_of_the_policy_is_seen_as_one(before: ClusterSpec) -> None:
    for after in (BEFORE, SPEC, FAST, WITH_WEB, replace(SPEC, limit_egress=True)):
        assert bool(drift.differences(policy_of(after), policy_of(before))) == (after != before), after


def test_with_limited_egress_the_agents_hear_each_other() -> None:
    spec = policy_of(replace(FAST, limit_egress=True))["spec"]
    assert allows(spec["egress"], "to", Other(MEMBER), 8307)
    assert not allows(spec["egress"], "to", OUTSIDE, 8307)


@pytest.mark.parametrize("spec", [SPEC, FAST])
def test_agents_read_from_the_lease_whether_they_listen_to_each_other(spec: ClusterSpec) -> None:
    lease = next(one for one in deploy.objects(spec) if one["kind"] == "Lease")
    assert lease["metadata"]["annotations"] == {names.ANNOTATION_DETECTION: spec.failure_detection}
    assert names.PORT_HEARTBEAT == 8307


def test_the_policy_holds_for_the_members_and_names_their_ports() -> None:
    stateful_set = next(item for item in manifests.load_base() if item["kind"] == "StatefulSet")
    template, policy = stateful_set["spec"]["template"], policy_of(SPEC)
    assert _selects(policy["spec"]["podSelector"], template["metadata"]["labels"])
    assert policy["spec"]["policyTypes"] == ["Ingress"]
    ports = {port["name"] for container in template["spec"]["containers"] for port in container["ports"]}
    assert {port["port"] for rule in policy["spec"]["ingress"] for port in rule["ports"]} == ports


@pytest.mark.parametrize(
    "file", ["backup/job.yaml", "adopt/job.yaml", "binlog/deployment.yaml", "drill/client.yaml", "drill/node.yaml"]
)
def test_nobody_connects_to_what_works_for_a_cluster(file: str) -> None:
    policy = policy_of(SPEC, "mysql-jobs")["spec"]
    found = manifests.load_one(file)
    labels = found["spec"].get("template", found)["metadata"]["labels"]
    assert _selects(policy["podSelector"], labels)
    assert (policy["policyTypes"], policy.get("ingress")) == (["Ingress"], None)
    members = next(one for one in manifests.load_base() if one["kind"] == "StatefulSet")["spec"]["template"]
    assert not _selects(policy["podSelector"], members["metadata"]["labels"])


@pytest.mark.parametrize("field", ["client_namespaces", "metrics_namespaces", "pull_secrets"])
def test_a_name_that_cannot_be_one_is_refused(field: str) -> None:
    wrong: Json = {field: ("no such name",)}
    with pytest.raises(ConfigError, match=f"--.*{field.split('_', maxsplit=1)[0]}"):
        replace(SPEC, **wrong)


def test_the_options_say_who_may_connect() -> None:
    given = {"replicas": 3, "client_namespaces": types.NameList().convert("web,shop,", None, None)}
    absent = {
        "metrics_namespaces": None,
        "limit_egress": None,
        "pull_secrets": None,
        "spread": None,
        "exporter_image": None,
        "failure_detection": None,
        "any_uid": None,
        "pod": None,
    }
    spec = described.Wanted({**given, **absent}, None, frozenset(), frozenset()).spec("mysql", HERE)
    assert network.access_of(policy_of(spec)) == network.Access(("shop", "web"), (), False)
    assert types.NameList().convert("", None, None) == ()


def test_a_backup_does_not_bring_along_who_may_connect() -> None:
    manifest = {"spec": asdict(replace(WITH_WEB, limit_egress=True, pull_secrets=("own",)))}
    images = recorded.Images(SPEC.image, SPEC.agent_image, "")
    assert recorded.spec_of(manifest, "b1", images, ("copy", HERE), {}) == replace(SPEC, name="copy")


def test_every_pod_of_a_private_registrys_images_has_its_secret() -> None:
    spec = replace(SPEC, pull_secrets=("own",))
    wanted = [{"name": "own"}]
    members = deploy.objects(spec)[-1]["spec"]["template"]["spec"]
    request = adopt.Request(adopt.Source("old", 3306, "root", adopt.Key("secret", "key"), "VERIFY_CA"))
    adopting = adopt.job(manifests.load_one("adopt/job.yaml"), spec, "map", request, seconds=1)
    drilling = objects.pod(
        manifests.load_one("drill/client.yaml"),
        objects.Cluster("mysql", HERE, ("mysql-0",), "image", "map", ("own",)),
        objects.Clients("main", "host", 1),
        "clients",
    )
    assert members["imagePullSecrets"] == adopting["spec"]["template"]["spec"]["imagePullSecrets"] == wanted
    assert drilling["spec"]["imagePullSecrets"] == wanted
