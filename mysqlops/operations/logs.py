"""The members' logs, merged. Those of servers and agents are read from kubelet, so that a server that does not start
can be read too; slow statements are what the servers themselves count."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial

from mysqlops import errors
from mysqlops.core import instant, names, server_log
from mysqlops.core.typed import Json
from mysqlops.objects import pods
from mysqlops.operations import agents, carried, observe, programs
from mysqlops.operations.session import Session
from mysqlops.planning import status

MOST_LINES = 5000  # of one container
_LOOK_SECONDS, _ASK_SECONDS = 2.0, 10.0


@dataclass(frozen=True)
class Request:
    """Which entries: of one member (empty: all), at least of this level, not older than these seconds, of these
    sources."""

    member: str = ""
    level: str = server_log.LEVELS[-1]
    since_seconds: float = 3600
    sources: tuple[str, ...] = (server_log.SERVER,)


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
    found: list[server_log.Entry] = []
    try:
        for source, (container, parse) in _CONTAINERS.items():
            if source in request.sources:
                found += _of_container(session, pod, container, parse, request)
        if server_log.SLOW in request.sources:
            found += _slow(session, pod["metadata"]["name"], request)
    except errors.MysqlopsError as error:
        return error
    return sorted(found, key=lambda one: one.at) if len(request.sources) > 1 else found


_Parse = Callable[[str, str], list[server_log.Entry]]
_CONTAINERS: Mapping[str, tuple[str, _Parse]] = {
    server_log.SERVER: (names.CONTAINER_MYSQLD, server_log.parse),
    server_log.AGENT: (names.CONTAINER_AGENT, server_log.parse_agent),
}


def _of_container(
    session: Session, pod: Json, container: str, parse: _Parse, request: Request
) -> list[server_log.Entry]:
    """Its log, and that of the one before its last restart, which kubelet may have removed."""
    name, own = pod["metadata"]["name"], pods.container(pod, container) or {}
    ask = partial(session.client.timed_logs, name, container, lines=MOST_LINES, since_seconds=request.since_seconds)
    found: list[server_log.Entry] = []
    if own.get("restartCount"):
        with suppress(errors.KubeError):
            found += parse(name, ask(previous=True))
    return found + parse(name, ask())


def _slow(session: Session, pod: str, request: Request) -> list[server_log.Entry]:
    since = session.clock.now() - timedelta(seconds=request.since_seconds)
    answer = agents.run(session.client, pod, programs.SLOW, timeout_seconds=_ASK_SECONDS)
    return server_log.of_slow(pod, answer, instant.precise(since))


def _explained(one: server_log.Entry) -> server_log.Entry:
    return replace(one, explanation=carried.mysql_code(one.code)) if one.code else one
