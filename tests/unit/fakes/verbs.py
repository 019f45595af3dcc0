"""What every verb of the tree is given in tests that hold for each of them, and the world in which it runs."""

from __future__ import annotations

import functools
import itertools
import marshal
import shlex
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mysqlops.core import retention, spec, target, version
from mysqlops.core.backup import SIGNED
from mysqlops.objects.schedule import Request
from mysqlops.operations import backup, deploy, image_check, schedule
from mysqlops.planning import image_trial
from tests.unit.cli.test_tree import CLUSTER_FILE, COMMANDS
from tests.unit.fakes.cluster import NAME, Cluster
from tests.unit.operations.test_restore_as import BACKUP

NEWER = replace(BACKUP, signed=SIGNED)
OLDER = replace(NEWER, id="mysql-20251231-000000", at="2025-12-31T00:00:00Z")
ID = OLDER.id
# What each verb that changes something is given here.
CHANGES = {
    "deploy": "mysql",
    "apply": f"-f {CLUSTER_FILE}",
    "top": "mysql --kill 7",
    "doctor": "mysql --fix",
    "switchover": "mysql --to mysql-1",
    "adopt": "mysql --from old --password-secret old --ssl-mode required",
    "scale": "mysql --replicas 1",
    "upgrade": "mysql --memory 2Gi",
    "config/set": "mysql max_connections=200",
    "storage/resize": "mysql --size 2Gi",
    "backup/create": "mysql",
    "backup/export": f"{ID} --claim archive",
    "backup/verify": f"mysql {ID}",
    "backup/prune": "mysql --keep-last 1",
    "backup/delete": ID,
    "backup/target/add": "other --claim archive",
    "backup/target/rotate": "local",
    "backup/target/unlock": "local",
    "backup/schedule/set": "mysql --cron '0 3 * * *'",
    "backup/schedule/run-now": "mysql",
    "backup/schedule/remove": "mysql",
    "backup/binlog/start": "mysql",
    "backup/binlog/stop": "mysql",
    "restore": f"{ID} --in-place mysql",
    "drill/all": "mysql --force test --no-lab",
    "drill/abort": "mysql",
    "drill/kill-mysqld": "mysql --force test --no-lab",
    "member/fence": "mysql mysql-1",
    "member/unfence": "mysql mysql-1",
    "member/rebuild": "mysql mysql-1",
    "users/rotate": "mysql",
    "tls/rotate": "mysql",
    "expose": "mysql mysql-outside --source-ranges 10.0.0.0/8 --no-wait",
    "unexpose": "mysql mysql-outside",
    "restart": "mysql",
    "stop": "mysql",
    "start": "mysql",
    "recover": "mysql --accept-loss",
    "delete": "mysql",
}


# What needs a cluster in another state.
REFUSED = {"start": "not-stopped", "recover": "group-runs"}
IDLE = {"drill/abort", "unexpose", "member/unfence", "backup/binlog/stop"}  # nothing of the kind is open
AGREED = {
    "backup/delete": ["--confirm", ID],
    "restore": ["--confirm", NAME],
    "member/rebuild": ["--confirm", "mysql-1"],
    "recover": ["--confirm", NAME],
}


def words_of(path: str) -> list[str]:
    return [*path.split("/"), *shlex.split(CHANGES[path])]


_SESSION = {
    **{"id": 7, "user": "app", "host": "10.0.0.9:1", "database": "app", "command": "Query"},
    **{"seconds": 9, "state": "", "statement": "SELECT ?"},
}


def _answer(cluster: Cluster) -> Callable[[str, Sequence[str]], Any]:
    """An agent's answers; an order that is no question counts as a change."""
    questions: dict[str, Callable[[str, Sequence[str]], Any]] = {
        "transactions": lambda *_: [],
        "plugins": lambda *_: {},
        "top": lambda *_: {"failed": {}, "transactions": [], "waits": [], "sessions": [_SESSION]},
        "setting-kinds": lambda _, words: dict.fromkeys(words[1:], "dynamic"),
        "gtids": cluster._answer,
    }

    def answer(pod: str, words: Sequence[str]) -> Any:
        if words[0] not in questions:
            cluster.store.done(f"EXEC {pod} {words[0]}")
        return questions.get(words[0], cluster._answer)(pod, words)

    return answer


