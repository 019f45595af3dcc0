"""The agent's loop: observe, decide (planning.membership), act, publish. Runs four times a second until stopped.

While the API server is unreachable, the loop continues with what mysqld itself reports. The role label follows the
group's own decision; it never makes one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

from mysqlops import errors
from mysqlops.agent import (
    acting,
    catching_up,
    cluster_api,
    handover,
    health,
    heartbeats,
    log,
    member,
    obituary,
    pod,
    publisher,
    remembered,
    secrets_watch,
    starting,
    telling,
)
from mysqlops.clock import Clock
from mysqlops.core import instant, names, publication, routing, secret_map, view, volume
from mysqlops.planning import failing_applier, member_actions, membership, stale_clients, torn_relay_log
from mysqlops.version import __version__

TURN_SECONDS = 0.25
_DENIED_SECONDS = 5.0  # each refused login is a line in mysqld's log
_COPY_PAUSES = (16.0, 32.0, 64.0)  # each attempt to clone puts load on the donor
_SILENT_SECONDS = 60.0  # if the publisher hangs, the agent is faulty: kubelet restarts it


class Loop:
    """One member's agent."""

    def __init__(
        self,
        own: pod.Pod,
        server: member.Member,
        around: cluster_api.ClusterApi,
        secrets: secrets_watch.SecretsWatch,
        probes: health.Health,
        *,
        clock: Clock,
    ) -> None:
        self._me, self._pod, self._member, self._around = own.me, own, server, around
        self._health, self._clock = probes, clock
        self._log = log.Log(clock)
        self._secrets = secrets
        self._publisher = publisher.Publisher(around, self._log, clock, partial(secrets.look, self._log))
        self._starting = starting.Starting(server, around, clock)
        self.catching = catching_up.CatchingUp(own, server, self._log, clock)
        self._obituary = obituary.Obituary(own, around, self._log, clock)
        self._heartbeats = heartbeats.Heartbeats(own, self._log, clock)
        self._background = member.Background(clock)
        self._stop = clock.signal()
        self._start_failures, self._start_pause_until, self._tried = 0, 0.0, ""
        self._acting = acting.Acting(server, clock)
        self._clients = stale_clients.Memory()
        self._remembered = remembered.Remembered(own, clock)
        self._denied = ("", 0.0)  # why, and until when no login is tried
        self._torn, self._failing = torn_relay_log.Memory(), failing_applier.Memory()
        self._strays_since: float | None = None
        self._donorless_since: float | None = None

    def run(self) -> None:
        """Turn until stop() is called, then leave the group cleanly."""
        self._log.say(f"agent {__version__} of {self._me.pod} in {self._me.namespace}")
        self._pod.hold_back()
        self._remembered.load()
        self._publisher.start()
        self._obituary.start()
        while not self._stop.is_set():
            self._log.survive("loop", self.turn)  # kubelet restarts it if turns fail for a minute
            self._stop.wait(TURN_SECONDS)
        self._leave_for_good()

    def stop(self) -> None:
        self._stop.set()
        self._obituary.stop()
        self._heartbeats.stop()
        self.catching.stop()

    def turn(self) -> None:
        """One round."""
        # Before the server: either may end in between, and what the server says is from the time before.
        at, catching, was_busy = self._clock.monotonic(), self.catching.memory, self._is_busy()
        server, trouble = self._observe()
        self._note_incarnation(server, at)
        self._close_stale_clients(server)
        self._remember(server, at)
        situation = replace(self._situation(server, at), catching=catching, is_busy=was_busy or self._is_busy())
        action = membership.plan(situation) if not trouble else member_actions.Wait(trouble)
        self._log.say_if_new("action", telling.sentence(action))
        self._note_donor(action, at)
        self.catching.look(action)
        self._acting.look(action, at)
        if not situation.is_busy and not (catching.source and isinstance(action, member_actions.CatchUp)):
            self._act(action, situation)
        seen = self._describe(situation, action, publication.UNKNOWN if trouble else view.DOWN)
        if self._clock.monotonic() < self._publisher.turned_at + _SILENT_SECONDS:
            self._health.turned(seen, server, at)
        # While a switchover runs in this pod, only it moves the labels.
        if not self._pod.is_handing_over(self._clock):
            wants_look = server is not None and (server.state != view.ONLINE or bool(situation.blocked_because()))
            replicas, lost = telling.replicas(server), telling.lost_primaries(server)
            present = self._remembered.present
            self._publisher.offer(publisher.Observation(seen, server, at, present, replicas, lost, wants_look))

    def _observe(self) -> tuple[view.ServerView | None, str]:
        if self._clock.monotonic() < self._denied[1]:
            return None, self._denied[0]
        try:
            return self._member.observe(), ""
        except errors.AccessDenied as error:
            secret = secret_map.secret(self._me.cluster, secret_map.INTERNAL)
            why = f"mysqld refuses the agent's password ({error}): the data and Secret {secret} do not match"
            self._denied = (why, self._clock.monotonic() + _DENIED_SECONDS)
            return None, why
        except errors.ConfigError as error:
            return None, str(error)

    def _note_incarnation(self, server: view.ServerView | None, at: float) -> None:
        """A server that does not answer may still be in its group."""
        if server is None:
            return
        self._obituary.saw(server, at, self._publisher.record)
        self._heartbeats.saw(server, at, self._publisher.record)
        self._remembered.look(server, at, self._publisher.record, self._starting.took)

    def _remember(self, server: view.ServerView | None, at: float) -> None:
        self._torn = torn_relay_log.look(self._torn, server)
        self._failing = failing_applier.look(self._failing, server, at, self._clock.now())
        if not membership.strays(server):
            self._strays_since = None
        elif self._strays_since is None:
            self._strays_since = at

    def _note_donor(self, action: member_actions.Action, at: float) -> None:
        """One that was seen again, or a member that got in without, ends the wait."""
        if isinstance(action, member_actions.Clone | member_actions.Serve):
            self._donorless_since = None
        elif isinstance(action, member_actions.AwaitDonor) and self._donorless_since is None:
            self._donorless_since = at

    def _situation(self, server: view.ServerView | None, at: float) -> membership.Situation:
        return membership.Situation(
            self._me.pod,
            server,
            self._publisher.seen,
            self._publisher.record,
            volume_full=volume.is_full(*self._pod.volume()),
            api_is_away=self._publisher.is_away(),
            sightings=self._publisher.sightings,
            stale_because=self._clients.blocked_because(self._clock.monotonic()) or self._heartbeats.alone_because(),
            torn=self._torn.why_to_drop(),
            failing=self._failing,
            now=at,
            strays_since=self._strays_since,
            donorless_since=self._donorless_since,
            tries=self._start_failures,
            since=self._remembered.present.since,
            known=self._remembered.present.known,
            is_busy=self._is_busy(),
        )

    def _is_busy(self) -> bool:
        return self._background.is_busy() or self._obituary.is_asking()

    def _close_stale_clients(self, server: view.ServerView | None) -> None:
        """Closes clients as planning.stale_clients decides; a server that does not answer has no clients."""
        seen = stale_clients.Seen(self._clock.monotonic(), None if server is None else (server.state, server.role()))
        self._clients, why = stale_clients.plan(self._clients, seen)
        if not why:
            return
        try:
            count = self._member.close_clients()
        except errors.MysqlError as error:
            self._log.say_if_new("clients", f"could not close the clients' connections: {error}")
            return
        if count:
            self._log.say(f"{why}: closed {count} connections of clients")

    def _act(self, action: member_actions.Action, situation: membership.Situation) -> None:
        server = situation.server
        if server is None:
            return
        match action:
            case member_actions.CatchUp() | member_actions.Settle():
                self._start(telling.STARTS[type(action)], partial(self.catching.act, action))
            case _ if isinstance(action, member_actions.Start):
                self._start(telling.STARTS[type(action)], partial(self._starting.run, action, situation, server))
            case member_actions.Serve():
                self._start_failures, self._start_pause_until = 0, 0.0
            case member_actions.StayOut() | member_actions.NoteOrigin():
                self._background.run(telling.DOING[type(action)], partial(self._starting.note, action, server))
            case _ if plain := self._acting.of(action, self._torn.at):
                self._background.run(telling.DOING[type(action)], plain)

    def _start(self, name: str, action: Callable[[], None]) -> None:
        """Run a start in the background; after a failure, pause first, but not to form the group that joins missed."""
        now = self._clock.monotonic()
        is_due = (name == "join" and self.catching.is_ready()) or (name == "form" and self._tried != name)
        if now < self._start_pause_until and not is_due:
            return
        if failure := self._background.last_failure():
            self._log.say_if_new("start", f"could not {name}: {failure}")
        pauses = (*publisher.RETRY_SECONDS, *_COPY_PAUSES) if name == "copy" else publisher.RETRY_SECONDS
        self._start_pause_until = now + pauses[min(self._start_failures, len(pauses) - 1)]
        self._start_failures, self._tried = self._start_failures + 1, name
        self._background.run(name, action)

    def _describe(
        self, situation: membership.Situation, action: member_actions.Action, silent: str = view.DOWN
    ) -> publication.Publication:
        size, used = self._pod.volume()
        server = situation.server
        role = names.ROLE_NONE if server is None or situation.blocked_because() else server.role()
        return publication.Publication(
            pod_uid=self._me.pod_uid,
            at=instant.text(self._clock.now()),
            beat=0,
            agent_version=__version__,
            role=role,
            volume_size=size,
            volume_used=used,
            certificate=self._secrets.loaded,
            certificate_until=self._secrets.until.certificate,
            ca_until=self._secrets.until.ca,
            config=self._pod.config(),
            secrets_trouble=self._secrets.trouble,
            secrets_missing=self._secrets.missing,
            knows_missing=self._secrets.knows_missing,
            accounts_trouble=self._secrets.accounts,
            tries=self._start_failures,
            applier_failure=self._failing.reported(server),
            waiting_for="" if isinstance(action, member_actions.Serve) else self._why(action),
            **({"state": silent} if server is None else telling.of_server(server)),
        )

    def _why(self, action: member_actions.Action) -> str:
        failure = self._background.last_failure()
        text = telling.sentence(action)
        return f"{text} (last try: {failure})" if failure and not isinstance(action, member_actions.Wait) else text

    def _leave_for_good(self) -> None:
        """The pod stops: hand over, leave the group, then let mysqld stop (pre-stop.sh waits for `left`)."""
        self._log.say("stopping: leaving the group")
        self._publisher.stop()
        try:
            self._background.join(20)
            server = self._member.observe()
            if server is not None and server.state == view.ONLINE:
                self._retire(server)
                self._member.leave()
        except errors.MysqlopsError as error:
            self._log.say(f"could not leave cleanly: {error}")
        finally:
            self._pod.let_go()
        self._log.say("left")

    def _retire(self, server: view.ServerView) -> None:
        stopping = member_actions.Wait("stopping")
        seen = replace(self._describe(membership.Situation(self._me.pod, server), stopping), role=names.ROLE_NONE)
        try:
            if server.role() == names.ROLE_PRIMARY:
                # The stopping pod has changed the Service; kube-proxy applies the next change a second later.
                self._clock.sleep(routing.PROXY_SECONDS)
                to = handover.successor(server, self._publisher.record)
                done = handover.run(self._pod, self._member, self._around, to, self._clock)
                self._health.turned(seen, server, self._clock.monotonic())
                self._log.say(f"handed the primary over to {done.to} in {done.seconds:.2f} s")
                # For another second, kube-proxy may send clients here: they must be refused, not left without an
                # answer.
                self._clock.sleep(1.5 * routing.PROXY_SECONDS)
        except errors.MysqlopsError as error:
            self._log.say(f"while handing over: {error}")
        try:
            self._health.turned(seen, server, self._clock.monotonic())
            self._publisher.publish(seen)
        except errors.KubeError as error:
            self._log.say(f"while stopping: {error}")
