"""Three members' accounts, the Secret and the Lease in memory, under the real code of `users rotate`.

Each call that changes something is counted; the world can end before any one of them, as a killed command does. After
each call it checks what must hold at every moment.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

from mysqlops import errors
from mysqlops.agent import api, credentials, pod, rotation, settings
from mysqlops.clock import SystemClock
from mysqlops.core import names, secret_map
from mysqlops.core.typed import Json
from mysqlops.kube import client, exec
from mysqlops.kube.guard import Guard
from mysqlops.mysql import account_files, accounts, connect, own_accounts
from mysqlops.operations.session import Progress, Session
from tests.unit import clusters

PODS = ("mysql-0", "mysql-1", "mysql-2")
_ACCOUNT = re.compile(r"'(?P<user>\w+)'@'(?P<host>[^']+)'")
_PASSWORD = re.compile(r"IDENTIFIED (?:BY|WITH \w+ AS) '+([^']+)'")
Passwords = dict[str, list[str]]  # user -> its current password, and the one that is valid beside it


class Killed(Exception):
    """The command ended here."""


def execute(known: Passwords, statement: str) -> None:
    """What a statement does to the accounts: MySQL's rules of dual passwords."""
    found = _ACCOUNT.search(statement.replace("''", "'"))
    if found is None or statement.startswith("GRANT"):
        return
    user, made = found["user"], _PASSWORD.search(statement)
    if statement.startswith("CREATE USER IF NOT EXISTS") and user in known:
        return
    if statement.startswith("CREATE USER") and made:
        known[user] = [made[1]]
    elif user in known and "DISCARD OLD PASSWORD" in statement:
        known[user] = known[user][:1]
    elif user in known and made:
        beside = known[user][:1] if "RETAIN CURRENT PASSWORD" in statement else known[user][1:]
        known[user] = [made[1], *beside]


class World:
    """`kill_at` counts calls. Replicas apply nothing until time passes."""

    def __init__(self, *, is_split: bool = True) -> None:
        self.is_split = is_split
        self.first = {key: f"old-{key}" for key in names.PASSWORD_KEYS}
        held = self.first | {names.KEY_GROUP_NAME: clusters.GROUP}
        self.secrets: dict[str, Json] = {}
        for secret, data in secret_map.by_secret("mysql", dict(held), is_split=is_split).items():
            metadata = {"name": secret, "resourceVersion": "1"}
            self.secrets[secret] = {"metadata": metadata, "data": secret_map.encoded(data)}
        self.lease: dict[str, str] = {}
        self.history: list[str] = []  # what the group replicates
        self.data: dict[str, Passwords] = {name: self.new_data() for name in PODS}
        self.applied = dict.fromkeys(PODS, 0)
        self.starts = dict.fromkeys(PODS, 0)  # how often each pod was replaced
        self.in_memory = {name: self.held(names.KEY_REPLICATION_PASSWORD) for name in PODS}
        self.clients_have = self.held(names.KEY_APP_PASSWORD)  # until the user finishes
        self.older: set[str] = set()  # members whose data is older than the rotation: not checked
        self.is_locked = False
        self.down: dict[str, dict[str, Any]] = {}
        self.kill_at: int | None = None
        self.calls = 0

    def held(self, key: str) -> str:
        return self.values()[key]

    def put(self, key: str, value: str) -> None:
        """By hand."""
        where = secret_map.place("mysql", key, is_split=self.is_split)
        self.secrets[where.secret]["data"] |= secret_map.encoded({where.key: value})

    def values(self) -> dict[str, str]:
        """What the Secrets hold, by our keys."""
        if not self.is_split:
            return api.decoded(self.secrets["mysql-credentials"])
        found: dict[str, str] = {}
        for purpose in secret_map.PURPOSES:
            if secret := self.secrets.get(secret_map.secret("mysql", purpose)):
                found |= secret_map.known(purpose, api.decoded(secret))
        return found

    def new_data(self) -> Passwords:
        """The accounts of a new data directory."""
        known: Passwords = {"root": [""]}
        for line in account_files.init_file(self.values(), accounts.in_clear).splitlines():
            execute(known, line)
        return known

    def before_call(self) -> None:
        self.check()
        if self.calls == self.kill_at:
            raise Killed
        self.calls += 1

    def catch_up(self) -> None:
        for name in PODS:
            for statement in self.history[self.applied[name] :]:
                execute(self.data[name], statement)
            self.applied[name] = len(self.history)

    def restart(self) -> None:
        """As `mysqlops restart` does: new pods read the Secret."""
        for name in PODS:
            self.starts[name] += 1
            self.in_memory[name] = self.held(names.KEY_REPLICATION_PASSWORD)

    def check(self) -> None:
        """Whoever has a password that is valid by what the user was told gets in, everywhere, at every moment."""
        held = self.values()  # decoded once: this runs before each call of each world
        for name in set(PODS) - self.older:
            self._check_member(self.data[name], name, held)
        known = self.new_data()
        self._check_member(known, "a new member", held)
        for statement in self.history:
            execute(known, statement)
            self._check_member(known, f"a new member after {statement}", held)

    def _check_member(self, known: Passwords, who: str, held: dict[str, str]) -> None:
        for one in accounts.ALWAYS:
            assert held[one.key] in known[one.user], f"{who} refuses {one.user} what the Secret holds"
        assert self.clients_have in known[names.USER_APP], f"{who} refuses the application"
        for name in PODS:
            assert self.in_memory[name] in known[names.USER_REPLICATION], f"{who} refuses {name}"

    def lease_object(self) -> Json:
        name, labels = names.group_lease("mysql"), names.selector("mysql")
        metadata = {"name": name, "uid": "lease", "resourceVersion": "1", "labels": labels}
        return {"metadata": {**metadata, "annotations": dict(self.lease)}}

    def session(self) -> Session:
        silent: Callable[[str], None] = lambda _: None  # noqa: E731
        return Session(_Kube(self), _Clock(self), Progress(silent, silent, silent), 60.0)

    def run(self, operation: Callable[[Session, str], Any], kill_at: int | None = None) -> bool:
        """Run it; True if it came to its end, False if it was killed before that call."""
        self.kill_at, self.calls = kill_at, 0
        with suppress(Killed):
            operation(self.session(), "mysql")
            return True
        return False


