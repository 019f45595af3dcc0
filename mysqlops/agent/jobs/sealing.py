"""The program of a backup's Job that seals what restic has stored (docs/adr/0027), between two steps of restic."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

from mysqlops.core import backup, facts
from mysqlops.errors import StorageError

_WORK = Path("/work")


def seal(key: str) -> None:
    """Write the binding of the backup's files to restic's tree, for the next step to store. This Job created the
    snapshot's id, which is a digest of the whole snapshot: nobody can substitute another one."""
    (stored,) = facts.listed((_WORK / "stored.json").read_text())
    tags = _WORK / "tags"
    if sorted(stored["tags"]) != sorted(tags.read_text().split()):
        raise StorageError("the stored snapshot is not the one that this Job requested")
    made = backup.binding(stored)
    folder = _WORK / "seal"
    folder.mkdir(exist_ok=True)
    (folder / "binding.json").write_text(json.dumps(asdict(made)))
    tags.write_text("".join(f"{tag}\n" for tag in backup.tags(made, key)))
    print(f"{made.of}: {'sealed' if key else 'not sealed: the cluster has no key yet'}, tree {made.tree}", flush=True)
