"""The address by which the group's communication layer, XCom, knows a member: "host:port", each time spelled otherwise.

XCom keeps a connection for each address that a recent view held, and goes on trying to reach a dead one, after a
tenth of a second and then after 1, 2, 3, up to 10 s (sender_task in xcom_transport.cc). A member that comes back under
the same address is taken into the group at once, and hears of it only with the next of those tries, and then only when
it counts as silent, 4 s later (alive_task in xcom_detector.cc). Until then each write waits for it. XCom compares
addresses byte by byte, while names in DNS and certificates do not depend on capitals (RFC 4343, RFC 5280 7.2): in other
capitals the same host is new to the group, and takes part within half a second (docs/adr/0062).
"""

from __future__ import annotations


def respell(address: str, number: int) -> str:
    """The same address in other capitals, chosen by `number`, any number >= 0. One that has capitals gets none: what
    was tried last may be what failed, where something between the members does mind capitals."""
    if address != address.lower():
        return address.lower()
    letters = [place for place, letter in enumerate(address) if letter.islower()]
    chosen = number % (2 ** len(letters) - 1) + 1 if letters else 0  # never none of them
    capitals = {place for bit, place in enumerate(letters) if chosen >> bit & 1}
    return "".join(letter.upper() if place in capitals else letter for place, letter in enumerate(address))


def is_same(one: str, other: str) -> bool:
    """Whether two spellings name the same member."""
    return one.lower() == other.lower()
