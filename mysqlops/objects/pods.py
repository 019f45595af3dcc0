"""Reads the state of a pod from its Kubernetes object. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from mysqlops.core import instant, names
from mysqlops.core.typed import Json

_LEAST_TELLING = "Aborting"
# What a server says of data that a newer one has changed; it ends, and leaves them unchanged.
# https://dev.mysql.com/doc/refman/9.7/en/downgrading.html
_REFUSALS = ("[MY-013171]", "[MY-014061]")


def environment(values: Mapping[str, str]) -> list[Json]:
    """Variables of a container, which sees exactly these values."""
    return [{"name": key, "value": verbatim(value)} for key, value in sorted(values.items())]


def verbatim(value: str) -> str:
    """The text as a variable or word of a command must give it: Kubernetes expands `$(NAME)` to another variable."""
    return value.replace("$", "$$")


def containers(pod: Json) -> list[Json]:
    """The statuses of all its containers, init containers first."""
    status = pod.get("status", {})
    return [*status.get("initContainerStatuses", []), *status.get("containerStatuses", [])]


def specs(pod: Json) -> list[Json]:
    """The specs of all containers of a pod or template, init containers first."""
    return [*pod["spec"].get("initContainers", []), *pod["spec"].get("containers", [])]


def container(pod: Json, name: str) -> Json | None:
    """The status of one container; None until kubelet has reported it."""
    return next((found for found in containers(pod) if found["name"] == name), None)


def is_running(status: Json) -> bool:
    """Whether a container's status says that it is running."""
    return "running" in status.get("state", {})


def is_ready(item: Json) -> bool:
    """The Ready condition, which pods and nodes share."""
    return any(
        condition["type"] == "Ready" and condition["status"] == "True"
        for condition in item.get("status", {}).get("conditions", [])
    )


def restarts(pod: Json | None) -> int:
    statuses = (pod or {}).get("status", {}).get("containerStatuses", [])
    return sum(int(status.get("restartCount", 0)) for status in statuses)


def is_away(pod: Json | None, name: str) -> bool:
    """True if that container of a pod that is not being deleted has stopped and kubelet has not restarted it."""
    if pod is None or "deletionTimestamp" in pod["metadata"]:
        return False
    own = container(pod, name)
    return own is not None and not is_running(own)


def is_pending(pod: Json) -> bool:
    """Not scheduled yet, or its containers cannot be created."""
    return bool(pod.get("status", {}).get("phase") == "Pending")


def command(cluster: str, name: str, pod: Json | None) -> str:
    """The command that shows more of a pod than `status`; only a container that has run has a log."""
    if pod is None:
        return f"kubectl describe statefulset {cluster}"
    for found in containers(pod):
        is_init = found in pod["status"].get("initContainerStatuses", [])
        if _why_stuck(found, is_init=is_init):
            has_log = "waiting" not in found.get("state", {}) or "terminated" in found.get("lastState", {})
            return f"kubectl logs {name} -c {found['name']}" if has_log else f"kubectl describe pod {name}"
    return f"kubectl describe pod {name}" if is_pending(pod) else f"kubectl logs {name} -c {names.CONTAINER_AGENT}"


_WARNED_SECONDS = 1200.0  # the StatefulSet controller retries after at most 1000 s


def warning(events: Sequence[Json], name: str, pod: Json | None, now: datetime) -> str:
    """The latest Kubernetes warning about this pod or its creation; empty if there is no recent one. Whoever may create
    events may date them as they like."""
    dated = [(_time(event), str(event.get("message", ""))) for event in events if _is_about(event, name, pod)]
    recent = [
        (at, message) for at, message in dated if at is not None and abs((now - at).total_seconds()) < _WARNED_SECONDS
    ]
    return max(recent, default=(now, ""))[1]


def _is_about(event: Json, name: str, pod: Json | None) -> bool:
    about = event.get("involvedObject") or {}
    if pod is None:
        return about.get("kind") == "StatefulSet" and f"Pod {name} " in f"{event.get('message')} "
    return about.get("kind") == "Pod" and about.get("uid", pod["metadata"]["uid"]) == pod["metadata"]["uid"]


def _time(event: Json) -> datetime | None:
    series = event.get("series") or {}
    return instant.read(event.get("lastTimestamp") or series.get("lastObservedTime") or event.get("eventTime"))


def why_silent(pod: Json | None, warned: str = "") -> str:
    """What Kubernetes reports about a pod whose agent is silent, with its latest warning."""
    if pod is None:
        return f"the pod does not exist: {warned}" if warned else "the pod does not exist"
    status = pod.get("status", {})
    for condition in status.get("conditions", []):
        if condition["type"] == "PodScheduled" and condition["status"] != "True":
            return str(condition.get("message", "not scheduled"))
    for container in containers(pod):
        if why := _why_stuck(container, is_init=container in status.get("initContainerStatuses", [])):
            return why
    if "deletionTimestamp" in pod["metadata"]:
        return "the pod is being deleted"
    if is_pending(pod):
        return f"its containers are starting: {warned}" if warned else "its containers are starting"
    return "its agent is silent"


def _why_stuck(container: Json, *, is_init: bool) -> str:
    """Why a container is stuck; empty if it is running, starting, or has finished its work."""
    state = container.get("state", {})
    waiting = state.get("waiting")
    if waiting and waiting.get("reason") not in (None, "PodInitializing", "ContainerCreating"):
        text = f"container {container['name']}: {waiting['reason']} {waiting.get('message', '')}".strip()
        return f"{text}: {last_words(container)}" if last_words(container) else text
    if "terminated" in state and not is_init:
        return f"container {container['name']} has ended ({state['terminated'].get('reason', 'no reason given')})"
    if "running" in state and is_init and not container.get("ready"):
        return f"init container {container['name']} is running"
    return ""


def refuses_data(pod: Json) -> bool:
    """Whether its mysqld has ended because a newer server has changed the data."""
    own = container(pod, names.CONTAINER_MYSQLD)
    return own is not None and not is_running(own) and any(code in "".join(_end_of_log(own)) for code in _REFUSALS)


def last_words(container: Json) -> str:
    """Why a container failed, from the end of its log: mysqld's first error, because later ones say less and less; else
    the last line."""
    lines = _end_of_log(container)
    wrong = [line for line in lines if "[ERROR]" in line and not line.rstrip().endswith(_LEAST_TELLING)]
    if lines:
        return wrong[0][wrong[0].index("[ERROR]") :][:300] if wrong else lines[-1][-300:]
    return ""


def _end_of_log(container: Json) -> list[str]:
    """The lines that kubelet kept of its last run that ended (terminationMessagePolicy FallbackToLogsOnError)."""
    for state in (container.get("state", {}), container.get("lastState", {})):
        lines = str(state.get("terminated", {}).get("message", "")).strip().splitlines()
        if lines:
            return lines
    return []
