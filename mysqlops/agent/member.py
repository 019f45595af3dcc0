"""The member's own mysqld: a permanent connection to observe it, and slow actions, one at a time, in a thread."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence

from mysqlops import errors
from mysqlops.agent import pod, rotation
from mysqlops.clock import Clock, Task
from mysqlops.core import activity, names, view
from mysqlops.mysql import accounts, clone, connect, group_replication, sessions, write_gap, zones
from mysqlops.planning import newcomer, obituary, standing

# After this time, open transactions are rolled back: an idle one would block a stopping pod without end.
HAND_OVER_SECONDS = 10
_ASK_SECONDS = 1.0


def _at_once() -> None:
    """The permit of what is done as soon as it is asked for."""


class Member:
    """Observes and commands the mysqld behind the socket; raises MysqlError."""

    def __init__(self, own: pod.Pod) -> None:
        self._me, self._pod = own.me, own
        self._kept: connect.Server | None = None

    def observe(self) -> view.ServerView | None:
        """The server's view, or None if it does not answer. Raises AccessDenied, because waiting would not help."""
        try:
            self._kept = self._kept or self.connect()
            return group_replication.observe(self._kept)
        except errors.AccessDenied:
            raise
        except errors.MysqlError:
            self._drop()
            return None

    def form(self, group_name: str, permit: Callable[[], None] = _at_once) -> None:
        """Form a group of one under this name (empty: the Secret's); it refuses clients until accept_clients. `permit`
        is asked once everything else is done, which may take as long as the disk likes."""
        rotation.admit(self._pod)
        self._start([self._me.host(self._me.ordinal)], group_name, permit, bootstrap=True)

    def join(
        self,
        seeds: Sequence[str],
        group_name: str,
        ask: Sequence[str] = (),
        permit: Callable[[], None] = _at_once,
    ) -> None:
        """Join the group of this name (empty: the Secret's) through these pods, as a member that is new to it if those
        to ask say so; `permit` as for `form`. Raises StepFailed while one of them counts this member's previous
        incarnation."""
        is_unknown = self._is_unknown(ask, group_name or self._pod.group_name())
        hosts = [self._me.host(names.ordinal_of(pod)) for pod in seeds if pod != self._me.pod]
        rotation.admit(self._pod, hosts)
        self._start(hosts, group_name, permit, is_unknown=is_unknown)

    def _is_unknown(self, ask: Sequence[str], group_name: str) -> bool:
        with self.connect() as server:
            if not obituary.is_tried(str(server.scalar("SELECT @@version"))):
                return False
        others = [(pod, self._pod.group_address(pod)) for pod in ask if pod != self._me.pod]
        answers: dict[str, tuple[str, ...]] = {}
        for other, address in others * 2:  # a second time for who did not answer
            if address not in answers:
                with contextlib.suppress(errors.MysqlError):
                    answers[address] = self._pod.counted_by(other, group_name, _ASK_SECONDS)
        found = newcomer.verdict(self._pod.group_address(self._me.pod), answers)
        if found is newcomer.Verdict.COUNTED:
            raise errors.StepFailed("the group still counts this member's previous incarnation: looking again")
        return found is newcomer.Verdict.UNKNOWN

    def must_be_outside(self, group_name: str) -> None:
        """Raises StatementFailed while an earlier agent's START has not ended, or in a group."""
        with self.connect() as server:
            group_replication.name_group(server, group_name or self._pod.group_name())

    def clear_bootstrap(self) -> None:
        with self.connect() as server:
            group_replication.clear_bootstrap(server)

    def copy(self, donor: str, permit: Callable[[], None] = _at_once) -> None:
        """Clone a donor's data, once `permit` returns; mysqld then stops, and kubelet restarts it. Raises
        StepFailed."""
        login = self._pod.login(names.USER_REPLICATION, names.KEY_REPLICATION_PASSWORD)
        with self.connect() as server:
            group_replication.soon_or_never(server)
            if held := group_replication.observe(server).known():
                raise errors.StepFailed(f"it holds {held} by now, and is not replaced by a copy")
            permit()
            # The plugin requires it (error 1290); read_only stays on, so that only administrators could write.
            server.query("SET GLOBAL super_read_only = OFF")
            try:
                clone.take(server, self._me.host(names.ordinal_of(donor)), login)
            finally:
                with contextlib.suppress(errors.MysqlError):  # it has stopped
                    group_replication.refuse_writes_unless_primary(server)

    def answers(self, pod: str) -> bool:
        """True if something listens on another member's database port."""
        return self._pod.reaches(self._me.host(names.ordinal_of(pod)))

    def leave(self, permit: Callable[[], None] = _at_once) -> None:
        with self.connect() as server:
            group_replication.soon_or_never(server)
            permit()
            group_replication.stop(server)

    def block_clients(self) -> None:
        with self.connect() as server:
            group_replication.block_clients(server)

    @contextlib.contextmanager
    def blocker(self) -> Iterator[Callable[[], None]]:
        """What blocks clients, on a connection that is opened now: once the roles have changed, clients wait for it."""
        with contextlib.ExitStack() as opened:
            ready: connect.Server | None = None
            with contextlib.suppress(errors.MysqlError):
                ready = opened.enter_context(self.connect())

            def block() -> None:
                try:
                    if ready is not None:
                        return group_replication.block_clients(ready)
                except errors.ConnectFailed:  # it was lost meanwhile
                    pass
                self.block_clients()

            yield block

    def drop_expired(self, user: str, record: view.GroupRecord | None) -> bool:
        """Where the group is one that `record` notes: on its primary."""
        with self.connect() as server:
            is_noted = standing.is_noted(group_replication.observe(server), record)
            return is_noted and accounts.drop_expired(server, user)

    def reload_tls(self) -> None:
        """Load the certificate's files again; open connections keep theirs."""
        with self.connect() as server:
            server.query("ALTER INSTANCE RELOAD TLS")

    def refuse_writes(self) -> None:
        with self.connect() as server:
            group_replication.refuse_writes_unless_primary(server)

    def close_clients(self) -> int:
        """Close all clients' connections; returns their number."""
        with self.connect() as server:
            return sessions.close_clients(server)

    def accept_clients(self, permit: Callable[[], None] = _at_once) -> None:
        with self.connect() as server:
            group_replication.soon_or_never(server)
            permit()
            group_replication.accept_clients(server)

    def drop_received(self, unreadable_at: str) -> None:
        """Delete the relay log whose applier stopped at that time; since then it may have become another one."""
        with self.connect() as server:
            group_replication.soon_or_never(server)
            if not unreadable_at or group_replication.observe(server).unreadable_at != unreadable_at:
                raise errors.StepFailed("the applier has been started again since: looking again")
            group_replication.drop_received(server)

    def hand_over(
        self,
        successor_uuid: str,
        *,
        transactions_seconds: int = HAND_OVER_SECONDS,
        permit: Callable[[], None] = _at_once,
    ) -> None:
        """Returns when the other member is primary; raises StatementFailed if that failed."""
        try:
            with self.connect() as server:
                group_replication.soon_or_never(server)
                permit()
                group_replication.set_as_primary(server, successor_uuid, transactions_seconds=transactions_seconds)
        except errors.ConnectFailed as error:
            # Once started, it cannot be cancelled: KILL has no effect (MySQL 9.7.4).
            text = f"the switchover has not ended, and may still happen{self._in_the_way()}"
            raise errors.StepFailed(text) from error

    def _in_the_way(self) -> str:
        with contextlib.suppress(errors.MysqlError), self.connect() as server:
            if found := sessions.locks(server):
                holders = [
                    f"connection {transaction.connection} of {transaction.user}, which holds {transaction.lock}"
                    for transaction in found
                ]
                return f": it waits for {', '.join(holders)}"
        return ""

    def is_measured(self, token: str) -> bool:
        """True once the write gap's meter with that token writes."""
        with self.connect() as server:
            return write_gap.is_running(server, token)

    def transactions(self) -> list[activity.Transaction]:
        """Clients' open transactions, oldest first."""
        with self.connect() as server:
            return sessions.transactions(server)

    def _start(
        self,
        seeds: list[str],
        group_name: str,
        permit: Callable[[], None],
        *,
        bootstrap: bool = False,
        is_unknown: bool = False,
    ) -> None:
        group_name = group_name or self._pod.group_name()
        login = self._pod.login(names.USER_REPLICATION, names.KEY_REPLICATION_PASSWORD)
        with self.connect() as server:
            self.provide_zones(server)
            if is_unknown:
                group_replication.name_group(server, group_name)
                group_replication.respell_address(server)
            group_replication.start(
                server,
                login,
                group_name=group_name,
                seeds=seeds,
                bootstrap=bootstrap,
                permit=permit,
            )

    def provide_zones(self, server: connect.Server) -> None:
        """Before the applier runs: it stops at a statement of a session whose time zone is unknown here."""
        if packed := self._pod.zones():
            with contextlib.suppress(errors.StatementFailed):  # no reason to stay outside the group
                if zones.provide(server, packed):
                    group_replication.refuse_writes_unless_primary(server)

    def connect(self) -> connect.Server:
        return self._pod.server()

    def _drop(self) -> None:
        if self._kept is not None:
            self._kept.close()
            self._kept = None


class Background:
    """Runs one slow action at a time, so that the loop keeps observing and publishing."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._task: Task | None = None
        self._failure = ""

    def is_busy(self) -> bool:
        return self._task is not None and self._task.is_alive()

    def last_failure(self) -> str:
        """Why the last action failed; empty if it did not."""
        return self._failure

    def run(self, name: str, action: Callable[[], None]) -> None:
        def body() -> None:
            try:
                action()
                self._failure = ""
            except errors.MysqlopsError as error:
                self._failure = str(error)
            except Exception as error:
                self._failure = f"unexpected {type(error).__name__}: {error}"

        self._task = self._clock.start(name, body)

    def join(self, seconds: float) -> None:
        if self._task is not None:
            self._task.join(seconds)
