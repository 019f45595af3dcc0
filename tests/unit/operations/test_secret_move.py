"""From one Secret for everything to one for each purpose: cut off after any call, while agents of both kinds read."""

from __future__ import annotations

import base64
import copy
from typing import Any

import pytest

from mysqlops import errors
from mysqlops.agent import api, vault
from mysqlops.core import names, secret_map
from mysqlops.core.typed import Json
from mysqlops.objects import secret_users
from mysqlops.operations import bundle, orders, secret_move
from mysqlops.operations import vault as cli_vault
from tests.unit.fakes.api import Killed
from tests.unit.fakes.cluster import GROUP, NAME, Cluster
from tests.unit.fakes.secret_api import Secrets

OLD = names.credentials_secret(NAME)
BEFORE = {key: f"its {key}" for key in (*names.PASSWORD_KEYS, names.KEY_BACKUP_PASSWORD, names.KEY_CA_KEY)}
BEFORE |= {names.KEY_GROUP_NAME: GROUP}
NOTE = {names.ANNOTATION_GROUP: '{"name":"x"}', names.ANNOTATION_BOOTSTRAPPED: "mysql-0"}
PURPOSES = [secret_map.secret(NAME, one) for one in secret_map.PURPOSES]


class AgentsApi(api.Api):
    """An agent's client, on the same objects as the CLI's."""

    def __init__(self, cluster: Cluster) -> None:
        self._store, self.namespace = cluster.store, "db"

    def get(self, group: str, kind: str, name: str) -> Json:
        if ("Secret", name) not in self._store.objects:
            raise errors.NotFound(name)
        return copy.deepcopy(self._store.objects["Secret", name])


def _older(version: str | None = None, **more: str) -> Cluster:
    """As an older release deployed it, when every pod has been replaced."""
    cluster = Cluster(3)
    template = cluster.stateful_set()["spec"]["template"]["metadata"]
    template["annotations"] = {names.ANNOTATION_AGENT: version or bundle.build().version}
    for pod in cluster.facts:
        cluster.pod(pod)["metadata"]["annotations"][names.ANNOTATION_AGENT] = version or bundle.build().version
    for name in PURPOSES:
        _put(cluster, name, {})
    _put(cluster, OLD, {**BEFORE, **more})
    cluster.store.objects["Secret", OLD]["metadata"]["annotations"] = dict(NOTE)
    _put(cluster, names.tls_secret(NAME), {"ca.crt": "the CA", "tls.crt": "x", "tls.key": "y"})
    return cluster


def _put(cluster: Cluster, name: str, values: dict[str, str]) -> None:
    metadata: dict[str, Any] = {"name": name, "labels": names.selector(NAME), "annotations": {}}
    data = {key: base64.b64encode(value.encode()).decode() for key, value in values.items()}
    cluster.store.put({"kind": "Secret", "metadata": metadata, "data": data})


def _values(cluster: Cluster, name: str) -> dict[str, str]:
    return api.decoded(cluster.store.objects["Secret", name])


def _check(cluster: Cluster) -> None:
    """A new agent reads all values and the note, whatever point the move has come to."""
    safe = vault.Vault(AgentsApi(cluster), NAME)
    held = safe.read(*secret_map.PURPOSES).values
    assert {key: held.get(key) for key in BEFORE} == BEFORE
    assert {key: safe.notes().get(key) for key in NOTE} == NOTE


def _pod_that_uses(secret: str, name: str = "shop") -> dict[str, Any]:
    variable = {"name": "P", "valueFrom": {"secretKeyRef": {"name": secret, "key": "app-password"}}}
    metadata: dict[str, Any] = {"name": name, "labels": {}}
    return {"kind": "Pod", "metadata": metadata, "spec": {"containers": [{"name": "c", "env": [variable]}]}}


