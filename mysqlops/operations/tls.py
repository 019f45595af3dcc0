"""Rotate the cluster's certificate: put a new one into the Secret, and wait until every member has loaded it.

Members verify each other. So a CA is trusted by all before it signs, and signs for all before the old one is dropped;
in between, nobody refuses anybody, however late one of them loads what the Secret holds.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

from mysqlops import errors
from mysqlops.core import instant, names, view
from mysqlops.errors import Reason, Refused
from mysqlops.operations import agents, observe, orders, programs
from mysqlops.operations.session import Session
from mysqlops.planning import old_ca, status

LOOK, CERTIFICATE, CA, DROP = "look", "certificate", "ca", "drop"
_PARTS = {CERTIFICATE: (CERTIFICATE,), CA: (CA,), DROP: (CERTIFICATE, DROP)}
_TIMES = 2  # an agent first announces a CA that a killed run made, and signs once all members trust it


def rotate(session: Session, name: str, stage: str, hostnames: Sequence[str] = ()) -> str:
    """The fingerprint of the certificate that every member has loaded; raises Refused or WaitTimeout.

    `stage` is "certificate", "ca" (trust a new CA beside the old one, which still signs) or "drop" (a certificate of
    the newest CA, then trust no other). It must contain these `hostnames`, which the group's Lease has. Each stage may
    be killed and run again.
    """
    seen = observe.judged(session, name)
    runner = next((member.name for member in seen.members if member.state == view.ONLINE), None)
    if runner is None:
        raise Refused([Reason("none-online", f"no member of {name} is ONLINE", f"mysqlops status {name}")])
    wanted = _begin(session, seen, runner, stage)
    for part in _PARTS[stage]:
        for tries in range(_TIMES):
            if stage == DROP:
                _check_before(session, seen, runner, part, tries)
            done = _run(session, runner, part, wanted)
            _check_hostnames(runner, done, hostnames)
            wanted = done.fingerprint
            # Calm agents look at the Secrets once a minute, and at once when the Lease changes.
            with suppress(errors.KubeError):
                orders.write(session.client, name, renewed=instant.precise(session.clock.now()))
            session.progress.say(f"{runner} put certificate {wanted} into the Secret")
            _await_loaded(session, name, wanted)
            if not done.again:
                break
    return wanted


def _begin(session: Session, seen: status.Status, runner: str, stage: str) -> str:
    """The fingerprint of what the Secret holds. A killed run may have left members that do not trust what signs next;
    raises Refused or WaitTimeout."""
    found = _run(session, runner, LOOK)
    if stage == CERTIFICATE and found.again:
        raise _waiting_ca(seen.name)
    if stage == DROP:
        _check_unused(session, seen, runner, is_signed=False)
    if stage == DROP or found.again:
        _await_loaded(session, seen.name, found.fingerprint)
    return found.fingerprint


def _waiting_ca(name: str) -> Refused:
    """The key of the CA in use is gone, so only the new one can sign."""
    text = f"a new CA of {name} waits to sign, and clients that do not have it would refuse its certificate"
    hint = f"give clients ca.crt of Secret {names.tls_secret(name)}, then: mysqlops tls rotate {name} --drop-old-ca"
    return Refused([Reason("ca-waits", text, hint)])


def _check_before(session: Session, seen: status.Status, runner: str, part: str, tries: int) -> None:
    """Before the newest CA signs, and before the old one goes. A CA that a killed run made is trusted only after the
    first try, so clients are asked again."""
    if part == DROP or tries:
        _check_unused(session, seen, runner, is_signed=part == DROP)


def _run(session: Session, runner: str, part: str, *of: str) -> programs.Rotated:
    """A program that was paused goes on when its command is given up: it changes only what the Secret held before."""
    return agents.run(session.client, runner, programs.ROTATE_TLS, part, *of, timeout_seconds=60)


def _check_hostnames(runner: str, done: programs.Rotated, hostnames: Sequence[str]) -> None:
    if missing := sorted(set(hostnames) - set(done.hostnames)):
        text = f"the agent of {runner} is of an older release: its certificate does not contain {', '.join(missing)}"
        raise Refused([Reason("agent-too-old", text, f"mysqlops upgrade {runner.rpartition('-')[0]}")])


def _await_loaded(session: Session, name: str, wanted: str) -> None:
    observe.until(
        session,
        name,
        lambda now: all(member.certificate == wanted for member in now.members),
        f"every member to load certificate {wanted}",
    )


def _check_unused(session: Session, seen: status.Status, runner: str, *, is_signed: bool) -> None:
    """Raises Refused while a client needs the old CA, or a member does not answer; once the newest one has signed, also
    while a member presents a certificate of the old one."""
    hosts = {member.name: names.member_host(seen.name, member.ordinal, seen.namespace) for member in seen.members}
    facts = agents.run(session.client, runner, programs.TLS_PRESENTED, *hosts.values(), timeout_seconds=90)
    try:
        secrets = session.client.list("Secret")
    except errors.Forbidden:
        secrets = []
        session.progress.warn(f"Secrets cannot be listed: copies of the CA beside {seen.name}-app were not looked at")
    if reasons := list(old_ca.refused(seen.name, hosts, facts, secrets, is_signed=is_signed)):
        raise Refused(reasons)
