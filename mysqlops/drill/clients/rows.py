"""The ledger's table: recreated on the primary, and read in full from each member, through its own socket."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, TypeVar

from mysqlops import errors
from mysqlops.core import form, names, typed, view
from mysqlops.drill.model import Row
from mysqlops.drill.plan import choice
from mysqlops.operations import waiting
from mysqlops.operations.session import Session
from mysqlops.planning import status

# As the agent does it: with its account, whose password is a file in its container. It uses no more of the agent's code
# than that, since the agent may be of another release. One line per row, so that a long table needs little memory.
_PROGRAM = """
import json, sys
sys.path.insert(0, "/agent/agent.pyz")
from mysqlops.agent import credentials, settings
from mysqlops.core import names
from mysqlops.mysql import connect
login = credentials.read_login(settings.CREDENTIALS, names.USER_ADMIN, names.KEY_ADMIN_PASSWORD)
with connect.connect_socket(login) as server:
    connect.set_read_timeout(server, 120)
    for statement in json.loads(sys.argv[1]):
        rows = server.query(statement)
for row in rows:
    print(json.dumps(row, default=str))
"""
T = TypeVar("T")
_VALUES, _ROW = form.list_of(form.scalar), form.row(form.text, form.whole, form.text)
_EXECUTED, _WAITED = form.row(form.row(form.gtids)), form.row(form.row(form.scalar))
_ASK_EXECUTED = "SELECT REPLACE(@@global.gtid_executed, '\n', '')"
_SECONDS = 150.0
_MOST_SAID = 400
_CAUGHT_UP_SECONDS = 30
_AGAIN_SECONDS = 30.0
_EVERY_ROW = f"SELECT client, sequence, token FROM {choice.TABLE}"  # noqa: S608 (our own table)
_TABLE = (
    f"CREATE TABLE {choice.TABLE} (client VARCHAR(32) NOT NULL, sequence INT NOT NULL, token CHAR(16) NOT NULL, "
    "PRIMARY KEY (client, sequence, token))"
)


def sql(session: Session, member: str, *statements: str) -> list[list[Any]]:
    """The rows of the last statement; raises StepFailed."""
    command = ["python3", "-c", _PROGRAM, json.dumps(statements)]
    patience = waiting.Patience(session, _AGAIN_SECONDS)
    while True:
        try:
            done = session.client.run_in(member, names.CONTAINER_AGENT, command, timeout_seconds=_SECONDS)
            break
        except (errors.PodExecFailed, errors.Unreachable):
            # A killed agent's container waits for its next start. Statements that might run twice here do no harm.
            if patience.is_over():
                raise
            patience.sleep(waiting.Pending(f"the agent of {member} to answer"), 1)
    if done.exit_code != 0:
        text = (done.stderr.strip().splitlines() or ["no reason given"])[-1][-_MOST_SAID:]
        raise errors.StepFailed(f"{member}: {text}", hint=f"kubectl logs {member} -c {names.CONTAINER_AGENT}")
    return [_read(member, _VALUES, typed.json_of(line)) for line in done.stdout.splitlines()]


def _read(member: str, what: form.Form[T], value: Any) -> T:
    """A value that a member's pod printed; raises BadAnswer."""
    try:
        return what("", value)
    except form.Misfit as why:
        raise errors.BadAnswer(f"the answer of {member} to a query of the ledger cannot be read: {why}") from why


def recreate(session: Session, primary: str) -> None:
    """An empty ledger, on every member once it has caught up."""
    sql(session, primary, f"DROP TABLE IF EXISTS {choice.TABLE}", _TABLE)


def drop(session: Session, primary: str) -> None:
    sql(session, primary, f"DROP TABLE IF EXISTS {choice.TABLE}")


def of_members(session: Session, primary: str, members: Sequence[str]) -> dict[str, list[Row]]:
    """Every row of every member, each once it has applied all transactions of the primary. A member that never does is
    read as it is: its missing rows are then lost there."""
    ((executed,),) = _read(primary, _EXECUTED, sql(session, primary, _ASK_EXECUTED))
    held = {}
    for member in members:
        waiting = f"SELECT WAIT_FOR_EXECUTED_GTID_SET('{executed}', {_CAUGHT_UP_SECONDS})"
        if _read(member, _WAITED, sql(session, member, waiting)) != ((0,),):
            session.progress.warn(f"{member} has not applied all that {primary} has within {_CAUGHT_UP_SECONDS} s")
        held[member] = _of(session, member)
    return held


def of_a_broken_cluster(session: Session, seen: status.Status) -> tuple[dict[str, list[Row]], list[str]]:
    """The rows of each member of a cluster that is not whole, and the members that could not be read. A member that is
    not ONLINE may only be behind: its missing rows prove nothing, but its additional rows do."""
    online = [member.name for member in seen.members if member.state == view.ONLINE]
    if seen.primary not in online:
        return {}, [member.name for member in seen.members]  # no member is a reliable source
    held, silent = of_members(session, str(seen.primary), online), []
    whole = set(held[str(seen.primary)])
    for member in (member.name for member in seen.members if member.name not in online):
        try:
            held[member] = sorted(whole.union(_of(session, member)))
        except errors.MysqlopsError:
            silent.append(member)
    return held, silent


def _of(session: Session, member: str) -> list[Row]:
    found = sql(session, member, _EVERY_ROW)
    return [(client, sequence, token) for client, sequence, token in (_read(member, _ROW, row) for row in found)]
