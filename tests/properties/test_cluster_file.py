"""Whatever a cluster is like, the file that `export` writes of it is the cluster."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from mysqlops.cli import yaml_text
from mysqlops.core import cluster_file, exposure, file_fields, names, pod_patch, target
from mysqlops.core.file_fields import ANY, EXPOSE, Field
from mysqlops.core.spec import ClusterSpec
from mysqlops.core.typed import Json
from mysqlops.kube import manifests
from mysqlops.objects import exposed, render, schedule
from mysqlops.operations import cluster_file as files
from mysqlops.operations import compared
from mysqlops.planning import agreed
from mysqlops.planning import apply as planning
from tests.unit.fakes.api import Client, Clock, Store

_VALUES = st.none() | st.text(st.characters(min_codepoint=32, max_codepoint=0x2FF, exclude_categories=("C", "Z")))
_SETTINGS = st.dictionaries(
    st.sampled_from(["init_connect", "optimizer_switch", "loose_x", "innodb_ft_user_stopword_table"]),
    _VALUES | st.sampled_from(["ON", "0200", "1e3", "'quoted'", "null", "~", "a # b", " led", "yes", "12:30:45", ""]),
    min_size=1,
)
_TEXTS = st.sampled_from(["1", "true", "on", "0440", "1e3", "a b", "# x", "~", "null", "two\nlines"])
_LABELS = st.dictionaries(st.sampled_from(["team", "example.com/x", "on"]), _TEXTS)
_POD_SPECS = st.fixed_dictionaries(
    {},
    optional={
        "tolerations": st.lists(st.fixed_dictionaries({"key": _TEXTS, "tolerationSeconds": st.integers(0, 10**6)})),
        "nodeSelector": _LABELS,
        "priorityClassName": st.sampled_from(["database", "no"]),
        "volumes": st.just([{"name": "extra", "secret": {"secretName": "on", "optional": True}}]),
        "initContainers": st.lists(
            st.fixed_dictionaries({"name": st.just("mesh"), "image": st.just("mesh:1"), "args": st.lists(_TEXTS)})
        ),
        "containers": st.lists(
            st.fixed_dictionaries({"name": st.just("*"), "env": st.just([{"name": "A", "value": "true"}])}), max_size=1
        ),
    },
)
_TEMPLATES = st.fixed_dictionaries(
    {}, optional={"metadata": st.fixed_dictionaries({"labels": _LABELS}), "spec": _POD_SPECS}
)
_PATCHES = st.builds(
    lambda common, roles: {**common, **({"roles": roles} if roles else {})},
    _TEMPLATES,
    st.dictionaries(st.sampled_from(pod_patch.ROLES), _TEMPLATES, max_size=2),
).filter(bool)
# Values of each kind, as a file has them, and of the fields that take only some of their kind.
_OF_KIND = {
    id(file_fields.TEXT): st.sampled_from(["a", "0x1", "no", "1e3", "registry:5000/mysql@sha256:0f"]),
    id(file_fields.COUNT): st.integers(1, 9),
    id(file_fields.FLAG): st.just(True),
    id(file_fields.SIZE): st.sampled_from(["1Gi", "1536Mi", "3G", "2Gi"]),
    id(file_fields.SECONDS): st.sampled_from(["5s", "90s", "4m", "300"]),
    id(file_fields.RATE): st.sampled_from(["1Mi", "2Gi"]),
    id(file_fields.NAMES): st.lists(st.sampled_from(["a", "web", "0x1", "no", "1e3"]), unique=True, min_size=1),
    id(file_fields.TEXTS): st.dictionaries(
        st.sampled_from(["a/b", "on"]), st.sampled_from(["", "true", "a b"]), min_size=1
    ),
}
_OF_PATH: dict[str, st.SearchStrategy[Any]] = {
    file_fields.SETTINGS: _SETTINGS,
    pod_patch.PATH: _PATCHES,
    "spec.replicas": st.sampled_from([1, 3, 5]),
    "spec.cpu": st.sampled_from(["1", "0.5", "250m"]),
    "spec.spread": st.sampled_from(["preferred", "required"]),
    "spec.failureDetection": st.sampled_from(["safe", "fast"]),
    "spec.backup.schedule.target": st.just("local"),
    "spec.backup.binlog.target": st.just("local"),
    "spec.backup.schedule.cron": st.sampled_from(["0 3 * * *", "*/5 * * * *"]),
    "spec.backup.schedule.verifyCron": st.sampled_from(["0 5 * * 0", "0 6 * * 1"]),
    f"{EXPOSE}.{ANY}.sourceRanges": st.lists(st.sampled_from(["0.0.0.0/0", "10.0.0.0/8"]), unique=True, min_size=1),
    f"{EXPOSE}.{ANY}.type": st.sampled_from(exposure.TYPES),
    f"{EXPOSE}.{ANY}.role": st.sampled_from(["primary", "replica"]),
    f"{EXPOSE}.{ANY}.traffic": st.sampled_from(["Local", "Cluster"]),
    f"{EXPOSE}.{ANY}.hostname": st.sampled_from(["no", "db.example.com", "*.example.com"]),
}


def _value(field: Field) -> st.SearchStrategy[Any]:
    return _OF_PATH[field.path] if field.path in _OF_PATH else _OF_KIND[id(field.kind)]


def _section(fields: list[Field], section: str) -> st.SearchStrategy[dict[str, Any]]:
    """A section with any of its fields, as core/file_fields.py has them: a new field needs no line here."""
    needed: dict[str, st.SearchStrategy[Any]] = {}
    free: dict[str, st.SearchStrategy[Any]] = {}
    for name in dict.fromkeys(field.path.removeprefix(f"{section}.").partition(".")[0] for field in fields):
        path = f"{section}.{name}"
        inside = [field for field in fields if field.path.startswith(f"{path}.")]
        field = next((one for one in fields if one.path == path), None)
        if name == ANY:
            services = _section(inside, path).map(_fitting)
            return st.dictionaries(st.sampled_from(["outside", "reads"]), services, min_size=1)
        if field is None:
            free[name] = _section(inside, path).filter(bool)
        elif field.required:
            needed[name] = _value(field)
        else:
            free[name] = _value(field)
    return st.fixed_dictionaries(needed, optional=free)


def _fitting(service: dict[str, Any]) -> dict[str, Any]:
    """The port of a node needs its type; the policy of the type is left out of a written file."""
    made = {**service, **({"type": "NodePort"} if "nodePort" in service else {})}
    usual = "Cluster" if made.get("type") == "NodePort" else "Local"
    return {key: value for key, value in made.items() if (key, value) != ("traffic", usual)}


_CLUSTERS = _section([*file_fields.CLUSTER_FIELDS], "spec")


_BASE, _EXPORTER = manifests.load_base(), manifests.load_one("exporter/statefulset.yaml")


def _store(goal: planning.Wanted) -> Client:
    """All that `look` reads, as the verbs write it."""
    store, spec, request, receiver = Store(Clock()), goal.spec, goal.schedule, goal.receiver
    for one in render.cluster_objects(_BASE, spec, render.Agent(b"", "1"), beside=_EXPORTER):
        store.put(one)
    place = target.Target("local", "/repository", "restic/restic:0.18.1", "backups")
    store.put(target.make_secret(place, "secret", {}))
    if request is not None:
        job: Any = {"metadata": {"labels": names.selector("mysql")}, "spec": {}}
        store.put(schedule.cron_job(job, schedule.BACKUP, request))
    if receiver is not None:
        noted = {names.ANNOTATION_BINLOG: json.dumps({"target": "local", "every": receiver.every})}
        metadata = {"name": names.receiver("mysql"), "labels": names.selector("mysql"), "annotations": noted}
        store.put({"kind": "Deployment", "metadata": metadata})
    lease = store.objects["Lease", names.group_lease("mysql")]
    notes = lease["metadata"].setdefault("annotations", {})
    notes[names.ANNOTATION_VERSION] = "9.7.4"
    recorded: Json = {}
    for service in goal.exposed or ():
        store.put(exposed.service("mysql", "db", service))
        store.put(exposed.policy("mysql", "db", service))
        recorded[service.service] = asdict(exposure.Exposure(service.role, service.type, service.hostname, signed=True))
    notes[exposure.ANNOTATION] = json.dumps(recorded)
    return Client(store)


def _written(spec: dict[str, Any]) -> str:
    head = {"apiVersion": "mysqlops/v1", "kind": "Cluster", "metadata": {"name": "mysql", "namespace": "db"}}
    return yaml_text.dump([{**head, "spec": spec}])


def _parsed(text: str) -> cluster_file.Document:
    return cluster_file.parse(text, "f.yaml")[-1]


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(_CLUSTERS)
@example({})
def test_what_export_writes_is_what_was_asked_for_and_apply_does_not_change_it(spec: dict[str, Any]) -> None:
    wanted = _parsed(_written(spec))
    new = ClusterSpec("mysql", "db")
    goal = planning.wanted(wanted, new, planning.State())
    client = _store(goal)
    exported = files.export(client, "mysql").documents
    assert len(exported) == (2 if "backup" in spec else 1)
    document = _parsed(yaml_text.dump(exported))
    task = compared.Task(document, new, agreed.Choice())
    assert compared.differences(client, task) == []
    assert compared.seen(client, task).actions == ()
    assert planning.wanted(document, new, planning.State()) == goal
    assert _named(document).items() >= _named(wanted).items()


def _named(document: cluster_file.Document) -> dict[str, Any]:
    """What a document says, but for settings, whose lines count: a field that nothing reads is in no value above."""
    return {path: value for path, value in document.values.items() if path != file_fields.SETTINGS}
