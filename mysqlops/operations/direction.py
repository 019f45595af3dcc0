"""Which way an open rollout goes: the template and the record of the direction change in one call."""

from __future__ import annotations

from dataclasses import replace

from mysqlops import errors
from mysqlops.core import names, rollout
from mysqlops.core.typed import Json
from mysqlops.operations import happened, observe
from mysqlops.operations.session import Session
from mysqlops.planning import rollout as planning
from mysqlops.planning import status


def turn_back(session: Session, name: str, record: rollout.Rollout) -> None:
    """Restore the previous template, with the reason; raises Refused if there is no way back."""
    if reasons := planning.no_way_back(observe.judged(session, name), record):
        raise errors.Refused(reasons)
    session.progress.warn(f"{record.failure}; rolling back")
    found = session.client.get("StatefulSet", name)
    _put(session, found, replace(record, after=found["spec"]["template"]), record.before)


def turn_forward(session: Session, name: str, record: rollout.Rollout) -> None:
    """Put the template in again from which the rollout went back; raises Refused if it is not recorded.

    Data that the newer version has changed opens only with that one: if the older one is started on it, and no group
    runs without what it holds, there is no other way out that keeps the data.
    """
    if reasons := planning.no_way_forward(name, record):
        raise errors.Refused(reasons)
    session.progress.say(f"going forward again: {record.why}")
    _put(session, session.client.get("StatefulSet", name), replace(record, failure="", after={}), record.after)


def fails_both_ways(now: status.Status, failure: str, *, is_kept: bool) -> errors.StepFailed:
    """A pod comes up neither with the new template nor with the previous one."""
    data = "its data was kept" if is_kept else "it began empty, because the previous version refused its data"
    hint = (
        f"if the newer version has changed the data, mysqlops upgrade {now.name} --forward starts it again; otherwise "
        f"fix the cause above, then mysqlops upgrade {now.name} --resume; or mysqlops restore BACKUP --as NAME"
    )
    return errors.StepFailed(f"{failure}, also with the previous template; {data}", hint=planning.first(now, hint))


def _put(session: Session, found: Json, record: rollout.Rollout, template: Json) -> None:
    kept = {key: found["metadata"][key] for key in ("name", "namespace", "labels")}
    session.client.apply(
        {
            "apiVersion": found["apiVersion"],
            "kind": found["kind"],
            "metadata": {**kept, "annotations": {names.ANNOTATION_ROLLOUT: rollout.dump(record)}},
            "spec": {**found["spec"], "template": template},
        }
    )
    happened.turned(session, found, rollout.read(found), record)
