"""The standard exporter beside mysqld: what it adds to a cluster, whose password it has, and what stays without it."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mysqlops.agent import credentials, exporter, log, pod, rotation, settings, vault
from mysqlops.clock import SystemClock
from mysqlops.core import file_fields, names
from mysqlops.core.spec import ClusterSpec
from mysqlops.errors import ConfigError
from mysqlops.kube import manifests
from mysqlops.mysql import account_files, accounts, own_accounts
from mysqlops.objects import cluster_file, openings, running
from mysqlops.operations import deploy, observe, trial_pod, upgrade
from mysqlops.operations import exporter as operations
from tests.unit.fakes.accounts import Server
from tests.unit.fakes.cluster import NAME, Cluster
from tests.unit.rotation_world import PODS, World
from tests.unit.rotation_world import Pod as RotatedPod

SPEC = ClusterSpec("mysql", "db")
WITH = replace(SPEC, exporter_image="exporter:1")
PASSWORD = "generated_-1"


def _by_kind(spec: ClusterSpec, kind: str, name: str) -> dict[str, Any]:
    return next(one for one in deploy.objects(spec) if (one["kind"], one["metadata"]["name"]) == (kind, name))


def _template(spec: ClusterSpec) -> dict[str, Any]:
    pod: dict[str, Any] = _by_kind(spec, "StatefulSet", "mysql")["spec"]["template"]["spec"]
    return pod


def test_its_container_gets_its_login_the_socket_and_nothing_else() -> None:
    (made,) = [one for one in _template(WITH)["containers"] if one["name"] == names.CONTAINER_EXPORTER]
    assert (made["image"], made["ports"]) == (
        "exporter:1",
        [{"name": "exporter", "containerPort": names.PORT_EXPORTER}],
    )
    assert {mount["mountPath"]: mount.get("readOnly") for mount in made["volumeMounts"]} == {
        "/run/exporter": True,
        "/run/mysqlops": True,
    }
    assert not made.get("env")
    assert f":{names.PORT_EXPORTER}" in made["args"][1]
    others = [
        one["name"]
        for one in (*_template(WITH)["initContainers"], *_template(WITH)["containers"])
        if any(mount["name"] == "mysqlops-exporter" for mount in one["volumeMounts"])
    ]
    assert others == ["wait-for-database", "agent", names.CONTAINER_EXPORTER]
    (volume,) = [one for one in _template(WITH)["volumes"] if one["name"] == "mysqlops-exporter"]
    assert volume["emptyDir"]["medium"] == "Memory"


def test_without_it_no_object_mentions_it() -> None:
    assert "exporter" not in str(deploy.objects(SPEC)[:-1]) + str(_template(SPEC))


def test_a_running_cluster_is_read_back_with_it() -> None:
    for spec in (SPEC, WITH):
        found = running.spec_of(_by_kind(spec, "StatefulSet", "mysql"), {}, _by_kind(spec, "NetworkPolicy", "mysql"))
        assert found.exporter_image == spec.exporter_image
    (reason,) = running.differences(SPEC, WITH)
    assert reason.hint == "mysqlops upgrade mysql --exporter-image ''"


def test_who_reads_the_agents_metrics_reads_its_and_turning_it_off_closes_nobodys_opening() -> None:
    policy, without = (_by_kind(spec, "NetworkPolicy", "mysql") for spec in (WITH, SPEC))
    assert policy["spec"]["ingress"][1]["ports"][1] == {"protocol": "TCP", "port": "exporter"}
    path = ("spec", "ingress")
    assert not openings.is_lost(policy, without, path)
    policy["spec"]["ingress"].append({"from": [{"ipBlock": {"cidr": "10.0.0.0/8"}}], "ports": [{"port": "exporter"}]})
    assert openings.is_lost(policy, without, path)


def test_the_file_that_does_not_name_it_means_none_and_a_tag_keeps_its_digest() -> None:
    base = replace(WITH, exporter_image=f"exporter:1@sha256:{'0' * 64}")
    document = next(iter(_documents("exporterImage: exporter:1")))
    assert cluster_file.spec_of(document, base, is_running=True).exporter_image == base.exporter_image
    document = next(iter(_documents("replicas: 3")))
    assert cluster_file.spec_of(document, base, is_running=True).exporter_image == ""
    assert "exporterImage" in str(file_fields.schema())


def _documents(spec: str) -> Any:
    from mysqlops.core import cluster_file as parser

    return parser.parse(f"apiVersion: mysqlops/v1\nkind: Cluster\nmetadata: {{name: mysql}}\nspec:\n  {spec}\n", "f")


def test_a_text_that_is_no_image_is_refused_by_its_option() -> None:
    with pytest.raises(ConfigError, match="--exporter-image"):
        replace(SPEC, exporter_image="a b")


def test_the_trial_runs_it_with_the_rights_of_a_member() -> None:
    tried = trial_pod.pod(WITH, deploy.objects(WITH))["spec"]["containers"]
    assert [(one["name"], one.get("args")) for one in tried] == [
        ("mysqld", None),
        ("python", None),
        ("mysqlops-exporter", ["--version"]),
    ]
    assert tried[2]["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert "exporter:1" not in str(trial_pod.pod(SPEC, deploy.objects(SPEC)))


def test_its_account_reads_no_table_and_no_statement_and_takes_few_connections() -> None:
    server = Server({})
    own_accounts.put_back(server, accounts.EXPORTER, PASSWORD, is_accepted=True)
    assert own_accounts.differs_because(server, accounts.EXPORTER) == ""
    assert "WITH MAX_USER_CONNECTIONS 3 PASSWORD EXPIRE NEVER" in server.done[0]
    grants = " ".join(accounts.EXPORTER.grants())
    assert accounts.EXPORTER.host == "localhost"
    assert not [right for right in ("PROCESS", "SUPER", "SELECT ON *.*", "mysql.") if right in grants]


def test_restored_data_has_no_account_of_another_clusters_exporter() -> None:
    passwords = dict.fromkeys((*names.PASSWORD_KEYS,), PASSWORD)
    assert f"DROP USER IF EXISTS {accounts.EXPORTER};" in account_files.reset_file(passwords)


class Here(pod.Pod):
    """A pod with an exporter, whose agent has these values."""

    def __init__(self, values: dict[str, str], *, has_exporter: bool = True) -> None:
        super().__init__(settings.Settings("mysql", "db", "mysql-0", "uid"))
        self.values, self.has = values, has_exporter

    def has_exporter(self) -> bool:
        return self.has

    def find(self, key: str) -> str | None:
        return self.values.get(key)


ANSWERS = (None, b"H", b"HTTP/1.1 503 Service Unavailable\r\n\r\n", b"HTTP/1.1 200 OK\r\n\r\n")


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[list[socket.socket]]:
    """The exporter's connections. It answers as in ANSWERS, and then holds them open."""
    monkeypatch.setattr(settings, "EXPORTER", tmp_path)
    held = list[socket.socket]()

    def connect(where: tuple[str, int], _: float) -> socket.socket:
        assert where == ("localhost", names.PORT_EXPORTER)
        ours, theirs = socket.socketpair()
        held.append(theirs)
        if (answer := ANSWERS[len(held) - 1]) is None:
            ours.close()
            raise ConnectionRefusedError
        theirs.sendall(answer)
        return ours

    monkeypatch.setattr(socket, "create_connection", connect)
    yield held
    for theirs, answer in zip(held, ANSWERS, strict=False):
        assert answer is None or theirs.recv(99).startswith(b"POST /-/reload HTTP/1.1\r\n")
        theirs.close()