def _grants(one: accounts.Account) -> list[str]:
    """As a server shows them."""
    return [text.replace("ALL ON *.*", own_accounts.ALL) for text in one.grants()]


class _Server(connect.Server):
    def __init__(self, world: World, name: str) -> None:
        self._world, self._name, self._logs = world, name, True

    def query(self, sql: str, parameters: Sequence[Any] = ()) -> list[connect.Row]:
        if sql.startswith("SELECT user"):
            return [(one.user, one.host) for one in accounts.ALWAYS if len(self._world.data[self._name][one.user]) > 1]
        known = self._world.data[self._name]
        if "SELECT ssl_type" in sql:
            user = parameters[0]
            return [("ANY", "N", "N", 0, str(known[user]), None)] if user in known else []
        if sql.startswith("SHOW GRANTS"):
            return [(text,) for one in accounts.ALWAYS if str(one) in sql for text in _grants(one)]
        if sql.startswith("SELECT GET_LOCK"):
            return [(0 if self._world.is_locked else 1,)]
        if sql.startswith(("SELECT", "SET SESSION")):
            return [(f"{clusters.GROUP}:1-{5 + len(self._world.history)}",)]
        self.execute_secret(sql, "")
        return []

    def execute_secret(self, sql: str, what: str) -> None:
        self._world.before_call()
        if sql.startswith("SET sql_log_bin"):
            self._logs = sql.endswith("ON")
        if sql.startswith(("ALTER USER", "CREATE USER")):
            execute(self._world.data[self._name], sql)
            if self._logs:
                self._world.history.append(sql)
                self._world.applied[self._name] = len(self._world.history)

    def close(self) -> None:
        pass


class Pod(pod.Pod):
    """A member's pod; its memory holds what the Secret held when it was last read."""

    def __init__(self, world: World, name: str) -> None:
        super().__init__(settings.Settings("mysql", "db", name, name))
        self._world = world
        self.memory: dict[str, str] = credentials.of_agent(world.values())

    def server(self) -> connect.Server:
        return _Server(self._world, self.me.pod)

    def server_as_root(self) -> connect.Server:
        return self.server()

    def accepts(self, one: accounts.Account, password: str, host: str = "") -> bool:
        return password in self._world.data[host.partition(".")[0] or self.me.pod].get(one.user, [])

    def find(self, key: str) -> str | None:
        return self.memory.get(key)

    def keep(self, values: Mapping[str, str | None]) -> None:
        for key, value in values.items():
            self.memory.pop(key, None)
            if value is not None:
                self.memory[key] = value


