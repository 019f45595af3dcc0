"""One cluster's life, in the order of this file: deploy, status, heal, delete, deploy again on the kept data."""

from __future__ import annotations

import time

import pytest

from tests.cluster.conftest import SMALL, Namespace, eventually

MEMBERS = ["mysql-0", "mysql-1", "mysql-2"]


def test_deploy_makes_a_cluster_that_takes_writes(namespace: Namespace) -> None:
    done = namespace.mysqlops("deploy", "mysql", *SMALL)
    assert done.code == 0, done.err
    assert "a write through the primary was on all 3 members" in done.out
    assert "mysql-primary." in done.out
    seen = namespace.status()
    assert seen["verdict"] == "healthy"
    assert [member["name"] for member in seen["members"]] == MEMBERS
    assert sorted(member["role"] for member in seen["members"]) == ["primary", "replica", "replica"]
    assert len({member["node"] for member in seen["members"]}) == 3
    # Each member publishes what it holds at a moment of its own: the proof's write may not be in all yet.
    eventually(lambda: [one["missing"] for one in namespace.status()["members"]] == [0, 0, 0], "nothing missing", 30)
    assert seen["services"]["mysql-primary"] == [seen["primary"]]
    # What a Service routes to follows the members a moment later.
    eventually(lambda: len(namespace.status()["services"]["mysql-replicas"]) == 2, "the Service has both replicas", 30)
    namespace.sql(seen["primary"], "CREATE TABLE app.kept (id INT PRIMARY KEY)")
    namespace.sql(seen["primary"], "INSERT INTO app.kept VALUES (1), (2), (3)")


def test_a_transaction_that_does_not_fit_into_the_members_memory_is_refused(namespace: Namespace) -> None:
    """Let through, it could have all members killed for memory at once (docs/adr/0010)."""
    primary = namespace.status()["primary"]
    namespace.sql(primary, "CREATE TABLE app.large (id INT PRIMARY KEY, b LONGBLOB)")
    namespace.sql(primary, "INSERT INTO app.large VALUES (1, REPEAT('x', 3000000))")
    with pytest.raises(AssertionError, match="MySQL error 3100"):
        namespace.sql(primary, "INSERT INTO app.large VALUES (2, REPEAT('x', 5000000))")
    eventually(lambda: all(namespace.sql(one, "SELECT COUNT(*) FROM app.large") == [[1]] for one in MEMBERS), "one row")
    forgets = "SELECT @@group_replication_preemptive_garbage_collection"
    assert all(namespace.sql(member, forgets) == [[1]] for member in MEMBERS)
    assert {member["restarts"] for member in namespace.status()["members"]} == {0}


def test_a_second_deploy_changes_nothing_and_says_so(namespace: Namespace) -> None:
    before = {pod["metadata"]["name"]: pod["metadata"]["uid"] for pod in namespace.objects("pods")}
    generations = {
        item["metadata"]["name"]: item["metadata"]["generation"] for item in namespace.objects("statefulsets")
    }
    done = namespace.mysqlops("deploy", "mysql", *SMALL)
    assert done.code == 0, done.err
    assert "nothing changed" in done.out
    assert before == {pod["metadata"]["name"]: pod["metadata"]["uid"] for pod in namespace.objects("pods")}
    assert generations == {
        i["metadata"]["name"]: i["metadata"]["generation"] for i in namespace.objects("statefulsets")
    }


def test_other_options_are_refused_with_the_verb(namespace: Namespace) -> None:
    done = namespace.mysqlops("deploy", "mysql", *SMALL, "--replicas", "5")
    assert done.code == 3
    assert "--replicas 5: mysql runs with 3" in done.err
    assert "mysqlops scale mysql --replicas 5" in done.err


def test_no_password_is_in_what_anybody_can_read(namespace: Namespace) -> None:
    import base64
    import json

    names = ("mysql-app", "mysql-root", "mysql-internal", "mysql-ca")
    found = [json.loads(namespace.kubectl("get", "secret", name, "-o", "json"))["data"] for name in names]
    secret = {f"{name} {key}": text for name, data in zip(names, found, strict=True) for key, text in data.items()}
    passwords = [base64.b64decode(text).decode() for key, text in secret.items() if key.endswith("password")]
    assert len(passwords) == 5
    keys = json.loads(namespace.kubectl("get", "secret", "mysql-tls", "-o", "json"))["data"]
    passwords += [base64.b64decode(keys["tls.key"]).decode(), base64.b64decode(secret["mysql-ca tls.key"]).decode()]
    texts = [namespace.mysqlops("render", "mysql", "-n", namespace.name).out]
    texts += [namespace.kubectl("get", "pods,statefulsets,configmaps,events,leases", "-o", "yaml")]
    for pod in MEMBERS:
        texts += [namespace.kubectl("logs", pod, "--all-containers", "--tail=-1")]
        for container in ("mysqld", "agent"):
            script = "cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ 2>/dev/null | tr '\\0' '\\n'"
            texts += [namespace.kubectl("exec", pod, "-c", container, "--", "sh", "-c", script)]
    for password in passwords:
        assert not any(password in text for text in texts)


@pytest.mark.parametrize("member", MEMBERS)
def test_a_deleted_pod_comes_back_into_the_group(namespace: Namespace, member: str) -> None:
    old = namespace.kubectl("get", "pod", member, "-o", "jsonpath={.metadata.uid}")
    namespace.kubectl("delete", "pod", member, "--wait=false")
    eventually(
        lambda: namespace.kubectl("get", "pod", member, "-o", "jsonpath={.metadata.uid}", check=False) not in ("", old),
        f"a new pod {member}",
        90,
    )
    seen = namespace.await_healthy()
    assert len([one for one in seen["members"] if one["state"] == "ONLINE"]) == 3
    assert namespace.sql(member, "SELECT COUNT(*) FROM app.kept") == [[3]]


def test_delete_keeps_the_data_and_deploy_takes_it_up(namespace: Namespace) -> None:
    done = namespace.mysqlops("delete", "mysql", "--yes")
    assert done.code == 0, done.err
    assert "keep   PersistentVolumeClaim data-mysql-0" in done.err
    assert namespace.objects("pods") == []
    assert len(namespace.objects("pvc")) == 3
    namespace.must("deploy", "mysql", *SMALL)
    for member in MEMBERS:
        assert namespace.sql(member, "SELECT COUNT(*) FROM app.kept") == [[3]]


def test_all_pods_gone_at_once_form_the_group_again(namespace: Namespace) -> None:
    namespace.kubectl("delete", "pods", *MEMBERS, "--grace-period=0", "--force", "--wait=false")
    time.sleep(2)  # the labels of the old pods would still look healthy
    namespace.await_healthy(seconds=150)
    for member in MEMBERS:
        assert namespace.sql(member, "SELECT COUNT(*) FROM app.kept") == [[3]]


def test_data_goes_only_when_its_name_is_given(namespace: Namespace) -> None:
    assert namespace.mysqlops("delete", "mysql", "--purge-data").code == 3
    assert namespace.mysqlops("delete", "mysql", "--purge-data", "--confirm", "other").code == 3
    assert len(namespace.objects("pvc")) == 3
    done = namespace.mysqlops("delete", "mysql", "--purge-data", "--confirm", "mysql")
    assert done.code == 0, done.err
    eventually(lambda: namespace.objects("pvc") == [], "claims gone")
    assert namespace.mysqlops("status", "mysql").code == 10
