"""What a mysqld_exporter leaves behind when a rollout has removed it: an account, and its password in the Secret."""

from __future__ import annotations

from mysqlops.core import names, secret_map
from mysqlops.operations import agents, observe, programs, vault
from mysqlops.operations.session import Session

_SECONDS = 20.0


def settle(session: Session, name: str) -> None:
    """Drop both once no member runs an exporter; does nothing if that is done, or without a primary: the next rollout
    does it."""
    client = session.client
    where = vault.place(client, name, names.KEY_EXPORTER_PASSWORD)
    if not secret_map.text(client.find("Secret", where.secret), where.key):
        return
    if observe.must_run(client, name).spec.exporter_image:
        return
    primary = observe.judged(session, name).primary
    if primary is not None:
        agents.run(client, primary, programs.EXPORTER_CLOSE, timeout_seconds=_SECONDS)
        session.progress.say(f"dropped the account {names.USER_EXPORTER}: no member has a mysqld_exporter")
