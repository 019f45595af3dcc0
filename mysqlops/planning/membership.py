"""What a member does next: forms the group, joins it, waits, or serves. Pure; the agent acts.

Invariants (tests/unit/planning/test_membership.py, tests/properties/test_membership.py):
- a group is formed only by a member that holds every transaction that any expected member knows of, and only
  when each expected member is known not to be in a group; expected are those of the last view and those that were
  joining it, each with the data directory that it had (core/group.py), never just `spec.replicas`;
- a member accepts no clients in a group other than the one that the Lease records (planning/standing.py);
- an empty member forms a group only if none was ever formed (bitpoke, Percona PR #404 bootstrap from pod-0);
- one that holds transactions which the group lacks neither joins nor is wiped: a user decides
  (`mysqlops member rebuild`);
- a member that is fenced or whose volume is full accepts no clients.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from mysqlops.core import group, names, view, volume
from mysqlops.core.publication import Publication
from mysqlops.planning import (
    catching_up,
    copying,
    departure,
    failing_applier,
    joining,
    origin,
    outage,
    standing,
    stuck_group,
)
from mysqlops.planning.member_actions import (
    AcceptClients,
    Action,
    Apply,
    BlockClients,
    CatchUp,
    ClearBootstrap,
    DropReceived,
    HandOver,
    Join,
    Leave,
    NoteOrigin,
    RefuseWrites,
    Serve,
    Settle,
    StayOut,
    Wait,
)


@dataclass(frozen=True)
class Situation:
    """All that one member knows; `server` is None while mysqld does not answer, `around` until it has looked around.

    `record` is the Lease as last read: an order to fence holds even if the API server has become unreachable since.
    """

    name: str
    server: view.ServerView | None
    around: view.Surroundings | None = None
    record: view.GroupRecord | None = None
    volume_full: bool = False
    api_is_away: bool = False
    sightings: stuck_group.Sightings = field(default_factory=stuck_group.Sightings)
    stale_because: str = ""  # why no client may come for a moment
    torn: str = ""  # why the relay log may go (planning.torn_relay_log)
    failing: failing_applier.Memory = field(default_factory=failing_applier.Memory)
    catching: catching_up.Memory = field(default_factory=catching_up.Memory)
    now: float = 0.0  # seconds of the agent's clock
    strays_since: float | None = None  # since when it is seen as a replica that can be written
    donorless_since: float | None = None  # since when it waits for somebody to copy
    tries: int = 0  # to copy, join or form since it was last in the group
    is_busy: bool = False  # with a previous action, which itself undoes what it has set
    since: float = 0.0  # when it first saw itself in its present group, in seconds of the agent's clock
    known: group.Note = standing.UNKNOWN  # with which the Lease last recorded that group

    def foreign_because(self) -> str:
        """Why the group that it is in is not the cluster's; empty if it is."""
        if self.server is None:
            return ""
        return standing.foreign_because(self.name, self.server, self.record, self.since, self.known)

    def blocked_because(self) -> str:
        """Why this member must accept no clients; empty if it may."""
        if foreign := self.foreign_because():
            return foreign
        fenced = self.record.fenced.get(self.name) if self.record else None
        if fenced is not None:
            return f"fenced: {fenced or 'no reason given'}"
        return "its volume is full" if self.volume_full else self.stale_because


# A donor serves one clone at a time. Group Replication then asks it for binary logs instead, ten times, a minute apart,
# even if it has purged them (ER_SERVER_SOURCE_FATAL_ERROR_READING_BINLOG; the error of the donor itself is 1236).
_PURGED = (13114, 1236)

# While roles change, a replica may be writable for a moment: Group Replication corrects that by itself.
_STRAYS_SECONDS = 2.0


def strays(server: view.ServerView | None) -> bool:
    """True of a writable replica in the group: its writes go through the group, but no client should write here."""
    return server is not None and server.writable and server.role() == names.ROLE_REPLICA


def plan(situation: Situation) -> Action:
    """The next action of one member."""
    server = situation.server
    if server is None:
        return Wait("mysqld does not answer on its socket yet")
    if server.bootstraps and not situation.is_busy:
        return ClearBootstrap("an agent died while it formed the group: the next start would form a second one")
    return _plan_by_state(situation, server)


