"""Read a cluster's objects, all at about the same moment."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from mysqlops import errors
from mysqlops.clock import Clock
from mysqlops.core import group, names, ordered, ownership, publication, target, timeline
from mysqlops.core.spec import ClusterSpec
from mysqlops.core.typed import Json
from mysqlops.kube.client import Client
from mysqlops.objects import pods, render, revisions
from mysqlops.objects.claims import GOING
from mysqlops.objects.running import spec_of
from mysqlops.operations import labelled, leases, needed, outside, own, vault, waiting
from mysqlops.operations.session import Session
from mysqlops.planning import status, verdict


@dataclass(frozen=True)
class Running:
    """A cluster that exists: its spec, its StatefulSet, and the ConfigMaps of its pods' settings and agent."""

    spec: ClusterSpec
    stateful_set: Json
    in_use: render.InUse
    settings: Json


def running(client: Client, name: str) -> Running | None:
    """The cluster of that name, None if none exists or it is not of mysqlops; raises ConfigError, KubeError."""
    stateful_set = client.find("StatefulSet", name)
    labels = (stateful_set or {"metadata": {}})["metadata"].get("labels") or {}
    if stateful_set is None or labels.get(names.LABEL_NAME) != names.APP_NAME:
        return None
    return running_of(client, stateful_set)


def running_of(client: Client, stateful_set: Json) -> Running:
    """The cluster of that StatefulSet, which may be one that is to be created again."""
    name = stateful_set["metadata"]["name"]
    in_use = replace(render.in_use_of(stateful_set), reads=labelled.may_select_reads(client, name))
    settings = (client.find("ConfigMap", in_use.config) or {}).get("data") or {}
    return Running(spec_of(stateful_set, settings, _policy(client, name)), stateful_set, in_use, settings)


def _policy(client: Client, name: str) -> Json | None:
    """A user who may not read the object does not apply one either."""
    try:
        return client.find("NetworkPolicy", name)
    except errors.Forbidden:
        return None


def must_run(client: Client, name: str) -> Running:
    """The same; raises NotFound if it does not exist."""
    found = running(client, name)
    if found is None:
        raise _no_cluster(client, name)
    return found


def _no_cluster(client: Client, name: str) -> errors.NotFound:
    annotations = status.annotations_of(leases.find(client, name))
    if (remaking := half_remade(name, annotations)) is not None:
        return errors.NotFound(remaking.message, hint=remaking.hint)
    if (gone := ordered.deleted(annotations)) is not None:
        text = f"{name} was deleted at {gone.at} by {gone.by}; its data is kept"
        return errors.NotFound(text, hint=f"mysqlops deploy {name} starts it again on its data")
    return errors.NotFound(
        f"no cluster {name} in namespace {client.namespace} of context {client.context}",
        hint=f"mysqlops deploy {name}, or choose the cluster with --namespace and --context",
    )


def half_remade(name: str, annotations: Mapping[str, str]) -> errors.Reason | None:
    """Why only the command that was to replace the StatefulSet may make one while it is missing: the claims, the group
    and the pods that still run belong to the StatefulSet that is noted."""
    if names.ANNOTATION_RECREATING not in annotations:
        return None
    restoring = timeline.swap_of(annotations)
    again = f"storage resize {name} --size SIZE" if restoring is None else f"restore {restoring.command(name)}"
    text = f"StatefulSet {name} was to be replaced, and the command that did it was killed"
    return errors.Reason("remake-open", text, f"mysqlops {again} continues it")


def group_name(client: Client, cluster: str) -> str:
    """The group name in the GTIDs of members that start now: the Lease's, else the Secret's."""
    lease = leases.find(client, cluster)
    if name := group.note_of(status.annotations_of(lease)).name:
        return name
    return vault.read(client, cluster, names.KEY_GROUP_NAME)


def check_name_is_free(client: Client, name: str) -> list[errors.Reason]:
    """Why a new cluster may not have that name: another cluster of the namespace, even one that was deleted and kept
    its data, has objects of the same names."""
    existing = [*client.list("StatefulSet", names.OURS), *client.list("Lease", names.OURS)]
    others = sorted({str(manifest["metadata"]["labels"].get(names.LABEL_INSTANCE)) for manifest in existing} - {name})
    return [
        errors.Reason(
            "name-taken",
            f"NAME {name}: its objects and those of cluster {other} would have the same names",
            "choose a name without such an ending, for example orders-db",
        )
        for other in others
        if ownership.collide(name, other)
    ]


