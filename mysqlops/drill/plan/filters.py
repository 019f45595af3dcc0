"""Packet filters in a pod's own network, as lines for iptables-restore. Pure; every value is checked here, because the
values that undo a filter are read from the cluster."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, ip_address

_DEFAULT_ROUTE = "00000000"
PROGRAMS = {4: "iptables", 6: "ip6tables"}


@dataclass(frozen=True)
class Filter:
    """Drops packets from and to the peers, or all except those of the spared; in each direction every nth."""

    mark: str
    peers: Sequence[str] = ()
    spared: Sequence[str] = ()
    every: int = 1

    def lines(self, verb: str, version: int) -> list[str]:
        """`verb` is -I or -D; each inserted line goes before the lines above it."""
        chance = f"-m statistic --mode nth --every {int(self.every)} --packet 0 " if self.every > 1 else ""
        ends = list(_ends(self.peers, version)) if self.peers else [("INPUT", "! -i lo"), ("OUTPUT", "! -o lo")]
        rules = [(chain, f"{match} {chance}", "DROP") for chain, match in ends]
        rules += [(chain, f"{match} ", "ACCEPT") for chain, match in _ends(self.spared, version)]
        comment = f"-m comment --comment {self.mark}"
        return ["*filter", *(f"{verb} {chain} {match}{comment} -j {to}" for chain, match, to in rules), "COMMIT"]


def detour(mark: str, verb: str, port: int, to: str, to_port: int) -> list[str]:
    """Redirects connections to a port to another address; connections that were open before are reset."""
    match = f"{verb} OUTPUT -p tcp --dport {int(port)} -m comment --comment {mark} -j"
    led = f"{match} DNAT --to-destination {IPv4Address(to)}:{int(to_port)}"
    return ["*nat", led, "COMMIT", "*filter", f"{match} REJECT --reject-with tcp-reset", "COMMIT"]


def _ends(addresses: Sequence[str], version: int) -> Iterator[tuple[str, str]]:
    for address in map(ip_address, addresses):
        if address.version == version:
            yield "INPUT", f"-s {address}"
            yield "OUTPUT", f"-d {address}"


def gateways(routes: str) -> list[str]:
    """Gateways of the default routes in /proc/net/route, where an address is a number in little-endian byte order."""
    rows = [line.split() for line in routes.splitlines()[1:]]
    found = [bytes.fromhex(row[2])[::-1] for row in rows if len(row) > 2 and row[1] == _DEFAULT_ROUTE]
    return [str(IPv4Address(octet)) for octet in found if any(octet)]