def _plan_by_state(situation: Situation, server: view.ServerView) -> Action:
    if server.state == view.ONLINE:
        return _plan_in_group(situation, server)
    if server.state == view.RECOVERING:
        return _plan_recovering(situation, server)
    if server.clone is not None:
        return Wait(f"cloning a donor's data ({server.clone.stage})")
    if server.state == view.ERROR:
        failed = f"its applier stopped: {server.failure.text}" if server.failure else ""
        return Leave(failed or "the group expelled or refused this member")
    return DropReceived(situation.torn) if situation.torn else _plan_outside_group(situation, server)


def _plan_recovering(situation: Situation, server: view.ServerView) -> Action:
    failing = situation.failing
    if server.clone is not None:
        return Wait(f"recovering: cloning a donor's data ({server.clone.stage})")
    if why := departure.leaves_because(situation.name, server, situation.record, situation.now):
        return Leave(why)
    if failing.must_leave:
        return Leave(f"its applier stopped: {failing.text}")
    if server.recovery_error in _PURGED:
        return Leave("its donor no longer has the binary logs that it needs: rejoining, to clone")
    return Wait("recovering: applying what it missed")


def _plan_in_group(situation: Situation, server: view.ServerView) -> Action:
    if leaving := _plan_leaving(situation, server):
        return leaving
    blocked = situation.blocked_because()
    if blocked:
        return _plan_blocked(situation, server, blocked)
    if not server.has_majority():
        why = f"it reaches {server.reachable_members()} of {len(server.members)} members, no majority"
        return Wait(why) if server.offline_mode else BlockClients(why)
    if server.offline_mode:
        told = situation.record, situation.since, situation.known
        if unsettled := standing.unsettled_because(situation.name, server, *told):
            return Wait(unsettled)
        return AcceptClients("in the group with a majority")
    is_stray = situation.strays_since is not None and situation.now - situation.strays_since >= _STRAYS_SECONDS
    return RefuseWrites("a replica, and somebody turned super_read_only off") if is_stray else Serve(server.role())


def _plan_leaving(situation: Situation, server: view.ServerView) -> StayOut | NoteOrigin | Leave | Wait | None:
    foreign = situation.foreign_because() if server.offline_mode else ""  # else it refuses clients first
    if foreign and (first := origin.before_leaving(situation.name, server, situation.record, foreign)):
        return first
    departing = departure.leaves_because(situation.name, server, situation.record, situation.now)
    why = stuck_group.why_stuck(server, situation.sightings) or foreign or departing
    return Leave(why) if why else None


def _plan_blocked(situation: Situation, server: view.ServerView, why: str) -> Action:
    """Accept no clients; a full volume must not count as a copy either, while enough others do."""
    if situation.stale_because or situation.foreign_because():
        return Wait(why) if server.offline_mode else BlockClients(why)
    able = _able_successors(situation, server)
    if server.role() == names.ROLE_PRIMARY and able:
        return HandOver(able[0], why)
    wanted = situation.around.replicas if situation.around else len(server.members)
    others_keep_majority = 2 * (server.online_members() - 1) > wanted
    if situation.volume_full and able and others_keep_majority and server.role() != names.ROLE_PRIMARY:
        return Leave(f"{why}, and the others have room")
    return Wait(why) if server.offline_mode else BlockClients(why)


def _able_successors(situation: Situation, server: view.ServerView) -> list[view.GroupMember]:
    """The successors that are known to be neither fenced nor full."""
    peers = situation.around.peers if situation.around else ()
    fenced = situation.record.fenced if situation.record else {}
    able = {
        peer.publication.server_uuid
        for peer in peers
        if peer.fresh
        and peer.publication
        and peer.name not in fenced
        and not volume.is_full(peer.publication.volume_size, peer.publication.volume_used)
    }
    return [member for member in server.successors() if member.server_uuid in able]


def _plan_unready(situation: Situation, server: view.ServerView) -> Action | None:
    """What comes before any thought of a group; None if nothing does."""
    source = situation.catching.source
    if server.writable:
        return RefuseWrites("writable outside any group")
    if server.has_channel and not source and not situation.volume_full:
        return Settle("before anything else", catching_up.droppable(situation.tries, situation.around))
    if situation.around is None and source and not situation.volume_full:
        return CatchUp(f"as a replica of {source}, before it joins", source, "")
    if situation.around is None or situation.volume_full:
        return Wait(_why_no_start(situation))
    return None