def test_the_move_may_be_killed_after_any_call_and_is_ended_by_the_next_run() -> None:
    for kill_at in range(20):
        cluster = _older()
        calls: list[str] = []

        def kill(text: str, calls: list[str] = calls, kill_at: int = kill_at) -> bool:
            calls.append(text)
            return len(calls) > kill_at

        cluster.store.kill_after = kill
        try:
            secret_move.split(cluster.session(), NAME)
            break
        except Killed:
            _check(cluster)
        cluster.store.kill_after = lambda _: False
        secret_move.split(cluster.session(), NAME)
        _check(cluster)
        assert ("Secret", OLD) not in cluster.store.objects
    assert kill_at == len(PURPOSES) + 1


def test_each_purpose_gets_its_own_and_no_other() -> None:
    cluster = _older()
    secret_move.split(cluster.session(), NAME)
    assert _values(cluster, "mysql-root") == {"password": BEFORE[names.KEY_ROOT_PASSWORD]}
    assert _values(cluster, "mysql-ca") == {"tls.key": BEFORE[names.KEY_CA_KEY]}
    password = BEFORE[names.KEY_APP_PASSWORD]
    assert _values(cluster, "mysql-app") == {
        "username": "app",
        "password": password,
        "host": f"mysql-primary.{cluster.session().client.namespace}.svc",
        "port": "3306",
        "database": "app",
        "uri": f"mysql://app:its%20app-password@mysql-primary.{cluster.session().client.namespace}.svc:3306/app",
        "ca.crt": "the CA",
    }
    elsewhere = {names.KEY_ROOT_PASSWORD, names.KEY_APP_PASSWORD, names.KEY_CA_KEY}
    assert _values(cluster, "mysql-internal") == {key: BEFORE[key] for key in BEFORE.keys() - elsewhere}
    secret_move.split(cluster.session(), NAME)  # again: nothing to do
    _check(cluster)


def test_a_deploy_of_data_that_an_older_release_left_moves_its_secrets_too() -> None:
    cluster = _older()
    secret_move.split_kept(cluster.session(), NAME)
    assert ("Secret", OLD) not in cluster.store.objects
    assert ("Lease", names.operation_lease(NAME)) not in cluster.store.objects
    _check(cluster)
    secret_move.split_kept(cluster.session(), NAME)


def test_nothing_moves_while_a_member_has_an_older_agent() -> None:
    cluster = _older()
    cluster.pod("mysql-1")["metadata"]["annotations"][names.ANNOTATION_AGENT] = "1.0-older"
    secret_move.split(cluster.session(), NAME)
    assert _values(cluster, OLD) == BEFORE
    assert not any(_values(cluster, name) for name in PURPOSES)
    _check(cluster)


@pytest.mark.parametrize("key", [names.next_key(names.KEY_ADMIN_PASSWORD), names.previous_key(names.KEY_APP_PASSWORD)])
def test_an_open_rotation_is_ended_first(key: str) -> None:
    cluster = _older(**{key: "another"})
    for refusing in (secret_move.split, lambda session, name: secret_move.check(session.client, name)):
        with pytest.raises(errors.Refused, match="password rotation"):
            refusing(cluster.session(), NAME)
    assert _values(cluster, OLD) == {**BEFORE, key: "another"}


def test_a_rotation_that_only_the_lease_notes_is_ended_first_too() -> None:
    """Killed before its first change of the Secret, or somebody edited that."""
    cluster = _older()
    orders.write(cluster.session().client, NAME, rotated={"since": "2026-01-01T00:00:00Z"})
    with pytest.raises(errors.Refused, match="password rotation"):
        secret_move.split(cluster.session(), NAME)
    assert _values(cluster, OLD) == BEFORE


def test_the_old_secret_keeps_the_applications_password_while_a_pod_uses_it() -> None:
    cluster = _older()
    cluster.store.settle = lambda: None  # it would take away a pod that is no member's
    cluster.store.put(_pod_that_uses(OLD))
    secret_move.split(cluster.session(), NAME)
    assert _values(cluster, OLD) == {names.KEY_APP_PASSWORD: BEFORE[names.KEY_APP_PASSWORD]}
    assert "shop" in cluster.said[-1]
    del cluster.store.objects["Pod", "shop"]
    secret_move.split(cluster.session(), NAME)
    assert ("Secret", OLD) not in cluster.store.objects


