"""Observe what the checks of planning/checks need, and judge it. What may not be read, or does not answer, is a fact
too: a check that needs it says so."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from mysqlops import errors
from mysqlops.core import mysqld_config, names
from mysqlops.core.plan import Step
from mysqlops.core.typed import Json
from mysqlops.kube import manifests
from mysqlops.kube.client import Client
from mysqlops.objects import pods, render
from mysqlops.operations import agents, carried, observe, programs
from mysqlops.operations.session import Session
from mysqlops.planning import status, storage, verdict
from mysqlops.planning.checks import all as listed
from mysqlops.planning.checks import fixes as planning
from mysqlops.planning.checks import volumes
from mysqlops.planning.checks.model import (
    BUDGET,
    CLASSES,
    MAPS,
    ROLE,
    TARGETS,
    VOLUMES,
    Answer,
    Check,
    Facts,
    Finding,
    Map,
)

_ASK_SECONDS = 4.0
_NEWER = {"binlogs", "flushes", "growth", "limits", "reach"}  # parts that agents of the first release do not know


@dataclass(frozen=True)
class Report:
    """One cluster's findings, and the checks that could not be made (everywhere), with the reason."""

    now: status.Status
    findings: tuple[Finding, ...]
    checked: tuple[str, ...]
    unchecked: dict[str, str]

    def as_json(self) -> Json:
        return {
            "name": self.now.name,
            "namespace": self.now.namespace,
            "verdict": self.now.verdict,
            "taken_at": self.now.taken_at,
            "findings": [finding.as_json() for finding in self.findings],
            "checked": list(self.checked),
            "unchecked": self.unchecked,
        }


def checks() -> tuple[Check, ...]:
    return listed.checks(carried.mysql_code)


def examine(session: Session, name: str, chosen: Sequence[Check]) -> Report:
    """Raises NotFound, and what keeps the cluster's own objects from being read."""
    return judge(observe_all(session, name, listed.parts(chosen), chosen), chosen)


def judge(facts: Facts, chosen: Sequence[Check]) -> Report:
    unchecked = {check.name: why for check in chosen if (why := check.unchecked(facts))}
    found = tuple(finding for check in chosen for finding in check.findings(facts))
    return Report(facts.now, found, tuple(check.name for check in chosen), unchecked)


def observe_all(session: Session, name: str, parts: Collection[str], chosen: Collection[Check]) -> Facts:
    """The cluster as `status` sees it, then, at about the same moment, these parts of each server and what the chosen
    checks need beyond."""
    client = session.client
    seen = observe.cluster(client, name, session.clock, with_needed=True)
    seen = replace(seen, targets=observe.targets(client))
    replicas = int(seen.stateful_set["spec"]["replicas"])
    running = [pod for pod, found in seen.pods.items() if _answers(found)] if parts else []
    unread: dict[str, str] = {pod: "its agent is not running" for pod in seen.pods if pod not in running}
    reads: dict[str, Callable[[], Any]] = {kind: partial(client.find, kind, name) for kind in (BUDGET, ROLE)}
    reads |= {CLASSES: partial(client.list, CLASSES), VOLUMES: partial(_volumes, client, seen)}
    reads[MAPS] = partial(_maps, client, name)
    needs = {need for check in chosen for need in check.needs}
    reads = {source: read for source, read in reads.items() if source in needs}
    reads |= {pod: partial(_ask, session, pod, sorted(parts), replicas) for pod in running}
    if seen.targets is None:
        unread[TARGETS] = "this user may not list Secrets"
    replies = client.together([partial(_tried, read) for read in reads.values()])
    found = dict(zip(reads, replies, strict=True))
    unread |= {source: str(one) for source, one in found.items() if isinstance(one, errors.MysqlopsError)}
    known = found.keys() - unread.keys()
    return Facts(
        seen=seen,
        now=verdict.judge(seen),
        answers={pod: found[pod] for pod in running if isinstance(found[pod], Answer)},
        objects={kind: found[kind] for kind in (BUDGET, ROLE) if kind in known},
        wanted=_wanted(name),
        classes=tuple(found[CLASSES]) if CLASSES in known else (),
        volumes=found[VOLUMES] if VOLUMES in known else {},
        maps=found[MAPS] if MAPS in known else (),
        unread=unread,
    )


