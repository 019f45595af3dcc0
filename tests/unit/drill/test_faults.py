"""Whom the faults of an agent hit, and in which order: on nodes that only note what they are asked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, cast

import pytest

from mysqlops.clock import SystemClock
from mysqlops.drill import healing
from mysqlops.drill.faults import FAULTS
from mysqlops.drill.model import HEIR
from mysqlops.drill.plan import choice, objects
from mysqlops.drill.reach import nodes
from mysqlops.drill.scene import Scene
from mysqlops.operations.session import Progress, Session
from mysqlops.planning import status
from tests.unit.drill.test_drill import FRESH, codes, seen

_POD_UID = "0b5f0a4e-0000-4000-8000-00000000000"
_PIDS = {"agent.pyz run": 70, "mysqld --defaults-file": 80}
_BOTH = pytest.mark.parametrize(
    ("name", "frozen", "killed"),
    [("agent-frozen", ("c", "72"), ("b", "81")), ("agent-frozen-primary", ("b", "71"), ("b", "81"))],
)


class Pods:
    """Member N's pod has a uid that ends with N."""

    def get(self, kind: str, name: str) -> dict[str, Any]:
        assert kind == "Pod"
        return {"metadata": {"uid": f"{_POD_UID}{name[-1]}"}}


@dataclass
class Noted:
    """Nodes whose process ids are 70 + ordinal for agents and 80 + ordinal for servers; signals are noted."""

    sent: list[tuple[str, str, str]] = field(default_factory=list)
    namespace: str = ""

    def inside(self, node: str, *words: object) -> nodes.Command:
        return (node, *map(str, words))

    def output(self, command: nodes.Command) -> str:
        node, *words = command
        if words[2].startswith("kill "):
            self.sent.append((node, words[3], words[4]))
            return ""
        if words[2].startswith("cat "):
            state = "T" if [one for one in self.sent if one[2] == words[3].split("/")[2]][-1:][0][1] == "-STOP" else "S"
            return f"1 (python3 agent) {state} 1 1"
        (first,) = (pid for start, pid in _PIDS.items() if words[3].startswith(start))
        return f"{first + int(words[4][-1])}\n"

    def plant(self, commands: Sequence[nodes.Command], seconds: float, token: str) -> None: ...

    def pull(self, token: str) -> None: ...

    def remove(self) -> None: ...


def with_uuids(*uuids: str | None) -> status.Status:
    """Member 1 of the three is the primary."""
    now = seen()
    members = tuple(replace(one, server_uuid=uuid) for one, uuid in zip(now.members, uuids, strict=True))
    return replace(now, members=members)


def a_scene(name: str) -> tuple[Scene, Noted]:
    now, own = with_uuids("bb", "aa", "ab"), Noted()
    session = Session(cast("Any", Pods()), SystemClock(), Progress(print, print, print), 1)
    cluster = objects.Cluster("mysql", "shop", ("mysql-0", "mysql-1", "mysql-2"), "image", "agent")
    hit = choice.target(FAULTS[name].about, now, 7, 1, None)
    return Scene(session, now, cluster, hit, None, cast("nodes.Nodes", own)), own


@pytest.mark.parametrize(
    ("uuids", "heir"),
    [
        (("bb", "aa", "ab"), "mysql-2"),
        (("ab", "aa", "bb"), "mysql-0"),
        ((None, "aa", "ff"), "mysql-2"),
        ((None, None, None), "mysql-0"),
    ],
)
def test_the_heir_is_the_replica_with_the_least_uuid(uuids: Sequence[str | None], heir: str) -> None:
    about = FAULTS["agent-frozen"].about
    assert about.aim == HEIR
    assert {choice.target(about, with_uuids(*uuids), 7, number, spared) for number in range(9) for spared in "ac"} == {
        heir
    }


@_BOTH
def test_the_agent_stands_still_before_the_primary_dies(
    name: str, frozen: tuple[str, str], killed: tuple[str, str]
) -> None:
    scene, own = a_scene(name)
    fault = FAULTS[name]
    facts = fault.prepare(scene)
    assert own.sent == []
    fault.inject(scene, facts)
    assert own.sent == [(frozen[0], "-STOP", frozen[1]), (killed[0], "-KILL", killed[1])]
    assert not fault.is_healed(scene, facts)


@_BOTH
def test_only_the_agent_is_set_going_again(name: str, frozen: tuple[str, str], killed: tuple[str, str]) -> None:
    """Its process id is on record; that of a killed server may be another process by now."""
    scene, own = a_scene(name)
    fault = FAULTS[name]
    facts = fault.prepare(scene)
    fault.inject(scene, facts)
    own.sent.clear()
    healing.heal(fault, scene, facts)
    assert own.sent == [(frozen[0], "-CONT", frozen[1])] != [(killed[0], "-CONT", killed[1])]
    assert fault.undo is not None
    for wrong in ({"pids": ["7; reboot"]}, {"pids": ["$(reboot)"]}):
        with pytest.raises(ValueError, match="invalid literal"):
            fault.undo(scene, {**facts, **wrong})


@pytest.mark.parametrize("name", ["agent-frozen", "agent-frozen-primary"])
def test_kubelet_is_not_given_the_time_to_kill_it(name: str) -> None:
    """The liveness probe of manifests/base/statefulset.yaml fails six times in fifty seconds before it kills."""
    assert FAULTS[name].about.lasts == 30
    assert codes(name, seen(), FRESH, nodes=False) == ["needs-node"]
    assert codes(name, seen(), FRESH, lab=False) == []
    assert codes(name, replace(seen(), replicas=1), FRESH) == ["too-few-members"]
