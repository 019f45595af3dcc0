"""Checks of the members' volumes: what their StorageClass can do, and what becomes of data when a claim goes. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from mysqlops.core.typed import Json
from mysqlops.errors import Reason
from mysqlops.objects import schedule, storage_class
from mysqlops.planning import backup_targets, storage
from mysqlops.planning.checks.model import Coming, Facts, Found

_NEW = "claims of new members"
_AGAIN = (
    "create it again as it was, with provisioner kubernetes.io/no-provisioner if volumes are made by hand; or "
    f"{storage_class.ANOTHER}"
)


def volume_of(claim: Json) -> str:
    """The PersistentVolume that it is bound to, empty if to none."""
    return str(claim["spec"].get("volumeName") or "")


def classes(facts: Facts) -> list[Found]:
    """A class may be deleted while its volumes are used: the next claim then waits, without a message to its user."""
    existing = {one["metadata"]["name"]: one for one in facts.classes}
    template = facts.seen.stateful_set["spec"]["volumeClaimTemplates"][0].get("spec") or {}
    asked: dict[str, list[str]] = {}
    for claim in storage.in_use(facts.seen).values():
        asked.setdefault(claim["spec"].get("storageClassName") or "", []).append(f"claim {claim['metadata']['name']}")
    named = template.get("storageClassName")
    new = storage_class.of_new_claim(named, facts.classes)
    found: list[Found] = []
    if new is None and named is None:
        found.append(("a new member would get no volume", *_no_default(facts.name, facts.classes)))
    asked.setdefault(new or named or "", []).append(_NEW)
    asked.pop("", None)  # volumes that somebody made by hand belong to no class
    for name, who in asked.items():
        evidence = f"StorageClass {name} of {', '.join(who)}"
        if name not in existing:
            listed = _listed(facts.classes)
            found.append(("a StorageClass is missing", f"{evidence}: the Kubernetes cluster has {listed}", _AGAIN))
        elif not storage_class.can_expand(existing[name]):
            patch = f"kubectl patch storageclass {name} -p '{{\"allowVolumeExpansion\": true}}'"
            fix = f"if its driver can: {patch}; otherwise mysqlops storage resize {facts.name} --size SIZE --by-rebuild"
            found.append(("volumes cannot grow", f"{evidence}: allowVolumeExpansion is not true", fix))
    return found


def class_of_new_claims(coming: Coming) -> list[Reason]:
    """The same of claims that a command is about to make, before anything is deleted for them."""
    named, classes = coming.named, coming.classes
    if classes is None or storage_class.of_new_claim(named, classes) is not None:
        return []
    code, listed = "no-storage-class" if named is None else "unknown-storage-class", _listed(classes)
    if not coming.is_new and named is None:
        return [Reason(code, *_no_default(coming.name, classes))]
    if not coming.is_new:
        text = f"StorageClass {named} of the claims of {coming.name} is missing: the Kubernetes cluster has {listed}"
        return [Reason(code, text, _AGAIN)]
    if named is None:
        text = f"no StorageClass is the default, and --storage-class was not given; the cluster has: {listed}"
        return [Reason(code, text, "give --storage-class, or mark a StorageClass as the default")]
    text = f"--storage-class {named}: no such StorageClass; the cluster has: {listed}"
    return [Reason(code, text, "kubectl get storageclass")]


def _no_default(name: str, classes: Sequence[Json]) -> tuple[str, str]:
    text = f"the claim template of {name} names no StorageClass, and none is the default; there are: {_listed(classes)}"
    return text, 'kubectl annotate storageclass CLASS storageclass.kubernetes.io/is-default-class="true"'


def _listed(classes: Sequence[Json]) -> str:
    return ", ".join(sorted(one["metadata"]["name"] for one in classes)) or "none"


def volumes(facts: Facts) -> list[Found]:
    return [*_reclaimed(facts), *_bound_at_once(facts)]


def _reclaimed(facts: Facts) -> list[Found]:
    """With a backup outside of the namespace, a deleted claim costs time. Without one it costs the data."""
    going = [name for name, volume in facts.volumes.items() if storage_class.goes_with_claim(volume)]
    if not going or not (why := _only_here(facts)):
        return []
    policy = """-p '{"spec": {"persistentVolumeReclaimPolicy": "Retain"}}'"""
    keep = f"kubectl patch persistentvolume {' '.join(going)} {policy}"
    fix = f"{keep}; or scheduled backups to a target that is no claim (mysqlops explain backup)"
    seen = f"PersistentVolume {', '.join(going)}: reclaim policy Delete; {why}"
    return [("deleting the claims or the namespace would delete all that is left of the data", seen, fix)]


def _only_here(facts: Facts) -> str:
    """Why nothing of the data would be left without the namespace; empty if a backup would be."""
    backup = backup_targets.uses(facts.seen).get(schedule.BACKUP)
    if backup is None:
        return "no backup is scheduled"
    if backup.claim:
        return f"the scheduled backups are on claim {backup.claim} of the same namespace"
    return "" if backup.success else "no scheduled backup has succeeded yet"


def _bound_at_once(facts: Facts) -> list[Found]:
    """A volume that any node can mount may be made at any time."""
    at_once = {one["metadata"]["name"] for one in facts.classes if not storage_class.waits_for_pod(one)}
    found: dict[str, list[str]] = {}
    for claim in storage.in_use(facts.seen).values():
        name, volume = claim["spec"].get("storageClassName"), facts.volumes.get(volume_of(claim))
        if name in at_once and volume is not None and storage_class.is_bound_to_nodes(volume):
            found.setdefault(name, []).append(volume_of(claim))
    fix = f"a class with volumeBindingMode WaitForFirstConsumer (it cannot be changed): {storage_class.ANOTHER}"
    what = "volumes are made before their pods have a node"
    return [
        (what, f"StorageClass {name}: binding mode Immediate, and only some nodes can mount {', '.join(bound)}", fix)
        for name, bound in found.items()
    ]
