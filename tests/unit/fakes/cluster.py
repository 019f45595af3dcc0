"""A cluster on the API server in memory: its StatefulSet makes pods and claims, members publish what a test says."""

from __future__ import annotations

import base64
import functools
import json
import marshal
from collections.abc import Callable, Sequence
from typing import Any

from mysqlops import errors
from mysqlops.core import group, instant, names, ordered, secret_map
from mysqlops.core.publication import Publication, dump
from mysqlops.core.typed import Json
from mysqlops.operations.session import Progress, Session
from tests.unit.fakes.api import Client as FakeClient
from tests.unit.fakes.api import Clock, Store

GROUP = "11111111-1111-1111-1111-111111111111"
NAME = "mysql"
CRASHED = {"restartCount": 3, "state": {"waiting": {"reason": "CrashLoopBackOff"}}, "lastState": {}}
REFUSED = {
    **CRASHED,
    "lastState": {"terminated": {"message": "0 [ERROR] [MY-014061] [InnoDB] Invalid MySQL server downgrade\nAborting"}},
}
ONLINE = {"state": "ONLINE", "server_version": "9.7.4", "server_uuid": "uuid"}


class Cluster:
    """`facts` is what each member's agent publishes, `data` what each claim holds, by UID. A member that is SILENT
    publishes nothing more. `new` says what a pod is like that begins with an empty claim."""

    def __init__(self, replicas: int = 3, primary: str = "mysql-0", **held: str) -> None:
        self.clock = Clock()
        self.store = Store(self.clock)
        self.facts: dict[str, Json] = {}
        self.data: dict[str, str] = {}
        self.lost: dict[str, str] = {}  # claim -> what it held when it went
        self.said: list[str] = []
        self.on_pod: Callable[[str], None] = lambda _: None
        self._newest: tuple[Json, str] | None = None
        self.store.put(_stateful_set(replicas))
        self.store.put({"kind": "Lease", **_labelled(names.group_lease(NAME)), "spec": {}})
        is_default = {"storageclass.kubernetes.io/is-default-class": "true"}
        self.store.put({"kind": "StorageClass", "metadata": {"name": "fixed", "annotations": is_default}})
        data = {names.KEY_GROUP_NAME: base64.b64encode(GROUP.encode()).decode()}
        self.store.put({"kind": "Secret", **_labelled(secret_map.secret(NAME, secret_map.INTERNAL)), "data": data})
        for purpose in (secret_map.APP, secret_map.ROOT):
            self.store.put({"kind": "Secret", **_labelled(secret_map.secret(NAME, purpose)), "data": {}})
        for ordinal in range(replicas):
            pod = names.pod(NAME, ordinal)
            self.new_claim(pod, held.get(f"m{ordinal}", f"{GROUP}:1-5"))
            role = "primary" if pod == primary else "replica"
            self.facts[pod] = {**ONLINE, "role": role, "online": replicas}
        self.store.settle = self.settle
        self.settle()

    def session(self, timeout: float = 600.0) -> Session:
        client = FakeClient(self.store)
        client.answer = self._answer
        voice = Progress(self.said.append, lambda _: None, self.said.append)
        return Session(client, self.clock, voice, timeout)

    def new_claim(self, pod: str, held: str = "", size: str = "1Gi") -> None:
        spec = {"resources": {"requests": {"storage": size}}, "storageClassName": "fixed"}
        made = self.store.put({"kind": "PersistentVolumeClaim", **_labelled(f"data-{pod}"), "spec": spec})
        self.data[made["metadata"]["uid"]] = held

    def claim(self, pod: str) -> Json | None:
        return self.store.objects.get(("PersistentVolumeClaim", f"data-{pod}"))

    def rename(self, name: str) -> None:
        """The group goes on without what a member may hold, and so under another name."""
        note = {names.ANNOTATION_GROUP: group.dump(group.Note(name=name, parent=GROUP))}
        self.store.objects["Lease", names.group_lease(NAME)]["metadata"]["annotations"].update(note)

    def held(self, pod: str) -> str:
        claim = self.claim(pod)
        return self.data[claim["metadata"]["uid"]] if claim else ""

    def data_uid(self, pod: str) -> str:
        """Names the claim of a member, whatever it is called."""
        claim = self.claim(pod)
        return claim["metadata"]["uid"] if claim else ""

    def write(self, pod: str, held: str) -> None:
        claim = self.claim(pod)
        assert claim is not None
        self.data[claim["metadata"]["uid"]] = held

    def pod(self, name: str) -> Json:
        return self.store.objects["Pod", name]

    def silence(self, *pods: str) -> None:
        for pod in pods:
            self.facts[pod]["silent"] = True

    def notes(self) -> dict[str, str]:
        return dict(self.store.objects["Lease", names.group_lease(NAME)]["metadata"].get("annotations") or {})

    def fenced(self) -> dict[str, str]:
        return ordered.fenced(self.notes())

    def stateful_set(self) -> Json:
        return self.store.objects["StatefulSet", NAME]

    def settle(self) -> None:
        if ("StatefulSet", NAME) not in self.store.objects:
            return
        stateful_set = self.stateful_set()
        revision = self._revision_of(stateful_set["spec"]["template"])
        stateful_set["status"] = {"updateRevision": revision, "observedGeneration": 1}
        wanted = [names.pod(NAME, ordinal) for ordinal in range(stateful_set["spec"]["replicas"])]
        for kind, name in list(self.store.objects):
            if kind == "Pod" and name not in wanted:
                del self.store.objects[kind, name]
        self._let_claims_go()
        now = instant.text(self.clock.now())
        for name in wanted:
            self._make(name, revision, stateful_set)
            self.on_pod(name)
            self._publish(name, now)
        self._lead_service()

    def _revision_of(self, template: Json) -> str:
        """A client's change of the StatefulSet brings another object; the controllers play far more often than that."""
        if self._newest is None or self._newest[0] is not template:
            self._newest = template, _revision(marshal.dumps(template, 2))
        return self._newest[1]

    def _let_claims_go(self) -> None:
        for (kind, name), one in list(self.store.objects.items()):
            is_going = kind == "PersistentVolumeClaim" and "deletionTimestamp" in one["metadata"]
            if is_going and ("Pod", names.pod_of_claim(name)) not in self.store.objects:
                del self.store.objects[kind, name]
                self.lost[name] = self.data.get(one["metadata"]["uid"], "")

    def _make(self, name: str, revision: str, stateful_set: Json) -> None:
        if self.claim(name) is None:
            template = stateful_set["spec"]["volumeClaimTemplates"][0]
            self.new_claim(name, "", template["spec"]["resources"]["requests"]["storage"])
            self.facts[name] = {**ONLINE, "state": "OFFLINE", "role": "none"}
        if ("Pod", name) not in self.store.objects:
            made: Json = {"kind": "Pod", **_labelled(name), "spec": {"nodeName": "node"}}
            made["metadata"]["labels"]["controller-revision-hash"] = revision
            made["metadata"]["ownerReferences"] = [{"kind": "StatefulSet", "name": NAME}]
            self.store.put(made)

    def _publish(self, name: str, at: str) -> None:
        facts, pod = dict(self.facts[name]), self.pod(name)
        is_silent, mysqld = facts.pop("silent", False), facts.pop("mysqld", {"state": {"running": {}}})
        pod["status"] = {
            "conditions": [{"type": "Ready", "status": str(facts["role"] != "none")}],
            "containerStatuses": [{"name": "mysqld", **mysqld}],
        }
        if is_silent:
            return
        facts = {"executed": self.held(name), "writable": facts["role"] == "primary", **facts}
        pod["metadata"]["labels"][names.LABEL_ROLE] = facts["role"]
        text = _published(pod["metadata"]["uid"], at, marshal.dumps(facts, 2))
        pod["metadata"].setdefault("annotations", {})[names.ANNOTATION_MEMBER] = text

    def _lead_service(self) -> None:
        service = names.primary_service(NAME)
        leads = [pod for pod, facts in self.facts.items() if facts["role"] == "primary"]
        ends = [{"conditions": {"ready": True}, "targetRef": {"name": pod}} for pod in leads]
        before = self.store.objects.get(("EndpointSlice", "slice"))
        if before is None or before["endpoints"] != ends:
            made = {"kind": "EndpointSlice", **_labelled("slice"), "endpoints": ends}
            made["metadata"]["labels"]["kubernetes.io/service-name"] = service
            self.store.put(made)

    def _answer(self, pod: str, words: Sequence[str]) -> Json:
        facts = self.facts[pod]
        if facts["state"] != "ONLINE":
            raise errors.PodExecFailed(f"exec in {pod}")
        if words[0] == "gtids":
            return {"executed": self.held(pod), "purged": ""}
        if words[0] == "switchover":
            self.facts[pod]["role"], self.facts[words[2]]["role"] = "replica", "primary"
        return {"seconds": 0.1, "failures": 0}


