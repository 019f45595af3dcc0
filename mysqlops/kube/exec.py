"""Run a program in a container and get its output, over its own websocket.

Each message starts with its channel's number: 1 stdout, 2 stderr, 3 the exit status, as a Status object.
https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/#get-connect-get-requests-to-exec-of-pod
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from mysqlops import errors
from mysqlops.clock import SystemClock
from mysqlops.core import kube_status, typed

if TYPE_CHECKING:
    import websocket

    from mysqlops.kube.connection import Connection

PROTOCOL = "v4.channel.k8s.io"
_STDOUT, _STDERR, _ENDED = 1, 2, 3
# Far more than any program here prints. It is kept in memory, and anybody who may run code in the container prints on.
MOST_BYTES = 64 << 20
_CODE = re.compile("[0-9]{1,3}")


@dataclass(frozen=True)
class Output:
    """What a program printed, and how it ended."""

    stdout: str
    stderr: str
    exit_code: int


def run(connection: Connection, pod: str, container: str, command: Sequence[str], *, timeout_seconds: float) -> Output:
    """Run a program in the pod at that path; raises PodExecFailed if it does not start, does not end in time, or prints
    more than MOST_BYTES."""
    from websocket import WebSocketBadStatusException, WebSocketException, WebSocketTimeoutException

    where = f"exec in {pod.rpartition('/')[2]}/{container}"
    query = [("container", container), *(("command", word) for word in command), ("stdout", "true"), ("stderr", "true")]
    try:
        with connection.websocket(f"{pod}/exec?{urlencode(query)}", PROTOCOL, timeout_seconds) as opened:
            return _collect(opened, where, timeout_seconds)
    except WebSocketBadStatusException as error:
        text = kube_status.reason(error.resp_body or b"")
        raise errors.PodExecFailed(f"{where}: {error.status_code} {text}".strip()[:400]) from error
    except WebSocketTimeoutException as error:
        raise errors.PodExecFailed(f"{where}: not finished after {timeout_seconds:g} s") from error
    except (WebSocketException, OSError, ValueError) as error:
        raise errors.PodExecFailed(f"{where}: the connection was lost: {error}"[:400]) from error


def _collect(opened: websocket.WebSocket, where: str, timeout_seconds: float) -> Output:
    from websocket import ABNF

    clock, texts = SystemClock(), {_STDOUT: bytearray(), _STDERR: bytearray(), _ENDED: bytearray()}
    deadline, left = clock.monotonic() + timeout_seconds, MOST_BYTES
    while not texts[_ENDED]:
        # The socket's timeout applies to one message; a program that never stops printing would never reach it.
        opened.settimeout(max(0.001, deadline - clock.monotonic()))
        opcode, message = opened.recv_data()
        if opcode == ABNF.OPCODE_CLOSE:
            break
        left -= len(message)
        if left < 0:
            raise errors.PodExecFailed(f"{where}: it printed more than {MOST_BYTES >> 20} MiB")
        if message:
            texts.setdefault(message[0], bytearray()).extend(message[1:])
    return _output(where, *(bytes(texts[channel]).decode(errors="replace") for channel in (_STDOUT, _STDERR, _ENDED)))


def _output(where: str, stdout: str, stderr: str, ended: str) -> Output:
    return Output(stdout, stderr, exit_code(where, ended))


def exit_code(where: str, ended: str) -> int:
    """The exit status in the last message; raises PodExecFailed if the program did not end by itself."""
    status = typed.object_of(ended)
    if status.get("status") == "Success":
        return 0
    details = status.get("details")
    causes = details.get("causes") if isinstance(details, dict) else None
    for cause in causes if isinstance(causes, list) else ():
        if isinstance(cause, dict) and cause.get("reason") == "ExitCode" and _CODE.fullmatch(str(cause.get("message"))):
            return int(cause["message"])
    raise errors.PodExecFailed(f"{where}: {status.get('message', 'ended without a status')}")
