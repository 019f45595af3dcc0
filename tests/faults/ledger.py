"""Start writers as pods, collect their journals, and compare them with every member row by row."""

from __future__ import annotations

import hashlib
import itertools
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.cluster.conftest import AGENT_IMAGE, Namespace, eventually

TABLE = "CREATE TABLE IF NOT EXISTS app.ledger (client VARCHAR(32), sequence INT, PRIMARY KEY (client, sequence))"
_WRITER = Path(__file__).with_name("writer.py")
Row = tuple[str, int]


@dataclass(frozen=True)
class Outcome:
    """What the clients were told, and what the members hold; times are seconds since the fault."""

    acknowledged: int
    refused: int
    unknown: int
    lost: list[Row]
    ghosts: list[Row]
    diverged: list[Row]
    gap_seconds: float
    gaps: dict[str, float] = field(repr=False)
    longest_wait_seconds: float = 0.0
    last_acknowledged: dict[str, float] = field(default_factory=dict)
    errors_with_one_retry: int = 0  # failed tries whose client fails once more when it tries again a second later
    two_writable: list[str] = field(default_factory=list)
    digest: str = ""

    def is_clean(self) -> bool:
        return not (self.lost or self.ghosts or self.diverged)


class Ledger:
    """Writers and their journals in one namespace."""

    def __init__(self, namespace: Namespace, cluster: str = "mysql") -> None:
        self._namespace, self._cluster = namespace, cluster
        self._writers: list[str] = []

    def start(
        self, name: str, host: str, node: str, *, clients: int = 4, polls: list[str] | None = None, timeout: float = 2.0
    ) -> None:
        """A writer on a node of its own choice; returns once it has written."""
        namespace = self._namespace
        text = namespace.kubectl(
            "create", "configmap", "ledger", f"--from-file=writer.py={_WRITER}", "--dry-run=client", "-o", "yaml"
        )
        namespace.kubectl("apply", "-f", "-", stdin=text)
        namespace.kubectl("delete", "pod", name, "--ignore-not-found", "--grace-period=0", "--force")
        namespace.kubectl(
            "apply",
            "-f",
            "-",
            stdin=json.dumps(
                self._pod(
                    name, host, node, ["--clients", str(clients), "--timeout", str(timeout), "--poll", *(polls or [])]
                )
            ),
        )
        self._writers.append(name)
        eventually(lambda: " O " in f" {self._read(name)[:20000]} ".replace("\n", " "), f"{name} writes", 90)

    def acknowledged_since(self, name: str, moment: float) -> int:
        """Writes acknowledged after a time of the writer's clock (the machine's: all nodes share it)."""
        return sum(line[0] == "O" and line[3] > moment for line in self._lines(name))

    def stop(self) -> None:
        for name in self._writers:
            self._namespace.kubectl("exec", name, "--", "touch", "/journal/stop")

    def remove(self) -> None:
        for name in self._writers:
            self._namespace.kubectl("delete", "pod", name, "--ignore-not-found", "--grace-period=0", "--force")
        self._writers.clear()

    def check(self, since: float, members: list[str]) -> Outcome:
        """Compare the journals with every row of every member; the writers must have been stopped."""
        lines = [line for name in self._writers for line in self._lines(name)]
        text = "\n".join(" ".join(map(str, line)) for line in lines)
        clients = [line for line in lines if line[0] in "IOFU"]
        told = {(line[1], line[2]): line[0] for line in clients}
        held = {member: self._rows(member) for member in members}
        everywhere, anywhere = set.intersection(*held.values()), set.union(*held.values())
        gaps, waits, last = _gaps(clients, since)
        return Outcome(
            acknowledged=sum(kind == "O" for kind in told.values()),
            refused=sum(kind == "F" for kind in told.values()),
            unknown=sum(kind in "IU" for kind in told.values()),
            lost=sorted(row for row, kind in told.items() if kind == "O" and row not in everywhere),
            ghosts=sorted(row for row in anywhere if told.get(row, "F") == "F"),
            diverged=sorted(anywhere - everywhere),
            gap_seconds=max((gap for client, gap in gaps.items() if client.startswith("main")), default=0.0),
            gaps=gaps,
            longest_wait_seconds=waits,
            last_acknowledged=last,
            errors_with_one_retry=_errors_with_one_retry(clients),
            two_writable=_two_writable([line for line in lines if line[0] in "WRS"]),
            digest=hashlib.sha256(text.encode()).hexdigest()[:16],
        )

    def under_writes(self, change: Callable[[], None], members: list[str]) -> Outcome:
        """Four clients write while something is changed; what they were told against what these members hold then."""
        primary = self._namespace.status(self._cluster)["primary"]
        self._namespace.sql(primary, TABLE)
        self._namespace.sql(primary, "DELETE FROM app.ledger")
        node = self._namespace.objects("nodes")[0]["metadata"]["name"]
        try:
            self.start("main", f"{self._cluster}-primary.{self._namespace.name}.svc", node)
            since = time.time()
            change()
            self.stop()
            time.sleep(1)
            return self.check(since, members)
        finally:
            self.remove()

    def _rows(self, member: str) -> set[Row]:
        return {
            (client, int(n)) for client, n in self._namespace.sql(member, "SELECT client, sequence FROM app.ledger")
        }

    def _read(self, name: str) -> str:
        return self._namespace.kubectl("exec", name, "--", "sh", "-c", "cat /journal/*.log", check=False)

    def _lines(self, name: str) -> list[tuple[str, str, int, float]]:
        words = (line.split(" ", 4) for line in self._read(name).splitlines())
        return [(one[0], one[1], int(one[2]), float(one[3])) for one in words if len(one) >= 4]

    def _agent(self) -> str:
        """The ConfigMap that the members have their agent from."""
        words = ("get", "statefulset", self._cluster, "-o", "json")
        volumes = json.loads(self._namespace.kubectl(*words))["spec"]["template"]["spec"]["volumes"]
        return str(next(one for one in volumes if one["name"] == "agent")["configMap"]["name"])

    def _pod(self, name: str, host: str, node: str, options: list[str]) -> dict[str, Any]:
        container = {
            "name": "writer",
            "image": AGENT_IMAGE,
            "command": ["python3", "/ledger/writer.py", "--host", host, "--name", name, *options],
            "securityContext": {
                "allowPrivilegeEscalation": False,
                "capabilities": {"drop": ["ALL"]},
                "runAsNonRoot": True,
                "runAsUser": 999,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "volumeMounts": [
                {"name": "ledger", "mountPath": "/ledger"},
                {"name": "agent", "mountPath": "/agent"},
                {"name": "secret", "mountPath": "/secret"},
                {"name": "journal", "mountPath": "/journal"},
            ],
        }
        password = {
            "secretName": f"{self._cluster}-credentials",
            "items": [{"key": "app-password", "path": "app-password"}],
        }
        volumes = [
            {"name": "ledger", "configMap": {"name": "ledger"}},
            {"name": "agent", "configMap": {"name": self._agent()}},
            {"name": "secret", "secret": password},
            {"name": "journal", "emptyDir": {}},
        ]
        labels = {"mysqlops.io/client": self._cluster}
        tolerations = [{"operator": "Exists"}]
        spec = {"nodeName": node, "containers": [container], "volumes": volumes, "tolerations": tolerations}
        return {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": name, "labels": labels},
            "spec": {**spec, "terminationGracePeriodSeconds": 0, "enableServiceLinks": False},
        }


def _errors_with_one_retry(lines: list[Any]) -> int:
    """The writers try again at once; a client with one retry waits a second first, and meets the try of that moment."""
    tries: dict[str, list[tuple[float, str]]] = {}
    for kind, client, _, moment in sorted((line for line in lines if line[0] in "OFU"), key=lambda line: line[3]):
        tries.setdefault(client, []).append((moment, kind))
    seen = 0
    for own in tries.values():
        for moment, kind in own:
            again = next((other for later, other in own if later >= moment + 1.0), "O") if kind != "O" else "O"
            seen += again != "O"
    return seen


def _gaps(lines: list[tuple[str, str, int, float]], since: float) -> tuple[dict[str, float], float, dict[str, float]]:
    """By client: the longest time without an acknowledgement that ended after the fault, and the last one at all; and
    the longest that any single write was left without an answer."""
    acknowledged: dict[str, list[float]] = {}
    intents: dict[tuple[str, int], float] = {}
    longest = 0.0
    for kind, client, sequence, moment in lines:
        if kind == "I":
            intents[client, sequence] = moment
        elif moment > since:
            longest = max(longest, moment - intents.get((client, sequence), moment))
        if kind == "O":
            acknowledged.setdefault(client, []).append(moment)
    gaps = {}
    for client, moments in acknowledged.items():
        pairs = itertools.pairwise(moments)
        gaps[client] = max((later - earlier for earlier, later in pairs if later > since), default=0.0)
    return gaps, longest, {client: moments[-1] - since for client, moments in acknowledged.items()}


def _two_writable(lines: list[tuple[str, str, int, float]]) -> list[str]:
    """Moments at which one member was seen writable between two such sights of another."""
    spans: list[tuple[float, float, str]] = []
    by_member: dict[str, list[tuple[str, float]]] = {}
    for kind, member, _, moment in lines:
        by_member.setdefault(member, []).append((kind, moment))
    for member, seen in by_member.items():
        pairs = itertools.pairwise(seen)
        spans += [(start, end, member) for (one, start), (other, end) in pairs if one == other == "W"]
    sights = [(moment, member) for member, seen in by_member.items() for kind, moment in seen if kind == "W"]
    return [
        f"{moment:.3f} {member} and {other}"
        for moment, member in sights
        for start, end, other in spans
        if member != other and start < moment < end
    ]
