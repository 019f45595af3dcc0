"""The parts of a drill: a fault's description, the record from which anybody can undo it, and a round's result.

`SCHEMA` is the version of report.json; it is raised for incompatible changes only.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from mysqlops.core import names, typed
from mysqlops.core.typed import Json
from mysqlops.errors import ConfigError

Row = tuple[str, int, str]  # client, sequence, token
SCHEMA = 1

# What a fault needs in addition to the rights of the namespace.
NAMESPACE, NODE, LAB, TARGET = "namespace", "node", "lab", "target"
NEEDS = {
    NAMESPACE: "the rights of the namespace",
    NODE: "a node: the lab's, or privileged pods in a namespace that admits them (--node-pods NAMESPACE)",
    LAB: "the nodes of mysqlops' own lab: whole nodes, or the API server",
    TARGET: "a backup target of the namespace (mysqlops backup target add)",
}
DEFAULT_NODE_IMAGE = "nicolaka/netshoot:v0.13"
# How the fault is undone if the command is killed.
NOTHING, BY_ITSELF, BY_ABORT = "nothing", "itself", "abort"
# The target of the fault; the heir is the replica that the group elects if the primary goes.
PRIMARY, REPLICA, HEIR, EVERYBODY, NOBODY = "primary", "replica", "heir", "everybody", "nobody"


@dataclass(frozen=True)
class About:
    """A fault as users read it; `blast` may name {target}, {others} and {seconds}."""

    name: str
    does: str
    blast: str
    aim: str = PRIMARY
    needs: str = NAMESPACE
    lasts: float = 0.0  # seconds between inject and heal
    has_minority: bool = False  # clients on the target's own node that talk to it directly
    on_node: bool = False  # the whole node is hit: it must not be the control plane's
    in_all: bool = True  # part of `drill all`
    undone: str = NOTHING

    def preview(self, target: str, others: str) -> str:
        return self.blast.format(target=target, others=others, seconds=f"{self.lasts:.0f}")


@dataclass(frozen=True)
class Record:
    """A drill under way, as an annotation of the group's Lease: enough for `drill abort` to undo it from anywhere."""

    fault: str
    since: str  # UTC, ISO 8601
    by: str
    target: str = ""
    deadline: str = ""  # when the fault undoes itself, empty while nothing is broken
    facts: Json = field(default_factory=dict)  # what the fault needs to heal
    node_pods: str = ""  # the namespace of the pods that reach nodes, if any do


def dump_record(record: Record) -> str:
    return json.dumps(asdict(record), sort_keys=True)


def record_of(annotations: Mapping[str, str]) -> Record | None:
    """The drill under way; an unreadable record counts as a drill too."""
    text = annotations.get(names.ANNOTATION_DRILL)
    if not text:
        return None
    found = typed.make(Record, typed.json_of(text))
    if found is None or not isinstance(found.facts, dict) or not _is_namespace(found.node_pods):
        return Record("unknown", "", "unknown")
    return found


def _is_namespace(text: str) -> bool:
    """Privileged pods are created there."""
    try:
        return not text or bool(names.check_namespace(text))
    except ConfigError:
        return False


@dataclass(frozen=True)
class Verdict:
    """Acknowledged writes compared with every member's rows; each list is empty if all is well."""

    acknowledged: int
    refused: int
    unknown: int
    lost: tuple[Row, ...] = ()  # acknowledged, and missing on a member
    ghosts: tuple[Row, ...] = ()  # present, although refused for certain or never sent
    diverged: tuple[Row, ...] = ()  # on one member, but missing or different on another
    duplicates: tuple[Row, ...] = ()  # one write, two rows
    digest: str = ""  # of the journals

    def is_clean(self) -> bool:
        return not (self.lost or self.ghosts or self.diverged or self.duplicates)

    def counts(self) -> dict[str, int]:
        kinds = ("lost", "ghosts", "diverged", "duplicates")
        plain = {"acknowledged": self.acknowledged, "refused": self.refused, "unknown": self.unknown}
        return plain | {kind: len(getattr(self, kind)) for kind in kinds}


