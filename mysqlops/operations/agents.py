"""Run one of the programs of a member's agent (agent/commands.py), and return its answer or raise its error."""

from __future__ import annotations

import base64
from typing import Any

from mysqlops import errors
from mysqlops.core import error_record, names, typed
from mysqlops.errors import Reason
from mysqlops.kube.client import Client
from mysqlops.objects import render
from mysqlops.operations import bundle


def run(client: Client, pod: str, *words: str, timeout_seconds: float) -> Any:
    """The program's answer; raises Refused, WaitTimeout, StepFailed (WriteRefused), PodBusy or PodExecFailed."""
    command = ["python3", "/agent/agent.pyz", *words]
    done = client.run_in(pod, names.CONTAINER_AGENT, command, timeout_seconds=timeout_seconds)
    if done.exit_code == 0:
        answer = typed.json_of(done.stdout)
        if answer is None and done.stdout.strip() != "null":
            raise errors.PodExecFailed(f"{pod}: the answer to {words[0]} is not JSON")
        return answer
    error = error_record.load(done.stderr, done.exit_code)
    if isinstance(error, errors.Refused | errors.WaitTimeout | errors.WriteRefused | errors.PodBusy):
        raise error
    lines = done.stderr.strip().splitlines()
    code, _, message = (lines[-1] if lines else done.stdout.strip()).partition(": ")
    if done.exit_code == errors.Refused.exit_code:  # below: agents of older releases
        raise errors.Refused([Reason(f"{words[0]}-refused", message)])
    if done.exit_code == errors.WaitTimeout.exit_code:
        raise errors.WaitTimeout(message)
    if "invalid choice" in done.stderr:
        text = f"the agent of {pod} has another version and does not know {words[0]!r}"
        raise errors.StepFailed(
            text, hint=f"mysqlops upgrade {pod.rpartition('-')[0]} updates the agents to this version"
        )
    hint = (error and error.hint) or f"kubectl logs {pod} -c agent"
    raise errors.StepFailed(f"{words[0]} in {pod} failed ({code}): {message}", hint=hint)


def lacks(client: Client, agent_map: str, module: str) -> bool:
    """Whether the agent's program in that ConfigMap, of an older release, has no such module."""
    found = client.find("ConfigMap", agent_map) or {}
    content = base64.b64decode((found.get("binaryData") or {}).get(render.AGENT_FILE, ""))
    return bundle.lacks(content, module)
