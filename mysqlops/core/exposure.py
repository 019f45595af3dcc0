"""The Services by which clients from outside reach a cluster (`mysqlops expose`), as its group's Lease records them.

Pure. Agents read the host names, which every new certificate contains. What is open, the objects say themselves by
their label (objects/exposed.py): every member may write the Lease.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from mysqlops.core import names, typed

ANNOTATION = f"{names.DOMAIN}/exposed"  # on the group's Lease: JSON, Service -> Exposure
TYPES = ("LoadBalancer", "NodePort")
# It becomes a line of openssl's configuration: nothing but a host name.
_HOST = re.compile(r"(\*\.)?([a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?\.)*[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")


@dataclass(frozen=True)
class Exposure:
    """One Service; `signed`: the certificate with its host name is loaded by all members."""

    role: str
    type: str
    hostname: str = ""
    signed: bool = False


def read(annotations: Mapping[str, str]) -> dict[str, Exposure]:
    """What does not fit counts as not recorded."""
    found = typed.json_of(annotations.get(ANNOTATION))
    made = {str(name): typed.make(Exposure, one) for name, one in found.items()} if isinstance(found, dict) else {}
    return {name: one for name, one in made.items() if one and (not one.hostname or is_hostname(one.hostname))}


def hostnames(annotations: Mapping[str, str]) -> list[str]:
    return sorted({exposure.hostname for exposure in read(annotations).values() if exposure.hostname})


def is_hostname(text: str) -> bool:
    return len(text) < 254 and _HOST.fullmatch(text) is not None