def _plan_outside_group(situation: Situation, server: view.ServerView) -> Action:
    around = situation.around
    first = _plan_unready(situation, server)
    if around is None or first is not None:
        return first or Wait(_why_no_start(situation))
    if outcast := standing.outcast_because(situation.name, server, around.record):
        return Wait(outcast)
    given_up = around.record.given_up()  # their last words may be recent
    alive = [peer for peer in around.peers if peer.fresh or (peer.seems_alive and peer.name not in given_up)]
    in_group = [peer for peer in alive if _is_in_group(peer.publication)]
    if origin_first := origin.before_joining(situation.name, server, around.record, may_join=bool(in_group)):
        return origin_first
    if in_group and (why := _kept_out_because(situation.name, server, around.record)):
        return Wait(why)
    if in_group:
        return _plan_join(situation, around, server, in_group)
    return _plan_without_group(situation, around, server)


def _kept_out_because(pod: str, server: view.ServerView, record: view.GroupRecord) -> str:
    if departure.is_ordered(pod, server.server_uuid, record):
        return departure.WHY
    return standing.GIVEN_UP if pod in record.given_up() else ""


def _why_no_start(situation: Situation) -> str:
    if situation.volume_full:
        return "its volume is full: not joining until there is room"
    if situation.api_is_away:
        # A member that joined unrecorded could be the only holder of the last commits, and no outage would wait for it.
        return (
            "the API server or the group's Lease is not available, so this member cannot record that it joins the group"
        )
    return "looking at the other members"


def _plan_without_group(situation: Situation, around: view.Surroundings, server: view.ServerView) -> Action:
    name = situation.name
    is_noted = name in around.record.note.expected()
    if names.ordinal_of(name) >= around.replicas and not is_noted:
        return Wait(f"no group to join, and only {around.replicas} members are wanted")
    if _is_first_start(around, server):
        if names.ordinal_of(name) == 0:
            return outage.form_unless_held(name, around, "the cluster is new")
        return Wait("the cluster is new: member 0 forms the group")
    return outage.plan(name, around, server, situation.tries)


def _is_in_group(publication: Publication | None) -> bool:
    return publication is not None and publication.state in view.IN_GROUP


def _plan_join(
    situation: Situation, around: view.Surroundings, server: view.ServerView, in_group: list[view.Peer]
) -> Action:
    in_group = joining.counting(in_group, around.record)
    asks = catching_up.Request(situation.catching, situation.tries, situation.now)
    catches_up = catching_up.plan(asks, server, in_group, around.record)
    if catches_up and situation.catching.source:
        return catches_up  # that it may join was seen when it began; what it has since came from there
    proven = situation.catching.proven(situation.now)
    why_not = joining.why_not_yet(situation.name, around, server, proven) if in_group else joining.ELSEWHERE
    if why_not := why_not or situation.failing.waits_because(situation.now):
        return Wait(why_not)
    if situation.failing.failures and server.received.subtract(server.executed):
        return Apply("it could not apply these transactions when it was last in the group")
    copies = copying.plan(_request(situation, around, server), server, in_group)
    if copies is not None:
        return copies
    if catches_up:
        return catches_up
    members = tuple(peer.name for peer in in_group)
    online = tuple(peer.name for peer in in_group if peer.publication and peer.publication.state == view.ONLINE)
    return Join(f"{' and '.join(members)} in the group", online or members)


def _request(situation: Situation, around: view.Surroundings, server: view.ServerView) -> copying.Request:
    since = situation.now if situation.donorless_since is None else situation.donorless_since
    is_ordered = around.record.rebuilding.get(situation.name) in ("", server.server_uuid)
    return copying.Request(is_ordered, situation.tries, situation.now - since)


def _is_first_start(around: view.Surroundings, server: view.ServerView) -> bool:
    """No group was ever formed, and no member is seen to hold data."""
    publications = [peer.publication for peer in around.peers if peer.publication]
    peers_hold_data = any(publication.executed or publication.held for publication in publications)
    is_new = around.record.bootstrapped_by is None and around.record.note == group.Note()
    return is_new and not server.known() and not peers_hold_data
