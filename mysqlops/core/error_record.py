"""An error as one line of JSON, from a program in a pod to the command that waits for it: class, message, hint and
reasons keep their identity. Pure. A pod's output is untrusted: it is read field by field."""

from __future__ import annotations

import json
import re
from dataclasses import asdict
from typing import Any

from mysqlops import errors
from mysqlops.core import typed

_MARK = "mysqlops-error"
_CODE = re.compile(r"[a-z][a-z0-9-]{0,60}")
_MOST_REASONS, _LONGEST = 64, 1000


def dump(error: errors.MysqlopsError) -> str:
    reasons = [asdict(reason) for reason in error.reasons] if isinstance(error, errors.Refused) else []
    record = {_MARK: 1, "code": error.code, "message": str(error), "hint": error.hint, "reasons": reasons}
    return json.dumps(record)


def load(text: str, exit_code: int) -> errors.MysqlopsError | None:
    """The error with which one of our own programs ended, from its log; None if no readable one is there, as in the log
    of an older agent. The record is the line before the last: others may have written any other line."""
    lines = text.rstrip("\n").split("\n")
    found = _error(lines[-2]) if len(lines) > 1 and lines[-2].startswith(f'{{"{_MARK}"') else None
    return found if found is not None and found.exit_code == exit_code else None


def _error(line: str) -> errors.MysqlopsError | None:
    record = typed.json_of(line)
    if not isinstance(record, dict):
        return None
    kind = _KINDS.get(str(record.get("code")))
    message, hint = _text(record.get("message")), _text(record.get("hint"))
    if kind is None or message is None:
        return None
    if kind is not errors.Refused:
        return kind(message, hint=hint)
    found = record.get("reasons")
    reasons = [_reason(reason) for reason in found[:_MOST_REASONS]] if isinstance(found, list) else []
    known = [reason for reason in reasons if reason is not None]
    return errors.Refused(known) if known else None


def _reason(record: Any) -> errors.Reason | None:
    if not isinstance(record, dict):
        return None
    code, message = str(record.get("code")), _text(record.get("message"))
    return errors.Reason(code, message, _text(record.get("hint"))) if _CODE.fullmatch(code) and message else None


def _text(value: Any) -> str | None:
    return typed.visible(value[:_LONGEST]) if isinstance(value, str) else None


def _all(kind: type[errors.MysqlopsError]) -> list[type[errors.MysqlopsError]]:
    return [kind, *(error for below in kind.__subclasses__() for error in _all(below))]


_KINDS = {error.code: error for error in _all(errors.MysqlopsError) if error.__module__ == errors.__name__}
