"""The Services of a cluster whose pods have changed: they may select by what the new pods carry."""

from __future__ import annotations

from mysqlops import errors
from mysqlops.objects import drift
from mysqlops.operations import deploy, observe, own
from mysqlops.operations.session import Session


def refresh(session: Session, name: str) -> None:
    """Apply those that differ; one with fields of another manager stays as it is, and works as before."""
    running = observe.must_run(session.client, name)
    for manifest in deploy.objects(running.spec, running.in_use):
        service = manifest["metadata"]["name"]
        found = own.find(session.client, "Service", service, name) if manifest["kind"] == "Service" else None
        if found is not None and drift.differences(manifest, found):
            try:
                session.client.apply(manifest)
            except errors.Conflict as conflict:
                session.progress.warn(f"Service {service} is not updated: {conflict}")