def test_a_new_password_is_written_for_it_alone_and_it_is_asked_until_it_has_read_it(
    asked: list[socket.socket], tmp_path: Path
) -> None:
    here = Here({names.KEY_EXPORTER_PASSWORD: PASSWORD})
    assert exporter.Exporter(here).write()
    assert (tmp_path / "my.cnf").read_text().splitlines() == [
        "[client]",
        "user = mysqlops_exporter",
        f"password = {PASSWORD}",
        "socket = /run/mysqlops/mysqld.sock",
    ]
    assert (tmp_path / "my.cnf").stat().st_mode & 0o777 == 0o600
    beside, words = exporter.Exporter(here), log.Log(SystemClock())
    beside.look(words)
    assert asked == []  # it read the file when it started
    here.values[names.KEY_EXPORTER_PASSWORD] = "another"
    for _ in range(6):
        beside.look(words)
    assert len(asked) == len(ANSWERS)  # until it has said that it has, and nobody waited for the rest of an answer


def test_what_could_be_more_than_a_password_is_not_written(asked: list[socket.socket], tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="exporter-password: expected only"):
        exporter.Exporter(Here({names.KEY_EXPORTER_PASSWORD: "x\nssl-ca = /"})).write()
    assert not exporter.Exporter(Here({names.KEY_EXPORTER_PASSWORD: PASSWORD}, has_exporter=False)).write()
    assert list(tmp_path.iterdir()) == []


