"""Kubernetes quantities, compared as numbers (Percona PXC #1826 looped on 6G against 6Gi)."""

from __future__ import annotations

import re
from decimal import Decimal

from mysqlops.errors import ConfigError

_SUFFIXES = {"": Decimal(1), "m": Decimal("0.001")}
_SUFFIXES |= {name: Decimal(1000) ** (power + 1) for power, name in enumerate("kMGTPE")}
_SUFFIXES |= {f"{name}i": Decimal(1024) ** (power + 1) for power, name in enumerate("KMGTPE")}
_QUANTITY = re.compile(r"([0-9]{1,24}(?:\.[0-9]{1,24})?)(m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei)?")

_MY_CNF = re.compile(r"(-?[0-9]{1,24})([KMGTPE])", re.IGNORECASE)

KIB, MIB, GIB = 1024, 1024**2, 1024**3


def parse(text: str) -> Decimal:
    """The number that a quantity such as `10Gi`, `500m` or `2` stands for; raises ConfigError."""
    match = _QUANTITY.fullmatch(text.strip())
    if not match:
        raise ConfigError(f"{text!r} is not a quantity; expected a number with a unit, such as 10Gi or 500m")
    return Decimal(match[1]) * _SUFFIXES[match[2] or ""]


def parse_bytes(text: str) -> int:
    """A size in bytes; raises ConfigError for a quantity that is not a whole number of bytes."""
    size = parse(text)
    if size != size.to_integral_value():
        raise ConfigError(f"{text!r} is not a whole number of bytes; did you mean {text.rstrip('m')}Mi?")
    return int(size)


def parse_mib(text: str) -> int:
    """Whole MiB, from 50, 50Mi or 1Gi; raises ConfigError for less than one."""
    if re.fullmatch("[0-9]{1,24}", text):
        return int(text)
    size = parse_bytes(text)
    if size < MIB:
        raise ConfigError(f"{text}: expected at least 1Mi")
    return size // MIB


def parse_my_cnf(text: str) -> int | None:
    """The number that a size such as `512M` stands for in my.cnf; None if it is not one."""
    match = _MY_CNF.fullmatch(text)
    return int(match[1]) * 1024 ** ("KMGTPE".index(match[2].upper()) + 1) if match else None


def is_same(left: str, right: str) -> bool:
    return parse(left) == parse(right)


def format_bytes(size: int) -> str:
    """A size for people, in binary units: `3.2GiB`."""
    value = float(size)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if value < 1024:
            return f"{value:.0f}{unit}" if unit == "B" else f"{value:.1f}{unit}"
        value /= 1024
    return f"{value:.1f}TiB"
