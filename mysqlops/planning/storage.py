"""Volumes: whether they may grow, which still have to, and the StatefulSet that matches them. Pure."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence

from mysqlops.core import names, quantity
from mysqlops.core.plan import Step
from mysqlops.core.typed import Json
from mysqlops.errors import Reason, Refused
from mysqlops.objects import claims
from mysqlops.planning import status

# Of what the API server adds to an object, what must not go into a new one.
_KEPT_METADATA = ("name", "namespace", "labels", "annotations")


def in_use(seen: status.Observed) -> dict[str, Json]:
    """Claims of the cluster's members, without those that scaling down left."""
    wanted = range(int(seen.stateful_set["spec"]["replicas"]))
    return {
        name: claim
        for ordinal in wanted
        if (claim := seen.claims.get(name := claims.of(seen.stateful_set, ordinal))) is not None
    }


def requested(claim: Json) -> str:
    return str(claim["spec"]["resources"]["requests"]["storage"])


def is_smaller(claim: Json, size: str) -> bool:
    return quantity.parse(requested(claim)) < quantity.parse(size)


def has_capacity(claim: Json, size: str) -> bool:
    """The volume has the size, and so has the file system on it."""
    capacity = claim.get("status", {}).get("capacity", {}).get("storage", "0")
    return quantity.parse(capacity) >= quantity.parse(size)


def check_larger(template: str, existing: Sequence[Json], size: str) -> None:
    """Raises Refused for a smaller size: volumes never shrink."""
    largest = max([template, *map(requested, existing)], key=quantity.parse)
    if quantity.parse(size) < quantity.parse(largest):
        text = f"--size {size}: volumes of {largest} cannot shrink"
        raise Refused([Reason("shrinks", text, "back up, and restore into a new cluster with smaller volumes")])


def check_expandable(existing: Sequence[Json], expandable: Mapping[str, bool | None], size: str) -> None:
    """Raises Refused if a storage class does not allow it; a class that we may not read is tried."""
    stuck = [claim for claim in existing if expandable.get(claim["spec"].get("storageClassName") or "") is False]
    small = [claim for claim in stuck if is_smaller(claim, size)]
    if small:
        listed = ", ".join(f"{claim['metadata']['name']} ({claim['spec'].get('storageClassName')})" for claim in small)
        text = f"the classes of these claims cannot expand: {listed}"
        raise Refused([Reason("not-expandable", text, "--by-rebuild gives one member after another a new claim")])


def infeasible_because(claim: Json) -> str | None:
    """The volume driver's message if it cannot grow the volume (Kubernetes 1.32: RecoverVolumeExpansionFailure)."""
    states = claim.get("status", {}).get("allocatedResourceStatuses") or {}
    if str(states.get("storage", "")).endswith("Infeasible"):
        conditions = claim["status"].get("conditions") or []
        reasons = "; ".join(str(condition["message"]) for condition in conditions if condition.get("message"))
        return f"{claim['metadata']['name']} cannot grow: {states['storage']}: {reasons or 'no reason given'}"
    return None


def size_of(stateful_set: Json) -> str:
    claim = stateful_set["spec"]["volumeClaimTemplates"][0]
    return requested(claim)


def template_differs(stateful_set: Json, size: str) -> bool:
    return not quantity.is_same(size_of(stateful_set), size)


def is_made_of(stateful_set: Json, wanted: Json) -> bool:
    """Whether it has the wanted claim template, as far as mysqlops ever changes one."""
    return claims.template_of(stateful_set) == claims.template_of(wanted) and not template_differs(
        stateful_set, size_of(wanted)
    )


def recreatable(stateful_set: Json) -> Json:
    """The same StatefulSet, ready to be recreated: without the fields that the API server added."""
    metadata = {key: stateful_set["metadata"][key] for key in _KEPT_METADATA if key in stateful_set["metadata"]}
    spec = copy.deepcopy(stateful_set["spec"])
    spec["volumeClaimTemplates"][0].pop("status", None)
    return {"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": metadata, "spec": spec}


def parked(wanted: Json) -> Json:
    """A StatefulSet that is to be created, kept meanwhile as one without members under a name that no cluster can have:
    only those who may create a StatefulSet can write it. It selects none of the cluster's pods."""
    name, found = wanted["metadata"]["name"], recreatable(wanted)
    labels = {**(found["metadata"].get("labels") or {}), **names.selector(name)}
    replicas = str(found["spec"]["replicas"])
    found["metadata"] |= {"name": names.parked(name), "labels": labels}
    found["metadata"]["annotations"] = {
        **(found["metadata"].get("annotations") or {}),
        names.ANNOTATION_RECREATING: replicas,
    }
    found["spec"]["replicas"] = 0
    for labelled in _parked_labels(found):
        labelled[names.LABEL_PARKED] = name
    return found


def unparked(found: Json, name: str) -> Json:
    """The inverse of `parked`; raises Refused if no command for this cluster set it aside."""
    wanted = recreatable(found)
    replicas = (wanted["metadata"].get("annotations") or {}).pop(names.ANNOTATION_RECREATING, "")
    is_ours = all(labelled.pop(names.LABEL_PARKED, "") == name for labelled in _parked_labels(wanted))
    labels, pod = wanted["metadata"].get("labels") or {}, wanted["spec"]["template"]["spec"]
    is_ours = is_ours and names.selector(name).items() <= labels.items()
    is_known = replicas.isdecimal() and len(replicas) < 3 and int(replicas) <= names.MAX_MEMBERS
    if not (is_ours and is_known and pod.get("serviceAccountName", name) == name):
        text = f"StatefulSet {found['metadata']['name']} was not set aside by mysqlops for {name}; it was not touched"
        raise Refused([Reason("foreign-object", text, "find out who created it, then delete it")])
    wanted["metadata"]["name"] = name
    wanted["spec"]["replicas"] = int(replicas)
    return wanted


def _parked_labels(stateful_set: Json) -> tuple[Json, Json]:
    spec = stateful_set["spec"]
    chosen: Json = spec.setdefault("selector", {}).setdefault("matchLabels", {})
    labels: Json = spec["template"].setdefault("metadata", {}).setdefault("labels", {})
    return chosen, labels


def way_on(name: str) -> str:
    """What to do about a tool that undoes what a verb did to the StatefulSet."""
    return f"stop that tool from applying StatefulSet {name} (`mysqlops explain gitops`), then run the command again"


def values_of(wanted: Json) -> Json:
    """The values that the Lease records, for a user to read: nothing is created from them."""
    return {"size": size_of(wanted), "template": claims.template_of(wanted)}


def with_size(stateful_set: Json, size: str) -> Json:
    """The same with another size in its claim template."""
    wanted = recreatable(stateful_set)
    wanted["spec"]["volumeClaimTemplates"][0]["spec"]["resources"]["requests"]["storage"] = size
    return wanted


def steps(name: str, template: str, existing: Sequence[Json], size: str, *, by_rebuild: bool) -> tuple[Step, ...]:
    """The remaining steps, as `--dry-run` prints them."""
    found: list[Step] = []
    for claim in existing:
        claim_name = claim["metadata"]["name"]
        if by_rebuild and is_smaller(claim, size):
            found.append(Step("rebuild", "Pod", names.pod_of_claim(claim_name), f"a new claim of {size}", None, True))
        elif not by_rebuild and not has_capacity(claim, size):
            found.append(Step("grow", "PersistentVolumeClaim", claim_name, f"{requested(claim)} -> {size}"))
    if not quantity.is_same(template, size):
        found.append(Step("replace", "StatefulSet", name, f"its claim template says {template}; no pod is touched"))
    return tuple(found)
