"""Try the images in the cluster before anything is created: a short-lived pod runs mysqld and Python once.

It finds an image that cannot be pulled, is not MySQL, has an unsupported version, or refuses the my.cnf
(`mysqld --validate-config`). The pod is deleted at once; the next run replaces one left by a killed CLI.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from mysqlops import errors
from mysqlops.core import (
    image,
    memory,
    mysqld_config,
    names,
    quantity,
    series,
)
from mysqlops.core.spec import ClusterSpec
from mysqlops.core.typed import Json
from mysqlops.errors import Reason
from mysqlops.kube.client import Client
from mysqlops.operations import trial_pod, waiting
from mysqlops.operations.session import Session
from mysqlops.operations.trial_pod import EXPORTER, MYSQLD, PYTHON
from mysqlops.planning import image_trial
from mysqlops.planning.image_trial import Tried

_OPTIONS = {MYSQLD: "--image", PYTHON: "--agent-image", EXPORTER: "--exporter-image"}
_PULL_FAILURES = {"ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull"}
_START_FAILURES = {"CreateContainerConfigError", "CreateContainerError", "RunContainerError"}
_OLDEST_PYTHON = (3, 11)
_VERSION = re.compile("python ([0-9]{1,3}) ([0-9]{1,3})")


@dataclass(frozen=True)
class Ended:
    """A container that has run: its exit code, and the image that the node resolved the reference to."""

    code: int
    image_id: str


def pin(session: Session, spec: ClusterSpec, tried: Tried) -> ClusterSpec:
    """The spec with the images that were tried, by their digests where the node reports one (docs/adr/0038)."""

    def pinned(wanted: str, container: str) -> str:
        if (found := image.pinned(wanted, tried.image_ids.get(container, ""))) is not None:
            return found
        text = f"{wanted} cannot be pinned: the node reports no digest of its repository"
        session.progress.say(f"{text}; a pod on another node, or a later one, may run another image of that tag")
        return wanted

    exporter = pinned(spec.exporter_image, EXPORTER) if spec.exporter_image else ""
    mysql, agent = pinned(spec.image, MYSQLD), pinned(spec.agent_image, PYTHON)
    return replace(spec, image=mysql, agent_image=agent, exporter_image=exporter)


def must_pass(session: Session, spec: ClusterSpec, objects: Sequence[Json]) -> Tried:
    """The same as `check`; raises Refused, prints the warnings."""
    tried = check(session, spec, objects)
    if tried.reasons:
        raise errors.Refused(tried.reasons)
    for warning in tried.warnings:
        session.progress.warn(warning)
    return tried


def warn_of_version(session: Session, tried: Tried) -> None:
    """What to know about a version before it is used for the first time."""
    if tried.version is not None:
        for warning in series.warnings(tried.version, f"{session.clock.now():%Y-%m-%d}"):
            session.progress.warn(warning)


def must_fit(session: Session, spec: ClusterSpec, running: ClusterSpec | None = None) -> None:
    """Raises Refused if the user's settings need more than a member's memory; warns if they might, or if the running
    settings already do."""
    found = _fit(spec)
    if found.refused and (running is None or found != _fit(running)):
        hint = f"give a larger --memory or smaller values; without them mysqlops sizes the server for {spec.memory}"
        raise errors.Refused([Reason("memory-too-small", found.refused, hint)])
    warn_of(session, spec)
    if warning := found.refused or found.warning:
        session.progress.warn(warning)


def warn_of(session: Session, spec: ClusterSpec) -> None:
    """Of settings that the cluster runs with and that could not be set today."""
    for objection in mysqld_config.objections(spec.mysqld):
        session.progress.warn(
            f"an older mysqlops allowed {objection}; mysqlops config set {spec.name} --unset removes it"
        )


def _fit(spec: ClusterSpec) -> memory.Fit:
    return memory.fit(quantity.parse_bytes(spec.memory), spec.sizing(), mysqld_config.by_name(spec.mysqld))


def check(session: Session, spec: ClusterSpec, objects: Sequence[Json]) -> Tried:
    """Try the images with the my.cnf; raises WaitTimeout if they could not be tried in time."""
    client, wanted = session.client, trial_pod.pod(spec, objects)
    if reasons := tuple(trial_pod.refused_patches(session.client, spec, objects)):
        return Tried(reasons)
    with ended(session, wanted, "the images to be tried") as (finished, why_not):
        name = wanted["metadata"]["name"]
        if why_not is not None:
            return Tried((why_not,))
        tried = image_trial.judge(spec, client.logs(name, MYSQLD), finished[MYSQLD].code)
        reasons = (*tried.reasons, *_judge_python(client, spec, name, finished[PYTHON].code))
        reasons += _judge_exporter(client, spec, name)
        return replace(tried, reasons=reasons, image_ids={key: one.image_id for key, one in finished.items()})


@contextlib.contextmanager
def ended(session: Session, wanted: Json, what: str) -> Iterator[tuple[dict[str, Ended], Reason | None]]:
    """Run such a pod: how each container ended, or why they will never run. Its logs can be read inside; it is deleted
    afterwards."""
    client = session.client
    if not client.guard.is_held:  # without the lock: another command may be trying images too
        wanted["metadata"]["name"] += "-unlocked"
    name = wanted["metadata"]["name"]
    _delete(session, name)
    _create(client, wanted)
    try:
        yield _await_end(session, name, what, {one["name"] for one in wanted["spec"]["containers"]} & _OPTIONS.keys())
    finally:
        with contextlib.suppress(errors.KubeError):
            client.delete("Pod", name, grace_seconds=0)


def _create(client: Client, wanted: Json) -> None:
    """Raises Refused if a quota forbids it: the members' pods would be refused for the same reason."""
    try:
        client.create("Pod", wanted)
    except errors.Forbidden as error:
        text = str(error).partition("forbidden: ")[2]
        if "security context constraint" in text:
            raise errors.Refused([_refused_user(text)]) from error
        if "quota" not in text:
            raise
        missing = "create a LimitRange with defaults for the named resources: `mysqlops explain configuration`"
        room = "ask for a larger quota, or give smaller --memory, --cpu or --replicas"
        raise errors.Refused([Reason("quota", text, missing if "must specify" in text else room)]) from error


