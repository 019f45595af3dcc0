"""Settings that are live on servers before a client's write has proved them: noted on the group's Lease before the
first is set, until the change is finished.

A command that finds the note of a killed one sets these variables to their values in my.cnf, on every member: that
reverts the change, or finishes it if my.cnf has the new values already. The note holds names only, since members can
write the Lease, and they must not choose values for each other.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from mysqlops import errors
from mysqlops.core import instant, ordered, setting_kinds
from mysqlops.errors import Reason, Refused
from mysqlops.objects import render
from mysqlops.operations import agents, leases, lock, observe, orders, programs
from mysqlops.operations.session import Session
from mysqlops.planning import settings, status


def begin(session: Session, name: str, keys: Iterable[str]) -> str:
    """Returns the name of this run, which its programs in pods must find in the note: they go on if it is killed."""
    at = instant.text(session.clock.now())
    return _note(session, name, {"names": sorted(keys), "at": at, "by": lock.who()})


def _note(session: Session, name: str, note: Mapping[str, Any]) -> str:
    run = instant.precise(session.clock.now())
    orders.write(session.client, name, setting={**note, "run": run})
    return run


def end(session: Session, name: str) -> None:
    """Call once each server holds the values of my.cnf."""
    if noted(session, name):
        orders.write(session.client, name, setting=None)


def noted(session: Session, name: str) -> tuple[str, ...]:
    """The variables whose live values may differ from my.cnf; empty if none do."""
    return ordered.setting(status.annotations_of(leases.find(session.client, name)))


def set_back(session: Session, name: str) -> list[str]:
    """Set the noted variables to their values in my.cnf; returns failed members with reasons. Then the note stays.
    Raises OperationLocked: whoever lost the lock sets nothing more."""
    annotations = status.annotations_of(leases.find(session.client, name))
    keys, note = ordered.setting(annotations), orders.value_of(annotations, "setting")
    if not keys:
        return []
    run = _note(session, name, note if isinstance(note, dict) else {"names": [*keys]})
    text = observe.must_run(session.client, name).settings.get(render.MY_CNF, "")
    values, left = settings.as_configured(keys, text), []
    for member in observe.judged(session, name).members:
        if member.state == status.ABSENT:  # it will start with my.cnf
            continue
        try:
            for key in _dynamic(session, member.name, values):  # one that the server refuses leaves none of the others
                put(session, member.name, {key: values[key]}, run)
        except errors.OperationLocked:
            raise
        except errors.MysqlopsError as failure:
            left.append(f"{member.name}: {failure}")
    if not left:
        end(session, name)
    return left


def _dynamic(session: Session, pod: str, keys: Collection[str]) -> list[str]:
    """Only these can have been set live, whatever the note names."""
    kinds = agents.run(session.client, pod, programs.SETTING_KINDS, *keys, timeout_seconds=20) if keys else {}
    return [key for key in keys if kinds.get(key) == setting_kinds.DYNAMIC]


def settle(session: Session, name: str) -> tuple[str, ...]:
    """The same for callers that continue only on success; returns the variables. Raises StepFailed, OperationLocked."""
    keys = noted(session, name)
    if left := set_back(session, name):
        text = f"an earlier command set {', '.join(keys)}; the values of my.cnf are not restored on {'; '.join(left)}"
        hint = f"mysqlops status {name} says why a member does not answer; then mysqlops config set {name} --settle"
        raise errors.StepFailed(text, hint=hint)
    if keys:
        session.progress.say(f"{', '.join(keys)}: set to the values of my.cnf on every member")
    return keys


def attempt(session: Session, name: str) -> None:
    """The same for callers that start every server with my.cnf anyway."""
    if left := set_back(session, name):
        session.progress.warn(f"the values of my.cnf are not restored yet on {'; '.join(left)}")


def put(session: Session, pod: str, values: Mapping[str, str | None], run: str) -> None:
    """Set variables of one server, None to its default; raises Refused if one is refused, and then sets none. `run` is
    what `begin` returned."""
    if not values:
        return
    refused = agents.run(session.client, pod, programs.SET_SETTINGS, json.dumps(values), run, timeout_seconds=60)
    if refused:
        raise Refused([Reason("bad-config", f"{pod} refuses {key}: {why}") for key, why in refused.items()])
