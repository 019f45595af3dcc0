"""The members' error logs, merged. They are read from kubelet, so that a server that does not start can be read too."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from mysqlops import errors
from mysqlops.core import names, server_log
from mysqlops.objects import pods
from mysqlops.operations import carried, observe
from mysqlops.operations.session import Session
from mysqlops.planning import status

Json = dict[str, Any]
MOST_LINES = 5000  # of one container
_LOOK_SECONDS = 2.0


@dataclass(frozen=True)
class Request:
    """Which entries: of one member (empty: all), at least of this level, not older than these seconds."""

    member: str = ""
    level: str = server_log.LEVELS[-1]
    since_seconds: float = 3600


def read(session: Session, name: str, request: Request) -> list[server_log.Entry]:
    """The entries in time order, also of a server that ended before the running one. Raises Refused for an unknown
    member, and the error of the last member if none can be read."""
    seen = observe.cluster(session.client, name, session.clock)
    chosen = _chosen(seen, request.member)
    reads = [partial(_of_member, session, seen.pods[pod], request) for pod in chosen]
    logs, failures = [], []
    for pod, answer in zip(chosen, session.client.together(reads), strict=True):
        if isinstance(answer, errors.MysqlopsError):
            failures.append(answer)
            session.progress.warn(f"the log of {pod} cannot be read: {answer}")
        else:
            logs.append(answer)
    if failures and not logs:
        raise failures[-1]
    return [_explained(entry) for entry in server_log.merged(logs, request.level)]


def follow(session: Session, name: str, request: Request) -> Iterator[Sequence[server_log.Entry]]:
    """What `read` finds, then what is new, until the caller stops. A pod that restarts or is replaced is read again."""
    printed: dict[server_log.Entry, None] = {}
    while True:
        found = read(session, name, request)
        yield [entry for entry in found if entry not in printed]
        printed = dict.fromkeys(found)
        session.clock.sleep(_LOOK_SECONDS)
        request = replace(request, since_seconds=30 + _LOOK_SECONDS)


def _chosen(seen: status.Observed, member: str) -> list[str]:
    if member and member not in seen.pods:
        known = ", ".join(sorted(seen.pods)) or "no pod"
        raise errors.Refused([errors.Reason("no-such-member", f"{member} does not exist; {seen.name} has {known}")])
    return [member] if member else sorted(seen.pods, key=names.ordinal_of)


def _of_member(session: Session, pod: Json, request: Request) -> list[server_log.Entry] | errors.MysqlopsError:
    name = pod["metadata"]["name"]
    own = pods.container(pod, names.CONTAINER_MYSQLD) or {}
    ask = partial(
        session.client.timed_logs, name, names.CONTAINER_MYSQLD, lines=MOST_LINES, since_seconds=request.since_seconds
    )
    found: list[server_log.Entry] = []
    try:
        if own.get("restartCount"):
            found += _ended(name, ask)
        return found + server_log.parse(name, ask())
    except errors.MysqlopsError as error:
        return error


def _ended(name: str, ask: Any) -> list[server_log.Entry]:
    """The log of the server before the last restart; kubelet may have removed it."""
    try:
        return server_log.parse(name, ask(previous=True))
    except errors.KubeError:
        return []


def _explained(one: server_log.Entry) -> server_log.Entry:
    return replace(one, explanation=carried.mysql_code(one.code)) if one.code else one
