"""Whether an old CA may be dropped: only if every member, seen now, presents a certificate of the newest one, and no
Secret gives clients the old one alone. A member that does not answer is unknown, and blocks. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mysqlops.core import secret_map, typed
from mysqlops.core.typed import Json
from mysqlops.errors import ConfigError, Reason

_CERTIFICATE = re.compile(r"-----BEGIN CERTIFICATE-----([A-Za-z0-9+/=\s]*)-----END CERTIFICATE-----")
_PRESENTS, _REFUSED = "presents", "refused"
_LONGEST = 200


@dataclass(frozen=True)
class Facts:
    """What a member's agent found (agent/presented.py): `members` by host, each with its state and why."""

    trusted: tuple[str, ...]  # the newest CA first
    application: tuple[str, ...]
    members: Mapping[str, tuple[str, str]]


def read(answer: Any) -> Facts:
    """A pod's answer, which is data: what cannot be read is unknown."""
    parts = answer if isinstance(answer, dict) else {}
    members = parts.get("members")
    pairs = members.items() if isinstance(members, dict) else ()
    states = {host: (one[0], _shown(one[1])) for host, one in pairs if _is_state(one)}
    return Facts(certificates(parts.get("trusted")), certificates(parts.get("application")), states)


def certificates(bundle: Any) -> tuple[str, ...]:
    """The certificates of a bundle, however their lines are broken."""
    return tuple("".join(body.split()) for body in _CERTIFICATE.findall(bundle if isinstance(bundle, str) else ""))


def refused(
    cluster: str, hosts: Mapping[str, str], facts: Facts, secrets: Sequence[Json], *, is_signed: bool = True
) -> Iterator[Reason]:
    """Why the old CA must stay; unless the newest has signed (`is_signed`), why it must not sign yet: clients that do
    not have it would refuse its certificate, and a member that does not answer might too.

    `hosts` are those of all members; `secrets` those of the namespace, as far as this user may read them. Nothing is
    refused once only one CA is trusted: a killed command has dropped the others.
    """
    if not facts.trusted:
        yield Reason("certificate-unknown", f"Secret {cluster}-tls: no CA can be read", "mysqlops status " + cluster)
    if len(facts.trusted) < 2:
        return
    for pod, host in hosts.items():
        state, why = facts.members.get(host, ("", "it was not asked"))
        if state == _REFUSED and is_signed:
            text = f"{pod} does not present a certificate of the newest CA: {why}"
            yield Reason("old-ca-in-use", text, f"mysqlops tls rotate {cluster} gives every member one")
        elif state not in (_PRESENTS, _REFUSED):
            text = f"it is unknown which certificate {pod} presents: {why or 'no answer'}"
            yield Reason(
                "certificate-unknown", text, f"mysqlops status {cluster}; bring the member back, or scale down"
            )
    for name in _with_the_old_alone(cluster, facts, secrets):
        text = f"Secret {name} gives clients an old CA and not the newest one"
        hint = f"put ca.crt of Secret {cluster}-tls there; agents keep that of {cluster}-app"
        yield Reason("old-ca-in-use", text, hint)


def _with_the_old_alone(cluster: str, facts: Facts, secrets: Sequence[Json]) -> list[str]:
    newest, old = facts.trusted[0], set(facts.trusted[1:])
    given = {secret_map.secret(cluster, secret_map.APP): facts.application}
    for secret in secrets:
        keys = [key for key in secret.get("data") or {} if key.endswith((".crt", ".pem"))]
        for key in keys:
            held = certificates(_text(secret, key))
            if old.intersection(held):
                given[typed.visible(secret["metadata"]["name"])] = held
                if newest not in held:
                    break
    own = secret_map.secret(cluster, secret_map.CA)  # what the agents sign with is no client's
    return sorted(name for name, held in given.items() if name != own and held and newest not in held)


def _text(secret: Json, key: str) -> str:
    try:
        return secret_map.text(secret, key)
    except ConfigError:  # no text, so no certificate
        return ""


def _is_state(found: Any) -> bool:
    return isinstance(found, list) and len(found) > 1 and all(isinstance(text, str) for text in found[:2])


def _shown(text: str) -> str:
    return typed.visible(text[:_LONGEST])
