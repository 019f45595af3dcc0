"""Why a server's applier stopped, without the values of any row: the text goes to the API server and logs. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

_TRANSACTION = re.compile(r"transaction '([0-9a-fA-F-]{36}(?::\w+)?:\d+)'")
# Names of schema objects only. Anything else that MySQL quotes may be a value ("Duplicate entry '…'") or a whole
# statement.
_SAFE = re.compile(
    r"\w+_rows event on table [^;' ]+|(?:Table|Unknown database|Unknown column|Unknown table) '[^']*'"
    r"(?: doesn't exist| already exists)?|for (?:key|column) '[^']*'|HA_ERR_\w+|Operation [A-Z ]+ failed"
)
_WORKER = "failed executing transaction"
_CODE = re.compile(r"(?:Error_code: MY-|Error_code: |errno )0*(\d{1,9})")


@dataclass(frozen=True)
class Failure:
    """The applier's last stop: the server's error, the time by the server's clock, and what failed."""

    number: int
    at: str
    text: str


def describe(number: int, message: str) -> str:
    """The error, the transaction and the schema object that a worker's message names."""
    said = message.partition(" Query: ")[0]
    found = _TRANSACTION.search(said)
    where = f" at transaction {found[1]}" if found else ""
    parts = list(dict.fromkeys(_SAFE.findall(said)))
    return f"error {number}{where}" + (f": {', '.join(parts)}" if parts else "")


def without_values(complaint: str) -> str:
    """A line of the server's error log without row values; only a worker's line may quote a row."""
    if _WORKER not in complaint:
        return complaint
    code = _CODE.search(complaint)
    return f"the applier stopped: {describe(int(code[1]) if code else 0, complaint)}"