@pytest.mark.parametrize(
    "spec",
    [
        {"volumes": [{"name": "v", "secret": {"secretName": OLD}}]},
        {"volumes": [{"name": "v", "projected": {"sources": [{"secret": {"name": OLD}}]}}]},
        {"initContainers": [{"name": "c", "envFrom": [{"secretRef": {"name": OLD}}]}]},
        _pod_that_uses(OLD)["spec"],
    ],
)
def test_whoever_uses_a_secret_is_seen(spec: dict[str, Any]) -> None:
    pod: dict[str, Any] = {"metadata": {"name": "shop"}, "spec": spec}
    assert secret_users.of([pod], OLD, NAME) == ["shop"]
    nightly = {"metadata": {"name": "nightly"}, "spec": {"jobTemplate": {"spec": {"template": {"spec": pod["spec"]}}}}}
    assert secret_users.of([nightly], OLD, NAME) == ["nightly"]
    assert secret_users.of([pod], "mysql-app", NAME) == []
    ours = {"metadata": {"name": "job", "labels": {names.LABEL_MANAGED_BY: names.APP_NAME}}, "spec": spec}
    member = {"metadata": {"name": "mysql-0"}, "spec": spec}
    assert secret_users.of([ours, member], OLD, NAME) == []


def test_jobs_and_pods_use_the_secret_that_counts() -> None:
    login = {"secretName": "mysql-internal", "items": [{"key": "backup-password", "path": "password"}]}
    job = {
        "kind": "Job",
        "spec": {
            "template": {
                "metadata": {"labels": {names.LABEL_CLIENT: NAME}},
                "spec": {
                    "volumes": [
                        {"name": "login", "secret": login},
                        {"name": "secret", "secret": {"secretName": "mysql-app", "items": [{"key": "password"}]}},
                        {"name": "ca", "secret": {"secretName": "mysql-tls", "items": [{"key": "ca.crt"}]}},
                    ]
                },
            }
        },
    }
    cluster = _older()
    client = cluster.session().client
    before = cli_vault.fitting(client, {"kind": "CronJob", "spec": {"jobTemplate": job}})
    volumes = before["spec"]["jobTemplate"]["spec"]["template"]["spec"]["volumes"]
    assert [one["secret"]["secretName"] for one in volumes] == [OLD, OLD, "mysql-tls"]
    assert [one["secret"]["items"][0]["key"] for one in volumes] == ["backup-password", "app-password", "ca.crt"]
    assert cli_vault.read(client, NAME, names.KEY_APP_PASSWORD) == BEFORE[names.KEY_APP_PASSWORD]
    secret_move.split(cluster.session(), NAME)
    assert cli_vault.fitting(client, job) == job
    assert cli_vault.read(client, NAME, names.KEY_APP_PASSWORD) == BEFORE[names.KEY_APP_PASSWORD]


def test_two_writers_of_one_secret_do_not_undo_each_other() -> None:
    for secrets in (Secrets(), Secrets(BEFORE)):
        first, second = vault.Vault(secrets, NAME), vault.Vault(secrets, NAME)
        stale = second.read()
        first.write(first.read(), {names.KEY_BACKUP_PASSWORD: "first"})
        with pytest.raises(errors.Conflict):
            second.write(stale, {names.KEY_BACKUP_PASSWORD: "second"})
        assert second.read().values[names.KEY_BACKUP_PASSWORD] == "first"


def test_an_application_gets_what_it_needs_and_the_rest_follows_its_password() -> None:
    secrets = Secrets()
    safe = vault.Vault(secrets, NAME)
    safe.complete_application("a CA")
    assert not secrets.values("mysql-app")  # nothing is whole without a password
    safe.write(safe.read(), {names.KEY_APP_PASSWORD: "p@ss"})
    assert secrets.values("mysql-app")["uri"] == "mysql://app:p%40ss@mysql-primary.db.svc:3306/app"
    safe.complete_application("a CA")
    assert secrets.values("mysql-app")["ca.crt"] == "a CA"
    writes = secrets.writes
    safe.complete_application("a CA")
    assert secrets.writes == writes