# The controllers play before each read, and mostly write what they wrote before: the texts are made once for each
# content. Version 2 of marshal writes equal objects alike; version 4 looks at what they share.
@functools.lru_cache(256)
def _revision(template: bytes) -> str:
    return str(hash(json.dumps(marshal.loads(template), sort_keys=True)))  # noqa: S302 (our own bytes)


@functools.lru_cache(256)
def _published(uid: str, at: str, facts: bytes) -> str:
    return dump(Publication(uid, at, 1, "1", **marshal.loads(facts)))  # noqa: S302 (our own bytes)


def _labelled(name: str) -> dict[str, Any]:
    return {"metadata": {"name": name, "labels": names.selector(NAME), "annotations": {}}}


def _stateful_set(replicas: int) -> Json:
    claim = {"metadata": {"name": "data"}, "spec": {"resources": {"requests": {"storage": "1Gi"}}}}
    spec: Json = {"replicas": replicas, "volumeClaimTemplates": [claim], "template": {"metadata": {}}}
    volumes = [{"name": name, "configMap": {"name": f"{NAME}-{name}"}} for name in ("config", "agent")]
    resources = {"limits": {"memory": "1Gi"}, "requests": {"cpu": "1"}}
    mysqld = {"name": "mysqld", "image": "mysql:9.7.4", "resources": resources}
    containers = [mysqld, {"name": "agent", "image": "python:3.13-slim"}]
    spec["template"]["spec"] = {"containers": containers, "volumes": volumes}
    return {"apiVersion": "apps/v1", "kind": "StatefulSet", **_labelled(NAME), "spec": spec}
