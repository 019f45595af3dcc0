"""When an empty member copies another member's data before it joins, and whose. Pure; membership.py asks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mysqlops.core import gtid, names, series, version, view
from mysqlops.planning.member_actions import AwaitDonor, Clone

# From how many transactions on an empty member copies a donor's data instead of applying them one by one; fewer is a
# cluster that was just deployed (docs/adr/0023). A copy also has what somebody wrote past the binary log, which no
# member gets that applies. So a member that is being rebuilt copies however little there is, and goes on trying.
COPIES_FROM = 1_000
_TRIES = 3  # of a new member; then Group Replication does as it can
# A failover, an agent that restarts or a peer that joins passes within that time. Afterwards the same.
DONORLESS_SECONDS = 120.0


@dataclass(frozen=True)
class Request:
    """Whether a user ordered that this data directory is a copy, the starts since the member was last in the group, and
    for how long nobody was seen to copy."""

    is_ordered: bool
    tries: int
    donorless_seconds: float


def plan(request: Request, server: view.ServerView, in_group: Sequence[view.Peer]) -> Clone | AwaitDonor | None:
    """Clone, or wait for a donor; None if the member joins with what it has."""
    if server.known() or not (request.is_ordered or request.tries < _TRIES):
        return None
    holders = _holders(server, in_group, 0 if request.is_ordered else COPIES_FROM)
    if donor := _donor(holders):
        enough = f"{donor} holds {COPIES_FROM} transactions or more"
        return Clone(f"it is being rebuilt, from {donor}" if request.is_ordered else enough, donor)
    if not holders or request.donorless_seconds >= DONORLESS_SECONDS:
        return None
    states = ", ".join(f"{peer.name} is {peer.publication.state}" for peer in holders if peer.publication)
    return AwaitDonor(f"for somebody to copy: nobody is ONLINE and serves ({states}); after two minutes it just joins")


def _holders(server: view.ServerView, in_group: Sequence[view.Peer], copies_from: int) -> list[view.Peer]:
    """Whose data is worth a copy: of a version that the clone plugin accepts. At first sight too: they hold no less by
    now."""
    own = version.find(server.version)
    return [
        peer
        for peer in in_group
        if peer.publication
        and series.may_clone(version.find(peer.publication.server_version), own)
        and gtid.GtidSet.parse(peer.publication.executed).count() >= copies_from
    ]


def _donor(holders: Sequence[view.Peer]) -> str | None:
    """A replica that has the least to apply, the primary only if there is no other."""
    able = [
        (peer.publication.role == names.ROLE_PRIMARY, peer.publication.behind, peer.name)
        for peer in holders
        if peer.publication
        and peer.publication.state == view.ONLINE
        and peer.publication.role in (names.ROLE_PRIMARY, names.ROLE_REPLICA)  # a fenced or full one lets nobody in
    ]
    return min(able)[2] if able else None
