"""What Group Replication does, once for the model of the simulator and once for real servers: the same cases.

A case begins with three servers that run, are in no group and hold no transaction. It acts on them by number and judges
only what the project's own code observes, so that a model that passes is one that the agents cannot tell from the real
thing in these respects. Bounds on time are generous: the real servers may share two cores with a cluster.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType
from typing import Protocol, TypeVar

from mysqlops import errors
from mysqlops.core import group as noted
from mysqlops.core import names, view
from mysqlops.mysql import catching_up, xcom

T = TypeVar("T")
NAME = "aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa"
OTHER_NAME = "bbbbbbbb-bbbb-bbbb-bbbb-bbbbbbbbbbbb"


class Client(Protocol):
    """A connection that is open, for one write."""

    why_not: str

    def send(self) -> None: ...
    def is_acknowledged(self) -> bool | None:
        """None while the server has not answered."""


class Servers(Protocol):
    """Three servers, by number."""

    def now(self) -> float: ...
    def wait(self, seconds: float) -> None: ...

    # What happens to them.
    def start(self, number: int) -> None: ...
    def kill(self, number: int) -> None: ...
    def stop(self, number: int) -> None: ...
    def pause(self, number: int) -> None: ...
    def resume(self, number: int) -> None: ...
    def cut(self, number: int) -> None: ...
    def reconnect(self, number: int) -> None: ...

    # As the agent does it.
    def form(self, number: int, group_name: str = NAME) -> None: ...
    def join(self, number: int, *through: int, group_name: str = NAME) -> None: ...
    def accept_clients(self, number: int) -> None: ...
    def leave(self, number: int) -> None: ...
    def hand_over(self, of: int, to: int) -> None: ...
    def copy(self, number: int, donor: int) -> None: ...
    def observe(self, number: int) -> view.ServerView: ...
    def ask_to_remove(self, number: int, of: int, group_name: str = NAME) -> xcom.Answer:
        """Ask the first to have the second removed."""

    def counted(self, number: int) -> tuple[str, ...]:
        """The addresses that its group counts, as it says itself over the group's channel."""

    def respell(self, number: int) -> None:
        """Its address in other capitals, for the next join."""

    def start_as_it_is(self, number: int) -> None:
        """START GROUP_REPLICATION alone, whatever the server was set to before."""

    def catch_up(self, number: int, source: int) -> None: ...
    def channel(self, number: int) -> catching_up.State | None: ...
    def stop_receiving(self, number: int) -> None: ...
    def apply_received(self, number: int) -> None: ...
    def remove_channel(self, number: int) -> None: ...
    def remove_applied_channel(self, number: int) -> None: ...

    # As clients and others do it.
    def set_bootstrap(self, number: int) -> None: ...
    def client(self, number: int) -> Client: ...
    def write_alone(self, number: int) -> None: ...
    def hold_up(self, number: int) -> None: ...
    def spoil(self, number: int) -> None:
        """From now on it can apply no write of others."""

    def expel_late(self, number: int, seconds: int) -> None:
        """As that member sees to it, a member that is away stays in the view for so much longer."""


@dataclass(frozen=True)
class Case:
    run: Callable[[Servers], None]
    is_long: bool = False

    @property
    def name(self) -> str:
        return self.run.__name__


_CASES: list[Case] = []


def cases(*modules: ModuleType) -> list[Case]:
    names_of_modules = {one.__name__ for one in modules}
    return [one for one in _CASES if one.run.__module__ in names_of_modules]


def case(run: Callable[[Servers], None]) -> Callable[[Servers], None]:
    _CASES.append(Case(run))
    return run


def long_case(run: Callable[[Servers], None]) -> Callable[[Servers], None]:
    """Of more than ten seconds on real servers."""
    _CASES.append(Case(run, is_long=True))
    return run


# --- helpers
def pods(seen: view.ServerView, *states: str) -> list[int]:
    return sorted(names.ordinal_of(one.pod) for one in seen.members if not states or one.state in states)


def incarnation(seen: view.ServerView) -> str:
    return noted.incarnation(seen.view_id)


def until(servers: Servers, look: Callable[[], T | None], what: str, seconds: float = 40) -> T:
    """The first look that is true; the server may not answer yet."""
    deadline = servers.now() + seconds
    while True:
        seen: object
        try:
            if found := look():
                return found
            seen = found
        except errors.MysqlError as error:
            seen = error
        assert servers.now() < deadline, f"after {seconds:.0f} s not yet: {what}; last: {seen}"
        servers.wait(0.2)


def until_members(servers: Servers, number: int, *members: int, seconds: float = 40) -> view.ServerView:
    def look() -> view.ServerView | None:
        seen = servers.observe(number)
        return seen if pods(seen) == [*members] == pods(seen, view.ONLINE) else None

    return until(servers, look, f"mysql-{number} sees {members} ONLINE", seconds)


def until_writable(servers: Servers, number: int, seconds: float = 40) -> view.ServerView:
    def look() -> view.ServerView | None:
        seen = servers.observe(number)
        return seen if seen.writable and seen.role() == names.ROLE_PRIMARY else None

    return until(servers, look, f"mysql-{number} is a writable primary", seconds)


def until_out(servers: Servers, number: int, seconds: float) -> view.ServerView:
    """Out of its group by itself: it says ERROR, and lets nobody in."""
    seen = until(
        servers,
        lambda: one if (one := servers.observe(number)).state == view.ERROR else None,
        f"mysql-{number} is in ERROR",
        seconds,
    )
    assert not seen.writable
    return until(servers, lambda: seen if servers.observe(number).offline_mode else None, "it is in offline mode", 5)


def send(servers: Servers, number: int) -> Client:
    client = servers.client(number)
    client.send()
    return client


def answer(servers: Servers, client: Client) -> bool:
    until(servers, lambda: client.is_acknowledged() is not None, "an answer to the write")
    return bool(client.is_acknowledged())


def acknowledged(servers: Servers, number: int) -> None:
    client = send(servers, number)
    assert answer(servers, client), client.why_not


def refused(servers: Servers, number: int) -> None:
    assert not answer(servers, send(servers, number))


def until_followed(servers: Servers, *others: int, seconds: float = 40) -> int:
    """Who of them leads, and takes writes."""

    def look() -> int | None:
        leads = (number for number in others if servers.observe(number).role() == names.ROLE_PRIMARY)
        return next((number + 1 for number in leads if servers.observe(number).writable), None)

    return until(servers, look, "another primary takes writes", seconds) - 1


def group(servers: Servers, *others: int) -> view.ServerView:
    """mysql-0 leads; what it sees."""
    servers.form(0)
    until_writable(servers, 0)
    servers.accept_clients(0)
    for number in others:
        servers.join(number, 0)
    for number in others:
        until_members(servers, number, 0, *others)
        servers.accept_clients(number)
    return until_members(servers, 0, 0, *others)
