"""Make a new cluster from a backup: a repository and a namespace are enough.

The backup is fetched onto the claim of member 0, started there without a network, and compared with the record; only
then does the volume become a member's. Then the cluster is deployed: member 0 has the data, the others copy it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mysqlops.core import (
    backup,
    binlog,
    counting,
    names,
    pitr,
    quantity,
    series,
    setting_secrets,
    version,
    zones,
)
from mysqlops.core.spec import DEFAULT_AGENT_IMAGE, DEFAULT_IMAGE, ClusterSpec
from mysqlops.core.target import Target
from mysqlops.core.typed import Json
from mysqlops.errors import Reason, Refused
from mysqlops.kube import manifests
from mysqlops.objects import backup as planning
from mysqlops.objects import job_aim, pods, render
from mysqlops.operations import backup as backups
from mysqlops.operations import (
    deploy,
    image_check,
    jobs,
    lock,
    marked,
    new_name,
    observe,
    orders,
    own,
    preflight,
    recorded,
    restic,
    vault,
)
from mysqlops.operations.session import Session
from mysqlops.planning import backup_progress, image_trial, settings
from mysqlops.planning import restore as swapping


def spec_of(session: Session, chosen: backup.Backup, manifest: Json, name: str, changed: Json) -> ClusterSpec:
    """The spec of the backed-up cluster, under another name, with the user's own values. Images never come from the
    repository, nor does any setting that a user may not set. Raises Refused, ConfigError."""
    where = name, session.client.namespace
    return recorded.spec_of(manifest, chosen.id, images(session, chosen), where, changed)


def images(session: Session, chosen: backup.Backup) -> recorded.Images:
    """The images of the backup's cluster, if it runs here; else those of this release, as for deploy."""
    if chosen.namespace == session.client.namespace:
        running = observe.running(session.client, chosen.cluster)
        if running is not None:
            return recorded.Images(running.spec.image, running.spec.agent_image, f"as cluster {chosen.cluster} runs")
    return recorded.Images(DEFAULT_IMAGE, DEFAULT_AGENT_IMAGE, "default of this release")


def shown(wanted: ClusterSpec, manifest: Json | None, why: str) -> list[str]:
    """Everything that a restore will run, for the user to read."""
    image, agent_image = (
        f"; recorded: {image or 'none'}" if manifest else "" for image in recorded.images_in(manifest)
    )
    values = {key: setting_secrets.shown(key, value) for key, value in sorted(wanted.mysqld.items())}
    settings = [key if value is None else f"{key} = {value}" for key, value in values.items()]
    storage = f"{wanted.storage_size}{f' of class {wanted.storage_class}' if wanted.storage_class else ''}"
    found = [
        f"image: {wanted.image} ({why}{image})",
        f"agent image: {wanted.agent_image} ({why}{agent_image})",
        f"members: {wanted.replicas}, each with memory {wanted.memory}, cpu {wanted.cpu}, storage {storage}",
        f"settings: {'; '.join(settings) or 'none'}",
    ]
    return found


def check(session: Session, chosen: backup.Backup, spec: ClusterSpec, to: str = "") -> None:
    """Raises Refused: a cluster of that name, claims of one, a volume or memory too small, a backup known to be bad."""
    image_check.must_fit(session, spec)
    reasons = observe.check_name_is_free(session.client, spec.name)
    reasons += new_name.taken(session, spec.name, swapping.Aim(chosen.id, to))
    if quantity.parse_bytes(spec.storage_size) < chosen.size:
        text = f"--storage-size {spec.storage_size}: the backup has {quantity.format_bytes(chosen.size)}"
        reasons.append(Reason("volume-too-small", text, "give a larger size"))
    reasons += known_bad(chosen) + backups.check_snapshot(session, chosen)
    ahead = preflight.of_new(session.client, spec)
    for warning in ahead.warnings:
        session.progress.warn(warning)
    if reasons := [*reasons, *ahead.reasons]:
        raise Refused(reasons)
    for warning in preflight.known_passwords(session.client, spec.name):
        session.progress.warn(warning)