def _refused_user(text: str) -> Reason:
    """OpenShift chooses the user of a pod, and refuses the one that the manifests name."""
    hint = "--any-uid lets the namespace choose the pods' user: `mysqlops explain pods`"
    return Reason("user-refused", text[:400], hint)


def _delete(session: Session, name: str) -> None:
    patience = waiting.Patience(session)
    while (found := session.client.find("Pod", name)) is not None:
        # A member's labels would make it one: whoever counts a cluster's pods would count it.
        if (found["metadata"].get("labels") or {}).get(names.LABEL_MANAGED_BY) != names.APP_NAME:
            text = f"Pod {name} exists and was not created by mysqlops; it was not touched"
            raise errors.Refused([errors.Reason("foreign-object", text, "delete or rename it")])
        session.client.delete("Pod", name, uid=found["metadata"]["uid"], grace_seconds=0)
        where = f"pod {name} of an earlier run to be deleted, on node {found['spec'].get('nodeName')}"
        patience.pause(waiting.Pending(where))


def _await_end(session: Session, name: str, what: str, ours: set[str]) -> tuple[dict[str, Ended], Reason | None]:
    """How each container ended, or why they will never run."""

    def look() -> tuple[dict[str, Ended], Reason | None] | waiting.Pending:
        status = session.client.get("Pod", name).get("status", {})
        containers = {
            container_status["name"]: container_status for container_status in status.get("containerStatuses", [])
        }
        for container, one in containers.items():
            why = one.get("state", {}).get("waiting", {})
            if why.get("reason") in _PULL_FAILURES | _START_FAILURES:
                return {}, _cannot_start(container, why)
        ended = {
            container: Ended(int(one["state"]["terminated"]["exitCode"]), str(one.get("imageID") or ""))
            for container, one in containers.items()
            if "terminated" in one.get("state", {})
        }
        if ours <= ended.keys():
            return ended, None
        return waiting.Pending(what, f"pod {name} is {_last_word(status)}", "trying the images")

    hint = f"kubectl describe pod {name}; give a larger --timeout if pulls are slow"
    return waiting.until(session, look, poll_seconds=0.15, hint=hint)


def _cannot_start(container: str, why: Json) -> Reason:
    return Reason(
        "image-cannot-start",
        f"{_OPTIONS.get(container, '--pod-patch')}: {why['reason']}: {why.get('message', '')[:300]}",
        "check the name and the registry; --image-pull-secrets names the Secrets of a private registry",
    )


def _last_word(status: Json) -> str:
    conditions = [
        condition
        for condition in status.get("conditions", [])
        if condition["status"] != "True" and condition.get("message")
    ]
    return conditions[0]["message"] if conditions else str(status.get("phase", "unknown"))


def _judge_python(client: Client, spec: ClusterSpec, pod: str, code: int) -> list[Reason]:
    words = client.logs(pod, PYTHON).split()
    version = _VERSION.fullmatch(" ".join(words[:3]))
    if code == 0 and version and (int(version[1]), int(version[2])) >= _OLDEST_PYTHON:
        return _judge_openssl(client, spec, words)
    text = f"--agent-image {spec.agent_image} has no Python {'.'.join(map(str, _OLDEST_PYTHON))} or later"
    return [Reason("not-python", f"{text}: {' '.join(words)[:200]}", "use a stock image such as python:3.13-slim")]


def _judge_exporter(client: Client, spec: ClusterSpec, pod: str) -> tuple[Reason, ...]:
    words = client.logs(pod, EXPORTER) if spec.exporter_image else ""
    if not spec.exporter_image or "mysqld_exporter" in words:
        return ()
    text = f"--exporter-image {spec.exporter_image} is no mysqld_exporter: --version says {words.strip()[:200]!r}"
    return (Reason("not-exporter", text, "use an image such as prom/mysqld-exporter:v0.19.0"),)


def _judge_openssl(client: Client, spec: ClusterSpec, words: list[str]) -> list[Reason]:
    """Needed to make a certificate, unless the user provides one."""
    secret = client.find("Secret", names.tls_secret(spec.name)) or {}
    if len(words) > 3 or "tls.crt" in (secret.get("data") or {}):
        return []
    text = f"--agent-image {spec.agent_image} has no openssl, which makes the cluster's certificate"
    hint = f"use python:3.13-slim, or fill Secret {names.tls_secret(spec.name)} with ca.crt, tls.crt and tls.key"
    return [Reason("no-openssl", text, hint)]
