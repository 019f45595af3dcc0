"""Keep a cluster's binary logs in a target: start and stop the receiver, and show what is stored."""

from __future__ import annotations

from mysqlops.core import binlog, names
from mysqlops.core.target import Target
from mysqlops.errors import Reason, Refused
from mysqlops.kube import manifests
from mysqlops.objects import binlog as planning
from mysqlops.operations import backup as backups
from mysqlops.operations import observe, own, targets, vault, waiting
from mysqlops.operations.session import Session

_FILES = ("serviceaccount.yaml", "role.yaml", "rolebinding.yaml", "lease.yaml", "deployment.yaml")
_SCRIPTS = {"receiver.sh": "binlog/receiver.sh", "restic.sh": "backup/restic.sh"}
_POLL_SECONDS = 0.5


def begin(session: Session, name: str, request: planning.Request) -> binlog.Report | None:
    """Start the receiver, or update it to the cluster; returns the report from before that. Raises Refused."""
    planning.check_every(request.every)
    backups.open_account(session, name)
    _refuse_other_target(session, name, request.target)
    before = _report(session, name)
    _apply(session, name, request)
    return before


def start(session: Session, name: str, request: planning.Request) -> binlog.Report:
    """`begin`, and wait until the first logs are stored; raises Refused, or WaitTimeout with the receiver's message."""
    before = begin(session, name, request)

    def look() -> binlog.Report | waiting.Pending:
        found = _report(session, name)
        if found is not None and found.until and not found.trouble and (before is None or found.at != before.at):
            return found
        return waiting.Pending("the first binary logs to be stored", found.trouble if found else "")

    return waiting.until(session, look, poll_seconds=_POLL_SECONDS)


def _refuse_other_target(session: Session, name: str, target: Target) -> None:
    """With two targets, each repository would hold only a part of the logs."""
    found = own.find(session.client, "Deployment", names.receiver(name), name)
    if found is not None and (other := planning.noted(found)[0]) != target.name:
        text = f"--target {target.name}: the binary logs of {name} already go to {other}"
        raise Refused([Reason("other-target", text, f"mysqlops backup binlog stop {name}, then start it again")])


def refresh(session: Session, name: str) -> None:
    """The cluster's image or agent changed: update the receiver. Does nothing without a receiver."""
    found = own.find(session.client, "Deployment", names.receiver(name), name)
    if found is not None:
        target, every = planning.noted(found)
        _apply(session, name, planning.Request(targets.find(session.client, target), every))


def _apply(session: Session, name: str, request: planning.Request) -> None:
    running = observe.must_run(session.client, name)
    source = planning.Source(running.spec, running.in_use.agent, backups.origin(session, name))
    templates = [manifests.load_one(f"binlog/{file}") for file in _FILES]
    scripts = {file: manifests.read_text(path) for file, path in _SCRIPTS.items()}
    for item in planning.objects(templates, scripts, request, source):
        session.client.apply(vault.fitting(session.client, item) if item["kind"] == "Deployment" else item)


def stop(session: Session, name: str) -> bool:
    """Stored logs stay; False if no receiver ran. The pod stores the last seconds when it ends, and this waits for it;
    raises WaitTimeout."""
    is_stopped = own.delete(session.client, "Deployment", names.receiver(name), name)
    pending = waiting.Pending("the receiver's pod to store the last binary logs and end")
    selector = planning.selector_text(name)
    waiting.until(session, lambda: pending if session.client.list("Pod", selector) else None)
    for kind in ("RoleBinding", "Role", "ServiceAccount", "Lease"):
        own.delete(session.client, kind, names.receiver(name), name)
    return is_stopped


def _report(session: Session, name: str) -> binlog.Report | None:
    lease = own.find(session.client, "Lease", names.receiver(name), name) or {"metadata": {}}
    return binlog.report_of(lease["metadata"].get("annotations") or {})
