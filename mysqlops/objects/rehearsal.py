"""The objects of a rehearsed upgrade: a Job, and what the Job owns. Pure.

Its pod is not a member's, nor a client's: no label of the cluster is on it, so that no Service selects it and the
members' NetworkPolicy does not admit it; it mounts no Secret of the cluster, and its server has no network. Everything
else belongs to the Job: Kubernetes deletes it with the Job, whoever deletes that, and nothing else.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from mysqlops.core import names, rehearsal
from mysqlops.core.target import Target
from mysqlops.core.typed import Json
from mysqlops.objects import backup, render


def job(
    templates: backup.Templates, target: Target, source: backup.Source, of: Mapping[str, str], env: Mapping[str, str]
) -> Json:
    """`of` says what is rehearsed: a Job of a killed run is only continued by the same rehearsal."""
    assert source.spec is not None  # noqa: S101 (the caller has the cluster's)
    cluster = source.spec.name
    made = backup.job(templates, rehearsal.name_for(cluster), target, backup.REHEARSE, source, **env)
    made["metadata"]["labels"] |= {names.LABEL_STEPS: "rehearse", rehearsal.LABEL: cluster}
    made["metadata"]["annotations"] = {rehearsal.ANNOTATION_OF: json.dumps(dict(of), sort_keys=True)}
    template = made["spec"]["template"]
    for label in (names.LABEL_CLIENT, names.LABEL_INSTANCE, names.LABEL_ROLE, names.LABEL_READS):
        template["metadata"]["labels"].pop(label, None)
    template["metadata"]["labels"][rehearsal.LABEL] = cluster
    for volume in template["spec"]["volumes"]:
        if volume["name"] in ("login", "ca"):
            del volume["secret"]
            volume["emptyDir"] = {}
    return made


def is_of(found: Json, wanted: Json) -> bool:
    """Whether both Jobs rehearse the same."""
    notes = [
        (manifest["metadata"].get("annotations") or {}).get(rehearsal.ANNOTATION_OF) for manifest in (found, wanted)
    ]
    return notes[0] == notes[1]


def belongings(made: Json, data: Mapping[str, str], agent: Mapping[str, str]) -> tuple[Json, ...]:
    """What the Job needs, in the order in which it is made: the pod starts once it has its ConfigMap, so nothing runs
    before the policy exists. `made` is the Job as it exists, `data` the new my.cnf, `agent` the agent's program."""
    metadata, cluster = made["metadata"], made["metadata"]["labels"][rehearsal.LABEL]
    owner = {"apiVersion": "batch/v1", "kind": "Job", "name": metadata["name"], "uid": metadata["uid"]}
    labels = {names.LABEL_MANAGED_BY: names.APP_NAME, rehearsal.LABEL: cluster}
    named = {"name": metadata["name"], "labels": labels, "ownerReferences": [owner]}
    policy = {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": named}
    config = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": named}
    return (
        {**policy, "spec": _rules(cluster, has_repository=_mounts_repository(made))},
        {**config, "data": {render.MY_CNF: data[render.MY_CNF]}, "binaryData": dict(agent), "immutable": True},
    )


def _mounts_repository(made: Json) -> bool:
    return any("persistentVolumeClaim" in volume for volume in made["spec"]["template"]["spec"]["volumes"])


def _rules(cluster: str, *, has_repository: bool) -> Json:
    """Nobody reaches the pod. It reaches nothing if the repository is on a claim; else the repository, wherever that
    is, but no member. A network that counts pods as addresses lets it pass: there the members refuse it."""
    selector = {"matchLabels": {rehearsal.LABEL: cluster}}
    others = {"key": names.LABEL_INSTANCE, "operator": "NotIn", "values": [cluster]}
    anywhere = [
        {"namespaceSelector": {}, "podSelector": {"matchExpressions": [others]}},
        {"ipBlock": {"cidr": "0.0.0.0/0"}},
        {"ipBlock": {"cidr": "::/0"}},
    ]
    egress = [] if has_repository else [{"to": anywhere}]
    return {"podSelector": selector, "policyTypes": ["Ingress", "Egress"], "ingress": [], "egress": egress}


def is_left(found: Json) -> bool:
    """Whether an object of such a name is another rehearsal's, whose Job is gone."""
    metadata = found["metadata"]
    cluster = (metadata.get("labels") or {}).get(rehearsal.LABEL)
    owners = [(reference.get("kind"), reference.get("name")) for reference in metadata.get("ownerReferences") or []]
    return cluster is not None and owners == [("Job", rehearsal.name_for(cluster))] == [("Job", metadata["name"])]


def is_owned(found: Json, uid: str) -> bool:
    return any(reference.get("uid") == uid for reference in found["metadata"].get("ownerReferences") or [])