@functools.cache
def _filled() -> bytes:
    """All objects that `deploy` makes, two backups in a target, a schedule, and what users bring."""
    made = Cluster(3)
    settled = made.stateful_set()
    for one in deploy.objects(spec.ClusterSpec(name=NAME, namespace="db", storage_size="1Gi")):
        if one["kind"] == "StatefulSet":
            settled["spec"] = {**one["spec"], "replicas": 3}
            settled["metadata"]["labels"] = one["metadata"]["labels"]
        elif (one["kind"], one["metadata"]["name"]) not in made.store.objects:
            made.store.put(one)
    made.store.put(target.make_secret(target.Target("local", "/repo", target.DEFAULT_IMAGE, "backups"), "password", {}))
    for claim in ("archive", "backups"):
        made.store.put({"kind": "PersistentVolumeClaim", "metadata": {"name": claim}, "spec": {}})
    made.store.put({"kind": "Namespace", "metadata": {"name": "db"}})
    is_default = {"storageclass.kubernetes.io/is-default-class": "true"}
    made.store.put(
        {
            "kind": "StorageClass",
            "metadata": {"name": "fixed", "annotations": is_default},
            "provisioner": "x",
            "allowVolumeExpansion": True,
        }
    )
    made.store.put({"kind": "Secret", "metadata": {"name": "old"}, "data": {"password": "eA=="}})
    del made.store.objects["PodDisruptionBudget", NAME]  # for `doctor --fix`
    made.settle()
    request = Request("0 3 * * *", "0 5 * * 0", "local", "", 0, retention.Policy(), 0, 0)
    schedule.put(made.session(), NAME, request)
    return marshal.dumps(made.store.objects)


# Each verb that may stop something or lose something, with the words with which it does.
ASKS = {
    "adopt": f"{CHANGES['adopt']} --finish",
    "apply": CHANGES["apply"],
    "scale": "mysql --replicas 1 --pvc delete",
    "storage/resize": "mysql --size 20Gi --by-rebuild",
    "users/rotate": "mysql --finish",
    "tls/rotate": "mysql --drop-old-ca",
    "unexpose": "mysql mysql-outside",
    **{
        path: CHANGES[path]
        for path in (
            "backup/prune",
            "backup/delete",
            "backup/schedule/remove",
            "restore",
            "drill/all",
            "drill/kill-mysqld",
            "member/fence",
            "member/rebuild",
            "top",
            "doctor",
            "stop",
            "delete",
        )
    },
}


def options_of(path: str) -> set[str]:
    return {word for one in COMMANDS[path].params for word in one.opts}


def world(monkeypatch: pytest.MonkeyPatch, folder: Path) -> Cluster:
    """A cluster that every verb finds, with all that the words in CHANGES name. Nothing obeys an order."""
    monkeypatch.chdir(folder)  # a drill writes its report there
    made = Cluster(3)
    made.store.objects.update(marshal.loads(_filled()))  # noqa: S302 (our own bytes)
    made.store.numbers = itertools.count(10_000)  # after those that the objects have
    made.settle()

    def client(*_: object) -> Any:
        found = made.session().client
        found.answer = _answer(made)  # type: ignore[attr-defined]
        return found

    monkeypatch.setattr("mysqlops.cli.context.client", client)
    monkeypatch.setattr("mysqlops.clock.SystemClock", lambda: made.clock)
    monkeypatch.setattr(image_check, "check", lambda *_: image_trial.Tried((), version.ServerVersion.parse("9.7.4")))
    monkeypatch.setattr(backup, "manifest", lambda *_: {"spec": {}})
    monkeypatch.setattr(backup, "held", lambda *_: ([NEWER, OLDER], []))
    made.store.log.clear()
    return made
