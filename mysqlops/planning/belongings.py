"""What members need besides their claims: Secrets, accounts, and the objects that their next start needs. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from mysqlops.core.publication import Publication
from mysqlops.planning.status import Condition, Observed


def conditions(seen: Observed, published: Mapping[str, Publication | None]) -> list[Condition]:
    heard = {name: one for name, one in published.items() if one is not None}
    found = [
        Condition("secrets-refused", f"{name}: {one.secrets_trouble}", f"mysqlops users rotate {seen.name}")
        for name, one in heard.items()
        if one.secrets_trouble
    ]
    missing = {publication.secrets_missing for publication in heard.values() if publication.secrets_missing}
    knowing = sorted(name for name, one in heard.items() if one.knows_missing)
    for text in sorted(missing):
        found.append(_secrets_missing(seen.name, text, knowing))
    found += [
        Condition("accounts-differ", f"{name}: {one.accounts_trouble}", f"mysqlops users rotate {seen.name}")
        for name, one in heard.items()
        if one.accounts_trouble
    ]
    if seen.missing:
        text = f"{', '.join(seen.missing)} does not exist, and members need it to start"
        found.append(Condition("object-missing", text, f"mysqlops deploy {seen.name} recreates it"))
    return found


def _secrets_missing(cluster: str, text: str, knowing: list[str]) -> Condition:
    if not knowing:
        text = f"{text}; a member that starts now cannot join"
        return Condition("secrets-missing", text, "restore the Secret from a copy before any pod restarts")
    text = f"{text}; the agents of {', '.join(knowing)} still have its contents: do not restart them"
    hint = f"mysqlops deploy {cluster} recreates a missing Secret, and the agents fill it"
    return Condition("secrets-missing", text, hint)
