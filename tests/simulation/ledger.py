"""Clients and what was acknowledged to them; the invariants on data.

Each write has content of its own, so that the same GTID with other content is seen. A loss is only excused if a user
accepted it by a verb that says so, and only for what nobody else held when he did.

A restore in place begins another line of data, on claims with other names: it has what the backup has, and nothing else
of the line before, which has it all when it comes back.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mysqlops.core import names
from tests.simulation.group import ONLINE, Group, Seat
from tests.simulation.volume import Gtid, Holdings, Volume

if TYPE_CHECKING:
    from tests.simulation.mysqld import Mysqld
    from tests.simulation.world import World


def _line(volume: Volume) -> str:
    """The name of the template of its claim."""
    return volume.claim.removesuffix(f"-{names.pod_of_claim(volume.claim)}")


@dataclass
class Acknowledged:
    """One write that a client may rely on."""

    content: int
    gtid: Gtid
    at: float
    incarnation: str
    line: str
    is_excused: bool = False


class Ledger:
    """All acknowledged writes."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.writes: list[Acknowledged] = []
        self.attempts = 0
        self.last_at, self.last_on = -1.0, ""
        self._proven: dict[Seat, int] = {}  # leader -> how many writes it was seen to hold
        self._equal: set[Seat] = set()
        self.by_hand: set[str] = set()  # UIDs of claims whose data a user destroyed
        self._restored: dict[str, set[tuple[Gtid, int]]] = {}  # line -> what it began with

    # --- clients
    def write(self) -> None:
        """One client, once: through the primary's Service, or, as some drivers do, to whichever server takes it."""
        self.attempts += 1
        for server in self._servers():
            if server.takes_writes() and self._write_to(server):
                return

    def is_refused(self) -> bool:
        """Whether a client of the primary's Service has a server's own answer that it cannot work there."""
        found = [self._world.server(pod) for pod in self._labelled()]
        return any(one and one.is_up and not one.is_frozen() and one.settings.shuts_clients_out() for one in found)

    def _labelled(self) -> list[str]:
        pods = [one["metadata"] for one in self._world.objects("Pod")]
        return [one["name"] for one in pods if (one.get("labels") or {}).get(names.LABEL_ROLE) == names.ROLE_PRIMARY]

    def _servers(self) -> list[Mysqld]:
        world = self._world
        labelled, everybody = self._labelled(), [one.name for one in world.kubelet.pods.values()]
        chosen = everybody if world.random.random() < 0.3 else labelled
        world.random.shuffle(chosen)
        return [server for pod in chosen if (server := world.server(pod)) is not None]

    def _write_to(self, server: Mysqld) -> bool:
        content = self.attempts
        seat = server.seat
        if seat is None or seat.state != ONLINE:
            gtid = (server.volume.uuid, server.volume.executed.highest(server.volume.uuid) + 1)
            server.volume.executed.add(gtid, content)
            self._violated("written outside a group", f"{server.pod} acknowledged a write outside any group")
            return True
        found = self._world.replication.write(seat, content)
        if found is None:
            return False
        self.writes.append(
            Acknowledged(content, found, self._world.now(), seat.group.incarnation, _line(server.volume))
        )
        self.last_at, self.last_on = self._world.now(), server.pod
        return True

    def filled(self, volume: Volume, copy: Holdings) -> None:
        self._restored.setdefault(_line(volume), set()).update(copy.content.items())

    def _missing(self, volume: Volume) -> list[Acknowledged]:
        """What whoever leads with this data must hold and does not."""
        line = _line(volume)
        began_with = self._restored.get(line, set())
        return [
            one
            for one in self.writes
            if not one.is_excused and (one.line == line or (one.gtid, one.content) in began_with)
            if not volume.holds(one.gtid, one.content)
        ]

    # --- what users accept
    def accept_loss(self, members: list[str], why: str) -> None:
        """What only these members' claims hold, or nobody any more, is given up by order; not what a server threw away
        itself when it started: no user destroyed that."""
        kept = [one for one in self._world.existing() if names.pod_of_claim(one.claim) not in members]
        lost = [
            one
            for one in self.writes
            if not one.is_excused and not any(v.holds(one.gtid, one.content) or one.gtid in v.thrown_away for v in kept)
        ]
        for one in lost:
            one.is_excused = True
        self._world.say(f"{why}: the loss of {len(lost)} writes is accepted")

    def give_up(self, uid: str) -> None:
        """By `delete --purge-data`, when the first claim of its line goes: what was written there is nobody's any more,
        except where a backup brings it back."""
        volume = self._world.volumes.get(uid)
        if volume is None:
            return
        line = _line(volume)
        for one in self.writes:
            if one.line == line:
                one.line = f"given up: {line}"
        self._restored.pop(line, None)
        self._world.say(f"the user gives up all data on {line}-…")

    # --- invariants
    def check(self) -> None:
        leaders = [seat for group in self._world.replication.groups if (seat := self._world.replication.leader(group))]
        if len(leaders) > 1:
            text = " and ".join(f"{one.server.pod} ({one.group.incarnation[-2:]})" for one in leaders)
            self._violated("two groups", f"two groups acknowledge at the same time: {text}")
        for seat in leaders:
            if self._proven.get(seat) is None:
                self._prove(seat)
        for group in self._world.replication.groups:
            self._compare(group)

    def _prove(self, seat: Seat) -> None:
        """Whoever leads holds all that was ever acknowledged on its line."""
        self._proven[seat] = len(self.writes)
        missing = self._missing(seat.server.volume)
        if missing:
            where = sorted({v.claim for v in self._world.existing() if v.holds(missing[-1].gtid, missing[-1].content)})
            self._violated(
                "led without acknowledged writes",
                f"{seat.server.pod} leads without {len(missing)} acknowledged writes (…:{missing[-1].gtid[1]}), "
                f"which {' and '.join(where) or 'nobody'} holds",
            )

    def _compare(self, group: Group) -> None:
        """Who is ONLINE in one group has no other content under the same GTID."""
        online = [one for one in group.seats if one.state == ONLINE and one.is_running()]
        for seat in online:
            if seat in self._equal:
                continue
            self._equal.add(seat)
            for other in online:
                mine, theirs = seat.server.volume, other.server.volume
                differing = [gtid for gtid in mine.known() & theirs.known() if mine.find(gtid) != theirs.find(gtid)]
                if differing:
                    self._violated(
                        "members differ",
                        f"{seat.server.pod} and {other.server.pod} are ONLINE together and have other content under "
                        f"{len(differing)} GTIDs (…:{min(differing)[1]})",
                    )
                    return

    def last_holder(self, uid: str, *, excused_too: bool) -> list[Acknowledged]:
        """The acknowledged writes that go with this claim; also those that a `recover` was allowed to do without."""
        volume = self._world.volumes.get(uid)
        if volume is None:
            return []
        others = [one for one in self._world.existing() if one is not volume]
        return [
            one
            for one in self.writes
            if (excused_too or not one.is_excused)
            and volume.holds(one.gtid, one.content)
            and not any(other.holds(one.gtid, one.content) for other in others)
        ]

    def check_end(self) -> None:
        """All is healed and everybody is ONLINE: each acknowledged write is everywhere, and all are alike."""
        for group in self._world.replication.groups:
            for seat in group.seats:
                if seat.state != ONLINE:
                    continue
                missing = self._missing(seat.server.volume)
                if missing:
                    self._violated(
                        "acknowledged write missing",
                        f"{seat.server.pod} is ONLINE at the end without {len(missing)} acknowledged writes "
                        f"(…:{missing[0].gtid[1]})",
                    )
        for group in self._world.replication.groups:
            self._equal.clear()
            self._compare(group)

    def _violated(self, kind: str, text: str) -> None:
        self._world.say(f"VIOLATION {text}")
        self._world.scheduler.report(kind, text)
