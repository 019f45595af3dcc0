"""The drills' clients around a change that a test makes, and single rounds of a fault."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from mysqlops.core import adoption
from mysqlops.drill import faults, record, round
from mysqlops.drill.clients import fleet, rows
from mysqlops.drill.ledger import checker, figures, journal
from mysqlops.drill.model import Record, Verdict
from mysqlops.drill.plan import objects
from mysqlops.drill.reach import lab
from mysqlops.drill.scene import Drill
from mysqlops.operations import observe
from mysqlops.operations.session import Session
from tests.cluster import conftest
from tests.cluster.conftest import KUBECONFIG, Namespace


@dataclass(frozen=True)
class Outcome:
    """What the clients were told and what the members hold, and what the change cost the clients."""

    verdict: Verdict
    cost: figures.Figures = field(repr=False)
    gap_seconds: float = 0.0
    errors_with_one_retry: int = 0
    lines: list[journal.Line] = field(repr=False, default_factory=list)

    @property
    def acknowledged(self) -> int:
        return self.verdict.acknowledged

    def is_clean(self) -> bool:
        return self.verdict.is_clean()

    def line(self) -> dict[str, object]:
        """For a file of measurements."""
        cost = {"gap_seconds": float(f"{self.gap_seconds:.3f}"), "errors_with_one_retry": self.errors_with_one_retry}
        return {**self.verdict.counts(), **cost, "digest": self.verdict.digest}


def session(namespace: Namespace) -> Session:
    """As a command of the CLI has it, without a voice."""
    return conftest.session(KUBECONFIG, namespace.name)


def open_drill(namespace: Namespace) -> Record | None:
    """What the group's Lease says of a drill under way."""
    return record.read(session(namespace).client, "mysql")


def is_frozen(namespace: Namespace, cat: Callable[[Record, str], str]) -> bool:
    """By the process's own state on its node, not by what the drill says; `cat` reads a file there."""
    found = open_drill(namespace)
    if found is None or not found.deadline:
        return False
    stat = cat(found, f"/proc/{found.facts['pids'][0]}/stat")
    return stat.rpartition(")")[2].split()[:1] == ["T"]


def one_round(namespace: Namespace, fault: str, number: int = 1, seed: int = 0) -> round.Result:
    """A fault once, as `mysqlops drill` does it; raises what the drill raises."""
    own = session(namespace)
    nodes = lab.find(own.client)
    drill = Drill(own, "mysql", faults.find(fault), 4, seed, "a test", nodes, nodes)
    return round.run(drill, number)


class Ledger:
    """Clients in one namespace."""

    def __init__(self, namespace: Namespace, cluster: str = "mysql") -> None:
        self._session, self._cluster = session(namespace), cluster

    def under_writes(
        self, change: Callable[[], object], members: list[str], clients: int = 4, *, through: str = ""
    ) -> Outcome:
        """Clients write while something is changed, through the primary's Service or a proxy's host; what they heard
        against what these members hold then."""
        seen = observe.judged(self._session, self._cluster)
        rows.recreate(self._session, str(seen.primary))
        cluster = fleet.cluster_of(self._session, seen)
        started = fleet.Fleet(self._session, cluster)
        try:
            writing = objects.main_clients(cluster, clients, "")
            if through:
                writing = replace(writing, host=through, ssl_mode=adoption.VERIFY_CA, observes=False)
            started.start(writing)
            since = time.time()
            change()
            started.stop()
            lines = [line for text in started.journals().values() for line in journal.parse(text)]
            lines.sort(key=lambda line: line.at)
            primary = str(observe.judged(self._session, self._cluster).primary)
            verdict = checker.check(lines, rows.of_members(self._session, primary, members))
        finally:
            started.remove()
        cost = figures.of(lines, since)
        return Outcome(verdict, cost, cost.gap, cost.errors_with_one_retry, lines)
