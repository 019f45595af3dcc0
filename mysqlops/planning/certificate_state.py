"""When the certificate and its CA expire, and what `status` reports shortly before. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from mysqlops.core import instant
from mysqlops.planning.status import Condition, Member

CODE, CA_CODE = "certificate-ends", "ca-ends"
# Agents renew our own certificate 120 days before it expires: one that is this close to its end comes from somebody
# else, or an agent cannot renew it. People replace a CA, because each client needs the new one before the old one ends.
_CERTIFICATE, _CA = timedelta(days=30), timedelta(days=60)


def conditions(cluster: str, members: Sequence[Member], now: datetime) -> list[Condition]:
    until, ca = _first(member.certificate_until for member in members), _first(member.ca_until for member in members)
    found = []
    if until is not None and until - now < _CERTIFICATE:
        text = f"the certificate that members present expires at {instant.text(until)}"
        found.append(
            Condition(
                CODE,
                text,
                f"renew Secret {cluster}-tls, or mysqlops tls rotate {cluster}, which says if a new CA waits to sign",
            )
        )
    if ca is not None and ca - now < _CA:
        text = f"the CA expires at {instant.text(ca)}, and with it every certificate that it signed"
        hint = f"renew it in Secret {cluster}-tls, or mysqlops tls rotate {cluster} --new-ca"
        found.append(Condition(CA_CODE, text, hint))
    return found


def line(members: Sequence[Member]) -> str:
    """For the table of `status`; empty if nothing is known."""
    until, ca = _first(member.certificate_until for member in members), _first(member.ca_until for member in members)
    if until is None or ca is None:
        return ""
    return f"certificate until {instant.text(until)}, its CA until {instant.text(ca)}"


def _first(moments: Iterable[str | None]) -> datetime | None:
    """The earliest moment of all members; None if none is known."""
    return min((at for moment in moments if (at := instant.read(moment))), default=None)
