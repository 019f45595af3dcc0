"""One command at a time changes a cluster, or what a backup target holds and the password of its repository: a Lease
that is renewed by compare-and-swap while the command runs.

A command that lost the Lease (a closed laptop, SIGSTOP, an API server outage, a deleted Lease) makes no further change:
every change calls `Holding.check` first (kube/guard.py), which renews the Lease, and a wait ends (`Holding.heed`): what
it waits for may never come, since somebody else decides by now. The own clocks alone prove nothing: both stop while a
virtual machine is paused. Only a call that was sent already cannot be recalled. Other machines' clocks do not count: a
Lease is free once this process has watched it for its whole duration without a renewal.
"""

from __future__ import annotations

import getpass
import os
import secrets
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from typing import NoReturn

from mysqlops import errors
from mysqlops.clock import Signal, beside
from mysqlops.core import instant, names, ownership
from mysqlops.core.target import Target
from mysqlops.core.typed import Json
from mysqlops.errors import Reason
from mysqlops.kube.client import Client
from mysqlops.operations import orders
from mysqlops.operations.session import Session

_LEASE_SECONDS = 15.0  # if a waiting process sees no renewal for so long, the holder counts as dead
_SAFE_SECONDS = 8.0  # a renewal whose answer took longer proves nothing: the change takes time too
_RENEW_SECONDS = 4.0
_POLL_SECONDS = 0.5
_TRIES = 3


@dataclass(frozen=True)
class Lock:
    """What is locked: its name in messages, its Lease, and the command that shows its present state."""

    what: str
    lease: str
    labels: Mapping[str, str]
    look: str

    def why_foreign(self, found: Json) -> Reason | None:
        """Why the Lease of this name is not this lock: anybody may have one, and it is not written over."""
        if cluster := self.labels.get(names.LABEL_INSTANCE):
            return ownership.foreign_lease(found, cluster)
        labels = found["metadata"].get("labels") or {}
        if all(labels.get(key) == value for key, value in self.labels.items()):
            return None
        text = f"Lease {self.lease} exists and was not created by mysqlops; it was not touched"
        return Reason("foreign-object", text, "remove it if nothing uses it, or add the target under another name")


def of_cluster(name: str) -> Lock:
    return Lock(name, names.operation_lease(name), names.selector(name), f"mysqlops status {name}")


def of_target(target: Target) -> Lock:
    """For commands that remove something from the target's repository, or change its Secret: two clusters may share
    it, so the lock of a cluster is not enough."""
    labels = {names.LABEL_TARGET: target.name}
    return Lock(f"target {target.name}", target.lease, labels, f"mysqlops backup target check {target.name}")


@contextmanager
def held(session: Session, name: str, verb: str) -> Iterator[None]:
    """Hold the cluster for one verb; raises OperationLocked with the holder's name."""
    with holding(session, of_cluster(name), verb):
        orders.call_off(session.client, name, session.clock.now())  # whoever gave them is dead
        yield


@contextmanager
def holding(session: Session, wanted: Lock, verb: str) -> Iterator[None]:
    """Hold a lock for one verb, beside those that the session holds already; raises OperationLocked with the holder's
    name."""
    session.guard.check()  # the Lease is a change too: a dry run ends here
    taken = Holding(session, wanted, f"{verb} by {who()}")
    taken.take()
    try:
        with beside(session.clock, "lease", taken.keep), session.guard.held_by(taken):
            yield
    finally:
        with suppress(errors.KubeError):
            taken.release()


