"""What a live NetworkPolicy or Role of a cluster admits that mysqlops would not: somebody else's opening. Pure.

Each of these lists has one owner as a whole, so applying the rendered one would cut off whoever relies on the opening.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator

from mysqlops.core.typed import Json
from mysqlops.objects import network

Path = tuple[str, ...]
LISTS: dict[str, tuple[Path, ...]] = {
    "NetworkPolicy": (("spec", "ingress"), ("spec", "egress")),
    "Role": (("rules",),),
}
_ANYBODY = "anybody"
_OF_OPTION = (_ANYBODY, "TCP", "agent", "")  # `--metrics-namespaces` renders it


def is_lost(found: Json, wanted: Json, path: Path) -> bool:
    """Whether that list admits now what it would not afterwards. Which namespaces are admitted is an option of
    mysqlops, and no opening of somebody else."""
    ways = _rights if path == ("rules",) else _ways
    admitted = {*ways(found, path)}
    # Who may read an agent's metrics may read the exporter's, if there is one: another option.
    exporters = {(*way[:2], network.EXPORTER, "") for way in admitted if way[1:] == ("TCP", "agent", "")}
    return bool(admitted - {*ways(wanted, path)} - {_OF_OPTION} - exporters)


def _rights(role: Json, _: Path) -> Iterator[tuple[str, ...]]:
    for rule in role.get("rules") or []:
        kinds = itertools.product(rule.get("apiGroups") or [""], rule.get("resources") or [""])
        for (group, resource), one in itertools.product(kinds, rule.get("resourceNames") or ["*"]):
            yield from ((group, resource, one, verb) for verb in rule.get("verbs") or [])


def _ways(policy: Json, path: Path) -> Iterator[tuple[str, ...]]:
    side = "from" if path[-1] == "ingress" else "to"
    for rule in (policy.get("spec") or {}).get(path[-1]) or []:
        peers = [_peer(peer) for peer in rule.get(side) or []] or [_ANYBODY]
        ports = [_port(port) for port in rule.get("ports") or []] or [("", "", "")]
        yield from ((peer, *port) for peer, port in itertools.product(peers, ports))


def _peer(peer: Json) -> str:
    kept = {key: one for key, one in peer.items() if key != "namespaceSelector" or not network.is_of_option(one)}
    return json.dumps(kept, sort_keys=True)


def _port(port: Json) -> tuple[str, str, str]:
    return str(port.get("protocol", "TCP")), str(port.get("port", "")), str(port.get("endPort", ""))