def knowing(client: Client, cluster: str) -> list[str]:
    """The pods whose agents have in memory the content of a Secret that is gone. Their last publication counts, at any
    age: an agent loses its memory only when its pod ends."""
    found = [pod for pod in client.list("Pod", names.selector_text(cluster)) if _is_member(pod, cluster)]
    published = {
        pod["metadata"]["name"]: publication.load(
            status.annotations_of(pod).get(names.ANNOTATION_MEMBER), pod["metadata"]["uid"]
        )
        for pod in found
        if not pods.is_away(pod, names.CONTAINER_AGENT) and "deletionTimestamp" not in pod["metadata"]
    }
    return sorted(name for name, one in published.items() if one is not None and one.knows_missing)


def claims(client: Client, cluster: str) -> list[str]:
    """The names of the cluster's claims, whatever their labels: also those of a cluster deleted long ago."""
    found = [item["metadata"]["name"] for item in client.list("PersistentVolumeClaim")]
    return [name for name in found if names.is_claim_of(name, cluster)]


def own_claims(client: Client, cluster: str) -> list[Json]:
    """Those of them that no other cluster or application has labelled: they may be deleted with this cluster. A chart's
    StatefulSet of the same name has claims of the same names; one without any label was made by hand, for this."""
    claims = client.list("PersistentVolumeClaim")
    existing = [claim for claim in claims if names.is_claim_of(claim["metadata"]["name"], cluster)]
    return [claim for claim in existing if ownership.may_hold_data_of(claim, cluster)]


def unaccounted_claims(client: Client, cluster: str, template: str) -> list[str]:
    """Claims of this template whose members no `scale` has removed: no note says what they hold."""
    found = [item["metadata"] for item in client.list("PersistentVolumeClaim")]
    return [
        claim["name"]
        for claim in found
        if names.is_claim_of(claim["name"], cluster)
        and claim["name"].startswith(f"{template}-{cluster}-")
        and names.LABEL_KEPT not in (claim.get("labels") or {})
    ]


def targets(client: Client) -> tuple[Json, ...] | None:
    """The Secrets of backup targets that can be used, without their values; None if this user may not list them."""
    try:
        return tuple(filter(target.is_usable, client.list_metadata("Secret", names.LABEL_TARGET)))
    except errors.Forbidden:
        return None


def cluster(client: Client, name: str, clock: Clock, *, with_needed: bool = False) -> status.Observed:
    """Everything that `status` judges. The objects that a member needs at its start are read only on request: commands
    that wait look often. Raises NotFound if there is no such cluster."""
    selector = names.selector_text(name)
    services = [name, names.primary_service(name), names.replicas_service(name)]
    reads = [
        partial(client.list, "StatefulSet", selector),
        partial(client.list, "Pod", selector),
        partial(client.list, "PersistentVolumeClaim", selector),
        partial(client.list, "EndpointSlice", f"kubernetes.io/service-name in ({','.join(services)})"),
    ]
    more = [partial(_schedules, client, selector), *(partial(_lease, client, lease(name), name) for lease in _LEASES)]
    wanted = needed.objects(name) if with_needed else []
    asked = [partial(needed.may_be_there, client, *place) for place in wanted]
    found: list[Any] = client.together([*reads, *more, *asked])
    stateful_sets, pod_list, claim_list, slices, cron_jobs, receivers, groups, *are_there = found
    stateful_set = _by_name(stateful_sets).get(name)
    if stateful_set is None:
        raise _no_cluster(client, name)
    members = _by_name([pod for pod in pod_list if _is_member(pod, name)])
    missing = [one for one, is_there in zip(wanted, are_there, strict=True) if not is_there]
    return status.Observed(
        name=name,
        taken_at=clock.now(),
        stateful_set=stateful_set,
        pods=members,
        claims=_by_name(claim_list),
        endpoints={service: _ready_behind(service, slices) for service in services[1:]},
        schedules=tuple(cron_jobs),
        receiver=receivers[0] if receivers else None,
        lease=groups[0] if groups else None,
        warnings=_warnings(client, stateful_set, members),
        missing=tuple(map(" ".join, [*missing, *needed.missing_maps(client, stateful_set)])) if with_needed else (),
        exposed=outside.services(client, name, groups) if with_needed else (),
    )


