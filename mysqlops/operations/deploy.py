"""Deploy: check, plan, apply, wait until the group is whole, and prove it with a write that arrives on every member."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from contextlib import suppress

from mysqlops import errors
from mysqlops.core import counting, group, instant, names, ordered, timeline, view
from mysqlops.core.plan import Plan
from mysqlops.core.spec import ClusterSpec
from mysqlops.core.typed import Json
from mysqlops.kube import manifests
from mysqlops.kube.client import Client
from mysqlops.objects import claims, render
from mysqlops.objects.running import differences
from mysqlops.operations import (
    agents,
    bundle,
    data_version,
    existing,
    image_check,
    leases,
    observe,
    orders,
    owned,
    preflight,
    programs,
    timeline_notes,
    vault,
    waiting,
)
from mysqlops.operations.session import Session
from mysqlops.planning import deploy as planning
from mysqlops.planning import restore as restoring
from mysqlops.planning import status, verdict

_PROOF_SECONDS = 30.0
_AWAITED_SECONDS = 10.0  # another command may just bring them back


def objects(spec: ClusterSpec, in_use: render.InUse | None = None) -> list[Json]:
    """Exactly what deploy applies and render prints."""
    agent = bundle.build()
    beside = manifests.load_one("exporter/statefulset.yaml") if spec.exporter_image else None
    version = render.Agent(agent.content, agent.version)
    return render.cluster_objects(manifests.load_base(), spec, version, in_use, beside=beside)


def prepare(client: Client, spec: ClusterSpec, chosen: Collection[str] | None = None) -> tuple[list[Json], Plan]:
    """The wanted objects and the plan to them; raises Refused.

    Of a cluster that runs, only the `chosen` fields are compared (None: all): the user did not give the others.
    """
    running = observe.running(client, spec.name)
    if running is not None:
        _refuse_changes(spec, running.spec, chosen)
        wanted = objects(running.spec, running.in_use)
    else:
        if taken := observe.check_name_is_free(client, spec.name):
            raise errors.Refused(taken)
        in_use = _in_use_before(client, spec.name)
        left = observe.unaccounted_claims(client, spec.name, in_use.claims)
        reasons = claims.left_out(spec.name, left, spec.replicas)
        if reasons := reasons + _half_restored(client, names.claim(spec.name, 0, in_use.claims), spec.name):
            raise errors.Refused(reasons)
        wanted = objects(spec, in_use)
    live = existing.objects(client, wanted)
    live["Secret", names.credentials_secret(spec.name)] = vault.before(client, spec.name)
    knowing = observe.knowing(client, spec.name) if planning.lost_secrets(live) else []
    found = planning.plan(wanted, live, observe.claims(client, spec.name), knowing)
    owned.check(
        client, [(step.manifest, live[step.kind, step.name]) for step in found.steps if step.manifest is not None]
    )
    return wanted, found


def _half_restored(client: Client, claim: str, name: str) -> list[errors.Reason]:
    """A server would initialize a volume that a killed restore left empty, or start on half of a backup."""
    first = client.find("PersistentVolumeClaim", claim)
    if first is None or (aim := restoring.aim_of(first)) is None:
        return []
    text = f"claim {claim} was made for a restore of {aim}, which is not finished"
    hint = f"{aim.command(name)} continues it; mysqlops delete {name} --purge-data deletes what it left"
    return [errors.Reason("restore-open", text, hint)]


def running_settings(client: Client, name: str) -> Mapping[str, str | None] | None:
    """The settings that a user gave a cluster that runs; None if none does."""
    running = observe.running(client, name)
    return None if running is None else running.spec.mysqld


def _in_use_before(client: Client, name: str) -> render.InUse:
    """For a deleted cluster that kept its data: the claims that it used last, not those put aside by a restore. Raises
    Refused while its StatefulSet is being replaced."""
    annotations = timeline_notes.newest(client, name)
    if (remaking := observe.half_remade(name, annotations)) is not None:
        raise errors.Refused([remaking])
    history, swap = timeline.history_of(annotations), timeline.swap_of(annotations)
    maps = names.config_map(name), names.agent_config_map(name)
    if swap is not None:  # its claims belong to the group's name; afterwards the restore is continued or reverted
        note = group.note_of(annotations)
        is_renamed = note.name not in ("", swap.old.group)  # by the restore, or by `recover` before or after it
        is_new = is_renamed and swap.new.group in (note.name, note.parent)
        return render.InUse(*maps, (swap.new if is_new else swap.old).claims)
    return render.InUse(*maps, history.now.claims) if history else render.InUse(*maps)


def _refuse_changes(spec: ClusterSpec, running: ClusterSpec, chosen: Collection[str] | None) -> None:
    if running.replicas == 0:
        raise errors.Refused([errors.Reason("stopped", f"{spec.name} is stopped", f"mysqlops start {spec.name}")])
    if reasons := differences(spec, running, chosen):
        raise errors.Refused(reasons)


def check(session: Session, spec: ClusterSpec) -> None:
    """The read-only checks; raises Refused."""
    findings = preflight.check(session.client, spec)
    for warning in findings.warnings:
        session.progress.warn(warning)
    image_check.warn_of(session, spec)
    if findings.reasons:
        raise errors.Refused(findings.reasons)


def apply(session: Session, spec: ClusterSpec, chosen: Collection[str] | None = None) -> Plan:
    """Do everything up to the start of the members, holding the cluster's lock; the steps done. Raises Refused.

    A missing Lease is created even if the rest is refused: without it no member may form the group, and the verb that
    would end the refusal waits for one."""
    try:
        wanted, plan = prepare(session.client, spec, chosen)
    except errors.Refused:
        if observe.running(session.client, spec.name) is not None:
            make_lease(session, spec.name)
        raise
    pinned = try_images(session, spec, wanted, plan)
    if pinned != spec:
        plan = prepare(session.client, pinned, chosen)[1]
    execute(session, plan)
    return plan


def try_images(session: Session, spec: ClusterSpec, wanted: list[Json], plan: Plan) -> ClusterSpec:
    """Checks before the StatefulSet is first created; the spec with the images that were tried. Raises Refused."""
    if not any(step.kind == "StatefulSet" for step in plan.steps):
        return spec
    image_check.must_fit(session, spec)
    tried = image_check.must_pass(session, spec, wanted)
    image_check.warn_of_version(session, tried)
    if reasons := data_version.refused_because(session.client, spec.name, tried.version):
        raise errors.Refused(reasons)
    return image_check.pin(session, spec, tried)


def execute(session: Session, plan: Plan) -> None:
    """Apply each step; each may be repeated, so the next run finishes a killed one."""
    for step in plan.steps:
        session.progress.waiting(f"applying {step.kind} {step.name}")
        assert step.manifest is not None  # noqa: S101 (deploy's plans only apply)
        _apply(session, step.manifest)
        if step.kind == "Lease":
            _note_formed(session, step.manifest)
        if step.kind == "StatefulSet":
            orders.runs_again(session.client, step.manifest["metadata"]["name"])
    if plan.steps:
        session.progress.say(f"applied {counting.of(len(plan.steps), 'object')}")


def _apply(session: Session, manifest: Json) -> None:
    """Who changed the object since the plan may have done half of this, and what is done already stays."""
    try:
        session.client.apply(manifest)
    except errors.Conflict as conflict:
        conflict.hint = conflict.hint or "run the same command again: it looks again, and continues"
        raise


def make_lease(session: Session, name: str) -> None:
    """Recreate the Lease of an existing cluster, if somebody deleted it."""
    if leases.find(session.client, name) is not None:
        return
    running = observe.must_run(session.client, name)
    wanted = objects(running.spec, running.in_use)
    lease = next(
        manifest
        for manifest in wanted
        if (manifest["kind"], manifest["metadata"]["name"]) == ("Lease", names.group_lease(name))
    )
    session.client.apply(lease)
    _note_formed(session, lease)
    session.progress.say(f"created Lease {names.group_lease(name)}, which somebody had deleted")


def _note_formed(session: Session, lease: Json) -> None:
    """A missing Lease does not make a cluster new. The members keep a copy of its notes on a Secret and go by it until
    a group runs, so other commands must know it as well. Without a copy, claims show that a group was formed once, and
    an empty member must not form another."""
    cluster, name = lease["metadata"]["labels"][names.LABEL_INSTANCE], lease["metadata"]["name"]
    found = leases.get(session.client, cluster)
    noted = status.annotations_of(found)
    copied = {key: value for key, value in vault.notes(session.client, cluster).items() if value and key not in noted}
    if names.ANNOTATION_BOOTSTRAPPED not in noted | copied and observe.claims(session.client, cluster):
        copied[names.ANNOTATION_BOOTSTRAPPED] = f"deploy {instant.text(session.clock.now())}: claims of {cluster} exist"
    if copied:
        unchanged = {"resourceVersion": found["metadata"]["resourceVersion"], "annotations": copied}
        with suppress(errors.Conflict):  # a member has taken it meanwhile, and writes what it knows
            session.client.patch("Lease", name, {"metadata": unchanged})


def await_healthy(session: Session, name: str) -> status.Status:
    """Wait until the cluster is whole, whoever is fenced by a user; raises WaitTimeout with the state seen last, or
    StepFailed once it waits for members that no pod brings back."""
    seen_online: set[str] = set()
    fenced = ordered.fenced(orders.read(session.client, name))

    def is_whole(now: status.Status) -> bool:
        for member in now.members:
            if member.state == view.ONLINE and member.name not in seen_online:
                seen_online.add(member.name)
                session.progress.say(f"{member.name} is ONLINE as {member.role} on {member.node}")
        return status.is_whole(now, fenced)

    return awaited(session, name, is_whole, f"{name} to be whole")


def await_primary(session: Session, name: str) -> status.Status:
    """The same, until clients can write."""
    return awaited(session, name, lambda now: now.primary is not None, f"a primary of {name}")


def awaited(session: Session, name: str, is_done: Callable[[status.Status], bool], what: str) -> status.Status:
    """Wait for a state that needs a group; raises as `await_healthy`."""
    patience = [waiting.Patience(session, _AWAITED_SECONDS)]

    def look() -> status.Status | waiting.Pending:
        now = verdict.judge(observe.cluster(session.client, name, session.clock))
        if is_done(now):
            return now
        if not now.awaited:
            patience[0] = waiting.Patience(session, _AWAITED_SECONDS)
        elif patience[0].is_over():
            _refuse_to_wait(now)
        if not now.conditions:
            return waiting.Pending(what)
        first = now.conditions[0]
        reasons = "; ".join(condition.message for condition in now.conditions)
        hint = f"{first.hint}; the members continue by themselves: mysqlops status {name} --watch"
        return waiting.Pending(what, reasons, first.message, hint)

    return waiting.until(session, look)


def _refuse_to_wait(now: status.Status) -> None:
    """Somebody lowered the replicas in an outage: no pod brings those back for whom the others wait."""
    for reason in status.reasons_of(now, "no-primary"):
        raise errors.StepFailed(reason.message, hint=f"{reason.hint}; then run the same command again")


def prove(
    client: Client, seen: status.Status, timeout_seconds: float = _PROOF_SECONDS, *, everywhere: bool = True
) -> dict[str, float]:
    """Seconds until a write through the primary Service was acknowledged and arrived on each member that serves, or
    only on the primary: a replica may be behind whatever clients can do. Raises WriteRefused, or another
    error if that is unknown.

    The write goes over the network with an account without administrative rights, as a client's does."""
    if not seen.members:  # somebody set the replicas to 0
        raise errors.WaitTimeout(
            f"{seen.name} has no member that could try a write", hint=f"mysqlops status {seen.name}"
        )
    reached = [
        member
        for member in seen.members
        if member.name == seen.primary or (everywhere and member.role != names.ROLE_NONE)
    ]
    hosts = [names.member_host(seen.name, member.ordinal, seen.namespace) for member in reached]
    words = ("--timeout", str(timeout_seconds), *hosts)
    # Not from the primary, if another member exists: in some networks a pod cannot reach itself through a Service.
    others = [member.name for member in seen.members if member.state == view.ONLINE and member.name != seen.primary]
    where = (others or [seen.members[-1].name])[-1]
    return agents.run(client, where, programs.PROBE, *words, timeout_seconds=timeout_seconds + 15)
