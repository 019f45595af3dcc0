"""Run a Job to its end: the work goes on when the command is killed, and the next run waits for the same Job."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import NoReturn

from mysqlops import errors
from mysqlops.core import error_record, names, ownership, typed
from mysqlops.core.typed import Json
from mysqlops.errors import Reason, Refused
from mysqlops.objects import job_aim, pods
from mysqlops.operations import own, vault, waiting
from mysqlops.operations.session import Session

_POLL_SECONDS = 0.5
_AGENT = "/agent/agent.pyz"
_FIX = "fix the cause above, then run it again"
# restic's exit codes: https://restic.readthedocs.io/en/stable/075_scripting.html#exit-codes
_RESTIC = {
    10: ("the repository does not exist", "mysqlops backup target add creates it"),
    11: ("the repository is locked by another run", "wait; or, if that run is dead, mysqlops backup target unlock"),
    12: ("the password does not open the repository", "put the correct one into the target's Secret, key password"),
}
# The prefix of the agent programs' error messages (agent/__main__.py).
_OWN_CODE = re.compile(r"^(step-failed|config|timeout|mysql-[a-z-]+): ")


def run(
    session: Session,
    wanted: Json,
    tell: Callable[[str, str], str],
    code: str,
    *,
    created: Callable[[], None] = lambda: None,
    is_repeatable: bool = True,
) -> Json:
    """Create the Job unless it exists, wait, and return its pod; the caller deletes the Job after reading its logs. An
    existing one that fills another claim is replaced.

    `tell` makes a sentence from a running container's name and its last line; `created` is called once the Job exists,
    with the condition that it waits for; `is_repeatable` is as for `begin`. Raises Refused (with `code`), StepFailed or
    StorageError with the message of the step that failed, and WaitTimeout, which leaves the Job running.
    """
    job = _begin(session, wanted, is_repeatable=is_repeatable)
    created()
    name = job["metadata"]["name"]
    said = _await_end(session, job, tell)
    made = sorted(_pods(session, job), key=_begun)
    for pod in made:
        if pod["status"].get("phase") == "Succeeded":
            return pod
    if _has(_must_exist(session, name), "Complete"):  # the pods of its failed attempts say nothing by now
        text = f"Job {name} has completed, but its pod is gone, and with it what it reported"
        raise errors.StepFailed(text, hint=f"kubectl describe job {name}; look at what it made before you run it again")
    if not made:
        raise errors.StepFailed(f"Job {name} failed and its pod is gone ({said})", hint=f"kubectl describe job {name}")
    _clear(session, wanted)
    _raise_failure(made, code)


def begin(session: Session, wanted: Json, *, is_repeatable: bool = True) -> str:
    """Create the Job unless it exists; returns its name. One that fills another claim is replaced, and one that is over
    and whose pods are gone, so that it can report nothing, if its work may be done twice. Raises Refused for a Job that
    is not this cluster's."""
    return str(_begin(session, wanted, is_repeatable=is_repeatable)["metadata"]["name"])


def _begin(session: Session, wanted: Json, *, is_repeatable: bool) -> Json:
    """The Job as it exists."""
    name = str(wanted["metadata"]["name"])
    found = session.client.find("Job", name)
    if found is not None and (reason := ownership.stranger({"kind": "Job", **wanted}, found)) is not None:
        raise Refused([reason])
    if found is not None and (job_aim.differs(found, wanted) or (is_repeatable and _is_mute(session, found))):
        delete(session, name, ownership.label_of(wanted))
        found = None
    return found or session.client.create("Job", vault.fitting(session.client, wanted))


def _is_mute(session: Session, job: Json) -> bool:
    return _ended(job) and not _pods(session, job)


def _pods(session: Session, job: Json) -> list[Json]:
    return job_aim.pods_of(job, session.client.list("Pod", f"job-name={job['metadata']['name']}"))


def _await_end(session: Session, job: Json, tell: Callable[[str, str], str]) -> str:
    """The last message of its pod; raises WaitTimeout, and StepFailed if another Job has taken its name: that one's end
    means nothing."""
    said, name = "", job["metadata"]["name"]

    def look() -> waiting.Pending | None:
        nonlocal said
        found = _must_exist(session, name)
        if found["metadata"]["uid"] != job["metadata"]["uid"]:
            text = f"Job {name} was deleted and created again by somebody else while this command waited for it"
            raise errors.StepFailed(text, hint="run the same command again")
        if _ended(found):
            return None
        said = _now(session, job, tell) or said
        return waiting.Pending(f"Job {name} to end", said, progress=said or "waiting for the Job's pod")

    waiting.until(session, look, poll_seconds=_POLL_SECONDS)
    return said


def _must_exist(session: Session, name: str) -> Json:
    """The Job; raises StepFailed if somebody deleted it: of two commands that wait for one Job, the first does."""
    if (found := session.client.find("Job", name)) is None:
        text = f"Job {name} was deleted while this command waited for it: another command may have its result"
        raise errors.StepFailed(text, hint="run the same command again")
    return found


def _begun(pod: Json) -> str:
    return str(pod["metadata"].get("creationTimestamp", ""))


def delete(session: Session, name: str, cluster: str) -> None:
    """Delete the cluster's Job and its pod, so that the next Job does not meet them. Raises WaitTimeout."""
    own.delete(session.client, "Job", name, cluster)
    waiting.until(session, lambda: _left(session, name, cluster))