class Api(api.Api):
    """The agent's: the Secrets alone."""

    def __init__(self, world: World) -> None:
        self._world, self.namespace = world, "db"

    def get(self, group: str, kind: str, name: str) -> Json:
        if kind == "leases":
            return self._world.lease_object()
        empty = {"metadata": {"name": name, "resourceVersion": "1"}}
        if name == "mysql-credentials" and name not in self._world.secrets:
            raise errors.NotFound(name)
        return json.loads(json.dumps(self._world.secrets.get(name, empty)))  # type: ignore[no-any-return]

    def patch(self, group: str, kind: str, name: str, change: Json) -> Json:
        self._world.before_call()
        secret = self._world.secrets[name]
        assert change["metadata"]["resourceVersion"] == secret["metadata"]["resourceVersion"]
        data = {**secret["data"], **change["data"]}
        version = str(int(secret["metadata"]["resourceVersion"]) + 1)
        self._world.secrets[name] = {
            "metadata": {"name": name, "resourceVersion": version},
            "data": {key: value for key, value in data.items() if value is not None},
        }
        return self._world.secrets[name]


class _Kube(client.Client):
    def __init__(self, world: World) -> None:
        self._world, self.namespace, self.guard = world, "db", Guard()

    def find(self, kind: str, name: str) -> Json | None:
        return self._world.lease_object() if name == names.group_lease("mysql") else None

    def get(self, kind: str, name: str) -> Json:
        return self.find(kind, name) or {}

    def list(self, kind: str, selector: str = "") -> list[Json]:
        if kind == "StatefulSet":
            return [{"metadata": {"name": "mysql", "namespace": "db"}, "spec": {"replicas": 3, **clusters.CLAIMS}}]
        if kind == "EndpointSlice":
            endpoints = [{"conditions": {"ready": True}, "targetRef": {"name": "mysql-0"}}]
            labels = {"kubernetes.io/service-name": names.primary_service("mysql")}
            return [{"metadata": {"labels": labels}, "endpoints": endpoints}]
        return [self._pod(name) for name in PODS] if kind == "Pod" else []

    def _pod(self, name: str) -> Json:
        executed = f"{clusters.GROUP}:1-{5 + self._world.applied[name]}"
        role = "primary" if name == "mysql-0" else "replica"
        made = clusters.pod(name, **{"role": role, "executed": executed, **self._world.down.get(name, {})})
        uid = f"{name}-{self._world.starts[name]}"
        text = made["metadata"]["annotations"][names.ANNOTATION_MEMBER]
        made["metadata"]["annotations"][names.ANNOTATION_MEMBER] = text.replace(f'"{name}"', f'"{uid}"', 1)
        owner = {"kind": "StatefulSet", "name": "mysql"}
        made["metadata"].update(uid=uid, ownerReferences=[owner])
        return made

    def together(self, calls: Any) -> Any:
        return [call() for call in calls]

    def patch(self, kind: str, name: str, change: Json) -> Json:
        self._world.before_call()
        for key, value in change["metadata"]["annotations"].items():
            self._world.lease.pop(key, None)
            if value is not None:
                self._world.lease[key] = value
        return {}

    def run_in(self, pod: str, container: str, command: Sequence[str], *, timeout_seconds: float) -> exec.Output:
        made = rotation.Rotation(Api(self._world), Pod(self._world, pod), *command[4:])
        return exec.Output(json.dumps(rotation.STEPS[command[3]](made)), "", 0)


class _Clock(SystemClock):
    def __init__(self, world: World) -> None:
        self._world, self._passed = world, 0.0

    def now(self) -> datetime:
        return clusters.NOW + timedelta(seconds=0)

    def monotonic(self) -> float:
        return self._passed

    def sleep(self, seconds: float) -> None:
        self._passed += seconds
        self._world.catch_up()
