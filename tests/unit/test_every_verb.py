"""What holds for each verb of the tree, whichever it is: how it is rehearsed, confirmed and addressed."""

from __future__ import annotations

import copy
import functools
import json
import shlex
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import pytest
from click.shell_completion import ShellComplete

from mysqlops import errors
from mysqlops.cli import context
from mysqlops.cli.backup import seen
from mysqlops.cli.context import Access, Confirmation, Run
from mysqlops.cli.main import root, run
from mysqlops.core import names, retention, spec, target, version
from mysqlops.core.backup import SIGNED
from mysqlops.objects.schedule import Wish
from mysqlops.operations import backup, deploy, image_check, lock, schedule
from mysqlops.operations.session import Session
from tests.unit.fakes.api import Killed
from tests.unit.fakes.cluster import NAME, Cluster
from tests.unit.test_restore_as import BACKUP
from tests.unit.test_tree import CLUSTER_FILE, COMMANDS, READS

NEWER = replace(BACKUP, signed=SIGNED)
OLDER = replace(NEWER, id="mysql-20251231-000000", at="2025-12-31T00:00:00Z")
ID = OLDER.id
# What each verb that changes something is given here.
CHANGES = {
    "deploy": "mysql",
    "apply": f"-f {CLUSTER_FILE}",
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
    "restart": "mysql",
    "stop": "mysql",
    "start": "mysql",
    "recover": "mysql --accept-loss",
    "delete": "mysql",
}


# What needs a cluster in another state.
REFUSED = {"start": "not-stopped", "recover": "group-runs"}
IDLE = {"drill/abort", "member/unfence", "backup/binlog/stop"}  # nothing of the kind is open
AGREED = {
    "backup/delete": ["--confirm", ID],
    "restore": ["--confirm", NAME],
    "member/rebuild": ["--confirm", "mysql-1"],
    "recover": ["--confirm", NAME],
}


def _words(path: str) -> list[str]:
    return [*path.split("/"), *shlex.split(CHANGES[path])]


def _answer(cluster: Cluster) -> Callable[[str, Sequence[str]], Any]:
    """Of an agent; an order that is none of the questions counts as a change."""
    questions: dict[str, Callable[[str, Sequence[str]], Any]] = {
        "transactions": lambda *_: [],
        "plugins": lambda *_: {},
        "setting-kinds": lambda _, words: dict.fromkeys(words[1:], "dynamic"),
        "gtids": cluster._answer,
    }

    def answer(pod: str, words: Sequence[str]) -> Any:
        if words[0] not in questions:
            cluster.store.done(f"EXEC {pod} {words[0]}")
        return questions.get(words[0], cluster._answer)(pod, words)

    return answer


@functools.cache
def _objects() -> list[dict[str, Any]]:
    return deploy.objects(spec.ClusterSpec(name=NAME, namespace="db", storage_size="1Gi"))


def _fill(made: Cluster) -> None:
    """All objects that `deploy` makes, two backups in a target, a schedule, and what users bring."""
    settled = made.stateful_set()
    for one in copy.deepcopy(_objects()):
        one.pop("binaryData", None)  # the agent's program is large
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
    made.settle()
    wish = Wish("0 3 * * *", "0 5 * * 0", "local", "", 0, retention.Policy(), 0, 0)
    schedule.put(made.session(), NAME, wish)


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Cluster:
    monkeypatch.chdir(tmp_path)  # a drill writes its report there
    made = Cluster(3)
    _fill(made)

    def client(*_: object) -> Any:
        found = made.session().client
        found.answer = _answer(made)  # type: ignore[attr-defined]
        return found

    monkeypatch.setattr("mysqlops.cli.context.client", client)
    monkeypatch.setattr("mysqlops.clock.SystemClock", lambda: made.clock)
    monkeypatch.setattr(image_check, "check", lambda *_: image_check.Tried((), version.ServerVersion.parse("9.7.4")))
    monkeypatch.setattr(backup, "manifest", lambda *_: {"spec": {}})
    monkeypatch.setattr(backup, "held", lambda *_: ([NEWER, OLDER], []))
    made.store.log.clear()
    return made


def _changes(cluster: Cluster) -> list[str]:
    """Without the lock, which a dry run that tries images in pods takes too."""
    return [line for line in cluster.store.log if f"Lease {names.operation_lease(NAME)}" not in line]


def test_every_verb_reads_or_is_tried_here() -> None:
    verbs = {path for path, command in COMMANDS.items() if not isinstance(command, click.Group)}
    assert verbs == CHANGES.keys() | READS.keys()


@pytest.mark.parametrize("path", CHANGES)
def test_a_dry_run_changes_nothing(path: str, cluster: Cluster, capsys: pytest.CaptureFixture[str]) -> None:
    code = run([*_words(path), "--dry-run", "-o", "json"])
    out = capsys.readouterr()
    assert _changes(cluster) == []
    if path in REFUSED:
        assert (code, json.loads(out.out)["reasons"][0]["code"]) == (errors.Refused.exit_code, REFUSED[path])
    else:
        assert (code, json.loads(out.out)["apiVersion"]) == (0, "mysqlops.io/v1"), out.err


@pytest.mark.parametrize("path", sorted(CHANGES.keys() - REFUSED.keys() - IDLE))
def test_without_dry_run_it_would_have_changed_something(
    path: str, cluster: Cluster, capsys: pytest.CaptureFixture[str]
) -> None:
    """So that the test before this one can fail."""
    has_yes = "--yes" in {word for one in COMMANDS[path].params for word in one.opts}
    cluster.store.kill_after = lambda text: names.operation_lease(NAME) not in text
    with pytest.raises(Killed):
        run([*_words(path), *AGREED.get(path, ["--yes"] if has_yes else [])])
    assert _changes(cluster) != [], capsys.readouterr().err