@dataclass(frozen=True)
class Round:
    """One injection of the fault. Moments are seconds since it, durations seconds; None: unknown or does not apply."""

    number: int
    at: str
    target: str
    node: str
    counts: Mapping[str, int]
    gap: float  # the longest that any client of the Service went without an acknowledgement
    gaps: Mapping[str, float]  # by client
    gap_by_name: float | None = None  # the same of a client that knows the members' names instead
    detection: float | None = None  # until another member published that the group is smaller
    election: float | None = None  # until another member would accept a write
    label: float | None = None  # until the label that the Service follows was on another pod
    first_write: float | None = None  # until the first acknowledgement after the longest gap
    redundancy: float | None = None  # until all members were back
    minority_last: float | None = None  # the last acknowledgement of a client on the target's side
    longest_wait: float = 0.0  # the longest that one write had no answer
    errors_with_one_retry: int = 0
    two_writable: int = 0
    stale_reads: int = 0  # through the primary Service: a client's own acknowledged write was missing
    reads: int = 0
    backwards: int = 0  # of those: less than the same reader had seen before
    replica_lag: float | None = None  # the longest delay of a read through the replicas' Service
    latency: Mapping[str, float] = field(default_factory=dict)  # of writes before the fault: p50, p95, max (seconds)
    seconds: float = 0.0
    witnesses: Mapping[str, list[str]] = field(default_factory=dict)  # some of the rows that are wrong
    digest: str = ""
    timeline: Json = field(default_factory=dict)
    notes: Mapping[str, Any] = field(default_factory=dict)  # facts that the fault reports
    failed: str = ""  # why the cluster did not come back, or what was not measured; the readable rows are compared


@dataclass(frozen=True)
class Report:
    """A whole drill of one fault, as report.json holds it."""

    fault: str
    does: str
    cluster: str
    namespace: str
    at: str
    seed: int
    wanted: int  # rounds
    clients: int
    slo: Mapping[str, float]
    members: int | None = None  # None in older reports
    forced: str = ""  # why it ran without a fresh verified backup
    versions: Mapping[str, str] = field(default_factory=dict)
    rounds: tuple[Round, ...] = ()
    summary: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    totals: Mapping[str, int] = field(default_factory=dict)
    options: Mapping[str, str] = field(default_factory=dict)  # of the command, beside those above
    missed: tuple[str, ...] = ()  # sentences: the SLO's limit and the measured value
    is_clean: bool = True
    stopped: str = ""  # why there are fewer rounds than wanted
    seconds: float = 0.0

    def failures(self) -> list[str]:
        """Of whole rounds: the cluster did not come back."""
        return [f"round {round_.number}: {round_.failed}" for round_ in self.rounds if round_.failed]

    def as_json(self) -> Json:
        return {"schema": SCHEMA, "kind": "mysqlops-drill", **asdict(self)}


def load_report(found: Json) -> Report:
    """Raises ConfigError for what is no report, or one of a later schema."""
    if not isinstance(found, dict) or found.get("kind") != "mysqlops-drill":
        raise ConfigError("this is not a drill report", hint="give report.json, or the folder that holds it")
    if found.get("schema") != SCHEMA:
        raise ConfigError(f"the report has schema {found.get('schema')}, this mysqlops reads schema {SCHEMA}")
    known = {key: value for key, value in found.items() if key in Report.__dataclass_fields__}
    try:
        rounds = tuple(
            Round(**{key: value for key, value in record.items() if key in Round.__dataclass_fields__})
            for record in known.pop("rounds", ())
        )
        return Report(**{**known, "rounds": rounds, "missed": tuple(known.get("missed", ()))})
    except (TypeError, AttributeError) as error:
        raise ConfigError(f"the report is damaged: {error}", hint="give report.json as a drill wrote it") from error