def test_only_a_pod_with_an_exporter_keeps_its_password() -> None:
    """One without would restore it in the Secret, and the account in the server, after it was removed."""
    held = {names.KEY_EXPORTER_PASSWORD: PASSWORD, names.KEY_BACKUP_PASSWORD: "b"}
    assert names.KEY_EXPORTER_PASSWORD not in credentials.of_agent(held)
    assert credentials.of_agent(held, has_exporter=True) == held


def test_a_pod_without_one_does_not_adopt_its_password() -> None:
    world = World()
    own = RotatedPod(world, PODS[0])
    values = {**world.first, names.KEY_GROUP_NAME: "g", names.KEY_EXPORTER_PASSWORD: PASSWORD}
    rotation.refresh(own, vault.Held(values, {}, is_split=True))
    assert own.find(names.KEY_EXPORTER_PASSWORD) is None


class Exported(Cluster):
    """Members that run with or without an exporter, and the Secret that has its password."""

    def __init__(self, spec: ClusterSpec) -> None:
        super().__init__(3)
        for made in deploy.objects(replace(spec, name=NAME)):
            if made["kind"] in ("ConfigMap", "StatefulSet", "NetworkPolicy"):
                self.store.put(made)
        secret = {"kind": "Secret", "metadata": {"name": f"{NAME}-internal", "namespace": "db"}}
        data = {names.KEY_GROUP_NAME: "Zw==", names.KEY_EXPORTER_PASSWORD: "cA=="}
        self.store.put({**secret, "data": data})
        self.asked: list[tuple[str, str]] = []
        self.settle()

    def _answer(self, pod: str, words: Sequence[str]) -> Any:
        if words[0] == "exporter-close":
            self.asked.append((pod, words[0]))
            return {}
        return super()._answer(pod, words)


@pytest.mark.parametrize(("spec", "times"), [(SPEC, 1), (WITH, 0)])
def test_its_account_goes_once_no_member_runs_one(spec: ClusterSpec, times: int) -> None:
    cluster = Exported(spec)
    session = cluster.session()
    operations.settle(session, NAME)
    primary = observe.judged(session, NAME).primary
    assert cluster.asked == [(primary, "exporter-close")] * times


def test_the_rollout_says_what_it_changes() -> None:
    cluster = Exported(SPEC)
    found = observe.must_run(cluster.session().client, NAME)
    said = upgrade.describe(found, replace(found.spec, exporter_image="exporter:1"))
    assert "exporter image none -> exporter:1" in said


def test_the_manifest_names_what_the_code_does() -> None:
    text = manifests.read_text("exporter/statefulset.yaml")
    assert all(word in text for word in (names.CONTAINER_EXPORTER, f":{names.PORT_EXPORTER}", "/run/exporter/my.cnf"))