def who() -> str:
    """The user, process and machine, for other users to read."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        user = "unknown"
    return f"{user} (process {os.getpid()} on {socket.gethostname()})"


class Holding:
    """One process's hold of the Lease. `keep` and `check` may run at once: each renewal is a compare-and-swap, and the
    one that meets the other's renewal sees its own token."""

    def __init__(self, session: Session, wanted: Lock, holder: str) -> None:
        self._client: Client = session.client.unguarded()
        self._session, self._lock, self._holder = session, wanted, holder
        self._token = secrets.token_hex(8)
        self._lease: Json = {}
        self._renewed: tuple[float, datetime] = (0.0, session.clock.now())
        self._lost_to = ""

    def take(self) -> None:
        """Raises OperationLocked if another command renews it, or takes it at the same moment; Refused if the Lease of
        that name is not ours."""
        found = self._client.find("Lease", self._lock.lease)
        if found is not None:
            if (reason := self._lock.why_foreign(found)) is not None:
                raise errors.Refused([reason])
            self._await_death(found)
        moment = self._moment()
        try:
            self._swapped(self._written(found), moment)
        except (errors.Conflict, errors.NotFound) as error:
            text = f"{self._lock.what} is being changed by another command"
            raise errors.OperationLocked(text, hint="try again") from error

    def _await_death(self, found: Json) -> None:
        """Waits until the Lease has expired by this process's own clock. A live holder renews it soon."""
        clock, began, version = self._session.clock, self._session.clock.monotonic(), _version(found)
        holder = _holder(found)
        while clock.monotonic() - began <= _LEASE_SECONDS:
            self._session.progress.waiting(f"waiting to see whether {holder} still changes {self._lock.what}")
            clock.sleep(_POLL_SECONDS)
            now = self._client.find("Lease", self._lock.lease)
            if now is None or _version(now) != version:
                text = f"{self._lock.what} is being changed: {_holder(now or found)}"
                raise errors.OperationLocked(text, hint="wait for it, then try again")

    def keep(self, over: Signal) -> None:
        """Renew until the command is over, or another process holds the Lease."""
        while not over.wait(_RENEW_SECONDS) and not self._lost_to:
            with suppress(errors.KubeError):
                self.renew()

    def renew(self) -> None:
        """Compare and swap; notes the loss if another process holds the Lease, or it is gone. Raises KubeError."""
        for _ in range(_TRIES):
            moment = self._moment()
            try:
                self._swapped(self._written(self._lease), moment)
                return
            except errors.Conflict:
                found = self._client.find("Lease", self._lock.lease)
            except errors.NotFound:
                found = None
            if found is None or _token(found) != self._token:
                self._lost_to = _holder(found) if found is not None else "whoever deleted it"
                return
            self._lease = found  # the other thread's renewal, or our own whose answer was lost

    def check(self) -> None:
        """Call before each change: renews, so that the Lease is held now. Raises OperationLocked, or KubeError if that
        is unknown."""
        if not self._lost_to:
            self.renew()
        if self._lost_to or not self._is_younger_than(_SAFE_SECONDS):
            self._fail()

    def heed(self) -> None:
        """Call while waiting; raises OperationLocked once the Lease is lost. Only a process that was stopped renews
        here, before `keep` does."""
        if not self._lost_to and not self._is_younger_than(_LEASE_SECONDS):
            with suppress(errors.KubeError):
                self.renew()
        if self._lost_to:
            self._fail()

    def _fail(self) -> NoReturn:
        text = f"lost the lock of {self._lock.what} to {self._lost_to or 'a slow API server'}; nothing more was changed"
        hint = f"run {self._lock.look}, then the command again"
        raise errors.OperationLocked(text, hint=hint)

    def release(self) -> None:
        """Delete the Lease if it is unchanged since this process last wrote it."""
        if not self._lost_to:
            self._client.delete_unchanged("Lease", self._lease)

    def _is_younger_than(self, limit: float) -> bool:
        """Whether the last renewal is, by both clocks: the monotonic one stops while a laptop sleeps, the other may be
        changed."""
        monotonic, wall = self._renewed
        passed = (self._session.clock.monotonic() - monotonic, (self._session.clock.now() - wall).total_seconds())
        return all(-1.0 <= seconds < limit for seconds in passed)

    def _moment(self) -> tuple[float, datetime]:
        return self._session.clock.monotonic(), self._session.clock.now()

    def _swapped(self, lease: Json, moment: tuple[float, datetime]) -> None:
        """Counts from the moment of the request, for its answer may be slow."""
        is_new = "resourceVersion" not in lease["metadata"]
        self._lease = self._client.create("Lease", lease) if is_new else self._client.replace("Lease", lease)
        self._renewed = moment

    def _written(self, over: Json | None) -> Json:
        """The Lease as this process writes it, valid only over that version."""
        metadata: Json = {
            "name": self._lock.lease,
            "labels": {**self._lock.labels, names.LABEL_MANAGED_BY: names.APP_NAME},
            "annotations": {names.ANNOTATION_HOLDER: self._token},
        }
        if over is not None:
            metadata |= {key: over["metadata"][key] for key in ("uid", "resourceVersion")}
        now = instant.precise(self._session.clock.now())
        spec = {"holderIdentity": self._holder, "renewTime": now, "leaseDurationSeconds": int(_LEASE_SECONDS)}
        return {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": metadata, "spec": spec}


def _version(lease: Json) -> tuple[str, str]:
    return lease["metadata"]["uid"], lease["metadata"]["resourceVersion"]


def _holder(lease: Json) -> str:
    return str(lease["spec"].get("holderIdentity") or "another command")


def _token(lease: Json) -> str:
    return str((lease["metadata"].get("annotations") or {}).get(names.ANNOTATION_HOLDER, ""))
