"""Rotate the cluster's certificate: put a new one into the Secret, and wait until every member has loaded it."""

from __future__ import annotations

from collections.abc import Sequence

from mysqlops import errors
from mysqlops.core import names, view
from mysqlops.errors import Reason, Refused
from mysqlops.operations import agents, observe
from mysqlops.operations.session import Session
from mysqlops.planning import old_ca, status

DROP = "drop"


def rotate(session: Session, name: str, stage: str, hostnames: Sequence[str] = ()) -> str:
    """The fingerprint of the certificate that every member has loaded; raises Refused or WaitTimeout.

    `stage` is "certificate", "ca" (a new CA beside the old one) or "drop" (trust the newest CA only). It
    must contain these `hostnames`, which the group's Lease has. Each stage may be killed and run again.
    """
    seen = observe.judged(session, name)
    runner = next((member.name for member in seen.members if member.state == view.ONLINE), None)
    if runner is None:
        raise Refused([Reason("none-online", f"no member of {name} is ONLINE", f"mysqlops status {name}")])
    if stage == DROP:
        _check_unused(session, seen, runner)
    told = agents.run(session.client, runner, "rotate-tls", stage, timeout_seconds=60)
    if missing := sorted(set(hostnames) - set(told.get("hostnames", []))):
        text = f"the agent of {runner} is of an older release: its certificate does not contain {', '.join(missing)}"
        raise Refused([Reason("agent-too-old", text, f"mysqlops upgrade {name}")])
    wanted = str(told["fingerprint"])
    session.progress.say(f"{runner} put certificate {wanted} into the Secret")
    observe.until(
        session,
        name,
        lambda now: all(member.certificate == wanted for member in now.members),
        f"every member to load certificate {wanted}",
    )
    return wanted


def _check_unused(session: Session, seen: status.Status, runner: str) -> None:
    """The old CA may be dropped only if nobody needs it any more; raises Refused."""
    hosts = {one.name: names.member_host(seen.name, one.ordinal, seen.namespace) for one in seen.members}
    facts = old_ca.read(agents.run(session.client, runner, "tls-presented", *hosts.values(), timeout_seconds=90))
    try:
        secrets = session.client.list("Secret")
    except errors.Forbidden:
        secrets = []
        session.progress.warn(f"Secrets cannot be listed: copies of the CA beside {seen.name}-app were not looked at")
    if reasons := list(old_ca.refused(seen.name, hosts, facts, secrets)):
        raise Refused(reasons)
