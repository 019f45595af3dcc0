"""What clients do on the members' servers, and the end of one session. The agents ask; nothing is locked for it: a
switchover that waits for a transaction must not keep anybody from ending that."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from mysqlops import errors
from mysqlops.core import activity
from mysqlops.errors import Reason, Refused
from mysqlops.operations import agents, observe, programs
from mysqlops.operations.session import Session
from mysqlops.planning import serving, status

_SECONDS = 10.0


@dataclass(frozen=True)
class Top:
    """Member -> its server's activity; `unread`: member -> why there is none."""

    name: str
    members: dict[str, activity.Activity]
    unread: dict[str, str]


def look(session: Session, name: str, member: str = "") -> Top:
    """What clients do on one member, or on all that have a pod; raises Refused for a member that does not exist."""
    now = observe.judged(session, name)
    pods = (
        [serving.choose(now, member)]
        if member
        else [member.name for member in now.members if member.state != status.ABSENT]
    )
    replies = session.client.together([partial(_tried, session, pod) for pod in pods])
    found = dict(zip(pods, replies, strict=True))
    return Top(
        name,
        {pod: one for pod, one in found.items() if isinstance(one, activity.Activity)},
        {pod: str(one) for pod, one in found.items() if isinstance(one, errors.MysqlopsError)},
    )


def _tried(session: Session, pod: str) -> activity.Activity | errors.MysqlopsError:
    """One member that does not answer must not hide the others."""
    try:
        return agents.run(session.client, pod, programs.TOP, timeout_seconds=_SECONDS)
    except errors.MysqlopsError as error:
        return error


@dataclass(frozen=True)
class Victim:
    """A client's session that may be ended."""

    member: str
    session: activity.Session

    def __str__(self) -> str:
        one = self.session
        return f"session {one.id} of {one.user} from {one.host or 'an unknown host'} on {self.member}"


def victim(session: Session, name: str, member: str, number: int) -> Victim:
    """That session of the member, of the primary without one; raises Refused if it does not exist or is ours."""
    pod = serving.choose(observe.judged(session, name), member)
    seen = agents.run(session.client, pod, programs.TOP, timeout_seconds=_SECONDS)
    found = next((known for known in seen.sessions if known.id == number), None)
    if found is None:
        raise Refused(
            [Reason("no-such-session", f"{pod} has no session {number}", f"mysqlops top {name} --member {pod} -o json")]
        )
    if found.is_ours:
        text = f"session {number} of {pod} is {found.user}'s ({found.command}), which the cluster itself needs"
        raise Refused([Reason("not-a-clients-session", text)])
    return Victim(pod, found)


def kill(session: Session, chosen: Victim) -> bool:
    """End it; False if it had ended by itself. Raises Refused if its number is another user's by now."""
    words = (str(chosen.session.id), f"--of={activity.mark(chosen.session.user)}")
    return agents.run(session.client, chosen.member, programs.KILL, *words, timeout_seconds=_SECONDS)
