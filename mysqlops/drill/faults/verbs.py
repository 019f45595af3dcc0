"""Operations of mysqlops itself, under load: these are no faults, and must not lose anything either."""

from __future__ import annotations

from mysqlops import errors
from mysqlops.core import backup as facts_of
from mysqlops.core import names
from mysqlops.core.typed import Json
from mysqlops.drill.model import BY_ABORT, NOBODY, TARGET, About
from mysqlops.drill.scene import Facts, Fault, Scene
from mysqlops.operations import (
    backup,
    delete,
    deploy,
    image_check,
    lock,
    marked,
    observe,
    restart,
    restore,
    scale,
    signing,
    targets,
)

_MORE = 2  # members that are added and removed
_FEWEST = 3  # members whose claims are never touched, whatever the record says


def _back_up(scene: Scene, _: Facts) -> Json:
    target = targets.find(scene.session.client, scene.options.get("target"))
    made = backup.create(scene.session, scene.name, backup.Request(target))
    return {"backup": made.id, "copy_seconds": made.seconds, "store_seconds": made.store_seconds, "bytes": made.size}


def _restore_facts(scene: Scene) -> Facts:
    """The newest sealed backup that is not known to be bad, under an unused name; raises Refused."""
    session, target = scene.session, targets.find(scene.session.client, scene.options.get("target"))
    own = backup.owner(session, scene.name)
    good = [
        stored
        for stored in backup.catalogue(session, target)
        if stored.owner == own and stored.level != facts_of.FAILED
    ]
    if not good:
        text = f"target {target.name} holds no good backup of {scene.name}"
        raise errors.Refused([errors.Reason("no-such-backup", text, f"mysqlops backup create {scene.name}")])
    chosen = next((stored for stored in good if stored.signed == facts_of.SIGNED), good[0])
    signing.check(chosen, accepted=False)
    copy = names.check_cluster_name(f"{scene.name}-drill")
    marked.deletion(session.client, copy, "")  # whatever exists of that name is not ours
    spec = restore.spec_of(session, chosen, backup.manifest(session, target, chosen), copy, {"replicas": 1})
    restore.check(session, chosen, spec)
    return {"backup": chosen.id, "copy": copy}


def _restore(scene: Scene, facts: Facts) -> Json:
    session, target = scene.session, targets.find(scene.session.client, scene.options.get("target"))
    chosen = backup.trusted(session, target, facts["backup"], signing.Trust())
    manifest = backup.manifest(session, target, chosen)
    spec = restore.spec_of(session, chosen, manifest, facts["copy"], {"replicas": 1})
    began = session.clock.monotonic()
    spec = image_check.pin(session, spec, restore.check_image(session, chosen, spec))
    restore.execute(session, chosen, target, spec, mark=str(facts["token"]))
    deploy.await_healthy(session, facts["copy"])
    seconds = round(session.clock.monotonic() - began, 1)
    return {"backup": chosen.id, "restore_seconds": seconds, "tables": chosen.tables, "rows": chosen.rows}


def _delete_copy(scene: Scene, facts: Facts) -> None:
    """The record names it and the token that its objects have: both are read under the cluster's lock, and compared
    under that of the copy."""
    session, copy = scene.session, f"{scene.name}-drill"
    if facts["copy"] != copy:
        raise errors.StepFailed(f"the record names {facts['copy']!r}: a drill restores {copy} and deletes nothing else")
    with lock.held(session, copy, "drill"):
        delete.execute(session, copy, marked.deletion(session.client, copy, str(facts["token"])))


def _has_no_copy(scene: Scene, facts: Facts) -> bool:
    return observe.running(scene.session.client, facts["copy"]) is None


def _roll(scene: Scene, _: Facts) -> Json:
    began = scene.session.clock.monotonic()
    restart.check(scene.session, scene.name)
    replaced = restart.execute(scene.session, scene.name)
    return {"replaced": replaced, "roll_seconds": round(scene.session.clock.monotonic() - began, 1)}


def _scale_facts(scene: Scene) -> Facts:
    """Existing claims are kept; raises Refused where members cannot be added."""
    replicas = scene.status.replicas
    scale.plan(scene.session, scene.name, replicas + _MORE, scale.Request())
    found = scene.session.client.get("StatefulSet", scene.name)
    claims = observe.claims(scene.session.client, scene.name)
    return {"replicas": replicas, "claims": claims, "stateful_set": found["metadata"]["uid"]}


def _scale(scene: Scene, facts: Facts) -> Json:
    clock, began = scene.session.clock, scene.session.clock.monotonic()
    scale.execute(scene.session, scene.name, facts["replicas"] + _MORE, scale.Request())
    up = clock.monotonic()
    _scale_back(scene, facts)
    return {"up_seconds": round(up - began, 1), "down_seconds": round(clock.monotonic() - up, 1)}


def _scale_back(scene: Scene, facts: Facts) -> None:
    """Removes only what the drill added: a record may be days old."""
    if _is_scaled_back(scene, facts):
        return
    existing = observe.claims(scene.session.client, scene.name)
    had_none_beside = len(existing) > len(facts["claims"]) == facts["replicas"] >= _FEWEST
    claims = scale.DELETE if had_none_beside else "keep"
    scale.execute(scene.session, scene.name, facts["replicas"], scale.Request(claims))


def _is_scaled_back(scene: Scene, facts: Facts) -> bool:
    """Also if the members are no longer those that the drill added: somebody has scaled or recreated the cluster."""
    found = scene.session.client.get("StatefulSet", scene.name)
    is_same = found["metadata"]["uid"] == facts.get("stateful_set", found["metadata"]["uid"])
    return not (is_same and 0 < int(found["spec"]["replicas"]) - facts["replicas"] <= _MORE)


FAULTS = (
    Fault(
        About(
            "backup-under-load",
            "a backup is made while clients write",
            "one replica is copied; the backup stays",
            aim=NOBODY,
            needs=TARGET,
        ),
        _back_up,
    ),
    Fault(
        About(
            "restore",
            "the newest good backup is restored under the name NAME-drill, compared, and deleted again",
            "nobody: the copy has one member of its own",
            aim=NOBODY,
            needs=TARGET,
            undone=BY_ABORT,
        ),
        _restore,
        prepare=_restore_facts,
        heal=_delete_copy,
        is_healed=_has_no_copy,
    ),
    Fault(
        About(
            "upgrade-under-load",
            "every pod is replaced, one at a time, as an upgrade and mysqlops restart do",
            "{target} and {others}, one after another; one switchover",
            aim=NOBODY,
            undone=BY_ABORT,
        ),
        _roll,
    ),
    Fault(
        About(
            "scale-under-load",
            "two members are added and removed again",
            "nobody: members come and go beside {target} and {others}; the claims that they had are deleted",
            aim=NOBODY,
            undone=BY_ABORT,
        ),
        _scale,
        prepare=_scale_facts,
        heal=_scale_back,
        is_healed=_is_scaled_back,
    ),
)
