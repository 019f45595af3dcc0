"""The options that a CronJob and a Deployment note: anybody may have written them, and nothing crashes over them."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from mysqlops.core import names, retention
from mysqlops.errors import Refused
from mysqlops.objects import binlog, schedule
from mysqlops.planning import backup_state

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
GOOD = {"cron": "0 3 * * *", "verify_cron": "0 5 * * 0", "target": "local", "keep": {"last": 3}, "max_age": 172800}
SPOILT = [
    None,
    "",
    "nonsense",
    "[]",
    "[" * 100_000,
    json.dumps({**GOOD, "max_age": "never"}),
    json.dumps({**GOOD, "keep": {"last": -1}}),
    json.dumps({**GOOD, "keep": [3]}),
    json.dumps({**GOOD, "target": "local\x1b[2J"}),
    json.dumps({"cron": "0 3 * * *"}),
]


def _object(annotation: str, text: str | None) -> dict[str, Any]:
    labels = {**names.selector("mysql"), names.LABEL_STEPS: "backup"}
    annotations = {} if text is None else {annotation: text}
    metadata = {"name": "mysql-x", "labels": labels, "annotations": annotations}
    status = {"lastSuccessfulTime": "2026-11-24T03:01:00Z", "lastScheduleTime": "2026-11-24T03:00:00Z"}
    return {
        "metadata": {**metadata, "creationTimestamp": "2026-11-20T00:00:00Z"},
        "spec": {"schedule": "0 3 * * *"},
        "status": status,
    }


def test_options_are_read_as_they_were_written() -> None:
    there = _object(names.ANNOTATION_SCHEDULE, json.dumps({**GOOD, "of_a_later_release": 1}))
    assert schedule.request_of(there).keep == retention.Policy(last=3)
    assert not schedule.judge(there, NOW).is_overdue
    receiver = _object(names.ANNOTATION_BINLOG, json.dumps({"target": "local", "every": 20}))
    assert binlog.noted(receiver) == ("local", 20.0)


@pytest.mark.parametrize("text", SPOILT)
def test_spoilt_options_are_refused_by_what_needs_them(text: str | None) -> None:
    for read, annotation in ((schedule.request_of, names.ANNOTATION_SCHEDULE), (binlog.noted, names.ANNOTATION_BINLOG)):
        with pytest.raises(Refused, match=r"(CronJob|Deployment) mysql-x") as error:
            read(_object(annotation, text))
        (reason,) = error.value.reasons
        assert reason.code == "options-unreadable"
        assert "mysqlops backup" in str(reason.hint)


@pytest.mark.parametrize("text", SPOILT)
def test_status_goes_on_and_complains(text: str | None) -> None:
    there = _object(names.ANNOTATION_SCHEDULE, text)
    assert [code for code, *_ in backup_state.troubles("mysql", NOW, [there], None)] == ["backup-overdue"]