def _warnings(client: Client, stateful_set: Json, members: Mapping[str, Json]) -> tuple[Json, ...]:
    """Read only while a pod is missing or not running yet."""
    name, replicas = stateful_set["metadata"]["name"], int(stateful_set["spec"]["replicas"])
    asked = [partial(client.warnings, "Pod", pod) for pod, found in members.items() if pods.is_pending(found)]
    if any(names.pod(name, ordinal) not in members for ordinal in range(replicas)):
        asked.append(partial(client.warnings, "StatefulSet", name))
    return tuple(event for events in client.together(asked) for event in events) if asked else ()


_LEASES = (names.receiver, names.group_lease)


def _lease(client: Client, name: str, cluster: str) -> list[Json]:
    found = own.find(client, "Lease", name, cluster)
    return [found] if found is not None else []


def _schedules(client: Client, selector: str) -> list[Json]:
    """Roles of releases without backups do not allow reading them; then nothing is reported of them."""
    try:
        return list(filter(ownership.is_schedule, client.list("CronJob", f"{selector},{names.LABEL_STEPS}")))
    except errors.Forbidden:
        return []


def judged(session: Session, name: str) -> status.Status:
    """The cluster as `status` shows it."""
    return verdict.judge(cluster(session.client, name, session.clock))


def keep_claims(session: Session, name: str) -> None:
    """Ask right before members are stopped whose data is to stay: raises Refused if a claim goes with its pod."""
    if reasons := status.reasons_of(judged(session, name), GOING):
        raise errors.Refused(reasons)


def settled(session: Session, name: str) -> status.Observed:
    """Waits until the StatefulSet's status is of its newest template: before that, nobody knows which pods are old.
    Raises WaitTimeout."""

    def look() -> status.Observed | waiting.Pending:
        seen = cluster(session.client, name, session.clock)
        if revisions.is_observed(seen.stateful_set):
            return seen
        observed = seen.stateful_set.get("status", {}).get("observedGeneration", 0)
        wanted = seen.stateful_set["metadata"]["generation"]
        what = f"the StatefulSet controller to see the change of {name}"
        return waiting.Pending(what, f"observed generation {observed}, expected {wanted}")

    return waiting.until(session, look)


def until(session: Session, name: str, is_done: Callable[[status.Status], bool], what: str) -> status.Status:
    """Wait for a state of the cluster; raises WaitTimeout with the state seen last, and with what leads out if no group
    runs."""

    def look() -> status.Status | waiting.Pending:
        now = judged(session, name)
        if is_done(now):
            return now
        seen = "; ".join(condition.message for condition in now.conditions)
        hint = "; ".join(reason.hint or "" for reason in status.reasons_of(now, "no-primary"))
        again = f"{hint}; then run the same command again" if hint else ""
        return waiting.Pending(
            what, seen or "nothing else is wrong", f"waiting for {what}: {seen}" if seen else "", again
        )

    return waiting.until(session, look)


def _is_member(pod: Json, cluster: str) -> bool:
    """Helper pods have the cluster's labels too; members are the StatefulSet's pods, and have its names."""
    owners = pod["metadata"].get("ownerReferences") or []
    is_owned = any(owner["kind"] == "StatefulSet" and owner["name"] == cluster for owner in owners)
    return is_owned and names.is_member(pod["metadata"]["name"], cluster)


def _by_name(items: Sequence[Json]) -> dict[str, Json]:
    return {item["metadata"]["name"]: item for item in items}


def _ready_behind(service: str, slices: Sequence[Json]) -> tuple[str, ...]:
    """Each pod once: a cluster with IPv4 and IPv6 has slices of both, and a pod in each."""
    found = {
        str((endpoint.get("targetRef") or {}).get("name") or "")
        for endpoint_slice in slices
        if endpoint_slice["metadata"]["labels"].get("kubernetes.io/service-name") == service
        for endpoint in endpoint_slice.get("endpoints") or []
        if (endpoint.get("conditions") or {}).get("ready")
    }
    return tuple(sorted(found - {""}))
