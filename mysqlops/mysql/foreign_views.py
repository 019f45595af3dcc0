"""An adopted database's views: each is created by this program, as one statement of a text whose head was read, and
goes through no client. So what was checked is what is created, in whatever character set it was written.

Every view is created twice. A view must exist before one that reads it, and it must be readable then: those whose
definer does not exist (accounts come last) are not (error 1449). So each one first belongs to this account, in the
order of need; then each gets its own definer in the reverse order, while those that it reads are still readable.
Placeholders, as mysqldump writes them, would not do: none can be updated, so WITH CHECK OPTION is refused (error 1368).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from mysqlops import errors
from mysqlops.mysql import comparison, connect, definitions, program_heads, written

_VIEWS = "SELECT table_name FROM information_schema.views WHERE table_schema = %s ORDER BY table_name"


@dataclass(frozen=True)
class View:
    """One view of the source."""

    database: str
    name: str
    head: program_heads.ViewHead
    # Of the connection that wrote it: the values of its literals and their types depend on them.
    charset: str
    collation: str

    def __str__(self) -> str:
        return f"view {comparison.quoted(self.database, self.name)}"


def listed(server: connect.Server, database: str) -> list[str]:
    """The names of its views."""
    return [str(name) for name, *_ in server.query(_VIEWS, [database])]


def create(source: connect.Server, target: connect.Server, databases: Sequence[str]) -> None:
    """Create or replace all views of these databases, which may read each other. Call it once the tables and routines
    exist, and again once the accounts do: until then the server does not know the columns of a view that reads one
    without a definer. Raises StepFailed, MysqlError."""
    try:
        waiting = [view for database in databases for view in _read(source, target, database)]
        for view in reversed(_in_order_of_need(target, waiting)):
            _run(target, view, view.head.original)
    finally:
        comparison.fix_session(target)


def _read(source: connect.Server, target: connect.Server, database: str) -> Iterator[View]:
    for name in listed(source, database):
        what = f"view {comparison.quoted(database, name)}"
        found = definitions.read(source, "view", comparison.quoted(database, name))
        head = program_heads.of_view(database, name, found.text) if found else None
        if found is None or head is None:
            raise errors.StepFailed(f"{what}: its text cannot be read, or is not that of this object")
        written.must_be_exact(target, found, what)
        yield View(database, name, head, found.charset, found.collation)


def _in_order_of_need(target: connect.Server, waiting: Sequence[View]) -> list[View]:
    """The views in the order in which they could be created, each with this account as its invoker."""
    made: list[View] = []
    while waiting:
        refused: list[tuple[View, errors.StatementFailed]] = []
        for view in waiting:
            try:
                _run(target, view, view.head.as_invoker)
                made.append(view)
            except errors.StatementFailed as error:
                refused.append((view, error))
        if len(refused) == len(waiting):  # none of them waits for another one
            view, why = refused[0]
            raise errors.StepFailed(f"{view} cannot be created: {why}") from why
        waiting = [view for view, _ in refused]
    return made


def _run(target: connect.Server, view: View, text: str) -> None:
    written.fixed(target, view.database)
    written.run(target, text, view.charset, collation=view.collation)
