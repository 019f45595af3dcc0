"""An ordinary replica's channel of a model mysqld: it receives from another server's binary logs and applies.

Contract: catching_up_cases.py holds for it and for real servers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mysqlops.core.gtid import GtidSet
from tests.simulation.volume import Channel, Holdings

if TYPE_CHECKING:
    from tests.simulation.mysqld import Around, Mysqld

_TURN_SECONDS = (0.1, 0.6)
_MOST = 40  # transactions in one turn
NET_TIMEOUT_SECONDS = 60.0  # replica_net_timeout: so long the receiver believes in a source that says nothing
_IN_A_GROUP = 13117, "Fatal error: Failed to run 'thread_start' hook"
_GONE = 2003, "Error connecting to source"
_DENIED = 1045, "Error connecting to source: access denied"
_PURGED = 13114, "Got fatal error 1236 from source: it has purged required binary logs"
Trouble = tuple[int, str]
NONE: Trouble = 0, ""


class Replica:
    """What dies with the process: both threads, and why each stopped."""

    def __init__(self, server: Mysqld, around: Around) -> None:
        self._server, self._around = server, around
        self.receives = self.applies = False
        self.unreceived = self.unapplied = NONE
        self.failed_at = self.login = ""
        self._is_connected = False
        self._heard_at = 0.0
        self._turns = 0

    def runs(self) -> bool:
        return self.receives or self.applies

    def boot(self) -> None:
        """skip_replica_start; nothing remembers why it stopped before."""
        self.stop()
        self.unreceived = self.unapplied = NONE

    def begin(self, host: str) -> None:
        """CHANGE REPLICATION SOURCE: what an earlier channel received is gone."""
        self._server.volume.channel = Channel(host)
        self._around.say(f"{self._server.pod} catches up from {host.partition('.')[0]}")

    def start(self) -> None:
        self.unreceived = _IN_A_GROUP if self._is_in_a_group() else NONE
        self.receives, self._is_connected = not self._is_in_a_group(), False
        self._heard_at = self._around.scheduler.now
        self.apply()

    def apply(self) -> None:
        self.unapplied = _IN_A_GROUP if self._is_in_a_group() else NONE
        self.applies = not self._is_in_a_group()
        self._turns += 1
        self._later(self._turns)

    def _is_in_a_group(self) -> bool:
        """No replica's threads run on a secondary; on a primary nobody of ours starts them."""
        return self._server.seat is not None

    def stop(self) -> None:
        self.receives = self.applies = False

    def remove(self) -> None:
        self.stop()
        left = len(self._server.volume.channel.relay) if self._server.volume.channel else 0
        self._around.say(f"{self._server.pod} drops its channel, with {left} transactions unapplied")
        self._server.volume.channel = None

    def _later(self, turns: int) -> None:
        server = self._server
        start = server.starts

        def run() -> None:
            if turns == self._turns and server.starts == start and server.is_up and self.runs():
                if not server.is_frozen():
                    self._turn()
                self._later(turns)

        self._around.scheduler.after(server.random.uniform(*_TURN_SECONDS), run)

    def _turn(self) -> None:
        channel = self._server.volume.channel
        if channel is None:
            return
        if self.receives:
            self._receive(channel)
        if self.applies and not self._server.applier_held:
            self._apply(channel)

    def _apply(self, channel: Channel) -> None:
        now = self._around.scheduler.now
        if self._server.applier_fails and len(channel.relay):
            self.applies, self.failed_at = False, f"at {now:.3f}"
            self.unapplied = 1205, "Worker 1 failed executing transaction"
        else:
            for gtid, content in channel.relay.content.items():
                self._server.volume.executed.add(gtid, content)
            channel.relay = Holdings()
        self._server.touch()

    def _receive(self, channel: Channel) -> None:
        """By GTIDs; the source's binary logs have only what is flushed there."""
        source, now = self._around.server(channel.host.partition(".")[0]), self._around.scheduler.now
        if source is None or not source.is_up:
            self.receives, self.unreceived = False, _GONE
            return
        if not self._around.reaches(self._server, source):
            if now - self._heard_at >= NET_TIMEOUT_SECONDS * (2 if self._is_connected else 1):  # it connects again
                self.receives, self.unreceived = False, _GONE
            return
        self._heard_at = now
        if not self._is_connected and not self._around.takes_login(source, self.login):
            self.receives, self.unreceived = False, _DENIED
            return
        own = self._server.volume
        if not self._is_connected:
            self._is_connected, channel.source = True, source.volume.uuid
            needed = GtidSet.parse(source.volume.purged)
            if not needed.is_subset(GtidSet.parse(own.executed.text()).union(GtidSet.parse(channel.relay.text()))):
                self.receives, self.unreceived = False, _PURGED
                return
        missing = [gtid for gtid in source.volume.executed if gtid not in own.executed and gtid not in channel.relay]
        for gtid in missing[:_MOST]:
            channel.relay.add(gtid, source.volume.executed.content[gtid])
