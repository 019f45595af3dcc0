"""When the certificate and its CA run out, and what `status` says as that comes near. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from mysqlops.planning.status import Condition, Member

CODE, CA_CODE = "certificate-ends", "ca-ends"
# A certificate of our own is renewed 120 days before its end: one that is this near is somebody else's, or an agent
# cannot renew it. A CA is changed by people, as each client must have the new one before the old one ends.
_FORM = "%Y-%m-%dT%H:%M:%SZ"
_CERTIFICATE, _CA = timedelta(days=30), timedelta(days=60)


def conditions(cluster: str, members: Sequence[Member], now: datetime) -> list[Condition]:
    until, ca = _first(one.certificate_until for one in members), _first(one.ca_until for one in members)
    found = []
    if until is not None and until - now < _CERTIFICATE:
        text = f"the certificate that members show runs out at {until:{_FORM}}"
        found.append(Condition(CODE, text, f"renew Secret {cluster}-tls, or mysqlops tls rotate {cluster}"))
    if ca is not None and ca - now < _CA:
        text = f"the CA runs out at {ca:{_FORM}}, and every certificate of it"
        hint = f"renew it in Secret {cluster}-tls, or mysqlops tls rotate {cluster} --new-ca"
        found.append(Condition(CA_CODE, text, hint))
    return found


def line(members: Sequence[Member]) -> str:
    """For the table of `status`; empty if nothing is known."""
    until, ca = _first(one.certificate_until for one in members), _first(one.ca_until for one in members)
    if until is None or ca is None:
        return ""
    return f"certificate until {until:{_FORM}}, its CA until {ca:{_FORM}}"


def _first(moments: Iterable[str | None]) -> datetime | None:
    """The earliest of the members'; None if none is known."""
    return min((at for one in moments if (at := _moment(one))), default=None)


def _moment(text: str | None) -> datetime | None:
    """Whoever may write a pod's annotation may write anything there."""
    try:
        at = datetime.fromisoformat(text or "")
    except (ValueError, TypeError):
        return None
    return at if at.tzinfo is not None else None
