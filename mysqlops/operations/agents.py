"""Run one of the programs of a member's agent (agent/commands.py), and return its answer or raise its error."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import TypeVar

from mysqlops import errors
from mysqlops.core import error_record, form, names, typed
from mysqlops.errors import Reason
from mysqlops.kube.client import Client
from mysqlops.objects import render
from mysqlops.operations import bundle
from mysqlops.operations.programs import Program

T = TypeVar("T")
_MOST_SAID = 2000  # characters of a program's last words, which anybody who got into the pod may have written


def run(client: Client, pod: str, program: Program[T], *words: str, timeout_seconds: float) -> T:
    """The program's answer; raises Refused, WaitTimeout, StepFailed (WriteRefused), PodBusy or PodExecFailed
    (BadAnswer)."""
    command = ["python3", "/agent/agent.pyz", program.name, *program.words, *words]
    done = client.run_in(pod, names.CONTAINER_AGENT, command, timeout_seconds=timeout_seconds)
    if done.exit_code == 0:
        return _read(pod, program, words, done.stdout)
    error = error_record.load(done.stderr, done.exit_code)
    if isinstance(error, errors.Refused | errors.WaitTimeout | errors.WriteRefused | errors.PodBusy):
        raise error
    lines = done.stderr.strip().splitlines()
    code, _, message = (lines[-1] if lines else done.stdout.strip())[:_MOST_SAID].partition(": ")
    if done.exit_code == errors.Refused.exit_code:  # below: agents of older releases
        raise errors.Refused([Reason(f"{program.name}-refused", message)])
    if done.exit_code == errors.WaitTimeout.exit_code:
        raise errors.WaitTimeout(message)
    if "invalid choice" in done.stderr or "unrecognized arguments" in done.stderr:
        text = f"the agent of {pod} has another version and does not know {program.name!r}"
        raise errors.StepFailed(
            text, hint=f"mysqlops upgrade {pod.rpartition('-')[0]} updates the agents to this version"
        )
    hint = (error and error.hint) or f"kubectl logs {pod} -c agent"
    raise errors.StepFailed(f"{program.name} in {pod} failed ({code}): {message}", hint=hint)


def _read(pod: str, program: Program[T], words: Sequence[str], printed: str) -> T:
    """Anybody who got into the pod may have written it."""
    answer = typed.json_of(printed)
    try:
        if answer is None and printed.strip() != "null":
            raise form.Misfit("it is not JSON")
        return program.read(answer, words)
    except form.Misfit as why:
        name = pod.rpartition("-")[0]
        hint = f"kubectl logs {pod} -c agent; mysqlops upgrade {name} if mysqlops status {name} says agents-differ"
        raise errors.BadAnswer(f"the answer of {pod} to {program.name} cannot be read: {why}", hint=hint) from why


def lacks(client: Client, agent_map: str, module: str) -> bool:
    """Whether the agent's program in that ConfigMap, of an older release, has no such module."""
    found = client.find("ConfigMap", agent_map) or {}
    content = base64.b64decode((found.get("binaryData") or {}).get(render.AGENT_FILE, ""))
    return bundle.lacks(content, module)
