"""When the member's mysqld dies, asks the group to remove it: the others elect within a second or two, instead of
suspecting it for five seconds first (planning/obituary.py, docs/adr/0037). The label of a primary goes at once to the
member that the group will elect, before kubelet reports the dead container: kube-proxy applies one change a second.

A thread that sleeps until the process ends. Whatever fails, the group's own suspicion removes the member as before.
"""

from __future__ import annotations

from collections.abc import Collection

from mysqlops import errors
from mysqlops.agent import cluster_api, log, pod
from mysqlops.clock import Clock
from mysqlops.core import names, typed, view
from mysqlops.mysql import xcom
from mysqlops.planning import obituary

_PAUSE_SECONDS = 1.0  # while there is no mysqld to watch
_ASK_SECONDS, _ALL_SECONDS = 1.0, 3.0
# Nothing is sent later than four seconds after the end, however long a peer or a name server keeps the thread.
_ASKING_SECONDS = _ALL_SECONDS + _ASK_SECONDS + 1.0
_LABEL_SECONDS = 1.5  # later, the others may have elected; with the API client's own three it is within the five
_LOOKS, _LOOK_SECONDS = 5, 0.02  # the kernel closes a process's files one after the other


class Obituary:
    """Watches one member's mysqld; never raises."""

    def __init__(self, own: pod.Pod, around: cluster_api.ClusterApi, logger: log.Log, clock: Clock) -> None:
        self._pod, self._around, self._log, self._clock = own, around, logger, clock
        self._over = clock.signal()
        self._last: tuple[view.ServerView | None, float] = (None, 0.0)
        self._asking_until = 0.0
        self._is_on = False
        self._fenced: Collection[str] = ()

    def start(self) -> None:
        self._clock.start("obituary", self._run)

    def stop(self) -> None:
        """The pod stops, and mysqld leaves the group by itself."""
        self._over.set()

    def saw(self, server: view.ServerView, at: float, record: view.GroupRecord | None) -> None:
        """mysqld answered. Called before the loop acts on that answer."""
        self._last, self._is_on = (server, at), obituary.is_on(record)
        self._fenced = record.fenced if record else ()

    def is_asking(self) -> bool:
        """While true, this member must not join: a request might meet its next incarnation. Asked after `saw`: either
        the thread sees that mysqld is back, or the loop sees that the thread is asking."""
        return self._clock.monotonic() < self._asking_until

    def _run(self) -> None:
        while not self._over.is_set():
            try:
                if not self._pod.await_end():
                    self._over.wait(_PAUSE_SECONDS)
                elif self._is_on and not self._over.is_set():
                    self._ask()
            except Exception as error:
                self._log.unexpected("obituary", error)
                self._over.wait(_PAUSE_SECONDS)

    def _ask(self) -> None:
        at = self._clock.monotonic()
        self._asking_until = at + _ASKING_SECONDS
        try:
            last, seen_at = self._last
            cluster = self._pod.me.cluster
            refused = self._is_refused()
            is_own = refused and self._pod.has_own_name()  # a planned stop asks no name server
            wanted = obituary.plan(last, at - seen_at, cluster=cluster, is_refused=refused, has_own_name=is_own)
            if isinstance(wanted, obituary.Silence):
                self._log.say(f"mysqld has ended; asked nobody: {wanted.why}")
                return
            to = obituary.next_primary(last, self._fenced, cluster) if last is not None else ""
            labelling = self._clock.start("label", lambda: self._hand_on_label(to, at + _LABEL_SECONDS)) if to else None
            outcome = self._send(wanted, at)
            self._log.say(f"mysqld has ended; asked the group to remove it: {outcome}")
            if labelling is not None:
                labelling.join(max(0.0, self._asking_until - self._clock.monotonic()))
        finally:
            self._asking_until = 0.0

    def _is_refused(self) -> bool:
        for _ in range(_LOOKS):
            if self._pod.is_refused():
                return True
            self._clock.sleep(_LOOK_SECONDS)
        return False

    def _send(self, wanted: obituary.Request, at: float) -> str:
        """The first member that answers is enough; its answer only says whether it will propose the removal."""
        outcomes: list[str] = []
        for witness in wanted.witnesses:
            if self._over.is_set() or self._clock.monotonic() > at + _ALL_SECONDS:
                break
            try:
                answer = self._pod.ask_to_remove(witness, wanted.group_name, _ASK_SECONDS)
            except errors.MysqlopsError as error:
                outcomes.append(typed.visible(str(error)))
                continue
            outcomes.append(f"{witness} answered {answer.name} after {self._clock.monotonic() - at:.2f} s")
            if answer in xcom.SETTLED:
                break
        return "; ".join(outcomes) or "too late"

    def _hand_on_label(self, to: str, until: float) -> None:
        """Beside the request, which must not wait for the API server. The next one's label first: kube-proxy must not
        find the Service empty (handover.py). Whoever is elected instead corrects the labels as it always does, and so
        does whoever carries it wrongly."""
        try:
            for pod_name, role in ((to, names.ROLE_PRIMARY), (self._pod.me.pod, names.ROLE_NONE)):
                if self._clock.monotonic() > until:
                    return
                self._around.label(pod_name, role)
        except errors.KubeError as error:
            self._log.say(f"the label of the primary waits for the next one: {error}")
        else:
            self._log.say(f"gave the label of the primary to {to}")
