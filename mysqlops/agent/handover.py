"""Switch the primary: the one sequence behind `switchover`, a stopping pod, and a primary that must not serve.

The roles change first, then the labels: the new primary's at once, the old one's after it. In the reverse order, the
Service would be empty until kube-proxy's next change, a second later (its minSyncPeriod), and clients would lose
another second to a lost SYN. No write can go astray meanwhile: the old primary is read-only before the labels move. Nor
can a read: it refuses clients until the Service has followed (planning/stale_clients.py; the loop admits them again).
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass

from mysqlops import errors
from mysqlops.agent import cluster_api, member, pod
from mysqlops.clock import Clock
from mysqlops.core import names, view

_POLL_SECONDS = 0.01


@dataclass(frozen=True)
class Done:
    """The primary now, and how long the change of roles alone took."""

    to: str
    seconds: float


def successor(server: view.ServerView, record: view.GroupRecord | None) -> view.GroupMember:
    """The member that should follow this primary; raises Refused if none can."""
    fenced = record.fenced if record else {}
    able = [candidate for candidate in server.successors() if candidate.pod not in fenced]
    if not able:
        raise errors.Refused([errors.Reason("no-successor", "no other member is ONLINE and may serve")])
    return able[0]


def _change_roles(
    server: member.Member, to: view.GroupMember, transactions_seconds: int, clock: Clock
) -> member.Background:
    """Return as soon as this member is a replica: the server's function may continue for another 0.3 s."""
    changing = member.Background(clock)
    changing.run("hand over", lambda: server.hand_over(to.server_uuid, transactions_seconds=transactions_seconds))
    while changing.is_busy():  # as long as the statement may take: its connection has a timeout
        seen = server.observe()
        if seen is not None and seen.role() == names.ROLE_REPLICA:
            return changing
        clock.sleep(_POLL_SECONDS)
    if failure := changing.last_failure():
        raise errors.StepFailed(failure)
    return changing


def run(
    own: pod.Pod,
    server: member.Member,
    around: cluster_api.ClusterApi,
    to: view.GroupMember,
    clock: Clock,
    *,
    transactions_seconds: int = member.HAND_OVER_SECONDS,
) -> Done:
    """Make `to` the primary. Raises MysqlError if that fails; the loop then restores the old label."""
    with own.handing_over(), server.blocker() as block_clients:
        started = clock.monotonic()
        changing = _change_roles(server, to, transactions_seconds, clock)
        seconds = clock.monotonic() - started
        with contextlib.suppress(errors.MysqlError):
            block_clients()
        # Without the API server, the roles change anyway; the labels follow when it is back.
        with contextlib.suppress(errors.KubeError):
            around.label(to.pod, names.ROLE_PRIMARY)
            around.label(around.pod, names.ROLE_NONE)
        changing.join(transactions_seconds + 30.0)  # no member may leave the group before it has ended
        own.note_switchover(seconds, clock.now().timestamp())
        return Done(to.pod, seconds)
