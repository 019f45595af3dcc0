"""How far the copy of a donor's data has come, on the server that receives it (manual: clone-plugin-monitoring)."""

from __future__ import annotations

from mysqlops import errors
from mysqlops.core import view
from mysqlops.mysql import connect

_RUNNING = """
SELECT p.stage, COALESCE(p.data, 0), COALESCE(p.estimate, 0)
FROM performance_schema.clone_status s JOIN performance_schema.clone_progress p USING (id)
WHERE s.state = 'In Progress' AND p.state = 'In Progress'
"""


def running(server: connect.Server) -> view.Clone | None:
    """The clone that runs, or None; a server without the plugin has none."""
    try:
        rows = server.query(_RUNNING)
    except errors.StatementFailed:
        return None
    return view.Clone(str(rows[0][0]), int(rows[0][1]), int(rows[0][2])) if rows else None
