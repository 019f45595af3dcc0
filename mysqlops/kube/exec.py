"""Run a program in a container and get its output, over a connection of its own."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from mysqlops import errors


@dataclass(frozen=True)
class Output:
    """What a program printed, and how it ended."""

    stdout: str
    stderr: str
    exit_code: int


def run(
    connection: Any, namespace: str, pod: str, container: str, command: Sequence[str], *, timeout_seconds: float
) -> Output:
    """Run to the end; raises PodExecFailed if it could not be started or did not end in time."""
    from kubernetes import client as kubernetes_client
    from kubernetes.client.exceptions import ApiException
    from kubernetes.stream import stream
    from websocket import WebSocketException

    core = kubernetes_client.CoreV1Api(connection)
    try:
        session = stream(
            core.connect_get_namespaced_pod_exec,
            pod,
            namespace,
            container=container,
            command=[*command],
            stdin=False,
            stdout=True,
            stderr=True,
            tty=False,
            _preload_content=False,
            _request_timeout=timeout_seconds,
        )
    except ApiException as error:
        if isinstance(error.__context__, KeyboardInterrupt):  # the websocket library swallows it (ws_client.py)
            raise KeyboardInterrupt from error
        # The websocket library puts the answer's headers between the status and its body.
        status, *_, body = f"{error.reason} -+-+- ".split(" -+-+- ")[:3]
        raise errors.PodExecFailed(f"exec in {pod}/{container}: {status} {body}".strip()[:400]) from error
    try:
        return _collect(session, f"exec in {pod}/{container}", timeout_seconds)
    except (WebSocketException, OSError, ValueError) as error:
        raise errors.PodExecFailed(f"exec in {pod}/{container}: the connection broke: {error}") from error
    finally:
        session.close()
        # After the server's own close the client believes that its socket is closed too, and leaves it open.
        session.sock.shutdown()


def _collect(session: Any, where: str, timeout_seconds: float) -> Output:
    session.run_forever(timeout=timeout_seconds)
    if session.is_open():
        raise errors.PodExecFailed(f"{where}: not done after {timeout_seconds:.0f} s")
    stdout, stderr = session.read_stdout(timeout=0) or "", session.read_stderr(timeout=0) or ""
    # The status is on its own channel and can be read once only (python-base#271).
    status = json.loads(session.read_channel(3) or "{}")
    if status.get("status") == "Success":
        return Output(stdout, stderr, 0)
    causes = status.get("details", {}).get("causes", [])
    code = next((cause["message"] for cause in causes if cause.get("reason") == "ExitCode"), None)
    if code is None:
        raise errors.PodExecFailed(f"{where}: {status.get('message', 'ended without a status')}")
    return Output(stdout, stderr, int(code))