def check_data(chosen: backup.Backup, manifest: Json, spec: ClusterSpec) -> None:
    """Raises Refused if servers with the settings of `spec` would not start on the backup's data, or would misread its
    tables. Called before anything stops."""
    made_with = recorded.settings_in(manifest, chosen.id)
    reasons = settings.other_data(chosen.id, made_with, spec, is_logical=chosen.method == backup.LOGICAL)
    if reasons:
        raise Refused(reasons)


def known_bad(chosen: backup.Backup) -> list[Reason]:
    """Why a backup is not to be restored."""
    if chosen.verified is None or chosen.verified.ok:
        return []
    text = f"{chosen.id} failed its verification: {chosen.verified.why}"
    return [Reason("backup-failed", text, "mysqlops backup list shows others")]


def check_point(chosen: backup.Backup, chunks: Sequence[binlog.Chunk], to: str) -> binlog.Reach:
    """Raises ConfigError for an invalid point, Refused for a point that the backup cannot reach."""
    reach = binlog.reach(chosen, chunks)
    pitr.check(pitr.parse(to), chosen, reach)
    return reach


def check_image(session: Session, chosen: backup.Backup, spec: ClusterSpec) -> image_trial.Tried:
    """Try the images; data goes to a server that may open it, SQL to any. Raises Refused."""
    tried = image_check.check(session, spec, deploy.objects(spec))
    reasons = list(tried.reasons)
    if tried.version is not None and chosen.method != backup.LOGICAL:
        made = version.ServerVersion.parse(chosen.server_version)
        if why := series.upgrade_refused_because(made, tried.version):
            text = f"--image {spec.image} for a backup of MySQL {made}: {why}"
            reasons.append(
                Reason("newer-backup", text, "give another --image, or mysqlops upgrade; `mysqlops explain versions`")
            )
    if reasons:
        raise Refused(reasons)
    brought, _ = zones.unpacked(manifests.read_text("base/config/zones.txt"))
    if changed := zones.change(chosen.zones, brought, is_logical=chosen.method == backup.LOGICAL):
        session.progress.warn(changed)
    return tried


def execute(
    session: Session, chosen: backup.Backup, target: Target, spec: ClusterSpec, to: str = "", *, mark: str = ""
) -> Filled:
    """Everything up to the start of the members; may be killed and run again. With a mark, each object gets it, and an
    existing one without it is refused: whoever gives the mark deletes the cluster again."""
    wanted, claim = deploy.objects(spec), names.claim(spec.name, 0)
    stateful_set = next(item for item in wanted if item["kind"] == "StatefulSet")
    with lock.held(session, spec.name, "restore"):
        first = swapping.first_claim(stateful_set, claim, chosen, to)
        if mark:
            marked.deletion(session.client, spec.name, mark)
            for item in (first, *wanted):
                marked.put(item, mark)
        _make_claim(session, spec.name, first, mark)
        # The objects that the Job's pod mounts; the StatefulSet is created once the volume is ready.
        for item in wanted:
            if item["kind"] != "StatefulSet":
                session.client.apply(item)
        maps = render.InUse(names.config_map(spec.name), names.agent_config_map(spec.name))
        filled = Filled()
        if not swapping.is_filled_for(session.client.get("PersistentVolumeClaim", claim), swapping.Aim(chosen.id, to)):
            filled = fill(session, chosen, target, Filling(spec, maps, claim, to, is_new=True))
        session.client.apply(stateful_set)
        orders.runs_again(session.client, spec.name)
    return filled


def _make_claim(session: Session, name: str, made: Json, mark: str) -> None:
    """As the StatefulSet would make it. A cluster or a claim made since `check` is in the way, unless it is of the same
    restore; raises Refused."""
    if reasons := new_name.taken(session, name, swapping.aim_of(made), mark=mark):
        raise Refused(reasons)
    if session.client.find("PersistentVolumeClaim", made["metadata"]["name"]) is None:
        session.client.create("PersistentVolumeClaim", made)


