"""Samples of core/metrics.py from what the agent knows: its publication, and objects of the API server. Pure.

Anybody who may write an object may write anything into it: what cannot be read is left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime

from mysqlops.core import binlog, names, ordered, publication, rollout, typed, view
from mysqlops.core.gtid import GtidSet
from mysqlops.core.metrics import Sample
from mysqlops.core.typed import Json

_VERSION = re.compile(r"\d[\w.+~-]{0,59}", re.ASCII)  # the server answers it, so it may be anything
_STATES = (view.ONLINE, view.RECOVERING, view.OFFLINE, view.ERROR, view.UNREACHABLE, view.DOWN, publication.UNKNOWN)
_ROLES = (names.ROLE_PRIMARY, names.ROLE_REPLICA, names.ROLE_NONE)
ORDERS = (
    names.ANNOTATION_REBUILDING,
    names.ANNOTATION_FILLING,
    names.ANNOTATION_RESTARTING,
    names.ANNOTATION_SETTING,
    names.ANNOTATION_RECREATING,
    names.ANNOTATION_STOPPED,
    names.ANNOTATION_RESTORING,
    names.ANNOTATION_APPLYING,
    names.ANNOTATION_GIVEN_UP,
)


def of_publication(seen: publication.Publication) -> Iterator[Sample]:
    """The member as its agent saw it."""
    server = _VERSION.match(seen.server_version)
    yield Sample("agent_info", 1, {"version": seen.agent_version, "server_version": server[0] if server else ""})
    yield from (Sample("member_state", seen.state == state, {"state": state}) for state in _STATES)
    yield from (Sample("member_role", seen.role == role, {"role": role}) for role in _ROLES)
    yield Sample("member_online", seen.state == view.ONLINE and seen.role != names.ROLE_NONE)
    yield Sample("member_primary", seen.role == names.ROLE_PRIMARY)
    yield Sample("join_attempts", seen.tries)
    yield Sample("applier_failing", bool(seen.applier_failure))
    for name, trouble in (("refused", seen.secrets_trouble), ("missing", seen.secrets_missing)):
        yield Sample(f"secrets_{name}", bool(trouble))
    yield Sample("accounts_differ", bool(seen.accounts_trouble))
    if seen.server_uuid:
        yield from _of_server(seen)
    if seen.clone_size:
        yield Sample("clone_copied_bytes", seen.clone_copied)
        yield Sample("clone_size_bytes", seen.clone_size)
    if seen.volume_size:
        yield Sample("volume_size_bytes", seen.volume_size)
        yield Sample("volume_used_bytes", seen.volume_used)
    yield from _moment("certificate_expiry_timestamp_seconds", seen.certificate_until)
    yield from _moment("ca_expiry_timestamp_seconds", seen.ca_until)


def _of_server(seen: publication.Publication) -> Iterator[Sample]:
    """What a server that answers reports."""
    yield Sample("member_writable", seen.writable)
    yield Sample("member_read_only", seen.read_only)
    yield Sample("group_members", len(list(filter(None, seen.group.split(",")))))
    yield Sample("group_online_members", seen.online)
    yield Sample("apply_queue_transactions", seen.behind)
    yield Sample("gtid_gap_transactions", GtidSet.parse(seen.received).subtract(GtidSet.parse(seen.executed)).count())


def of_containers(statuses: Iterable[Json]) -> Iterator[Sample]:
    """Restarts, and how each container last ended, from the pod's own status."""
    for status in statuses:
        labels = {"container": str(status.get("name", ""))}
        yield Sample("container_restarts_total", int(status.get("restartCount", 0)), labels)
        ended = (status.get("lastState") or {}).get("terminated")
        if ended:
            why = {"reason": str(ended.get("reason", "")), "exit_code": str(ended.get("exitCode", ""))}
            yield Sample("container_last_exit_info", 1, {**labels, **why})


def of_orders(notes: Mapping[str, str] | None, pod: str) -> Iterator[Sample]:
    """What the annotations of the group's Lease order; None if they were never read."""
    if notes is None:
        return
    for key in ORDERS:
        is_open = bool(notes.get(key))
        if key == names.ANNOTATION_REBUILDING:  # a killed command cannot withdraw what was obeyed
            is_open = not all(ordered.rebuilding(notes).values())
        yield Sample("order_open", is_open, {"order": key.partition("/")[2]})
    yield Sample("member_fenced", pod in ordered.fenced(notes))
    yield Sample("rotation_open", ordered.rotation(notes) is not None)


def of_stateful_set(found: Json) -> Iterator[Sample]:
    yield Sample("cluster_replicas", int(found["spec"]["replicas"]))
    under_way = rollout.read(found)
    yield Sample("rollout_open", under_way is not None)
    yield Sample("rollout_reverting", rollout.goes_back(under_way))
    if under_way is not None:
        yield from _moment("rollout_since_timestamp_seconds", under_way.since)


def of_schedule(cron_job: Json, kind: str) -> Iterator[Sample]:
    """When the CronJob was created, when it last succeeded, and when its owner calls it overdue."""
    labels, metadata = {"kind": kind}, cron_job["metadata"]
    success = str((cron_job.get("status") or {}).get("lastSuccessfulTime") or "")
    yield from _moment("backup_last_success_timestamp_seconds", success, labels)
    yield from _moment("backup_schedule_timestamp_seconds", str(metadata.get("creationTimestamp") or ""), labels)
    request = typed.json_of((metadata.get("annotations") or {}).get(names.ANNOTATION_SCHEDULE))
    limit = (
        request.get("max_age" if kind == names.SCHEDULES[0] else "verify_max_age") if isinstance(request, dict) else 0
    )
    if isinstance(limit, int) and limit > 0:
        yield Sample("backup_max_age_seconds", limit, labels)


def of_receiver(lease: Json) -> Iterator[Sample]:
    """What the receiver of binary logs reports in its Lease."""
    report = binlog.report_of(lease["metadata"].get("annotations") or {})
    if report is None:
        return
    yield from _moment("binlog_shipped_until_timestamp_seconds", report.until)
    yield Sample("binlog_receiver_failing", bool(report.trouble))
    yield Sample("binlog_gap", bool(report.gap))


def _moment(name: str, at: str, labels: Mapping[str, str] = {}) -> Iterator[Sample]:
    if names.is_moment(at):
        yield Sample(name, datetime.fromisoformat(at).timestamp(), labels)