def _volumes(client: Client, seen: status.Observed) -> dict[str, Json]:
    """Those that the members' claims are bound to, and that exist."""
    bound = filter(None, map(volumes.volume_of, storage.in_use(seen).values()))
    found = {volume: client.find(VOLUMES, volume) for volume in bound}
    return {volume: one for volume, one in found.items() if one is not None}


def _maps(client: Client, name: str) -> tuple[Map, ...]:
    """Raises Refused if another release wrote them, Forbidden."""
    from mysqlops.operations import existing, upgrade  # modules that most checks do not need

    running = observe.must_run(client, name)
    wanted = [item for item in upgrade.as_rendered(running) if item["kind"] == "ConfigMap"]
    live = existing.objects(client, wanted)
    refused = tuple(mysqld_config.objections(running.spec.mysqld))
    return tuple(
        Map(item, live["ConfigMap", item["metadata"]["name"]], refused if "data" in item else ()) for item in wanted
    )


def fixes(session: Session, name: str, chosen: Sequence[Check]) -> list[Step]:
    """What `fix` would do; asks no server."""
    return planning.steps(observe_all(session, name, (), chosen), [check.name for check in chosen])


def fix(session: Session, name: str, steps: Sequence[Step]) -> list[Step]:
    """Make these objects again as `deploy` makes them, if they are still wrong; what was done. Raises Conflict if a
    field is now another manager's."""
    from mysqlops.operations import deploy  # 39 modules more, which a look does not need

    still = {(step.kind, step.name) for step in fixes(session, name, checks())}
    running = observe.must_run(session.client, name)
    wanted = {
        (manifest["kind"], manifest["metadata"]["name"]): manifest
        for manifest in deploy.objects(running.spec, running.in_use)
    }
    done = [step for step in steps if (step.kind, step.name) in still & wanted.keys()]
    for step in done:
        session.client.apply(wanted[step.kind, step.name])
        session.progress.say(f"applied {step.kind} {step.name}: {step.why}")
    return done


def _answers(pod: Json) -> bool:
    own = pods.container(pod, names.CONTAINER_AGENT)
    return own is None or pods.is_running(own)


def _ask(session: Session, pod: str, parts: Sequence[str], replicas: int) -> Answer:
    """An agent of an older release refuses the whole question for one part that it does not know."""
    asked = session.clock.now().timestamp()
    words = [*parts, "--replicas", str(replicas)] if "reach" in parts else parts
    try:
        found = agents.run(session.client, pod, programs.EXAMINE, *words, timeout_seconds=_ASK_SECONDS)
    except errors.StepFailed as error:
        known = [part for part in parts if part not in _NEWER]
        if len(known) == len(parts) or not known:
            raise
        found = agents.run(session.client, pod, programs.EXAMINE, *known, timeout_seconds=_ASK_SECONDS)
        found["failed"] |= dict.fromkeys(set(parts) & _NEWER, str(error))
        return Answer(asked, session.clock.now().timestamp(), found)
    return Answer(asked, session.clock.now().timestamp(), found)


def _tried(read: Callable[[], Any]) -> Any:
    """What was read, or the error: one source must not keep the others from being checked."""
    try:
        return read()
    except errors.MysqlopsError as error:
        return error


def _wanted(name: str) -> dict[str, Json]:
    """The objects that this release makes, as far as checks compare them."""
    base = manifests.load_base()
    return {manifest["kind"]: render.rename(manifest, name) for manifest in base if manifest["kind"] in (BUDGET, ROLE)}


def chosen(wanted: Collection[str]) -> tuple[Check, ...]:
    """The checks of these names, or all; raises ConfigError for an unknown one."""
    every = checks()
    known = [check.name for check in every]
    if unknown := [name for name in wanted if name not in known]:
        raise errors.ConfigError(f"no check {', '.join(unknown)}", hint=f"choose from: {', '.join(known)}")
    return tuple(check for check in every if not wanted or check.name in wanted)