@dataclass(frozen=True)
class Filling:
    """The claim to fill, the cluster whose images and settings its server has, and the point in time to recover to
    (core/pitr.py)."""

    spec: ClusterSpec
    in_use: render.InUse
    claim: str
    to: str = ""
    member: str = ""  # the member that has the claim, waits, and then rejoins its own group
    is_new: bool = False  # of a cluster that is still to be created: a run that is killed before that continues


@dataclass(frozen=True)
class Filled:
    """What the Job found on the claim when it compared, and the proof that the point was reached, as
    backup_progress.reached reads it. None: an earlier run found it, or no point was given."""

    compared: backup.Verification | None = None
    reached: Json | None = None

    def __str__(self) -> str:
        found = self.compared
        if found is None:
            return "compared by an earlier run"
        return f"{counting.of(found.tables, 'table')}, {counting.of(found.rows, 'row')}, all compared with the record"


def fill(session: Session, chosen: backup.Backup, target: Target, filling: Filling) -> Filled:
    """Fetch the backup onto a claim, start it there without a network, compare, and replay to the point if one is
    given. Raises the Job's errors."""
    spec = filling.spec
    source = planning.Source(spec, filling.in_use.config, filling.in_use.agent)
    env = planning.environment_of(spec, chosen.origin) | planning.which(chosen)
    name = names.restore_job(spec.name)
    steps = planning.rejoin() if filling.member else planning.restore(filling.to)
    made = planning.job(restic.templates(), name, target, steps, source, **env)
    planning.onto_claim(made, filling.claim)
    claim = session.client.get("PersistentVolumeClaim", filling.claim)
    job_aim.put(made, claim)
    if filling.to:
        key = vault.place(session.client, chosen.cluster, names.KEY_BACKUP_KEY).secret
        planning.with_key_of(made, chosen.key_secret or key)
    if filling.member:
        planning.beside(made, filling.member)
    found = own.find(session.client, "Job", name, spec.name)
    if found is not None and (jobs.has_failed(found) or not _fills(found, made)):
        jobs.delete(session, name, spec.name)
    pod = jobs.run(session, made, backup_progress.progress, "restore-refused")
    # A second run of a Job that had finished already reports nothing.
    compared = backup.compared(jobs.last_line(session, pod, "check"))
    reached = jobs.last_line(session, pod, "apply-logs") if filling.to else ""
    filled = Filled(compared, backup_progress.proof(reached))
    jobs.delete(session, name, spec.name)
    # From here on the volume holds more than the backup: a later run must not mistake it for the backup alone.
    # The UID: another claim that has the name by now is not filled.
    notes = swapping.filled_notes(swapping.Aim(chosen.id, filling.to)) if filling.is_new else swapping.aim_notes(None)
    change = {"metadata": {"uid": claim["metadata"]["uid"], "annotations": notes}}
    session.client.patch("PersistentVolumeClaim", filling.claim, change)
    session.progress.say(f"{chosen.id} is restored: {filled}")
    if filled.reached:
        session.progress.say(backup_progress.reached(filled.reached))
    return filled


def is_filled(session: Session, claim: str) -> bool:
    """True for a claim that `fill` has finished, or that a member has used since."""
    found = session.client.find("PersistentVolumeClaim", claim)
    return found is not None and swapping.aim_of(found) is None


def _fills(found: Json, wanted: Json) -> bool:
    """A Job left by a killed run may be of another restore, which was reverted, or to another point."""
    return _aim(found) == _aim(wanted)


def _aim(job: Json) -> tuple[str, ...]:
    template = job["spec"]["template"]
    mounted = [volume.get("persistentVolumeClaim", {}).get("claimName", "") for volume in template["spec"]["volumes"]]
    points = [
        variable["value"]
        for container in pods.specs(template)
        for variable in container.get("env", [])
        if variable["name"] in ("TO", "BACKUP_ID", "SNAPSHOT")
    ]
    return (*sorted(mounted), *points)
