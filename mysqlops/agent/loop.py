"""The agent's loop: observe, decide (planning.membership), act, publish. Every half second, for ever.

The API server may be away: then the loop goes on with what the server itself says, and asks again with growing
pauses. The role label follows the group's own decision; it never makes one.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from mysqlops import errors
from mysqlops.agent import health, log, member, settings, surroundings
from mysqlops.clock import Clock
from mysqlops.core import names, publication, view
from mysqlops.planning import membership
from mysqlops.version import __version__

TURN_SECONDS = 0.5
_BEAT_SECONDS = 5.0
_LOOK_SECONDS = 1.0
_RETRY_SECONDS = (1.0, 2.0, 4.0, 8.0)


class Loop:
    """One member's agent."""

    def __init__(
        self,
        me: settings.Settings,
        server: member.Member,
        around: surroundings.Surroundings,
        probes: health.Health,
        clock: Clock,
    ) -> None:
        self._me, self._member, self._around, self._health, self._clock = me, server, around, probes, clock
        self._log = log.Log(clock)
        self._background = member.Background()
        self._stop = threading.Event()
        self._published: publication.Publication | None = None
        self._published_at = self._looked_at = self._api_pause_until = 0.0
        self._api_failures = self._start_failures = 0
        self._start_pause_until = 0.0
        self._seen: membership.Surroundings | None = None
        self._beat = 0

    def run(self) -> None:
        """Turn until stop() is called, then leave the group cleanly."""
        self._log.say(f"agent {__version__} of {self._me.pod} in {self._me.namespace}")
        while not self._stop.is_set():
            self.turn()
            self._stop.wait(TURN_SECONDS)
        self._leave_for_good()

    def stop(self) -> None:
        self._stop.set()

    def turn(self) -> None:
        """One round."""
        server, trouble = self._observe()
        action = self._decide(server) if not trouble else membership.Wait(trouble)
        self._log.say_if_new("action", _sentence(action))
        if not self._background.is_busy():
            self._act(action)
        seen = self._describe(server, action)
        self._health.turned(seen)
        self._publish_if_due(seen)

    def _observe(self) -> tuple[view.ServerView | None, str]:
        try:
            return self._member.observe(), ""
        except errors.AccessDenied as error:
            return None, (
                f"mysqld refuses the agent's password ({error}): the data directory and Secret "
                f"{names.credentials_secret(self._me.cluster)} do not belong together"
            )
        except errors.ConfigError as error:
            return None, str(error)

    def _decide(self, server: view.ServerView | None) -> membership.Action:
        if server is not None and server.state == view.OFFLINE:
            self._look_if_due()
        return membership.plan(membership.Situation(self._me.pod, server, self._seen))

    def _look_if_due(self) -> None:
        now = self._clock.monotonic()
        if now < self._looked_at + _LOOK_SECONDS or now < self._api_pause_until:
            return
        self._looked_at = now
        try:
            self._seen = self._around.look()
            self._api_answered()
        except errors.KubeError as error:
            self._seen = None
            self._api_failed(error)

    def _act(self, action: membership.Action) -> None:
        match action:
            case membership.FormGroup():
                self._form()
            case membership.Join():
                seeds = action.seeds or tuple(names.pod(self._me.cluster, n) for n in range(names.MAX_MEMBERS))
                self._start("join", lambda: self._member.join(seeds))
            case membership.Leave():
                self._background.run("leave", self._member.leave)
            case membership.AcceptClients():
                self._background.run("accept clients", self._member.accept_clients)
            case membership.Serve():
                self._start_failures, self._start_pause_until = 0, 0.0

    def _form(self) -> None:
        if self._clock.monotonic() < self._start_pause_until:
            return
        try:
            taken = self._around.take_lease()
        except errors.KubeError as error:
            self._api_failed(error)
            return
        if taken:
            self._start("form", self._member.form)

    def _start(self, name: str, action: Callable[[], None]) -> None:
        """Run a start in the background; after a failure pause first, longer each time."""
        now = self._clock.monotonic()
        if now < self._start_pause_until:
            return
        if failure := self._background.last_failure():
            self._log.say_if_new("start", f"could not {name}: {failure}")
        pause = _RETRY_SECONDS[min(self._start_failures, len(_RETRY_SECONDS) - 1)]
        self._start_failures += 1
        self._start_pause_until = now + pause
        self._background.run(name, action)

    def _describe(self, server: view.ServerView | None, action: membership.Action) -> publication.Publication:
        size, used = member.volume_usage(settings.VOLUME)
        common = publication.Publication(
            pod_uid=self._me.pod_uid,
            at=f"{self._clock.now():%Y-%m-%dT%H:%M:%SZ}",
            beat=self._beat,
            agent_version=__version__,
            state=view.DOWN,
            volume_size=size,
            volume_used=used,
            waiting_for="" if isinstance(action, membership.Serve) else self._why(action),
        )
        return common if server is None else _with_server(common, server)

    def _why(self, action: membership.Action) -> str:
        failure = self._background.last_failure()
        text = _sentence(action)
        return f"{text} (last try: {failure})" if failure and not isinstance(action, membership.Wait) else text

    def _publish_if_due(self, seen: publication.Publication) -> None:
        now, last = self._clock.monotonic(), self._published
        changed = last is None or not last.is_same_but_for_time(seen)
        if now < self._api_pause_until or (not changed and now < self._published_at + _BEAT_SECONDS):
            return
        self._beat += 1
        try:
            if seen.role == names.ROLE_PRIMARY and (last is None or last.role != names.ROLE_PRIMARY):
                for name in self._around.strip_stale_primaries():
                    self._log.say(f"took the primary label from {name}")
            self._around.publish(seen.role, publication.dump(seen))
            self._published, self._published_at = seen, now
            self._api_answered()
        except errors.KubeError as error:
            self._api_failed(error)

    def _api_answered(self) -> None:
        self._api_failures = 0
        self._log.say_if_new("api", "")

    def _api_failed(self, error: errors.KubeError) -> None:
        """Pause, longer each time and never in step with the other agents, so that no storm meets a new API server."""
        self._log.say_if_new("api", f"the API server: {error}")
        pause = _RETRY_SECONDS[min(self._api_failures, len(_RETRY_SECONDS) - 1)]
        self._api_failures += 1
        self._api_pause_until = self._clock.monotonic() + pause * random.uniform(0.75, 1.25)  # noqa: S311

    def _leave_for_good(self) -> None:
        """The pod is going: hand over, leave the group, then let mysqld stop (pre-stop.sh waits for `left`)."""
        self._log.say("stopping: leaving the group")
        try:
            self._background.join(20)
            server = self._member.observe()
            if server is not None and server.state == view.ONLINE:
                self._retire(server)
                self._member.leave()
        except errors.MysqlopsError as error:
            self._log.say(f"could not leave cleanly: {error}")
        finally:
            (Path(settings.RUN) / "left").touch()
        self._log.say("left")

    def _retire(self, server: view.ServerView) -> None:
        successor = next((m for m in server.members if m.role == names.ROLE_REPLICA and m.state == view.ONLINE), None)
        is_primary = server.role() == names.ROLE_PRIMARY
        try:
            if is_primary and successor:
                self._member.hand_over(successor.server_uuid)
                self._log.say(f"handed the primary over to {successor.host}")
            self._around.publish(names.ROLE_NONE, publication.dump(self._describe(server, membership.Wait("stopping"))))
        except errors.MysqlopsError as error:
            self._log.say(f"while stopping: {error}")


def _with_server(common: publication.Publication, server: view.ServerView) -> publication.Publication:
    return replace(
        common,
        server_uuid=server.server_uuid,
        server_version=server.version,
        state=server.state,
        role=server.role(),
        writable=server.writable,
        view_id=server.view_id,
        online=server.online_members(),
        executed=str(server.executed),
        received=str(server.received),
        behind=server.behind,
    )


def _sentence(action: membership.Action) -> str:
    match action:
        case membership.FormGroup():
            return f"forming the group: {action.why}"
        case membership.Join():
            return f"joining: {action.why}"
        case membership.Leave():
            return f"leaving to join again: {action.why}"
        case membership.AcceptClients():
            return f"accepting clients again: {action.why}"
        case membership.Serve():
            return f"in the group as {action.role}"
        case membership.Wait():
            return f"waiting: {action.why}"
