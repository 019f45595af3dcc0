"""Group Replication: servers that agree by majority on who is in their group, who leads, and in which order they write.

Modelled after what real servers do in the same cases (group_contract.py, docs/explanation/group-replication.md): whom
it refuses, whom it expels and when a minority gives up. What was certified has reached a majority.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations
from typing import TYPE_CHECKING

from mysqlops import errors
from mysqlops.mysql.xcom import Answer
from tests.simulation.scheduler import Gap
from tests.simulation.volume import Gtid

if TYPE_CHECKING:
    from tests.simulation.mysqld import Mysqld

ONLINE, RECOVERING, ERROR, OFFLINE, UNREACHABLE = "ONLINE", "RECOVERING", "ERROR", "OFFLINE", "UNREACHABLE"
SUSPECT_SECONDS, EXPEL_SECONDS, MAJORITY_SECONDS = 5.0, 6.0, 3.0
NOTICE_SECONDS = 3.0  # until one that was expelled while it was frozen has heard of it
NO_PEER, OLD_SELF = "Error connecting to all peers", "the group still counts this member's old incarnation"
PARTING_SECONDS = (14.0, 20.0)  # for which a member in ERROR still lists those whom it lost
TICK_SECONDS = 0.5


class Seat:
    """A server's place in a group, from its START to its end."""

    def __init__(self, group: Group, server: Mysqld) -> None:
        self.group, self.server, self.start = group, server, server.starts
        self.uuid, self.host = server.volume.uuid, server.host
        self.address = str(server.variables["group_replication_local_address"])
        self.state = RECOVERING
        self.ready_at = 0.0
        self.is_founder = False
        self.away = 0.0  # seconds since it was last with the majority
        self.lost: dict[Seat, float] = {}  # whom it does not hear, for how many seconds
        self.sight: list[Seat] = []  # the view as it last agreed to it
        self.leader: Seat | None = None
        self.view_id = ""  # of that view
        self.thawed = 0.0  # seconds in which it could have heard that it was expelled
        self.parts_at = 0.0  # in ERROR: until then it lists those whom it lost

    def is_running(self) -> bool:
        """True while the server process that took it lives and has not left."""
        return self.server.seat is self and self.server.starts == self.start and self.server.is_up

    def is_alive(self) -> bool:
        return self.is_running() and self.state in (ONLINE, RECOVERING) and not self.server.is_frozen()


class Group:
    """One incarnation of a group: what XCom agrees on."""

    def __init__(self, name: str, incarnation: str) -> None:
        self.name, self.incarnation, self.number = name, incarnation, 0
        self.seats: list[Seat] = []
        self.primary: Seat | None = None
        self.cut_off: list[Seat] = []  # expelled, and not yet aware of it
        self.removals: list[tuple[Seat, str]] = []  # which member will propose to remove whom

    def view_id(self) -> str:
        return f"{self.incarnation}:{self.number}"


