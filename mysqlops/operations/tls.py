"""Rotate the cluster's certificate: put a new one into the Secret, and wait until every member has loaded it."""

from __future__ import annotations

from collections.abc import Sequence

from mysqlops.core import view
from mysqlops.errors import Reason, Refused
from mysqlops.operations import agents, observe
from mysqlops.operations.session import Session


def rotate(session: Session, name: str, stage: str, hostnames: Sequence[str] = ()) -> str:
    """The fingerprint of the certificate that every member has loaded; raises Refused or WaitTimeout.

    `stage` is "certificate", "ca" (a new CA beside the old one) or "drop" (trust the newest CA only). It
    must contain these `hostnames`, which the group's Lease has.
    """
    seen = observe.judged(session, name)
    runner = next((member.name for member in seen.members if member.state == view.ONLINE), None)
    if runner is None:
        raise Refused([Reason("none-online", f"no member of {name} is ONLINE", f"mysqlops status {name}")])
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
