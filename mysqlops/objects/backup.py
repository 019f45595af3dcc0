"""The Jobs of backups, step by step. Pure."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace

from mysqlops.core import mysqld_config, names, pod_patch, secret_map, setting_secrets, snapshot_notes
from mysqlops.core.backup import Backup
from mysqlops.core.spec import SURROUNDINGS, ClusterSpec
from mysqlops.core.target import Target
from mysqlops.core.typed import Json
from mysqlops.objects import pod_template, pods

RESTIC, MYSQLD, PYTHON = "restic", "mysqld", "python"
_SCRIPTS = {RESTIC: "restic.sh", MYSQLD: "mysqld.sh"}


@dataclass(frozen=True)
class Step:
    """One container of a Job; each starts after the previous one has ended, except mysqld, which keeps running."""

    name: str
    kind: str
    words: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)


_LOOK = Step("look", RESTIC, ("look",))
_CHOOSE = Step("choose", PYTHON, ("backup-choose",))
_FETCH = Step("fetch", RESTIC, ("fetch",))
CREATE = (
    _LOOK,
    Step("mysqld", MYSQLD, env={"INITIALISE": "yes", "READ_ONLY": "OFF"}),
    Step("copy", PYTHON, ("backup-copy",)),
    Step("store", RESTIC, ("store-copy", "/scratch/copy")),
)
LOGICAL = (
    CREATE[0],
    replace(CREATE[1], env={**CREATE[1].env, "DUMP": "yes"}),
    *CREATE[2:],
)
SNAPSHOT = (
    _LOOK,
    Step("mysqld", MYSQLD, env={"RECOVER": "yes"}),
    Step("examine", PYTHON, ("backup-examine",)),
    Step("store", RESTIC, ("store-copy", "/work/report")),
)
# Binds what the repository holds to the entry. Until that is done, the entry does not count.
SEAL = (
    Step("seal", PYTHON, ("backup-seal",)),
    Step("store-seal", RESTIC, ("store", "/work/seal")),
)
FORGET = Step("forget", RESTIC, ("forget",))  # in the end: `backup delete` waits for a Job that has it
PRUNE = (
    Step("look-again", RESTIC, ("look",)),
    Step("expired", PYTHON, ("backup-expired",)),
    FORGET,
)
VERIFY = (
    _LOOK,
    _CHOOSE,
    _FETCH,
    Step("mysqld", MYSQLD),
    Step("check", PYTHON, ("backup-check",)),
    Step("note", RESTIC, ("store", "/work/report")),
    Step("verdict", PYTHON, ("backup-verdict",)),
)
# With the image of an upgrade; the repository keeps no record of it.
REHEARSE = (_LOOK, _CHOOSE, _FETCH, Step("mysqld", MYSQLD), Step("check", PYTHON, ("backup-check",)))
RESTORE = (
    _LOOK,
    _CHOOSE,
    _FETCH,
    Step("mysqld", MYSQLD),
    Step("check", PYTHON, ("backup-check",), env={"MUST_BE_EQUAL": "yes"}),
    Step("place", PYTHON, ("backup-place",)),
)

_APPLY = (
    # Meanwhile, a receiver may store its logs again and forget their earlier states.
    Step("look-again", RESTIC, ("look",)),
    Step("choose-logs", PYTHON, ("backup-choose-logs",)),
    Step("fetch-logs", RESTIC, ("fetch-logs",)),
    Step("applier", MYSQLD, env={"APPLY": "yes", "NAME": "applier"}),
    Step("apply-logs", PYTHON, ("backup-apply-logs",)),
)


def rejoin() -> tuple[Step, ...]:
    """The steps of a restore onto the volume of a member, which then rejoins its own group."""
    return (*RESTORE[:-1], replace(RESTORE[-1], env={"REJOINS": "yes"}))


def restore(to: str) -> tuple[Step, ...]:
    """The steps of a restore, with recovery to a point (core/pitr.py) if one is given."""
    if not to:
        return RESTORE
    applied = tuple(replace(step, env={**step.env, "TO": to}) for step in _APPLY)
    return (*RESTORE[:-1], *applied, RESTORE[-1])


_PROBE = ("--host", "mysqlops-probe", "--tag", "mysqlops-probe")
PROBE = (
    Step("write", RESTIC, ("run", "backup", *_PROBE, "/etc/hostname")),
    Step("read", RESTIC, ("run", "dump", *_PROBE, "latest", "/etc/hostname")),
    Step("delete", RESTIC, ("run", "forget", *_PROBE, "--keep-last", "1")),
)
INIT = (Step("init", RESTIC, ("init",)), *PROBE)


ADD_KEY = (Step("add-key", RESTIC, ("add-key",)),)
REMOVE_KEY = (Step("remove-key", RESTIC, ("remove-key",)),)


def export(snapshot: str, file: str) -> tuple[Step, ...]:
    """The step of a Job that writes one backup as a tar file onto its volume."""
    return (Step("export", RESTIC, ("export", snapshot, file)),)


def one_command(*words: str) -> tuple[Step, ...]:
    """A Job that runs one restic command."""
    return (Step("run", RESTIC, ("run", *words)),)


@dataclass(frozen=True)
class Templates:
    """manifests/backup: the Job, and the scripts by file name."""

    job: Json
    scripts: Mapping[str, str]


@dataclass(frozen=True)
class Source:
    """The source of a Job's images, sizes and ConfigMaps; `spec` is None if only restic is needed. Then `owner` is the
    cluster whose pods it resembles."""

    spec: ClusterSpec | None = None
    config_map: str = ""
    agent_map: str = ""
    owner: pod_template.Owner | None = None


def job(templates: Templates, name: str, target: Target, steps: Sequence[Step], source: Source, **env: str) -> Json:
    """The Job; the steps' environment is `env`, and for Python steps also the cluster's identity."""
    wanted = copy.deepcopy(templates.job)
    cluster = source.spec.name if source.spec else ""
    _label(wanted, name, cluster)
    pod = wanted["spec"]["template"]["spec"]
    prototypes = {container["name"]: container for container in pod["containers"]}
    steps = [replace(step, env={**env, **step.env}) for step in steps]
    containers = [_container(prototypes[step.kind], step, templates.scripts, target, source) for step in steps]
    pod["initContainers"], pod["containers"] = containers[:-1], containers[-1:]
    _fill_volumes(pod, target, source, {step.kind for step in steps})
    stay_together(wanted["spec"]["template"], target)
    if (owner := source.spec or source.owner) is not None:
        pod_template.finish(wanted["spec"]["template"], owner, pod_patch.JOBS)
    return wanted


def stay_together(template: Json, target: Target) -> None:
    """A ReadWriteOnce claim mounts on one node: schedule every pod that uses the repository there."""
    if not target.claim:
        return
    template["metadata"]["labels"][names.LABEL_TARGET] = target.name
    selector = {"matchLabels": {names.LABEL_TARGET: target.name}}
    term = {"labelSelector": selector, "topologyKey": "kubernetes.io/hostname"}
    preferred = [{"weight": 100, "podAffinityTerm": term}]
    template["spec"]["affinity"] = {"podAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": preferred}}


def _label(wanted: Json, name: str, cluster: str) -> None:
    wanted["metadata"]["name"] = name
    for labels in (wanted["metadata"]["labels"], wanted["spec"]["template"]["metadata"]["labels"]):
        for key in (names.LABEL_INSTANCE, names.LABEL_CLIENT):
            if key in labels and cluster:
                labels[key] = cluster
            elif key in labels:
                del labels[key]


def _container(prototype: Json, step: Step, scripts: Mapping[str, str], target: Target, source: Source) -> Json:
    made = copy.deepcopy(prototype)
    made["name"] = step.name
    settings, words = dict(step.env), [pods.verbatim(word) for word in step.words]
    if step.kind == RESTIC:
        made["image"] = target.image
    elif source.spec is not None and step.kind == MYSQLD:
        made["image"] = source.spec.image
        made["resources"]["limits"] = {"memory": source.spec.memory}
    elif source.spec is not None:
        made["image"] = source.spec.agent_image
        settings |= {"MYSQLOPS_CLUSTER": source.spec.name, "MYSQLOPS_NAMESPACE": source.spec.namespace}
    if step.kind in _SCRIPTS:
        file = _SCRIPTS[step.kind]
        made["command"] = ["sh", "-c", scripts[file], file, *words]
    else:
        made["command"] = [*made["command"], *words]
    made["env"] = pods.environment(settings)
    return made


def _fill_volumes(pod: Json, target: Target, source: Source, kinds: set[str]) -> None:
    volumes = {volume["name"]: volume for volume in pod["volumes"]}
    volumes["target"]["secret"]["secretName"] = target.secret
    if target.claim:
        volumes["repository"] = {"name": "repository", "persistentVolumeClaim": {"claimName": target.claim}}
    if source.spec is None or kinds == {RESTIC}:
        for name in ("agent", "config", "login", "ca"):
            del volumes[name]
        volumes["scratch"] = {"name": "scratch", "emptyDir": {}}
    else:
        volumes["agent"]["configMap"]["name"] = source.agent_map
        volumes["config"]["configMap"]["name"] = source.config_map
        volumes["login"]["secret"]["secretName"] = secret_map.secret(source.spec.name, secret_map.INTERNAL)
        volumes["ca"]["secret"]["secretName"] = names.tls_secret(source.spec.name)
        claim = volumes["scratch"]["ephemeral"]["volumeClaimTemplate"]["spec"]
        claim["resources"]["requests"]["storage"] = source.spec.storage_size
        if source.spec.storage_class:
            claim["storageClassName"] = source.spec.storage_class
    pod["volumes"] = list(volumes.values())


def onto_claim(wanted: Json, claim: str) -> Json:
    """The same Job with a permanent volume instead of a scratch volume."""
    volumes = wanted["spec"]["template"]["spec"]["volumes"]
    scratch = next(volume for volume in volumes if volume["name"] == "scratch")
    scratch.clear()
    scratch["name"] = "scratch"
    scratch["persistentVolumeClaim"] = {"claimName": claim}
    return wanted


def beside(wanted: Json, pod: str) -> Json:
    """The same Job on the node of a waiting pod that has mounted the volume already."""
    selector = {"matchLabels": {"statefulset.kubernetes.io/pod-name": pod}}
    term = {"labelSelector": selector, "topologyKey": "kubernetes.io/hostname"}
    affinity = wanted["spec"]["template"]["spec"].setdefault("affinity", {}).setdefault("podAffinity", {})
    affinity.setdefault("requiredDuringSchedulingIgnoredDuringExecution", []).append(term)
    return wanted


def from_snapshot(claim_spec: Json, snapshot: str) -> None:
    """Let a claim or a scratch volume start with the content of a volume snapshot."""
    group, _, _ = _SNAPSHOT_API.partition("/")
    claim_spec["dataSource"] = {"apiGroup": group, "kind": "VolumeSnapshot", "name": snapshot}


_SNAPSHOT_API = "snapshot.storage.k8s.io/v1"


def volume_snapshot(name: str, claim: str, note: snapshot_notes.Note, cluster: str, snapshot_class: str) -> Json:
    """The snapshot of a member's claim; its annotation is removed once it is in a catalogue."""
    spec: Json = {"source": {"persistentVolumeClaimName": claim}}
    if snapshot_class:
        spec["volumeSnapshotClassName"] = snapshot_class
    labels = {**names.selector(cluster), names.LABEL_MANAGED_BY: names.APP_NAME, names.LABEL_STEPS: "snapshot"}
    metadata = {"name": name, "labels": labels, "annotations": {names.ANNOTATION_PENDING: snapshot_notes.dump(note)}}
    return {"apiVersion": _SNAPSHOT_API, "kind": "VolumeSnapshot", "metadata": metadata, "spec": spec}


