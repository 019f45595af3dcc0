"""`restore --in-place` and `--revert` as cli/restore.py runs them, and which history must be in use afterwards."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mysqlops import errors
from mysqlops.core import backup, names, target, timeline
from mysqlops.operations import in_place, remake
from mysqlops.operations.session import Session

if TYPE_CHECKING:
    from tests.simulation.verbs import Command, Verbs
    from tests.simulation.world import World

TARGET = target.Target("there", "s3:https://storage.example.com/backups", target.DEFAULT_IMAGE)


def under_way(world: World) -> timeline.Swap | None:
    lease = world.find("Lease", names.group_lease(world.name)) or {"metadata": {}}
    return timeline.swap_of(lease["metadata"].get("annotations") or {})


def in_place_again(verbs: Verbs, session: Session, command: Command) -> None:
    """The newest backup, or the one of an unfinished restore, as the refusal says."""
    name, world = verbs.world.name, verbs.world
    in_place.annotations_of(session, name)
    with verbs.changing(session, command):
        source = in_place.Source(_chosen(world), TARGET)
        remake.finish(session, name)
        swap = in_place.plan(session, name, source)
        world.ledger.timelines[swap.new.group] = {*world.jobs.backups[source.backup.id][1].content.values()}
        in_place.execute(session, name, swap, source)
        verbs.history = swap.new.group


def _chosen(world: World) -> backup.Backup:
    begun = under_way(world)
    if begun is not None and begun.backup:
        return world.jobs.backups[begun.backup][0]
    if (newest := world.jobs.newest()) is None:
        raise errors.StorageError("there is no backup yet")
    return newest


def revert(verbs: Verbs, session: Session, command: Command) -> None:
    name = verbs.world.name
    in_place.annotations_of(session, name)
    with verbs.changing(session, command):
        remake.finish(session, name)
        swap = in_place.plan_revert(session, name)
        in_place.execute(session, name, swap, None)
        verbs.history = swap.new.group
