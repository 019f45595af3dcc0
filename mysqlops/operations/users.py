"""List the accounts, and rotate the passwords of those that mysqlops made; old ones stay valid until `finish`.

The Lease records an open rotation, from before the first change until the last is done. Each step may be killed: the
same command continues, since the Secret shows how far it came.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any, TypeVar

from mysqlops.core import activity, instant, names, ordered, rotation, secret_map
from mysqlops.mysql import accounts as ours
from mysqlops.operations import agents, observe, orders, programs
from mysqlops.operations.session import Session
from mysqlops.planning import rotation as planning
from mysqlops.planning import serving, status

T = TypeVar("T")

_STEP_SECONDS = 60


@dataclass(frozen=True)
class Result:
    """The users whose passwords changed, and those whose passwords must wait."""

    users: list[str]
    waiting: list[str]


@dataclass(frozen=True)
class Listed:
    """An account, and the Secret with its password if it is one of the cluster's own."""

    account: activity.Account
    secret: str

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self.account), "secret": self.secret or None}

    def row(self) -> tuple[str, ...]:
        one = self.account
        logs_in = "no: locked" if one.is_locked else "no: expired" if one.is_expired else "yes"
        tls, passwords = "required" if one.requires_tls else "-", "2" if one.has_second_password else "1"
        return one.user, one.host, one.plugin, tls, logs_in, passwords, self.secret or "-"


def accounts(session: Session, name: str) -> list[Listed]:
    """All accounts of the primary, which are the group's. Raises Refused if there is no primary."""
    pod = serving.choose(observe.judged(session, name))
    found = agents.run(session.client, pod, programs.ACCOUNTS, timeout_seconds=_STEP_SECONDS)
    keys = {(account.user, account.host): account.key for account in (*ours.ALWAYS, ours.LOOPBACK, ours.BACKUP)}
    return [Listed(account, _secret(name, keys.get((account.user, account.host)))) for account in found]


def _secret(name: str, key: str | None) -> str:
    return secret_map.place(name, key).secret if key else ""


def rotate(session: Session, name: str) -> Result:
    """Raises Refused, or WaitTimeout if a member does not apply the change; then the old passwords stay in force."""
    client = session.client
    order = ordered.rotation(orders.read(client, name))
    now = observe.judged(session, name)
    seen = _step(session, now, programs.ROTATE_LOOK)
    planning.check_rotate(now, order, seen)
    if order is None:
        order = ordered.Rotation(instant.text(session.clock.now()))
        orders.write(client, name, rotated=order.as_json())
    users = []
    if seen.stage != rotation.SWITCHED:
        opened = _step(session, now, programs.ROTATE_OPEN, order)
        users = opened.users
        what = "every member to have the new passwords"
        now = observe.until(session, name, lambda one: planning.have_applied(one, opened.executed), what)
        _step(session, now, programs.ROTATE_SWITCH, order)
    # Read after the Secret has changed: any other pod reads the new passwords.
    holders = planning.uids(observe.cluster(client, name, session.clock).pods.values())
    _note(session, name, order, holders=holders)
    return Result(users, [])


def finish(session: Session, name: str) -> Result:
    """Drop the old passwords. Members that started before the rotation keep the replication account's old password in
    memory, and need it to reach each other: that account waits for a restart. Raises Refused."""
    client = session.client
    order = ordered.rotation(orders.read(client, name))
    now = observe.judged(session, name)
    order = planning.check_finish(now, order)
    older = planning.holders(order, observe.cluster(client, name, session.clock).pods.values())
    if older:
        users = _step(session, now, programs.ROTATE_FINISH_MOST, order)
        _note(session, name, order, dropped=True)
        return Result(users, [names.USER_REPLICATION])
    users = _step(session, now, programs.ROTATE_FINISH, order)
    orders.write(client, name, rotated=None)
    return Result(users, [])


def _note(session: Session, name: str, order: ordered.Rotation, **fields: Any) -> None:
    """Into the rotation as the Lease has it now."""
    orders.change(
        session.client, name, lambda now: {"rotated": replace(ordered.rotation(now) or order, **fields).as_json()}
    )


def _step(session: Session, now: status.Status, stage: programs.Program[T], order: ordered.Rotation | None = None) -> T:
    words = [order.since] if order is not None else []
    return agents.run(session.client, status.must_lead(now), stage, *words, timeout_seconds=_STEP_SECONDS)
