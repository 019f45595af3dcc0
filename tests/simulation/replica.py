"""An ordinary replica's channel of a model mysqld: it receives from another server's binary logs and applies."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.simulation.volume import Channel, Holdings

if TYPE_CHECKING:
    from tests.simulation.mysqld import Around, Mysqld

_TURN_SECONDS = (0.1, 0.6)
_MOST = 40  # transactions in one turn


class Replica:
    """What dies with the process: both threads, and why the one stopped."""

    def __init__(self, server: Mysqld, around: Around) -> None:
        self._server, self._around = server, around
        self.receives = self.applies = False
        self.trouble = self.login = ""
        self._turns = 0

    def runs(self) -> bool:
        return self.receives or self.applies

    def begin(self, host: str) -> None:
        """CHANGE REPLICATION SOURCE: what an earlier channel received is gone."""
        self._server.volume.channel = Channel(host)
        self._around.say(f"{self._server.pod} catches up from {host.partition('.')[0]}")

    def start(self) -> None:
        self.trouble, self.receives = "", True
        self.apply()

    def apply(self) -> None:
        self.applies = True
        self._turns += 1
        self._later(self._turns)

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
        volume = self._server.volume
        channel = volume.channel
        if channel is None:
            return
        if self.receives:
            self._receive(channel)
        if self.applies and not self._server.applier_held:
            for gtid, content in channel.relay.content.items():
                volume.executed.add(gtid, content)
            channel.relay = Holdings()
            self._server.touch()

    def _receive(self, channel: Channel) -> None:
        """By GTIDs; the source's binary logs have only what is flushed there."""
        source = self._around.server(channel.host.partition(".")[0])
        if source is None or not self._around.reaches(self._server, source):
            self.receives, self.trouble = False, "2003"
            return
        if not self._around.takes_login(source, self.login):
            self.receives, self.trouble = False, "1045"
            return
        own = self._server.volume
        missing = [gtid for gtid in source.volume.executed if gtid not in own.executed and gtid not in channel.relay]
        for gtid in missing[:_MOST]:
            channel.relay.add(gtid, source.volume.executed.content[gtid])
