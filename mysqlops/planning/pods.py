"""What Kubernetes says of a pod. Pure."""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]


def containers(pod: Json) -> list[Json]:
    """The statuses of all its containers, those of the init containers first."""
    status = pod.get("status", {})
    return [*status.get("initContainerStatuses", []), *status.get("containerStatuses", [])]


def container(pod: Json, name: str) -> Json | None:
    """The status of one, None before kubelet has told any."""
    return next((one for one in containers(pod) if one["name"] == name), None)


def is_running(status: Json) -> bool:
    """Of a container's status."""
    return "running" in status.get("state", {})


def is_ready(item: Json) -> bool:
    """The Ready condition, which pods and nodes have alike."""
    return any(
        condition["type"] == "Ready" and condition["status"] == "True"
        for condition in item.get("status", {}).get("conditions", [])
    )


def restarts(pod: Json | None) -> int:
    statuses = (pod or {}).get("status", {}).get("containerStatuses", [])
    return sum(int(status.get("restartCount", 0)) for status in statuses)


def is_away(pod: Json | None, name: str) -> bool:
    """True if that container ran in a pod that stays, and does not now: kubelet has not started it again."""
    if pod is None or "deletionTimestamp" in pod["metadata"]:
        return False
    own = container(pod, name)
    return own is not None and not is_running(own)


def why_silent(pod: Json | None) -> str:
    """What Kubernetes says of a pod whose agent says nothing."""
    if pod is None:
        return "the pod does not exist"
    status = pod.get("status", {})
    for condition in status.get("conditions", []):
        if condition["type"] == "PodScheduled" and condition["status"] != "True":
            return str(condition.get("message", "not scheduled"))
    for container in containers(pod):
        if why := _why_stuck(container, is_init=container in status.get("initContainerStatuses", [])):
            return why
    if "deletionTimestamp" in pod["metadata"]:
        return "the pod is being deleted"
    return "its containers are starting" if status.get("phase") == "Pending" else "its agent is silent"


def stuck_in(pod: Json | None) -> str:
    """The init container whose log says why the pod's agent has not started; empty if there is none."""
    for one in (pod or {}).get("status", {}).get("initContainerStatuses", []):
        if _why_stuck(one, is_init=True):
            return str(one["name"])
    return ""


def _why_stuck(container: Json, *, is_init: bool) -> str:
    """Empty of a container that runs, is about to, or has done its part."""
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


def last_words(container: Json) -> str:
    """The last line that a container wrote before it failed (terminationMessagePolicy FallbackToLogsOnError)."""
    for state in (container.get("state", {}), container.get("lastState", {})):
        lines = str(state.get("terminated", {}).get("message", "")).strip().splitlines()
        if lines:
            return lines[-1][-300:]
    return ""
