"""Whatever a cluster is like, the file that `export` writes of it is the cluster."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mysqlops.cli import yaml_text
from mysqlops.core import cluster_file, names, pod_patch, retention, target
from mysqlops.core.spec import ClusterSpec
from mysqlops.kube import manifests
from mysqlops.objects import render, schedule
from mysqlops.objects.cluster_file import Receiver
from mysqlops.operations import cluster_file as files
from mysqlops.operations import compared
from mysqlops.planning import agreed
from mysqlops.planning import apply as planning
from tests.unit.fakes.api import Client, Clock, Store

_SIZES = st.sampled_from(["1Gi", "1536Mi", "3G", "2Gi"])


_NAMES = st.lists(st.sampled_from(["a", "web", "0x1", "no", "1e3"]), unique=True).map(lambda one: tuple(sorted(one)))


_VALUES = st.none() | st.text(st.characters(min_codepoint=32, max_codepoint=0x2FF, exclude_categories=("C", "Z")))


_SETTINGS = st.dictionaries(
    st.sampled_from(["init_connect", "optimizer_switch", "loose_x", "innodb_ft_user_stopword_table"]),
    _VALUES | st.sampled_from(["ON", "0200", "1e3", "'quoted'", "null", "~", "a # b", " led", "yes", "12:30:45", ""]),
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
)
_SPECS = st.builds(
    ClusterSpec,
    st.just("mysql"),
    st.just("db"),
    replicas=st.sampled_from([1, 3, 5]),
    image=st.sampled_from(["mysql:9.7", "registry:5000/mysql@sha256:0f"]),
    storage_class=st.none() | st.sampled_from(["fast", "on"]),
    storage_size=_SIZES,
    memory=_SIZES,
    cpu=st.sampled_from(["1", "0.5", "250m"]),
    mysqld=_SETTINGS,
    client_namespaces=_NAMES,
    metrics_namespaces=_NAMES,
    limit_egress=st.booleans(),
    pull_secrets=_NAMES,
    failure_detection=st.sampled_from(["safe", "fast"]),
    spread=st.sampled_from(["preferred", "required"]),
    any_uid=st.booleans(),
    exporter_image=st.sampled_from(["", "exporter:1"]),
    pod=_PATCHES.map(pod_patch.canonical),
)


_WISHES = st.builds(
    schedule.Request,
    st.sampled_from(["0 3 * * *", "*/5 * * * *"]),
    st.just("0 5 * * 0"),
    st.just("local"),
    st.sampled_from(["", "mysql-1"]),
    st.integers(0, 2000),
    st.builds(retention.Policy, st.integers(0, 9), st.integers(0, 9), daily=st.integers(0, 9)),
    st.integers(0, 10**7),
    st.integers(0, 10**7),
)


_RECEIVERS = st.builds(Receiver, st.just("local"), st.floats(5, 300).map(lambda one: round(one, 3)))


_BASE, _EXPORTER = manifests.load_base(), manifests.load_one("exporter/statefulset.yaml")


def _store(spec: ClusterSpec, request: schedule.Request | None, receiver: Receiver | None) -> Client:
    """All that `look` reads, as the verbs write it."""
    store = Store(Clock())
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
    lease["metadata"].setdefault("annotations", {})[names.ANNOTATION_VERSION] = "9.7.4"
    return Client(store)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(_SPECS, st.none() | _WISHES, st.none() | _RECEIVERS)
def test_what_export_writes_apply_does_not_change(
    spec: ClusterSpec, request: schedule.Request | None, receiver: Receiver | None
) -> None:
    client = _store(spec, request, receiver)
    text = yaml_text.dump(files.export(client, "mysql").documents)
    documents = cluster_file.parse(text, "f.yaml")
    assert len(documents) == (2 if request or receiver else 1)
    task = compared.Task(documents[-1], ClusterSpec("mysql", "db"), agreed.Choice())
    assert compared.differences(client, task) == []
    assert compared.seen(client, task).actions == ()
    assert planning.wanted(documents[-1], ClusterSpec("mysql", "db"), planning.State()).spec == spec
