"""One command at a time changes a cluster: a Lease, renewed while the command runs, stale soon after a kill."""

from __future__ import annotations

import getpass
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from functools import partial
from typing import Any

from mysqlops import errors
from mysqlops.clock import Signal
from mysqlops.core import names
from mysqlops.operations.session import Session

Json = dict[str, Any]
_LEASE_SECONDS = 15
_RENEW_SECONDS = 4.0


@contextmanager
def held(session: Session, name: str, verb: str) -> Iterator[None]:
    """Hold the cluster for one verb; raises OperationLocked with the holder's name."""
    holder = f"{verb} by {_who()} (process {os.getpid()} on {socket.gethostname()})"
    _take(session, name, holder)
    over = session.clock.signal()
    renewing = session.clock.start("lease", partial(_renew, session, name, holder, over))
    try:
        yield
    finally:
        over.set()
        renewing.join()
        with suppress(errors.KubeError):
            session.client.delete("Lease", names.operation_lease(name))


def _who() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"


def _take(session: Session, name: str, holder: str) -> None:
    wanted = _lease(session, name, holder)
    found = session.client.find("Lease", names.operation_lease(name))
    if found is not None:
        if not _is_over(session, found):
            raise errors.OperationLocked(
                f"{name} is being changed: {found['spec'].get('holderIdentity')}",
                hint=f"wait for it; if it was killed, try again in {_LEASE_SECONDS} s",
            )
        wanted["metadata"]["resourceVersion"] = found["metadata"]["resourceVersion"]
    try:
        if found is None:
            session.client.create("Lease", wanted)
        else:
            session.client.replace("Lease", wanted)
    except errors.Conflict as error:
        raise errors.OperationLocked(f"{name} is being changed by another command", hint="try again") from error


def _is_over(session: Session, lease: Json) -> bool:
    renewed = lease["spec"].get("renewTime")
    return not renewed or (session.clock.now() - datetime.fromisoformat(renewed)).total_seconds() > _LEASE_SECONDS


def _lease(session: Session, name: str, holder: str) -> Json:
    now = f"{session.clock.now():%Y-%m-%dT%H:%M:%S.%fZ}"
    labels = {**names.selector(name), names.LABEL_MANAGED_BY: names.APP_NAME}
    return {
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": {"name": names.operation_lease(name), "labels": labels},
        "spec": {"holderIdentity": holder, "renewTime": now, "leaseDurationSeconds": _LEASE_SECONDS},
    }


def _renew(session: Session, name: str, holder: str, over: Signal) -> None:
    while not over.wait(_RENEW_SECONDS):
        spec = _lease(session, name, holder)["spec"]
        with suppress(errors.KubeError):
            session.client.patch("Lease", names.operation_lease(name), {"spec": spec})