def _left(session: Session, name: str, cluster: str) -> waiting.Pending | None:
    """The parts of a Job that still exist. A pod is named with its node, which may be down."""
    wanted = {"kind": "Job", "metadata": {"name": name, "labels": names.selector(cluster)}}
    found = session.client.find("Job", name)
    if found is not None and ownership.stranger(wanted, found):
        return None  # somebody else's, and so are its pods
    parts = [f"Job {name}"] if found else []
    made = job_aim.pods_of_name(name, session.client.list("Pod", f"job-name={name}"))
    parts += [f"Pod {pod['metadata']['name']} on node {pod['spec'].get('nodeName')}" for pod in made]
    left = ", ".join(parts)
    return waiting.Pending(f"{left} to be deleted") if left else None


def has_failed(job: Json) -> bool:
    return _has(job, "Failed")


def is_over(job: Json) -> bool:
    return _ended(job)


def _ended(job: Json) -> bool:
    return _has(job, "Complete") or _has(job, "Failed")


def _has(job: Json, condition: str) -> bool:
    conditions = job.get("status", {}).get("conditions", [])
    return any(known["type"] == condition and known["status"] == "True" for known in conditions)


def _now(session: Session, job: Json, tell: Callable[[str, str], str]) -> str:
    """The running container's line; a sidecar runs beside all others and is skipped."""
    for pod in _pods(session, job):
        statuses = {container["name"]: container for container in pods.containers(pod)}
        for container in pods.specs(pod):
            state = statuses.get(container["name"], {}).get("state", {})
            waiting = state.get("waiting", {})
            if "running" in state and container.get("restartPolicy") != "Always":
                return tell(container["name"], last_line(session, pod, container["name"]))
            if waiting.get("reason") not in (None, "PodInitializing"):
                return f"{container['name']}: {waiting['reason']} {waiting.get('message', '')}".strip()
        return pods.why_silent(pod) if not statuses else "starting"
    return ""


def last_line(session: Session, pod: Json, container: str) -> str:
    """The last line that a container wrote; empty if it has written nothing yet."""
    try:
        lines = session.client.logs(pod["metadata"]["name"], container, lines=1).strip().splitlines()
    except errors.KubeError:
        return ""
    return lines[-1] if lines else ""


def _raise_failure(made: Sequence[Json], code: str) -> NoReturn:
    """Raises the first failure's message; for a Job that retries, the results of its retries follow."""
    failed = [_failure(pod) for pod in made]
    step, exit_code, output, error = failed[0]
    if len(failed) > 1:
        raise errors.StepFailed("; ".join(f"{step}: {_OWN_CODE.sub('', output)}" for step, _, output, _ in failed))
    if isinstance(error, Refused):
        raise error
    if error is not None:
        raise errors.StepFailed(f"{step}: {error}", hint=error.hint or _FIX)
    if exit_code:
        _raise(step, exit_code, output, code)
    raise errors.StepFailed(f"{step}: {output}")


def _failure(pod: Json) -> tuple[str, int, str, errors.MysqlopsError | None]:
    """The container that failed, its exit code, its last line, and its error if it is one of ours; or the pod's own
    reason if it has one."""
    reason = pod["status"].get("reason", "")
    for container in pods.containers(pod):
        ended = container.get("state", {}).get("terminated")
        if ended and ended["exitCode"] != 0 and container["name"] != "mysqld" and not reason:
            output, code = pods.last_words(container) or str(ended.get("reason")), int(ended["exitCode"])
            # What another program prints may be the words of a repository's server.
            spec = next((spec for spec in pods.specs(pod) if spec["name"] == container["name"]), {})
            is_ours = _AGENT in (spec.get("command") or [])
            return (
                container["name"],
                code,
                output,
                error_record.load(str(ended.get("message")), code) if is_ours else None,
            )
    return "the Job failed", 0, f"{reason} {pod['status'].get('message', 'no reason given')}".strip(), None


def _clear(session: Session, wanted: Json) -> None:
    """Report the failure of the Job, not that its pod could not be deleted."""
    with suppress(errors.WaitTimeout):
        delete(session, wanted["metadata"]["name"], ownership.label_of(wanted))


def _raise(step: str, exit_code: int, output: str, code: str) -> NoReturn:
    output = _message(output)
    message = output.partition(": ")[2] or output
    if exit_code == errors.Refused.exit_code:
        raise Refused([Reason(code, message)])
    if exit_code in _RESTIC:
        text, hint = _RESTIC[exit_code]
        raise errors.StorageError(f"{step}: {text}: {output}", hint=hint)
    if exit_code in (1, 3) and step in _STORAGE_STEPS:
        raise errors.StorageError(f"{step}: {output}", hint=_FIX)
    raise errors.StepFailed(f"{step}: {_OWN_CODE.sub('', output)}", hint=_FIX)


def _message(output: str) -> str:
    """The readable message in restic's JSON."""
    facts = typed.json_of(output)
    return str(facts.get("message", output)) if isinstance(facts, dict) else output


_STORAGE_STEPS = set(
    "init write read delete look look-again store store-seal fetch fetch-logs forget note run export".split()
) | {"add-key", "remove-key"}
