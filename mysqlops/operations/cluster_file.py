"""All documents of a cluster file: targets first, then clusters. Everything is checked before anything is changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from mysqlops import errors
from mysqlops.core import file_fields, names
from mysqlops.core.cluster_file import Document
from mysqlops.core.plan import Step
from mysqlops.core.spec import ClusterSpec
from mysqlops.kube.client import Client
from mysqlops.objects import cluster_file, schedule
from mysqlops.operations import compared, leases, observe, own, targets
from mysqlops.operations.session import Session
from mysqlops.planning import agreed, status, unsaid
from mysqlops.planning import apply as planning
from mysqlops.planning.file_parts import Difference

ADD = "backup target add"


@dataclass(frozen=True)
class Defaults:
    """What the environment of the command says instead of the stock images, and whether http:// is taken."""

    image: str
    agent_image: str
    restic_image: str
    insecure_http: bool


@dataclass(frozen=True)
class Entry:
    """A document, and the session of its namespace."""

    session: Session
    document: Document

    @property
    def key(self) -> tuple[str, str]:
        return self.session.client.namespace, self.document.name

    @property
    def is_target(self) -> bool:
        return self.document.kind == file_fields.TARGET


@dataclass(frozen=True)
class Shown:
    """What a user saw before confirming it: every step, and of each cluster that is scaled, by its namespace and its
    name, the members that go; and the clusters that are deployed."""

    steps: tuple[Step, ...]
    going: Mapping[tuple[str, str], frozenset[str]]
    deployed: frozenset[tuple[str, str]] = frozenset()


@dataclass(frozen=True)
class File:
    """What a file asks for, together with what the command line does."""

    entries: Sequence[Entry]
    defaults: Defaults
    pvc: str | None = None
    redeploy: bool = False

    def preview(self) -> Shown:
        """Every step that would be made; raises Refused with the reasons of all documents."""
        steps: list[Step] = []
        going: dict[tuple[str, str], frozenset[str]] = {}
        deployed: set[tuple[str, str]] = set()
        reasons: list[errors.Reason] = []
        for entry in self._in_order():
            try:
                found = self._preview(entry)
                steps += found
                for step in found:
                    if step.action == planning.SCALE:
                        going[entry.key] = step.going
                    elif step.action == planning.DEPLOY:
                        deployed.add(entry.key)
            except errors.Refused as refusal:
                reasons += map(entry.document.refusal, refusal.reasons)
        if reasons:
            raise errors.Refused(list(dict.fromkeys(reasons)))
        return Shown(tuple(steps), going, frozenset(deployed))

    def execute(self, shown: Shown) -> list[Step]:
        """The verbs that ran; each may be killed and repeated. What becomes of claims was confirmed only for the
        members that were shown: raises Refused if others would go by now."""
        from mysqlops.operations import apply

        done: list[Step] = []
        for entry in self._in_order():
            session, name = entry.session, entry.document.name
            if not entry.is_target:
                task = self._task(entry)
                members = shown.going.get(entry.key)
                pvc = None if members is None else task.choice.pvc
                is_deployed = entry.key in shown.deployed
                choice = replace(task.choice, pvc=pvc, shown=members or (), shown_deploy=is_deployed)
                ran = apply.execute(session, replace(task, choice=choice))
                done += [Step(action.verb, "cluster", name, action.why) for action in ran]
            elif targets.missing(session.client, request := self._request(entry)):
                targets.add(session, request)
                done.append(Step(ADD, "target", name, request.target.place))
        return done

    def differences(self) -> list[tuple[Document, Difference]]:
        """By document."""
        return [(entry.document, difference) for entry in self._in_order() for difference in self._differences(entry)]

    def _in_order(self) -> list[Entry]:
        return sorted(self.entries, key=lambda one: not one.is_target)

    def _preview(self, entry: Entry) -> tuple[Step, ...]:
        if not entry.is_target:
            task = self._task(entry)
            found = compared.seen(entry.session.client, task)
            if not found.actions:
                return ()
            from mysqlops.operations import apply  # the modules of all verbs, which most runs do not need

            return apply.preview(entry.session, task, found)
        request = self._request(entry)
        is_missing = targets.missing(entry.session.client, request)
        return (Step(ADD, "target", entry.document.name, request.target.place),) if is_missing else ()

    def _differences(self, entry: Entry) -> list[Difference]:
        if not entry.is_target:
            return compared.differences(entry.session.client, self._task(entry))
        request = self._request(entry)
        try:
            is_missing = targets.missing(entry.session.client, request)
        except errors.Refused as refusal:
            reasons = map(entry.document.refusal, refusal.reasons)
            return [Difference("target", reason.message, request.target.place) for reason in reasons]
        return [Difference("target", None, request.target.place)] if is_missing else []

    def _task(self, entry: Entry) -> compared.Task:
        namespace = entry.session.client.namespace
        new = ClusterSpec(
            entry.document.name, namespace, image=self.defaults.image, agent_image=self.defaults.agent_image
        )
        added = [
            other.document.name
            for other in self.entries
            if other.is_target and other.session.client is entry.session.client
        ]
        return compared.Task(entry.document, new, agreed.Choice(self.pvc, frozenset(added), self.redeploy))

    def _request(self, entry: Entry) -> targets.Request:
        found = cluster_file.target_of(entry.document, self.defaults.restic_image, accepted=self.defaults.insecure_http)
        return targets.Request(found.target, found.credentials, found.password)


@dataclass(frozen=True)
class Exported:
    """The documents, and what they cannot say."""

    documents: list[dict[str, Any]]
    unsaid: tuple[str, ...]


def export(client: Client, name: str) -> Exported:
    """The documents of a cluster that runs or is stopped: the targets that it uses, and itself."""
    state = compared.look(client, name)
    spec = state.spec or observe.must_run(client, name).spec
    if spec.replicas == 0:
        spec = replace(spec, replicas=state.replicas_stopped)
    used = {part.target for part in (state.schedule, state.receiver) if part is not None}
    existing = [target for target in targets.everything(client) if target.name in used]
    made = [cluster_file.of_target(target, client.namespace) for target in sorted(existing, key=lambda one: one.name)]
    annotations = status.annotations_of(leases.find(client, name))
    kinds = (schedule.BACKUP, schedule.VERIFY)
    found = [own.find(client, "CronJob", names.schedule(name, kind), name) for kind in kinds]
    cron_jobs = [document for document in found if document is not None]
    missing = (
        *unsaid.of_state(name, state),
        *unsaid.of_notes(annotations, cron_jobs),
        *unsaid.of_targets(used, existing),
    )
    opened = state.exposed.values()  # all or none: `apply` closes those that a file with others does not name
    said = [request for request in opened if request is not None and None not in opened]
    return Exported([*made, cluster_file.of_cluster(spec, state.schedule, state.receiver, said)], missing)
