"""Progress lines for the steps of a backup's Job, as people read them. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mysqlops.core import quantity, typed
from mysqlops.core.typed import Json

_DOING = {
    "look": "querying the repository",
    "look-again": "querying the repository",
    "run": "querying the repository",
    "copy": "copying",
    "examine": "reading the snapshot",
    "store": "storing",
    "seal": "sealing what was stored",
    "store-seal": "storing the seal",
    "choose": "choosing the backup",
    "fetch": "fetching",
    "check": "comparing",
    "choose-logs": "choosing the binary logs",
    "fetch-logs": "fetching the binary logs",
    "apply-logs": "applying the binary logs",
    "place": "putting the data into the claim",
    "note": "recording the result",
    "verdict": "judging the comparison",
    "init": "looking for a repository",
    "write": "writing a probe",
    "read": "reading the probe",
    "delete": "deleting an old probe",
    "expired": "choosing the expired backups",
    "forget": "pruning",
    "export": "writing the file",
    "add-key": "adding the new password",
    "remove-key": "removing the old password",
}
_LONGEST = 160  # characters of a line that are shown


def progress(step: str, last_line: str) -> str:
    """The progress line of a running step. What programs read, such as a list in JSON, is not shown."""
    doing = _DOING.get(step, step)
    facts = typed.json_of(last_line)
    if facts is None:
        return f"{doing}: {last_line[:_LONGEST]}" if last_line else doing
    if not isinstance(facts, dict):
        return doing
    return f"{doing}: {_rate(facts)}" if facts.get("total_bytes") else doing


def reached(report: Json) -> str:
    """The last line of apply-logs as a sentence: the proof that the point was reached."""
    text = f"recovered to {report['to']} by applying {report['transactions']} transactions"
    if report["last"]:
        text += f", the last {report['last']['gtid']}, committed {report['last']['committed']}"
    if report["stopped_before"]:
        text += f"; the next is {report['stopped_before']['gtid']}, committed {report['stopped_before']['committed']}"
    return text


def _rate(facts: Mapping[str, Any]) -> str:
    """Bytes, their rate and the time left, from the fields of restic or of the clone."""
    done = facts.get("bytes_done", facts.get("bytes_restored", 0))
    size, seconds = facts["total_bytes"], facts.get("seconds_elapsed", 0)
    text = f"{quantity.format_bytes(done)} of {quantity.format_bytes(size)}"
    if not done or not seconds:
        return text
    rate = done / seconds
    return f"{text}, {quantity.format_bytes(int(rate))}/s, {max(0, size - done) / rate:.0f} s to go"