def test_a_dry_run_takes_no_lock(cluster: Cluster, capsys: pytest.CaptureFixture[str]) -> None:
    """An operation that locks by itself would else put the lock's guard in the place of the rehearsal's."""

    def act(session: Session) -> None:
        with lock.held(session, NAME, "test"):
            session.client.delete("StatefulSet", NAME)

    Run(NAME, "test", "table", 60, Access(), Confirmation()).rehearse(act, "delete it")
    assert "would delete it; nothing was changed" in capsys.readouterr().out
    assert cluster.store.log == []


# Each verb that may stop something or lose something, with the words with which it does.
ASKS = {
    "adopt": f"{CHANGES['adopt']} --finish",
    "apply": CHANGES["apply"],
    "scale": "mysql --replicas 1 --pvc delete",
    "storage/resize": "mysql --size 20Gi --by-rebuild",
    "users/rotate": "mysql --finish",
    "tls/rotate": "mysql --drop-old-ca",
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
            "stop",
            "delete",
        )
    },
}


def _options(path: str) -> set[str]:
    return {word for one in COMMANDS[path].params for word in one.opts}


def test_every_verb_that_asks_is_tried_here() -> None:
    asks = {path for path in COMMANDS if "--confirm" in _options(path)}
    assert asks == ASKS.keys() | {"recover"}  # which no running cluster takes


@pytest.mark.parametrize("path", ASKS)
@pytest.mark.parametrize("answer", ["a pipe", "n"])
def test_without_a_yes_nothing_is_changed(
    path: str,
    answer: str,
    cluster: Cluster,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    if answer == "n":
        monkeypatch.setattr("sys.stdin.isatty", lambda: True)
        monkeypatch.setattr(click, "confirm", lambda *_, **__: False)
        monkeypatch.setattr(click, "prompt", lambda *_, **__: "n")
    code = run([*path.split("/"), *shlex.split(ASKS[path]), "-o", "json"])
    reasons = json.loads(capsys.readouterr().out)["reasons"]
    assert (code, [one["code"] for one in reasons]) == (errors.Refused.exit_code, ["not-confirmed"])
    assert _changes(cluster) == []


@pytest.mark.parametrize("path", ASKS)
def test_a_wrong_name_is_no_yes(path: str, cluster: Cluster, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([*path.split("/"), *shlex.split(ASKS[path]), "--confirm", "another"]) == errors.Refused.exit_code
    assert "--confirm another does not name it" in capsys.readouterr().err
    assert _changes(cluster) == []


@pytest.mark.parametrize("path", [path for path in COMMANDS if "--namespace" in _options(path)])
def test_who_asks_where_stands_on_both_sides(
    path: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """And what goes wrong is a document."""
    if isinstance(COMMANDS[path], click.Group) or path in ("render", "runbook"):
        return
    asked: list[Access] = []

    def client(access: Access, verb: str) -> Any:
        asked.append(access)
        raise errors.Forbidden("enough", hint="ask for more")

    monkeypatch.setattr(context, "client", client)
    words = [*path.split("/"), *shlex.split(ASKS.get(path) or CHANGES.get(path) or READS[path])]
    words += ["--confirm", _confirms(path)] if path in ASKS else []
    where = ["-n", "a", "--context", "b", "--kubeconfig", "c"]
    who = [] if path == "restore" else ["--as", "d", "--as-group", "e"]
    for line in ([*where, "--as", "d", "--as-group", "e", "-o", "json", *words], [*words, *where, *who, "-o", "json"]):
        assert run(line) == errors.Forbidden.exit_code, capsys.readouterr().err
        shown = json.loads(capsys.readouterr().out)
        assert (shown["apiVersion"], shown["kind"], shown["code"]) == ("mysqlops.io/v1", "Error", errors.Forbidden.code)
    full = Access("c", "b", "a", "d", ("e",))
    assert asked == [full, Access("c", "b", "a") if path == "restore" else full]


def _confirms(path: str) -> str:
    return {"backup/delete": ID, "member/rebuild": "mysql-1"}.get(path, NAME)


@pytest.mark.parametrize(
    ("words", "incomplete", "offered"),
    [
        ("status", "m", [NAME]),
        ("-n db delete", "", [NAME]),
        ("drill all", "", [NAME]),
        ("member fence mysql", "mysql-1", ["mysql-1"]),
        ("switchover mysql --to", "", ["mysql-0", "mysql-1", "mysql-2"]),
        ("backup create mysql --target", "l", ["local"]),
        ("backup target rotate", "", ["local"]),
        ("backup verify mysql", "mysql-2", [ID]),
        ("restore", "mysql-2", [ID]),
        ("restore x --in-place", "", [NAME]),
        ("restore x --member", "mysql-0", ["mysql-0"]),
        ("backup create mysql --member", "mysql-0", ["mysql-0"]),
        ("status -n", "", ["db"]),
    ],
)
def test_names_are_completed(
    words: str, incomplete: str, offered: list[str], cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Access, "client", lambda *_, **__: cluster.session().client)
    monkeypatch.setattr(seen, "read", lambda _: [ID])
    shell = ShellComplete(root, {}, "mysqlops", "_MYSQLOPS_COMPLETE")
    assert [one.value for one in shell.get_completions(words.split(), incomplete)] == offered
