"""What a live NetworkPolicy or Role of a cluster admits that mysqlops would not: somebody else's opening. Pure.

Each of these lists has one owner as a whole, so applying the rendered one would cut off whoever relies on the opening.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable, Iterator

from mysqlops.core.typed import Json
from mysqlops.objects import network

Path = tuple[str, ...]
LISTS: dict[str, tuple[Path, ...]] = {
    "NetworkPolicy": (("spec", "ingress"), ("spec", "egress")),
    "Role": (("rules",),),
}
_OF_RULE: dict[str, list[str]] = {"apiGroups": [""], "resources": [""], "resourceNames": ["*"], "verbs": []}
_ANYBODY = "anybody"
_AGENT = ("TCP", "agent", "")
_OF_OPTION = (_ANYBODY, *_AGENT)  # `--metrics-namespaces` renders it


def is_lost(found: Json, wanted: Json, path: Path) -> bool:
    """Whether that list admits now what it would not afterwards. Which namespaces are admitted is an option of
    mysqlops, and no opening of somebody else. It ends with the first opening: whoever may write the object can list
    things so that all their combinations are beyond count."""
    if path == ("rules",):
        kept = {*_rights(wanted)}
        return any(right not in kept for right in _rights(found))
    ways = {(peer, *port) for peers, ports in _ways(wanted, path) for peer, port in itertools.product(peers, ports)}
    rules = [*_ways(found, path)]
    # Who may read an agent's metrics may read the exporter's, if there is one: another option.
    reading = {peer for peers, ports in rules if _AGENT in ports for peer in peers}
    ways |= {_OF_OPTION, *((peer, "TCP", network.EXPORTER, "") for peer in reading)}
    return any((peer, *port) not in ways for peers, ports in rules for peer, port in itertools.product(peers, ports))


def _rights(role: Json) -> Iterator[tuple[str, ...]]:
    for rule in role.get("rules") or []:
        yield from itertools.product(*(dict.fromkeys(rule.get(key) or none) for key, none in _OF_RULE.items()))


def _ways(policy: Json, path: Path) -> Iterator[tuple[Iterable[str], Iterable[tuple[str, str, str]]]]:
    """The peers and ports of each rule, each of them once."""
    side = "from" if path[-1] == "ingress" else "to"
    for rule in (policy.get("spec") or {}).get(path[-1]) or []:
        peers = dict.fromkeys(_peer(peer) for peer in rule.get(side) or []) or [_ANYBODY]
        ports = dict.fromkeys(_port(port) for port in rule.get("ports") or []) or [("", "", "")]
        yield peers, ports


def _peer(peer: Json) -> str:
    kept = {key: one for key, one in peer.items() if key != "namespaceSelector" or not network.is_of_option(one)}
    return json.dumps(kept, sort_keys=True)


def _port(port: Json) -> tuple[str, str, str]:
    return str(port.get("protocol", "TCP")), str(port.get("port", "")), str(port.get("endPort", ""))