class Replication:
    """All groups that there are."""

    def __init__(self, now: Callable[[], float], reaches: Callable[[Mysqld, Mysqld], bool], say: Callable[[str], None]):
        self._now, self._reaches, self._say = now, reaches, say
        self.groups: list[Group] = []
        self._formed = 0

    # --- who is with whom
    def component(self, seat: Seat) -> list[Seat]:
        if not seat.is_alive():
            return []
        return [
            one
            for one in seat.group.seats
            if one is seat or (one.is_alive() and self._reaches(seat.server, one.server))
        ]

    def has_majority(self, seat: Seat) -> bool:
        return seat in seat.group.seats and 2 * len(self.component(seat)) > len(seat.group.seats)

    def majority(self, group: Group) -> list[Seat]:
        for seat in group.seats:
            found = self.component(seat)
            if 2 * len(found) > len(group.seats):
                return found
        return []

    def leader(self, group: Group) -> Seat | None:
        """Who would acknowledge a write now."""
        seat = group.primary
        if seat is None or seat.state != ONLINE or not seat.is_alive() or not self.has_majority(seat):
            return None
        return seat if seat.server.takes_writes() else None

    # --- what servers ask for
    def form(self, server: Mysqld, name: str) -> None:
        self._formed += 1
        group = Group(name, f"1767{self._formed:013d}")
        self.groups.append(group)
        seat = Seat(group, server)
        group.seats, group.number, seat.is_founder = [seat], 1, True
        server.seat = seat
        seat.ready_at = self._now() + server.random.uniform(0.5, 2.0)
        self._agree(group, [seat])
        self._say(f"{server.host_name()} FORMS group {group.incarnation[-2:]} named {name[:8]}")

    def join(self, server: Mysqld, name: str, seeds: list[Mysqld]) -> str:
        """Why not, or nothing."""
        for seed in seeds:
            contact = seed.seat
            if contact is None or contact.state not in (ONLINE, RECOVERING) or not contact.is_running():
                continue
            if seed is server or seed.is_frozen() or not self._reaches(server, seed):
                continue
            group = contact.group
            if contact not in group.seats or not self.has_majority(contact):
                continue
            if group.name != name:
                break  # whose members do not let it speak
            if any(one.address == server.variables["group_replication_local_address"] for one in group.seats):
                return OLD_SELF
            if any(one.host == server.host for one in group.seats):
                raise Gap(f"{server.host_name()} joins beside its previous incarnation, for which writes would wait")
            return self._seat(group, server)
        return NO_PEER

    def _seat(self, group: Group, server: Mysqld) -> str:
        members = self.majority(group)
        held: set[Gtid] = set().union(*(one.server.volume.known() for one in members))
        if not server.volume.known() <= held:
            group.number += 2  # it was in the view for a moment
            self._agree(group, members)
            return "This member has more executed transactions than those present in the group"
        seat = server.seat = Seat(group, server)
        group.seats.append(seat)
        group.number += 1
        seat.ready_at = self._now() + server.random.uniform(0.5, 3.0)
        self._agree(group, [*members, seat])
        self._say(f"{server.host_name()} joins group {group.incarnation[-2:]}")
        return ""

    def leave(self, server: Mysqld) -> None:
        """Cleanly, if a majority hears of it; else the others go on counting it."""
        seat = server.seat
        if seat is None:
            return
        group, had = seat.group, self.has_majority(seat)
        server.seat = None
        if had and seat in group.seats:
            group.seats.remove(seat)
            group.number += 1
            self._say(f"{server.host_name()} leaves group {group.incarnation[-2:]}")
            self._after_change(group)

    def ask_to_remove(self, server: Mysqld, name: str, host: str) -> Answer:
        """A member proposes it as soon as it has a majority. It knows no incarnation: the address counts."""
        seat = server.seat
        if seat is None or seat not in seat.group.seats or seat.group.name != name:
            raise errors.ConnectFailed("the group's channel: the peer is in another group, or in none")
        if not any(one.host == host for one in seat.group.seats):
            return Answer.FAIL
        seat.group.removals.append((seat, host))
        return Answer.OK

    def addresses(self, server: Mysqld) -> tuple[str, ...]:
        """Of all whom its group counts; empty if it is in none, and then it does not answer."""
        seat = server.seat
        return tuple(one.address for one in seat.group.seats) if seat is not None and seat in seat.group.seats else ()

    def _remove(self, group: Group, best: list[Seat]) -> list[Seat]:
        due = {host for asked, host in group.removals if asked in best}
        group.removals = [(asked, host) for asked, host in group.removals if asked.is_running() and asked not in best]
        for seat in [one for one in group.seats if one.host in due]:
            group.seats.remove(seat)
            group.cut_off.append(seat)
            group.number += 1
            self._say(f"group {group.incarnation[-2:]} removes {seat.server.host_name()}, as it was asked to")
        return [one for one in best if one in group.seats]

    def set_primary(self, server: Mysqld, uuid: str) -> str:
        seat = server.seat
        if seat is None or seat.state != ONLINE or not self.has_majority(seat):
            return "Member must be ONLINE and in the majority partition"
        to = next((one for one in self.component(seat) if one.uuid == uuid and one.state == ONLINE), None)
        if to is None:
            return "The requested uuid is not a member of the group"
        self._elect(seat.group, to)
        return ""

    def write(self, seat: Seat, content: int) -> Gtid | None:
        """Certify and commit on the primary; the GTID once a majority has it, None if it cannot be."""
        if seat.group.primary is not seat or not seat.is_alive() or not self.has_majority(seat):
            return None
        members = self.component(seat)
        name = seat.group.name
        gtid = (name, 1 + max(one.server.volume.highest(name) for one in members))
        for one in members:
            if one is not seat:
                one.server.volume.receive(gtid, content)
        seat.server.volume.executed.add(gtid, content)
        return gtid

    # --- time passes
    def tick(self) -> None:
        for group in [*self.groups]:
            group.cut_off = [seat for seat in group.cut_off if seat.is_running() and seat.state != ERROR]
            if not any(seat.is_running() for seat in (*group.seats, *group.cut_off)):
                self.groups.remove(group)
                continue
            self._turn(group)

    def _turn(self, group: Group) -> None:
        is_calm = self._is_calm(group)
        best = [*group.seats] if is_calm else self.majority(group)
        everybody = [*group.seats, *group.cut_off]
        for seat in everybody:
            if is_calm:
                seat.away, seat.lost = 0.0, {}
            else:
                self._count(seat, group, best)
        if best:
            best = self._remove(group, best)
            self._expel(group, best)
            self._deliver(best)
            if group.primary not in group.seats:
                self._elect(group, self._heir(best))
            elif group.primary is not None and group.primary in best:
                self._lead(group.primary)
            self._agree(group, [one for one in best if one in group.seats])
            self._recover(best)
        if len(best) < len(everybody):
            for seat in everybody:
                self._despair(seat, group, best)

    def _is_calm(self, group: Group) -> bool:
        """Everybody is alive and hears everybody, so that nobody needs to be asked about each other one."""
        if group.cut_off or not all([seat.is_alive() for seat in group.seats]):
            return False
        reaches = self._reaches
        return all([reaches(one.server, other.server) for one, other in combinations(group.seats, 2)])

    def _count(self, seat: Seat, group: Group, best: list[Seat]) -> None:
        seat.away = 0.0 if seat in best else seat.away + TICK_SECONDS
        if not seat.is_alive():
            return
        for other in seat.sight:
            hears = other is seat or (other.is_alive() and self._reaches(seat.server, other.server))
            seat.lost[other] = 0.0 if hears else seat.lost.get(other, 0.0) + TICK_SECONDS

    def _expel(self, group: Group, best: list[Seat]) -> None:
        if len(best) == len(group.seats):
            return
        late = max(float(one.server.variables["group_replication_member_expel_timeout"]) for one in best)
        for seat in [one for one in group.seats if one not in best and one.away >= EXPEL_SECONDS + late]:
            group.seats.remove(seat)
            group.cut_off.append(seat)
            group.number += 1
            self._say(f"group {group.incarnation[-2:]} expels {seat.server.host_name()}")

    def _deliver(self, best: list[Seat]) -> None:
        """What a short cut held back comes again, and appliers apply."""
        online = [one for one in best if one.state == ONLINE]
        counts = {len(one.server.volume.executed) + len(one.server.volume.relay) for one in online}
        if len(counts) > 1:
            for one in online:
                for other in online:
                    one.server.volume.take_over(other.server.volume, one.group.name)
        for one in online:
            if one.server.fails_to_apply(self._now()):
                self._stop_applying(one)
            elif not one.server.applier_held:
                one.server.volume.apply()

    def _recover(self, best: list[Seat]) -> None:
        for seat in best:
            if seat.state == RECOVERING and self._now() >= seat.ready_at:
                donor = next((one for one in best if one.state == ONLINE), None)
                if donor is not None:
                    seat.server.volume.take_over(donor.server.volume)
                elif not seat.is_founder:
                    self._fail(seat, "nobody is ONLINE to take the data from")
                    continue
                if seat.server.fails_to_apply(self._now()):
                    self._stop_applying(seat)
                    continue
                seat.server.volume.apply()
                seat.state = ONLINE
                seat.server.touch()
                self._say(f"{seat.server.host_name()} is ONLINE in group {seat.group.incarnation[-2:]}")

    def _stop_applying(self, seat: Seat) -> None:
        """A member whose applier fails leaves the group."""
        seat.group.seats.remove(seat)
        seat.group.number += 1
        self._fail(seat, "its applier stopped")

    def _heir(self, best: list[Seat]) -> Seat | None:
        able = [one for one in best if one.state == ONLINE]
        return min(able, key=lambda one: (one.server.version, one.uuid)) if able else None

    def _elect(self, group: Group, seat: Seat | None) -> None:
        old, group.primary = group.primary, seat
        if old is seat:
            return
        if old is not None and old in self.majority(group):  # one that is frozen or cut off does not hear of it
            old.server.refuse_writes()
        if seat is not None:
            self._say(f"{seat.server.host_name()} is elected in group {group.incarnation[-2:]}")
            seat.server.was_made_primary = False
            self._lead(seat)
        for one in group.seats:
            one.server.touch()

    def _lead(self, seat: Seat) -> None:
        """Writable once all is applied that was certified before."""
        if seat.state == ONLINE and not len(seat.server.volume.relay) and not seat.server.was_made_primary:
            seat.server.was_made_primary = True
            seat.server.variables["super_read_only"] = seat.server.variables["read_only"] = 0
            seat.server.touch()

    def _after_change(self, group: Group) -> None:
        best = self.majority(group)
        if best:
            if group.primary not in group.seats:
                self._deliver(best)
                self._elect(group, self._heir(best))
            self._agree(group, best)

    def _agree(self, group: Group, members: list[Seat]) -> None:
        for seat in members:
            if seat.view_id != group.view_id() or seat.sight != group.seats or seat.leader is not group.primary:
                seat.sight, seat.leader, seat.view_id = [*group.seats], group.primary, group.view_id()
                seat.lost = {}
                seat.server.touch()

    def _despair(self, seat: Seat, group: Group, best: list[Seat]) -> None:
        if not seat.is_alive() or seat in best:
            return
        hears = any(self._reaches(seat.server, one.server) for one in best)
        seat.thawed = seat.thawed + TICK_SECONDS if hears or not group.seats else 0.0
        if seat not in group.seats and seat.thawed >= NOTICE_SECONDS:
            seat.view_id = group.view_id()
            self._fail(seat, "was expelled")
        elif not seat.thawed and seat.away >= SUSPECT_SECONDS + MAJORITY_SECONDS:
            seat.parts_at = self._now() + seat.server.random.uniform(*PARTING_SECONDS)
            self._fail(seat, "reaches no majority")

    def _fail(self, seat: Seat, why: str) -> None:
        seat.state = ERROR
        seat.server.exits(why)