def scratch_claim(wanted: Json) -> Json:
    """The spec of the claim of a Job's scratch volume."""
    volumes = wanted["spec"]["template"]["spec"]["volumes"]
    found: Json = next(volume for volume in volumes if volume["name"] == "scratch")["ephemeral"]["volumeClaimTemplate"][
        "spec"
    ]
    return found


def grow_scratch(wanted: Json, size: int) -> None:
    """Enlarge the scratch volume for a backup that is larger than the cluster's volumes are now."""
    scratch_claim(wanted)["resources"]["requests"]["storage"] = str(size)


def which(chosen: Backup) -> dict[str, str]:
    """The entry that a Job restores or verifies: identified exactly, because another one may have the same id."""
    return {"BACKUP_ID": chosen.id, "SNAPSHOT": chosen.snapshot, "SIGNED": chosen.signed}


def with_key_of(wanted: Json, secret: str) -> None:
    """Mount the key that sealed a backup, for its binary logs: a restored cluster has a key of its own."""
    volumes = {volume["name"]: volume for volume in wanted["spec"]["template"]["spec"]["volumes"]}
    volumes["login"]["secret"]["secretName"] = secret


def environment_of(spec: ClusterSpec, origin: str) -> dict[str, str]:
    """What the programs must know about the cluster. The spec goes into the backup, so that the backup is enough; the
    Job adds the settings that are secrets (agent/jobs/recorded.py), which whoever reads pods must not see."""
    return {"ORIGIN": origin, "STORAGE_SIZE": spec.storage_size, "SPEC": json.dumps(_recorded(spec), sort_keys=True)}


def _recorded(spec: ClusterSpec) -> Json:
    kept = {key: value for key, value in asdict(spec).items() if key not in SURROUNDINGS}
    secrets = setting_secrets.of(spec.mysqld)
    return {**kept, "mysqld": mysqld_config.recorded({k: v for k, v in spec.mysqld.items() if k not in secrets})}
